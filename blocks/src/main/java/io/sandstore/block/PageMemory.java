package io.sandstore.block;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Memory outside the heap in pages, given out as chains of them: a table holds the page that
 * follows each page, as FAT's does. Any free page serves anybody, so that free pages are room
 * without exception and nothing has to be moved; what is lost is less than a page a chain. A chain
 * lies in one piece where there is such a piece, and can then be seen as one buffer.
 *
 * <p>Pages are taken from the operating system in slabs, when they are first needed, and are not
 * given back to it. Changes are made by one thread at a time; the bytes of a chain may be used by
 * any thread until it is freed.
 */
final class PageMemory {

  static final int PAGE_BYTES = 1 << 10;

  /** Taken from the system at a time. */
  private static final int SLAB_BYTES = 32 << 20;

  private static final int SLAB_PAGES = SLAB_BYTES / PAGE_BYTES;

  /** What the table takes for a page. */
  static final int LINK_BYTES = Integer.BYTES;

  private static final int FREE = -2;
  private static final int END = -1;

  private final int[] next;
  private final @Nullable ByteBuffer[] slabs;
  private int free;

  /** Where the next search begins: behind what was given out last. */
  private int hint;

  /** Pages that the system gave so far. */
  private int present;

  private final IntFunction<ByteBuffer> system;

  /** Of an automatic arena: goes with the last buffer that shows it, never before. */
  static ByteBuffer ofSystem(int bytes) {
    return Arena.ofAuto().allocate(bytes, 4096).asByteBuffer();
  }

  /**
   * @param system gives so many bytes of zeros, or throws OutOfMemoryError
   */
  PageMemory(int pages, IntFunction<ByteBuffer> system) {
    this.system = system;
    next = new int[pages];
    Arrays.fill(next, FREE);
    slabs = new ByteBuffer[(pages + SLAB_PAGES - 1) / SLAB_PAGES];
    free = pages;
  }

  int pages() {
    return next.length;
  }

  int free() {
    return free;
  }

  /** Free runs of pages that the system gave: with one page free of two, half of all. */
  int fragments() {
    int runs = 0;
    for (int page = 0; page < present; page++) {
      runs += next[page] == FREE && (page == 0 || next[page - 1] != FREE) ? 1 : 0;
    }
    return runs;
  }

  /**
   * A chain of pages, in one piece if there is one.
   *
   * @return the first page; -1 if there are too few
   * @throws OutOfMemoryError if the system, or a limit of this process, gives no more; then nothing
   *     changed
   */
  int allocate(int count) {
    if (count <= 0 || count > free) {
      return -1;
    }
    int first = findRun(count);
    while (first < 0 && present < next.length) {
      addSlab();
      first = findRun(count);
    }
    if (first < 0) {
      return collect(count);
    }
    for (int page = first; page < first + count - 1; page++) {
      next[page] = page + 1;
    }
    next[first + count - 1] = END;
    free -= count;
    hint = first + count;
    return first;
  }

  private void addSlab() {
    int slab = present / SLAB_PAGES;
    int pages = Math.min(SLAB_PAGES, next.length - present);
    slabs[slab] = system.apply(pages * PAGE_BYTES);
    present += pages;
  }

  /** So many free pages side by side in one slab, the first that are found; -1: there are none. */
  private int findRun(int count) {
    int found = findRun(count, Math.min(hint, present), present);
    return found >= 0 ? found : findRun(count, 0, Math.min(present, hint + count));
  }

  private int findRun(int count, int from, int to) {
    int run = 0;
    for (int page = from; page < to; page++) {
      if (page % SLAB_PAGES == 0) {
        run = 0;
      }
      run = next[page] == FREE ? run + 1 : 0;
      if (run == count) {
        return page - count + 1;
      }
    }
    return -1;
  }

  /** Free pages wherever they are, in their order. */
  private int collect(int count) {
    int first = -1;
    int last = -1;
    int left = count;
    for (int page = 0; left > 0; page++) {
      if (next[page] == FREE) {
        if (last < 0) {
          first = page;
        } else {
          next[last] = page;
        }
        last = page;
        left--;
      }
    }
    next[last] = END;
    free -= count;
    return first;
  }

  void free(int first) {
    for (int page = first; page != END; ) {
      int following = next[page];
      next[page] = FREE;
      free++;
      page = following;
    }
  }

  private ByteBuffer slab(int page) {
    ByteBuffer slab = slabs[page / SLAB_PAGES];
    if (slab == null) {
      throw new IllegalStateException("page " + page + " was never given out");
    }
    return slab;
  }

  /** Bytes of one page. */
  private ByteBuffer at(int page, int offset, int length) {
    return slab(page).slice(page % SLAB_PAGES * PAGE_BYTES + offset, length);
  }

  private int pageOf(int first, int offset) {
    int page = first;
    for (int skip = offset / PAGE_BYTES; skip > 0; skip--) {
      page = next[page];
    }
    return page;
  }

  int getInt(int first, int offset) {
    return slab(first).getInt(first % SLAB_PAGES * PAGE_BYTES + offset);
  }

  long getLong(int first, int offset) {
    return slab(first).getLong(first % SLAB_PAGES * PAGE_BYTES + offset);
  }

  void putInt(int first, int offset, int value) {
    slab(first).putInt(first % SLAB_PAGES * PAGE_BYTES + offset, value);
  }

  void putLong(int first, int offset, long value) {
    slab(first).putLong(first % SLAB_PAGES * PAGE_BYTES + offset, value);
  }

  /** The longest piece of a chain from an offset on, that and no more. */
  private ByteBuffer piece(int page, int offset, int atMost) {
    int last = page;
    int bytes = PAGE_BYTES - offset;
    while (bytes < atMost && next[last] == last + 1 && (last + 1) % SLAB_PAGES != 0) {
      last++;
      bytes += PAGE_BYTES;
    }
    return at(page, offset, Math.min(bytes, atMost));
  }

  /** The bytes as they lie there, if they lie in one piece. */
  @Nullable ByteBuffer view(int first, int offset, int length) {
    ByteBuffer piece = piece(pageOf(first, offset), offset % PAGE_BYTES, length);
    return piece.remaining() == length ? piece.asReadOnlyBuffer() : null;
  }

  /** Fills a chain from an offset on with all that remains of a buffer. */
  void write(int first, int offset, ByteBuffer from) {
    ByteBuffer source = from.duplicate();
    int page = pageOf(first, offset);
    for (int within = offset % PAGE_BYTES; source.hasRemaining(); ) {
      ByteBuffer piece = piece(page, within, source.remaining());
      page = behind(page, within, piece.remaining());
      within = 0;
      piece.put(source.slice(source.position(), piece.remaining()));
      source.position(source.position() + piece.position());
    }
  }

  /** Fills what remains of a buffer from an offset of a chain on. */
  void read(int first, int offset, ByteBuffer into) {
    int page = pageOf(first, offset);
    for (int within = offset % PAGE_BYTES; into.hasRemaining(); ) {
      ByteBuffer piece = piece(page, within, into.remaining());
      page = behind(page, within, piece.remaining());
      within = 0;
      into.put(piece);
    }
  }

  /** The page that follows a piece which ends with a page, or with the chain. */
  private int behind(int page, int within, int length) {
    return next[page + (within + length - 1) / PAGE_BYTES];
  }
}
