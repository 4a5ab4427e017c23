package io.sandstore.host;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** An open file with positional reads and writes. */
public interface DiskFile extends Closeable {

  /** No disk or file system that is known writes larger units. */
  int BLOCK_BYTES = 4096;

  /**
   * Zeroed memory to write whole blocks from: multiples of {@link #BLOCK_BYTES} at positions, in
   * memory and in the file, that are multiples of it too.
   */
  static ByteBuffer wholeBlocks(int bytes) {
    return ByteBuffer.allocateDirect(bytes + 2 * BLOCK_BYTES)
        .alignedSlice(BLOCK_BYTES)
        .limit((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES)
        .slice();
  }

  /** Reads into the buffer at a position; the number of bytes, or -1 at the end of the file. */
  int read(ByteBuffer into, long position) throws IOException;

  /** Writes the whole buffer at a position. */
  void write(ByteBuffer from, long position) throws IOException;

  /** Makes the file's bytes and size durable (fdatasync). */
  void force() throws IOException;

  long size() throws IOException;

  void truncate(long size) throws IOException;

  @Override
  void close() throws IOException;

  /**
   * Moves bytes to a channel without a copy in this process.
   *
   * @return how many; 0 if the channel has no room now, the file ends, or there is no such way
   */
  default long transferTo(long position, long count, WritableByteChannel target)
      throws IOException {
    return 0;
  }

  /** Fills the buffer or throws {@link EOFException}. */
  default void readFully(ByteBuffer into, long position) throws IOException {
    while (into.hasRemaining()) {
      int n = read(into, position);
      if (n < 0) {
        throw new EOFException("file ends at " + position);
      }
      position += n;
    }
  }
}
