package io.sandstore.block;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Crc32c;
import io.sandstore.host.Host;
import io.sandstore.host.NoRoomException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Blocks in this process's memory, outside the heap, which are gone with it. A block lies in pages
 * of {@link PageMemory}, behind a header:
 *
 * <pre>
 *   id 8 | length 4 | next block with this hash 4 | crc per chunk | data
 * </pre>
 *
 * <p>The capacity is for everything that is kept of blocks: their bytes, headers, what is lost in
 * their last pages, the table of pages and that of hashes. All of it is laid out when the store is
 * made, so that nothing can exceed it. A part of it is a reserve for the small blocks of commands
 * that were taken already.
 *
 * <p>Readers get the bytes where they lie, with a lease: a block that is deleted meanwhile cannot
 * be found any more, and its pages are used again when the last reader gave them back. Until then
 * they count as used. Thread-safe.
 */
public final class MemoryBlockStore implements BlockStore {

  private static final Logger log = LoggerFactory.getLogger(MemoryBlockStore.class);
  private static final int LENGTH = 8;
  private static final int NEXT = 12;
  private static final int CRCS = 16;
  private static final int NONE = -1;

  /** No more is kept free for what commands bring. */
  private static final long RESERVE_BYTES_MAX = 16 << 20;

  private final Host host;
  private final PageMemory memory;
  private final int[] buckets;
  private final long capacityBytes;
  private final int reservePages;
  private long count;

  /** Blocks that are being read, by their first page. */
  private final Map<Integer, Readers> readers = new HashMap<>();

  private final Set<Long> inProgress = new HashSet<>();

  /** Small blocks that there was no room for: the log has them, and other members. */
  private final Set<Long> owed = ConcurrentHashMap.newKeySet();

  private volatile Runnable onRestored = () -> {};
  private volatile Consumer<List<Long>> onRelease = ids -> {};

  private static final class Readers {
    int leases;
    boolean deleted;
  }

  /**
   * Takes no memory from the system yet but for the tables, a hundredth.
   *
   * @param capacityBytes for everything; a megabyte at least
   * @throws IllegalArgumentException if it is less, or more than there can be pages
   */
  public MemoryBlockStore(Host host, long capacityBytes) {
    this(host, capacityBytes, PageMemory::ofSystem);
  }

  /**
   * With memory of another kind.
   *
   * @param memory gives so many bytes of zeros, or throws OutOfMemoryError
   */
  public MemoryBlockStore(Host host, long capacityBytes, IntFunction<ByteBuffer> memory) {
    int perPage = PageMemory.PAGE_BYTES + PageMemory.LINK_BYTES + Integer.BYTES;
    long most = capacityBytes / perPage;
    if (capacityBytes < 1 << 20 || most > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException("no size of a memory for blocks: " + capacityBytes);
    }
    this.host = host;
    this.capacityBytes = capacityBytes;
    this.buckets = new int[Integer.highestOneBit((int) most)];
    Arrays.fill(buckets, NONE);
    long left = capacityBytes - (long) Integer.BYTES * buckets.length;
    int pages = (int) (left / (PageMemory.PAGE_BYTES + PageMemory.LINK_BYTES));
    this.memory = new PageMemory(pages, memory);
    long reserve = Math.min(RESERVE_BYTES_MAX, capacityBytes / 16);
    this.reservePages = (int) (reserve / PageMemory.PAGE_BYTES);
  }

  @Override
  public void listen(Consumer<List<Long>> release, Runnable restored) {
    onRelease = release;
    onRestored = restored;
  }

  @Override
  public synchronized long count() {
    return count;
  }

  @Override
  public long totalBytes() {
    return capacityBytes;
  }

  /** Whole free pages: as much data, less a header a block. */
  @Override
  public synchronized long freeBytes() {
    return (long) memory.free() * PageMemory.PAGE_BYTES;
  }

  @Override
  public synchronized long availableBytes() {
    return (long) Math.max(0, memory.free() - reservePages) * PageMemory.PAGE_BYTES;
  }

  /** Runs of free pages: a block that is longer than each of them is copied when it is read. */
  public synchronized int fragments() {
    return memory.fragments();
  }

  @Override
  public synchronized boolean hasRoom(long bytes) {
    return memory.free() - reservePages >= pages(bytes);
  }

  /** Half the reserve is for commands that were taken already. */
  @Override
  public synchronized String lacks() {
    return memory.free() < reservePages / 2 ? "no memory left for blocks" : "";
  }

  private static int chunks(int length) {
    return (length + CHUNK_BYTES - 1) / CHUNK_BYTES;
  }

  private static int headerBytes(int length) {
    return CRCS + 4 * chunks(length);
  }

  /** Pages of a block of so many bytes; of none, none. */
  private static long pages(long bytes) {
    long crcs = 4 * ((bytes + CHUNK_BYTES - 1) / CHUNK_BYTES);
    return bytes == 0
        ? 0
        : (CRCS + crcs + bytes + PageMemory.PAGE_BYTES - 1) / PageMemory.PAGE_BYTES;
  }

