package io.sandstore.host;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The checksums of a block, chunk by chunk: made once by whoever has its bytes first, sent with
 * them, stored with them, and checked by whoever gets them.
 *
 * @param chunkBytes length of each chunk, the last maybe shorter; from the wire it may be anything
 * @param crcs CRC32C of each
 */
public record ChunkSums(int chunkBytes, List<Integer> crcs) {

  /** The chunks of blocks as they lie on disks. */
  public static final int CHUNK_BYTES = 64 << 10;

  /** Of what remains, in chunks as on a disk. One pass. */
  public static ChunkSums of(ByteBuffer bytes, Telemetry telemetry) {
    List<Integer> crcs = new ArrayList<>(count(bytes.remaining(), CHUNK_BYTES));
    for (int at = bytes.position(); at < bytes.limit(); at += CHUNK_BYTES) {
      crcs.add(Crc32c.of(chunk(bytes, at, CHUNK_BYTES), telemetry));
    }
    return new ChunkSums(CHUNK_BYTES, crcs);
  }

  private static ByteBuffer chunk(ByteBuffer bytes, int at, int chunkBytes) {
    return bytes.slice(at, Math.min(chunkBytes, bytes.limit() - at));
  }

  private static int count(int length, int chunkBytes) {
    return length == 0 ? 0 : (length - 1) / chunkBytes + 1;
  }

  /** True if there is a checksum for each chunk of so many bytes. */
  public boolean fit(int length) {
    return chunkBytes > 0 && crcs.size() == count(length, chunkBytes);
  }

  /** True if what remains is what was summed. At most one pass. */
  public boolean match(ByteBuffer bytes, Telemetry telemetry) {
    if (!fit(bytes.remaining())) {
      return false;
    }
    int at = bytes.position();
    for (int crc : crcs) {
      ByteBuffer chunk = chunk(bytes, at, chunkBytes);
      if (Crc32c.of(chunk, telemetry) != crc) {
        return false;
      }
      at += chunk.remaining();
    }
    return true;
  }

  /**
   * The checksum of all the bytes, without a look at them.
   *
   * @param length of the bytes, which these sums {@link #fit}
   */
  public int whole(int length) {
    int shift = Crc32c.shift(chunkBytes);
    int whole = 0;
    for (int i = 0; i < crcs.size() - 1; i++) {
      whole = Crc32c.combine(whole, crcs.get(i), shift);
    }
    int last = length - (crcs.size() - 1) * chunkBytes;
    return Crc32c.combine(whole, crcs.getLast(), Crc32c.shift(last));
  }
}
