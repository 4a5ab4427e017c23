package io.sandstore.mount;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.SandDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A directory that is being read. The names come in their order, page by page; an offset is the
 * place of an entry among those that were shown, and what follows it is asked for by its name:
 * whatever comes and goes meanwhile, a name that stays is shown once. Remembers the names it has
 * shown.
 */
final class OpenDirectory {

  private static final int PAGE = 1000;

  /** Of "." and "..". */
  private static final int DOTS = 2;

  /** For "..", whose number nobody asks for: FUSE's word for not known. */
  private static final long UNKNOWN = 0xffffffffL;

  private final SandDirectory directory;

  /** All names up to the end of the page. */
  private final List<String> names = new ArrayList<>();

  private List<DirectoryPage.Entry> page = List.of();
  private int pageStart;
  private boolean more = true;

  OpenDirectory(SandDirectory directory) {
    this.directory = directory;
  }

  /**
   * Entries from an offset on, as many as fit.
   *
   * @param plus with their attributes
   */
  synchronized ByteBuffer read(long offset, int bytes, boolean plus, Replies replies)
      throws IOException {
    if (bytes < 0 || bytes > FuseSession.IO_BYTES_MAX) {
      throw new KernelException(KernelException.EINVAL, "a list of %d bytes".formatted(bytes));
    }
    if (offset == 0) {
      names.clear();
      page = List.of();
      pageStart = 0;
      more = true;
    }
    ByteBuffer out = Replies.buffer(bytes);
    long at = offset;
    while (at < DOTS) {
      String dots = at == 0 ? "." : "..";
      long inode = at == 0 ? directory.inode() : UNKNOWN;
      at++;
      boolean put =
          plus
              ? Replies.putUnknown(out, inode, at, dots)
              : Replies.putName(out, inode, at, Fuse.S_IFDIR, dots);
      if (!put) {
        return out.flip();
      }
    }
    for (long i = at - DOTS; load(i); i++) {
      DirectoryPage.Entry entry = page.get((int) i - pageStart);
      long next = i + DOTS + 1;
      boolean put =
          plus
              ? replies.putEntry(out, entry.stat(), next, entry.name())
              : Replies.putName(
                  out, entry.stat().inode(), next, Replies.mode(entry.stat()), entry.name());
      if (!put) {
        break;
      }
    }
    return out.flip();
  }

  /** Makes sure that an entry is in the page; false if there are no more. */
  private boolean load(long index) throws IOException {
    if (index > names.size()) {
      throw new KernelException(KernelException.EINVAL, "an offset that was never given");
    }
    int place = (int) index;
    if (place >= pageStart && place < pageStart + page.size()) {
      return true;
    }
    if (place == pageStart + page.size() && !more) {
      return false;
    }
    names.subList(place, names.size()).clear();
    DirectoryPage next = directory.readdir(place == 0 ? "" : names.getLast(), PAGE);
    page = next.entries();
    pageStart = place;
    more = next.more();
    page.forEach(entry -> names.add(entry.name()));
    return !page.isEmpty();
  }
}
