package io.sandstore.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Checksums of blocks. */
class ChunkSumsTest {

  private static final int CHUNK = ChunkSums.CHUNK_BYTES;

  private static ByteBuffer content(int length) {
    byte[] bytes = new byte[length + 7];
    new Random(length).nextBytes(bytes);
    return ByteBuffer.wrap(bytes).position(7);
  }

  private static int plain(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate());
    return (int) crc.getValue();
  }

  @Test
  void theChecksumOfTheWholeFollowsFromThoseOfItsChunks() {
    for (int length :
        new int[] {1, 2, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1_000_003, 4 << 20}) {
      ByteBuffer bytes = content(length);
      ChunkSums sums = ChunkSums.of(bytes, Telemetry.NONE);
      assertThat(sums.whole(length)).as("%d bytes", length).isEqualTo(plain(bytes));
    }
  }

  @Test
  void chunksMayHaveAnyLength() {
    ByteBuffer bytes = content(10_000);
    Random random = new Random(1);
    for (int i = 0; i < 100; i++) {
      int chunk = 1 + random.nextInt(10_001);
      List<Integer> crcs = new ArrayList<>();
      for (int at = 0; at < 10_000; at += chunk) {
        crcs.add(plain(bytes.slice(7 + at, Math.min(chunk, 10_000 - at))));
      }
      ChunkSums sums = new ChunkSums(chunk, crcs);
      assertThat(sums.whole(10_000)).as("chunks of %d", chunk).isEqualTo(plain(bytes));
      assertThat(sums.match(bytes, Telemetry.NONE)).isTrue();
    }
  }

  @Test
  void everyFlippedBitIsNoticed() {
    ByteBuffer bytes = content(3 * CHUNK - 5);
    ChunkSums sums = ChunkSums.of(bytes, Telemetry.NONE);
    assertThat(sums.match(bytes, Telemetry.NONE)).isTrue();
    Random random = new Random(2);
    for (int i = 0; i < 200; i++) {
      int at = 7 + random.nextInt(bytes.remaining());
      byte whole = bytes.get(at);
      bytes.put(at, (byte) (whole ^ 1 << random.nextInt(8)));
      assertThat(sums.match(bytes, Telemetry.NONE)).isFalse();
      bytes.put(at, whole);
    }
  }

  @Test
  void sumsThatDoNotFitTheBytesMatchNothing() {
    ByteBuffer bytes = content(2 * CHUNK);
    List<Integer> crcs = ChunkSums.of(bytes, Telemetry.NONE).crcs();
    for (ChunkSums wrong :
        List.of(
            new ChunkSums(CHUNK, crcs.subList(0, 1)),
            new ChunkSums(CHUNK, List.of()),
            new ChunkSums(CHUNK, List.of(crcs.get(0), crcs.get(1), 0)),
            new ChunkSums(-1, crcs),
            new ChunkSums(Integer.MAX_VALUE, crcs),
            new ChunkSums(0, crcs))) {
      assertThat(wrong.match(bytes, Telemetry.NONE)).as("%s", wrong).isFalse();
    }
  }
}
