package io.sandstore.block;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Crc32c;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.NoRoomException;
import io.sandstore.host.Telemetry;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Blocks on this member's disk, a file each, named by their id alone.
 *
 * <pre>
 *   magic 8 | version 4 | length 4 | id 8 | chunk bytes 4 | crc 4 | crc per chunk | data
 * </pre>
 *
 * <p>The header's crc covers the header and the chunks' crcs, in every version there will be, so
 * that a damaged version is not taken for another one; a read checks the chunks it touches.
 * Thread-safe. A failed force halts the process.
 */
public final class FileBlockStore implements BlockStore {

  private static final Logger log = LoggerFactory.getLogger(FileBlockStore.class);

  public static final int VERSION = 1;
  private static final long MAGIC = 0x53414E44424C4B31L; // SANDBLK1
  private static final int HEADER_BYTES = 32;
  private static final int HEADER_BYTES_MAX =
      HEADER_BYTES + 4 * (Frame.PAYLOAD_BYTES_MAX / CHUNK_BYTES);
  private static final String DIRECTORY = "blocks";

  private final Host host;
  private final Disk disk;
  private final long reserveBytes;
  private final AtomicLong count = new AtomicLong();

  /**
   * Inodes that no block takes, so that the log, snapshots and what is applied have some. A few
   * commands may be under way after the last was admitted.
   */
  public static final int RESERVE_FILES = 256;

  /** What is kept in memory while there is no room on the disk. */
  public static final int STAGED_BYTES_MAX = 16 << 20;

  /** How old an answer to "how much is free" may be. */
  private static final long SAMPLE_NANOS = 20_000_000;

  private static final Duration QUIET = Duration.ofSeconds(60);

  /** Small blocks on their way from the log to a file, or waiting for room. */
  private final Map<Long, byte[]> staged = new ConcurrentHashMap<>();

  /** Small blocks that this memory has no room for either: the log has them, and other members. */
  private final Set<Long> owed = ConcurrentHashMap.newKeySet();

  private final AtomicLong stagedBytes = new AtomicLong();

  /** Whoever applies and whoever repairs write what is staged, one at a time. */
  private final ReentrantLock writing = new ReentrantLock();

  /** Why blocks wait for room; empty if none do. */
  private volatile String waiting = "";

  private volatile Free free = new Free(0, 0, 0);
  private long quietUntil;

  private final Set<Long> inProgress = ConcurrentHashMap.newKeySet();

  private volatile Runnable onRestored = () -> {};
  private volatile Consumer<List<Long>> onRelease = ids -> {};

  /**
   * Counts what is there.
   *
   * @param reserveBytes no block is taken when less than this would be free: the log needs it
   */
  public FileBlockStore(Host host, Disk disk, long reserveBytes) throws IOException {
    this.host = host;
    this.disk = disk;
    this.reserveBytes = reserveBytes;
    for (int shard = 0; shard < 256; shard++) {
      count.addAndGet(disk.list(directory(shard)).size());
    }
  }

  @Override
  public void listen(Consumer<List<Long>> release, Runnable restored) {
    onRelease = release;
    onRestored = restored;
  }

  private static String directory(long id) {
    return "%s/%02x".formatted(DIRECTORY, id & 0xff);
  }

  private static String path(long id) {
    return "%s/%016x".formatted(directory(id), id);
  }

  @Override
  public long count() {
    return count.get();
  }

  @Override
  public long freeBytes() throws IOException {
    return disk.freeBytes();
  }

  @Override
  public long totalBytes() throws IOException {
    return disk.totalBytes();
  }

  @Override
  public boolean hasRoom(long bytes) throws IOException {
    return disk.freeBytes() - bytes >= reserveBytes && disk.freeFiles() > RESERVE_FILES;
  }

  /** How much was free a moment ago. */
  private record Free(long atNanos, long bytes, long files) {}

