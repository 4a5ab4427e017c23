package io.sandstore.block;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.replication.BlockSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What keeps the blocks of one member. A block is immutable and has the checksums of its chunks,
 * which came with it and go with it. Thread-safe.
 */
public interface BlockStore extends BlockSink {

  /** What one checksum is of; the last chunk of a block may be shorter. */
  int CHUNK_BYTES = ChunkSums.CHUNK_BYTES;

  /** Tells what to do with garbage, and after the namespace came from a snapshot. */
  void listen(Consumer<List<Long>> release, Runnable restored);

  /** Blocks that are here. */
  long count();

  long freeBytes() throws IOException;

  long totalBytes() throws IOException;

  /** Of those that are free: beyond the reserve. */
  long availableBytes() throws IOException;

  /** True if there is room for data beyond the reserve. */
  boolean hasRoom(long bytes) throws IOException;

  /**
   * What is too little to take a command that adds something: half the reserve is for those that
   * were taken already. Empty: nothing.
   */
  String lacks() throws IOException;

  /**
   * The checksums that are kept with data that came: the sender's, or new ones if it made none or
   * of other chunks.
   */
  ChunkSums sums(Optional<ChunkSums> given, ByteBuffer data);

  /**
   * Stores a block, durably where the store is, in place of a damaged one if there is one.
   *
   * @param sums of the data, which was checked by them when it came; a reader checks it by them
   * @throws io.sandstore.rpc.PosixException ENOSPC if there is no room
   */
  void put(long id, ByteBuffer data, ChunkSums sums) throws IOException;

  /** Makes sure of a block that is here whole, as if it had just been put. */
  void makeDurable(long id) throws IOException;

  /** True if blocks wait in memory for room, or are not even there. */
  boolean waitsForRoom();

  /** True if some block came with the log and had to be let go. */
  boolean owesBlocks();

  /**
   * Reads a part of a block and checks it.
   *
   * @return the bytes, to be released by the caller
   * @throws io.sandstore.rpc.PosixException ENOENT if the block is not here
   * @throws CorruptBlockException if it is damaged
   */
  BufferPool.Lease read(long id, int offset, int length) throws IOException;

  /**
   * Whole chunks of a block as they are kept, for a reader who checks them: a part of a file, or
   * else bytes in memory.
   *
   * @param crcs of each chunk
   */
  record Chunks(@Nullable FileRegion region, BufferPool.Lease bytes, List<Integer> crcs)
      implements AutoCloseable {

    static Chunks onDisk(FileRegion region, List<Integer> crcs) {
      return new Chunks(region, new BufferPool.Lease(Frame.NO_PAYLOAD, () -> {}), crcs);
    }

    static Chunks inMemory(BufferPool.Lease bytes, List<Integer> crcs) {
      return new Chunks(null, bytes, crcs);
    }

    @Override
    public void close() throws IOException {
      bytes.close();
      if (region != null) {
        region.file().close();
      }
    }
  }

  /**
   * Finds a part of a block without looking at it; to be closed by the caller.
   *
   * @throws io.sandstore.rpc.PosixException ENOENT if it is not here, or only staged
   * @throws CorruptBlockException if what describes it is damaged
   */
  Chunks find(long id, int offset, int length) throws IOException;

  /** True if the block is here and every byte of it is as it was written. */
  boolean verify(long id) throws IOException;

  /** True if the block came with the log and is not yet where {@link #find} looks. */
  boolean isStaged(long id);

  /** True if a block that is here needs no disk to be read. */
  default boolean isInMemory(long id) {
    return isStaged(id);
  }

  /** True if something is here under that id, whatever is in it. */
  boolean has(long id);

  void delete(long id) throws IOException;

  /** Ids of the blocks in one of 256 shards: the lowest byte of an id is its shard. */
  List<Long> shard(int shard) throws IOException;
}
