package io.sandstore.block;

import io.sandstore.host.BufferPool;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.namespace.BlockSink;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

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
public final class BlockStore implements BlockSink {

  public static final int VERSION = 1;
  private static final long MAGIC = 0x53414E44424C4B31L; // SANDBLK1
  private static final int HEADER_BYTES = 32;
  static final int CHUNK_BYTES = 64 << 10;
  private static final int HEADER_BYTES_MAX =
      HEADER_BYTES + 4 * (Frame.PAYLOAD_BYTES_MAX / CHUNK_BYTES);
  private static final String DIRECTORY = "blocks";

  private final Host host;
  private final Disk disk;
  private final long reserveBytes;
  private final AtomicLong count = new AtomicLong();

  /** Small blocks on their way from the log to a file. */
  private final Map<Long, byte[]> staged = new ConcurrentHashMap<>();

  private final Set<Long> inProgress = ConcurrentHashMap.newKeySet();

  private volatile Runnable onRestored = () -> {};
  private volatile Consumer<List<Long>> onRelease = ids -> {};

  /**
   * Counts what is there.
   *
   * @param reserveBytes no block is taken when less than this would be free: the log needs it
   */
  public BlockStore(Host host, Disk disk, long reserveBytes) throws IOException {
    this.host = host;
    this.disk = disk;
    this.reserveBytes = reserveBytes;
    for (int shard = 0; shard < 256; shard++) {
      count.addAndGet(disk.list(directory(shard)).size());
    }
  }

  /** Tells what to do with garbage, and after the namespace came from a snapshot. */
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

  public long count() {
    return count.get();
  }

  public long freeBytes() throws IOException {
    return disk.freeBytes();
  }

  public long totalBytes() throws IOException {
    return disk.totalBytes();
  }

  /** True if there is room for data beyond the reserve. */
  public boolean hasRoom(long bytes) throws IOException {
    return disk.freeBytes() - bytes >= reserveBytes;
  }

  // --- Writing ---

  /**
   * Stores a block durably, in place of a damaged one if there is one.
   *
   * @throws PosixException ENOSPC if the disk is full
   */
  public void put(long id, ByteBuffer data) throws IOException {
    if (!hasRoom(data.remaining())) {
      throw new PosixException(Errno.ENOSPC, "no space left on this node's disk");
    }
    if (!inProgress.add(id)) {
      throw new PosixException(Errno.EAGAIN, "block " + id + " is being stored already");
    }
    try {
      boolean there = disk.exists(path(id));
      if (there && verify(id)) {
        return; // the same request came twice: what was acknowledged must not be touched
      }
      if (there) {
        disk.delete(path(id));
      }
      write(id, data, true);
      count.addAndGet(there ? 0 : 1);
    } finally {
      inProgress.remove(id);
    }
  }

  private void write(long id, ByteBuffer data, boolean durable) throws IOException {
    String path = path(id);
    try (DiskFile file = disk.open(path, true)) {
      ByteBuffer header = header(id, data);
      int headerBytes = header.remaining();
      file.write(header, 0);
      file.write(data.duplicate(), headerBytes);
      if (durable) {
        force(file, path);
      }
    } catch (IOException e) {
      disk.delete(path);
      if (String.valueOf(e.getMessage()).contains("No space left")) {
        throw new PosixException(Errno.ENOSPC, "no space left on this node's disk");
      }
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

  private static ByteBuffer header(long id, ByteBuffer data) {
    int length = data.remaining();
    int chunks = chunks(length);
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES + 4 * chunks);
    header.putLong(MAGIC).putInt(VERSION).putInt(length).putLong(id).putInt(CHUNK_BYTES);
    header.putInt(0);
    for (int i = 0; i < chunks; i++) {
      int start = i * CHUNK_BYTES;
      header.putInt(
          crc(data.slice(data.position() + start, Math.min(CHUNK_BYTES, length - start))));
    }
    header.flip();
    return header.putInt(28, headerCrc(header));
  }

  private static int headerCrc(ByteBuffer header) {
    CRC32C crc = new CRC32C();
    crc.update(header.slice(0, 28));
    crc.update(header.slice(HEADER_BYTES, header.limit() - HEADER_BYTES));
    return (int) crc.getValue();
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  private static int chunks(int length) {
    return (length + CHUNK_BYTES - 1) / CHUNK_BYTES;
  }

  // --- Small blocks from the log ---

  @Override
  public void stage(long block, byte[] data) {
    staged.put(block, data);
  }

  @Override
  public void writeStaged() throws IOException {
    for (Map.Entry<Long, byte[]> entry : List.copyOf(staged.entrySet())) {
      long id = entry.getKey();
      boolean there = disk.exists(path(id));
      write(id, ByteBuffer.wrap(entry.getValue()), false);
      count.addAndGet(there ? 0 : 1);
      staged.remove(id);
    }
  }

  @Override
  public void force() throws IOException {
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

  /**
   * Reads a part of a block and checks it.
   *
   * @return the bytes, to be released by the caller
   * @throws PosixException ENOENT if the block is not here
   * @throws CorruptBlockException if it is damaged
   */
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

  /**
   * Whole chunks of a block as they lie on the disk, for a reader who checks them.
   *
   * @param region chunks that hold the asked bytes; its file is to be closed by the caller
   * @param crcs of each chunk
   */
  record Chunks(FileRegion region, List<Integer> crcs) {}

  /**
   * Finds a part of a block without reading it.
   *
   * @throws PosixException ENOENT if the block has no file here
   * @throws CorruptBlockException if its header is damaged
   */
  Chunks find(long id, int offset, int length) throws IOException {
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
      return new Chunks(new FileRegion(file, header.limit() + (long) start, end - start), crcs);
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
        if (crc(bytes.slice(at - start, part)) != header.getInt(HEADER_BYTES + 4 * chunk)) {
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

  /** True if the block is here and every byte of it is as it was written. */
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

  /** True if the block came with the log and has no file yet. */
  boolean isStaged(long id) {
    return staged.containsKey(id);
  }

  /** True if there is a file for the block, whatever is in it. */
  public boolean has(long id) {
    return isStaged(id) || disk.exists(path(id));
  }

  // --- Removing ---

  public void delete(long id) throws IOException {
    if (disk.exists(path(id))) {
      disk.delete(path(id));
      count.decrementAndGet();
    }
  }

  /** Ids of the blocks in one of 256 shards. */
  public List<Long> shard(int shard) throws IOException {
    List<Long> ids = new ArrayList<>();
    for (String name : disk.list(directory(shard))) {
      try {
        ids.add(Long.parseUnsignedLong(name, 16));
      } catch (NumberFormatException e) {
        // Not ours: leave it to whoever put it there.
      }
    }
    return ids;
  }
}