  // --- The table of blocks; under the lock ---

  private int bucket(long id) {
    long mixed = id * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 40) & (buckets.length - 1);
  }

  private int pageOf(long id) {
    int page = buckets[bucket(id)];
    while (page != NONE && memory.getLong(page, 0) != id) {
      page = memory.getInt(page, NEXT);
    }
    return page;
  }

  private void insert(long id, int page) {
    int bucket = bucket(id);
    memory.putInt(page, NEXT, buckets[bucket]);
    buckets[bucket] = page;
    count++;
  }

  private boolean remove(long id) {
    int bucket = bucket(id);
    int before = NONE;
    int page = buckets[bucket];
    while (page != NONE && memory.getLong(page, 0) != id) {
      before = page;
      page = memory.getInt(page, NEXT);
    }
    if (page == NONE) {
      return false;
    }
    int behind = memory.getInt(page, NEXT);
    if (before == NONE) {
      buckets[bucket] = behind;
    } else {
      memory.putInt(before, NEXT, behind);
    }
    count--;
    Readers reading = readers.get(page);
    if (reading == null) {
      memory.free(page);
    } else {
      reading.deleted = true;
    }
    return true;
  }

  // --- Writing ---

  @Override
  public ChunkSums sums(Optional<ChunkSums> given, ByteBuffer data) {
    return given
        .filter(sums -> sums.chunkBytes() == CHUNK_BYTES && sums.fit(data.remaining()))
        .orElseGet(() -> ChunkSums.of(data, host.telemetry()));
  }

  @Override
  public void put(long id, ByteBuffer data, ChunkSums sums) throws IOException {
    if (sums.chunkBytes() != CHUNK_BYTES || !sums.fit(data.remaining())) {
      throw new IllegalArgumentException("other checksums than those of a block's chunks");
    }
    synchronized (this) {
      if (!inProgress.add(id)) {
        throw new PosixException(Errno.EAGAIN, "block " + id + " is being stored already");
      }
    }
    try {
      if (has(id) && verify(id)) {
        return; // the same request came twice
      }
      if (!store(id, data, sums, reservePages)) {
        throw new PosixException(Errno.ENOSPC, "no memory left on this node for blocks");
      }
      owed.remove(id);
    } finally {
      synchronized (this) {
        inProgress.remove(id);
      }
    }
  }

  /**
   * Puts a block in the place of whatever is here under its id.
   *
   * @param keep pages that must be free afterwards
   * @return false if there is no room
   */
  private boolean store(long id, ByteBuffer data, ChunkSums sums, int keep) {
    int length = data.remaining();
    int page;
    synchronized (this) {
      long needed = pages(length);
      if (memory.free() - needed < keep) {
        return false;
      }
      try {
        page = memory.allocate((int) needed);
      } catch (OutOfMemoryError e) {
        log.error(
            "this process may not have SANDSTORE_MEMORY_MB={}: raise -XX:MaxDirectMemorySize, and what its container may have: {}",
            capacityBytes >> 20,
            e.getMessage());
        return false;
      }
    }
    memory.putLong(page, 0, id);
    memory.putInt(page, LENGTH, length);
    for (int chunk = 0; chunk < sums.crcs().size(); chunk++) {
      memory.putInt(page, CRCS + 4 * chunk, sums.crcs().get(chunk));
    }
    memory.write(page, headerBytes(length), data);
    synchronized (this) {
      remove(id);
      insert(id, page);
    }
    return true;
  }

  // --- Small blocks from the log ---

  /** A replayed log gives again what mostly is there. */
  @Override
  public void stage(long block, byte[] data) {
    ByteBuffer bytes = ByteBuffer.wrap(data);
    if (isWhole(block) || store(block, bytes, ChunkSums.of(bytes, host.telemetry()), 0)) {
      owed.remove(block);
    } else {
      owed.add(block);
    }
  }

  /** They are where they belong already. */
  @Override
  public void writeStaged() {}

  @Override
  public boolean isStaged(long id) {
    return false;
  }

  @Override
  public boolean isInMemory(long id) {
    return true;
  }

  @Override
  public boolean waitsForRoom() {
    return !owed.isEmpty();
  }

  @Override
  public boolean owesBlocks() {
    return !owed.isEmpty();
  }

  @Override
  public void force() throws NoRoomException {
    owed.removeIf(this::has);
    if (!owed.isEmpty()) {
      throw new NoRoomException("blocks are missing here");
    }
  }

  @Override
  public void makeDurable(long id) {}

  @Override
  public void release(List<Long> blocks) {
    onRelease.accept(blocks);
  }

  @Override
  public void restored() {
    onRestored.run();
  }

  // --- Reading ---

  /** A block that stays where it is until this was closed. */
  private final class Reading implements AutoCloseable {
    private final int page;
    private boolean closed;

    Reading(int page) {
      this.page = page;
    }

    int length() {
      return memory.getInt(page, LENGTH);
    }

    int crc(int chunk) {
      return memory.getInt(page, CRCS + 4 * chunk);
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }

  private Reading open(long id) throws PosixException {
    Reading reading = openIfHere(id);
    if (reading == null) {
      throw new PosixException(Errno.ENOENT, "block " + id + " is not on this node");
    }
    return reading;
  }

  private synchronized @Nullable Reading openIfHere(long id) {
    int page = pageOf(id);
    if (page == NONE) {
      return null;
    }
    readers.computeIfAbsent(page, first -> new Readers()).leases++;
    return new Reading(page);
  }

  private synchronized void giveBack(Reading reading) {
    if (reading.closed) {
      return;
    }
    reading.closed = true;
    Readers all = readers.get(reading.page);
    if (all != null && --all.leases == 0) {
      readers.remove(reading.page);
      if (all.deleted) {
        memory.free(reading.page);
      }
    }
  }

  /** Whole chunks around the asked bytes. */
  private record Span(int start, int end, int firstChunk) {
    static Span of(long id, int offset, int length, int blockLength) throws PosixException {
      if (offset < 0 || length <= 0 || offset > blockLength - length) {
        throw new PosixException(
            Errno.EINVAL, "no bytes %d + %d in block %d".formatted(offset, length, id));
      }
      int first = offset / CHUNK_BYTES;
      int end = Math.min(blockLength, chunks(offset + length) * CHUNK_BYTES);
      return new Span(first * CHUNK_BYTES, end, first);
    }

    int length() {
      return end - start;
    }
  }

  @Override
  public BufferPool.Lease read(long id, int offset, int length) throws IOException {
    Reading reading = open(id);
    try {
      Span span = Span.of(id, offset, length, reading.length());
      BufferPool.Lease bytes = bytes(reading, span);
      try {
        check(id, reading, span, bytes.buffer());
        ByteBuffer asked = bytes.buffer().slice(offset - span.start(), length);
        return new BufferPool.Lease(asked, bytes.release());
      } catch (IOException | RuntimeException e) {
        bytes.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) {
      reading.close();
      throw e;
    }
  }

  @Override
  public Chunks find(long id, int offset, int length) throws IOException {
    Reading reading = open(id);
    try {
      Span span = Span.of(id, offset, length, reading.length());
      List<Integer> crcs = new ArrayList<>();
      for (int at = span.start(), chunk = span.firstChunk(); at < span.end(); at += CHUNK_BYTES) {
        crcs.add(reading.crc(chunk++));
      }
      BufferPool.Lease bytes = bytes(reading, span);
      return Chunks.inMemory(bytes, crcs);
    } catch (IOException | RuntimeException e) {
      reading.close();
      throw e;
    }
  }

  /** The bytes where they lie, or a copy if that is in more than one place. */
  private BufferPool.Lease bytes(Reading reading, Span span) {
    int at = headerBytes(reading.length()) + span.start();
    ByteBuffer view = memory.view(reading.page, at, span.length());
    if (view != null) {
      return new BufferPool.Lease(view, reading::close);
    }
    BufferPool.Lease copy =
        span.length() <= CHUNK_BYTES
            ? new BufferPool.Lease(ByteBuffer.allocate(span.length()), () -> {})
            : host.buffers().take(span.length());
    memory.read(reading.page, at, copy.buffer());
    return new BufferPool.Lease(
        copy.buffer().flip(),
        () -> {
          copy.close();
          reading.close();
        });
  }

  private void check(long id, Reading reading, Span span, ByteBuffer bytes)
      throws CorruptBlockException {
    for (int at = span.start(), chunk = span.firstChunk(); at < span.end(); at += CHUNK_BYTES) {
      int part = Math.min(CHUNK_BYTES, span.end() - at);
      if (Crc32c.of(bytes.slice(at - span.start(), part), host.telemetry())
          != reading.crc(chunk++)) {
        throw new CorruptBlockException("block %d is damaged at %d".formatted(id, at));
      }
    }
  }

  @Override
  public boolean verify(long id) {
    return isWhole(id);
  }

  private boolean isWhole(long id) {
    Reading reading = openIfHere(id);
    if (reading == null) {
      return false;
    }
    try (reading) {
      Span span = Span.of(id, 0, reading.length(), reading.length());
      try (BufferPool.Lease bytes = bytes(reading, span)) {
        check(id, reading, span, bytes.buffer());
      }
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public synchronized boolean has(long id) {
    return pageOf(id) != NONE;
  }

  // --- Removing ---

  @Override
  public synchronized void delete(long id) {
    owed.remove(id);
    remove(id);
  }

  @Override
  public synchronized List<Long> shard(int shard) {
    List<Long> ids = new ArrayList<>();
    forEach(
        id -> {
          if ((id & 0xff) == shard) {
            ids.add(id);
          }
        });
    return ids;
  }

  private void forEach(LongConsumer each) {
    for (int first : buckets) {
      for (int page = first; page != NONE; page = memory.getInt(page, NEXT)) {
        each.accept(memory.getLong(page, 0));
      }
    }
  }
}