  @Override
  public long availableBytes() throws IOException {
    return Math.max(0, disk.freeBytes() - reserveBytes);
  }

  @Override
  public String lacks() throws IOException {
    long now = host.clock().nanos();
    Free known = free;
    if (known.atNanos == 0 || now - known.atNanos > SAMPLE_NANOS) {
      known = new Free(now, disk.freeBytes(), disk.freeFiles());
      free = known;
    }
    if (known.bytes < reserveBytes / 2) {
      return "no space left";
    }
    return known.files < RESERVE_FILES / 2 ? "no inodes left" : waiting;
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
    if (!hasRoom(data.remaining())) {
      throw new PosixException(Errno.ENOSPC, "no space left on this node's disk");
    }
    if (!inProgress.add(id)) {
      throw new PosixException(Errno.EAGAIN, "block " + id + " is being stored already");
    }
    try {
      boolean there = disk.exists(path(id));
      if (there && verify(id)) {
        makeDurable(id); // the same request came twice: what was acknowledged stays as it is
        return;
      }
      if (there) {
        disk.delete(path(id));
      }
      write(id, data, sums, true);
      owed.remove(id);
      count.addAndGet(there ? 0 : 1);
    } catch (NoRoomException e) {
      throw new PosixException(Errno.ENOSPC, "no room on this node's disk: " + e.getMessage());
    } finally {
      inProgress.remove(id);
    }
  }

  /**
   * Makes sure of a block that is here whole. Who wrote it may have ended before it was durable, or
   * because it could not be made so; then the system may take its pages for clean. Written again,
   * byte for byte, they are not.
   */
  @Override
  public void makeDurable(long id) throws IOException {
    String path = path(id);
    try (DiskFile file = disk.open(path, false)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.size()));
      file.readFully(all, 0);
      file.write(all.flip(), 0);
      force(file, path);
    }
  }

  private void write(long id, ByteBuffer data, ChunkSums sums, boolean durable) throws IOException {
    String path = path(id);
    try (DiskFile file = disk.open(path, true)) {
      ByteBuffer header = header(id, data.remaining(), sums);
      int headerBytes = header.remaining();
      file.write(header, 0);
      file.write(data.duplicate(), headerBytes);
      if (durable) {
        force(file, path);
      }
    } catch (IOException e) {
      disk.delete(path);
      throw e;
    }
  }

  private void force(DiskFile file, String path) {
    try {
      file.force();
      disk.forceDirectory(path.substring(0, path.lastIndexOf('/')));
    } catch (IOException e) {
      // The kernel may have dropped the pages and call them clean: a second force would lie.
      host.halt().halt("block " + path + " cannot be made durable: " + e.getMessage(), e);
      throw new IllegalStateException("the process was halted", e);
    }
  }

  private static ByteBuffer header(long id, int length, ChunkSums sums) {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES + 4 * sums.crcs().size());
    header.putLong(MAGIC).putInt(VERSION).putInt(length).putLong(id).putInt(CHUNK_BYTES);
    header.putInt(0);
    sums.crcs().forEach(header::putInt);
    header.flip();
    return header.putInt(28, headerCrc(header));
  }

  /** Of all but itself. */
  private static int headerCrc(ByteBuffer header) {
    ByteBuffer covered = ByteBuffer.allocate(header.limit() - 4);
    covered.put(header.slice(0, 28)).put(header.slice(32, header.limit() - 32)).flip();
    return Crc32c.of(covered, Telemetry.NONE);
  }

  private static int chunks(int length) {
    return (length + CHUNK_BYTES - 1) / CHUNK_BYTES;
  }

  // --- Small blocks from the log ---

  @Override
  public void stage(long block, byte[] data) {
    byte[] before = staged.put(block, data);
    stagedBytes.addAndGet(data.length - (before == null ? 0 : before.length));
    owed.remove(block);
  }

  @Override
  public void writeStaged() throws IOException {
    writing.lock();
    try {
      String why = "";
      for (Map.Entry<Long, byte[]> entry : staged.entrySet()) {
        long id = entry.getKey();
        if (why.isEmpty()) {
          try {
            writeSmall(id, entry.getValue());
            unstage(id);
            continue;
          } catch (NoRoomException e) {
            why = "small blocks wait for room: " + e.getMessage();
          }
        }
        if (stagedBytes.get() > STAGED_BYTES_MAX) {
          owed.add(id);
          unstage(id);
        }
      }
      if (!why.isEmpty() && host.clock().nanos() - quietUntil >= 0) {
        quietUntil = host.clock().nanos() + QUIET.toNanos();
        log.warn("{} of them, {} not in memory; the log has them", staged.size(), owed.size());
      }
      waiting = why;
    } finally {
      writing.unlock();
    }
  }

  /** A replayed log gives again what mostly is there. */
  private void writeSmall(long id, byte[] data) throws IOException {
    boolean there = disk.exists(path(id));
    if (there && verify(id)) {
      return;
    }
    ByteBuffer bytes = ByteBuffer.wrap(data);
    write(id, bytes, ChunkSums.of(bytes, host.telemetry()), false);
    count.addAndGet(there ? 0 : 1);
  }

  private void unstage(long id) {
    byte[] data = staged.remove(id);
    if (data != null) {
      stagedBytes.addAndGet(-data.length);
    }
  }

  @Override
  public boolean waitsForRoom() {
    return !waiting.isEmpty() || !owed.isEmpty();
  }

  @Override
  public boolean owesBlocks() {
    return !owed.isEmpty();
  }

  @Override
  public void force() throws IOException {
    writeStaged();
    owed.removeIf(this::has);
    if (waitsForRoom()) {
      throw new NoRoomException(waiting.isEmpty() ? "blocks are missing here" : waiting);
    }
    disk.forceAll();
  }

  @Override
  public void release(List<Long> blocks) {
    onRelease.accept(blocks);
  }

  @Override
  public void restored() {
    onRestored.run();
  }

  // --- Reading ---

  @Override
  public BufferPool.Lease read(long id, int offset, int length) throws IOException {
    byte[] small = staged.get(id);
    if (small != null) {
      checkRange(id, offset, length, small.length);
      return new BufferPool.Lease(ByteBuffer.wrap(small, offset, length).slice(), () -> {});
    }
    try (DiskFile file = open(id)) {
      ByteBuffer header = readHeader(file, id);
      checkRange(id, offset, length, header.getInt(12));
      return readChunks(file, header, offset, length);
    }
  }

  @Override
  public Chunks find(long id, int offset, int length) throws IOException {
    DiskFile file = open(id);
    try {
      ByteBuffer header = readHeader(file, id);
      int blockLength = header.getInt(12);
      checkRange(id, offset, length, blockLength);
      int first = offset / CHUNK_BYTES;
      int behind = chunks(offset + length);
      int start = first * CHUNK_BYTES;
      int end = Math.min(blockLength, behind * CHUNK_BYTES);
      List<Integer> crcs = new ArrayList<>(behind - first);
      for (int chunk = first; chunk < behind; chunk++) {
        crcs.add(header.getInt(HEADER_BYTES + 4 * chunk));
      }
      return Chunks.onDisk(new FileRegion(file, header.limit() + (long) start, end - start), crcs);
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private DiskFile open(long id) throws IOException {
    try {
      return disk.open(path(id), false);
    } catch (NoSuchFileException e) {
      throw new PosixException(Errno.ENOENT, "block " + id + " is not on this node");
    }
  }

  private static void checkRange(long id, int offset, int length, int blockLength)
      throws PosixException {
    if (offset < 0 || length <= 0 || offset > blockLength - length) {
      throw new PosixException(
          Errno.EINVAL, "no bytes %d + %d in block %d".formatted(offset, length, id));
    }
  }

  private static ByteBuffer readHeader(DiskFile file, long id) throws IOException {
    long size = file.size();
    if (size < HEADER_BYTES) {
      throw new CorruptBlockException("block " + id + " is cut short");
    }
    ByteBuffer header = ByteBuffer.allocate((int) Math.min(size, HEADER_BYTES_MAX));
    file.readFully(header, 0);
    int length = header.getInt(12);
    long headerBytes = HEADER_BYTES + 4L * chunks(length);
    boolean sane =
        header.getLong(0) == MAGIC
            && header.getLong(16) == id
            && header.getInt(24) == CHUNK_BYTES
            && length > 0
            && headerBytes <= header.position()
            && size == headerBytes + length;
    if (!sane || headerCrc(header.flip().limit((int) headerBytes)) != header.getInt(28)) {
      throw new CorruptBlockException("block " + id + " has a damaged header");
    }
    if (header.getInt(8) != VERSION) {
      throw new IOException(
          "block %d has format version %d; this release reads version %d"
              .formatted(id, header.getInt(8), VERSION));
    }
    return header;
  }

  private BufferPool.Lease readChunks(DiskFile file, ByteBuffer header, int offset, int length)
      throws IOException {
    int blockLength = header.getInt(12);
    int firstChunk = offset / CHUNK_BYTES;
    int start = firstChunk * CHUNK_BYTES;
    int end = Math.min(blockLength, chunks(offset + length) * CHUNK_BYTES);
    BufferPool.Lease lease = buffer(end - start);
    try {
      ByteBuffer bytes = lease.buffer();
      file.readFully(bytes, header.limit() + (long) start);
      bytes.flip();
      for (int at = start, chunk = firstChunk; at < end; at += CHUNK_BYTES, chunk++) {
        int part = Math.min(CHUNK_BYTES, end - at);
        int crc = Crc32c.of(bytes.slice(at - start, part), host.telemetry());
        if (crc != header.getInt(HEADER_BYTES + 4 * chunk)) {
          throw new CorruptBlockException(
              "block %d is damaged at %d".formatted(header.getLong(16), at));
        }
      }
      return new BufferPool.Lease(bytes.slice(offset - start, length), lease.release());
    } catch (IOException | RuntimeException e) {
      lease.close();
      throw e;
    }
  }

  private BufferPool.Lease buffer(int bytes) {
    return bytes <= CHUNK_BYTES
        ? new BufferPool.Lease(ByteBuffer.allocate(bytes), () -> {})
        : host.buffers().take(bytes);
  }

  @Override
  public boolean verify(long id) throws IOException {
    try (DiskFile file = disk.open(path(id), false)) {
      ByteBuffer header = readHeader(file, id);
      readChunks(file, header, 0, header.getInt(12)).close();
      return true;
    } catch (NoSuchFileException e) {
      return isStaged(id);
    } catch (CorruptBlockException e) {
      return false;
    }
  }

  @Override
  public boolean isStaged(long id) {
    return staged.containsKey(id);
  }

  @Override
  public boolean has(long id) {
    return isStaged(id) || disk.exists(path(id));
  }

  // --- Removing ---

  @Override
  public void delete(long id) throws IOException {
    unstage(id);
    owed.remove(id);
    if (disk.exists(path(id))) {
      disk.delete(path(id));
      count.decrementAndGet();
    }
  }

  @Override
  public List<Long> shard(int shard) throws IOException {
    List<Long> ids = new ArrayList<>();
    for (String name : disk.list(directory(shard))) {
      try {
        ids.add(Long.parseUnsignedLong(name, 16));
      } catch (NumberFormatException e) {
        // Not ours: leave it to whoever put it there.
      }
    }
    for (long id : staged.keySet()) {
      if ((id & 0xff) == shard && !disk.exists(path(id))) {
        ids.add(id);
      }
    }
    return ids;
  }
}
