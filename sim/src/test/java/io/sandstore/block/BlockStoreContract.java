package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Telemetry;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store of blocks promises. */
abstract class BlockStoreContract {

  BlockStore store;

  /** A store with nothing in it, and room for 20 MiB. */
  abstract BlockStore empty() throws IOException;

  @BeforeEach
  void open() throws IOException {
    store = empty();
  }

  static byte[] content(long seed, int size) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  void put(long id, byte[] data) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(data);
    store.put(id, bytes, ChunkSums.of(bytes, Telemetry.NONE));
    assertThat(bytes.remaining()).as("the caller's position stays").isEqualTo(data.length);
  }

  byte[] read(long id, int offset, int length) throws IOException {
    try (BufferPool.Lease lease = store.read(id, offset, length)) {
      byte[] bytes = new byte[lease.buffer().remaining()];
      lease.buffer().get(bytes);
      return bytes;
    }
  }

  private static byte[] bytes(BlockStore.Chunks chunks) throws IOException {
    var region = chunks.region();
    ByteBuffer bytes = region == null ? chunks.bytes().buffer() : region.read();
    byte[] all = new byte[bytes.remaining()];
    bytes.duplicate().get(all);
    return all;
  }

  @Test
  void anyRangeOfABlockIsReadWithOrWithoutItsSums() throws IOException {
    byte[] data = content(1, 1_000_003);
    put(5, data);
    Random random = new Random(2);
    for (int i = 0; i < 100; i++) {
      int at = random.nextInt(data.length);
      int length = 1 + random.nextInt(data.length - at);
      assertThat(read(5, at, length)).isEqualTo(Arrays.copyOfRange(data, at, at + length));
      try (BlockStore.Chunks chunks = store.find(5, at, length)) {
        int start = at / BlockStore.CHUNK_BYTES * BlockStore.CHUNK_BYTES;
        byte[] found = bytes(chunks);
        assertThat(start + found.length).isGreaterThanOrEqualTo(at + length);
        assertThat(found).isEqualTo(Arrays.copyOfRange(data, start, start + found.length));
        ByteBuffer buffer = ByteBuffer.wrap(found);
        assertThat(chunks.crcs()).isEqualTo(ChunkSums.of(buffer, Telemetry.NONE).crcs());
      }
    }
    assertThat(store.count()).isEqualTo(1);
  }

  @Test
  void bytesThatThereAreNotAreRefused() throws IOException {
    put(5, content(1, 1000));
    for (int[] range :
        new int[][] {{-1, 10}, {0, 1001}, {1000, 1}, {0, 0}, {0, -1}, {1, 0x7FFFFFFF}}) {
      refused(Errno.EINVAL, () -> store.read(5, range[0], range[1]));
      refused(Errno.EINVAL, () -> store.find(5, range[0], range[1]));
    }
    refused(Errno.ENOENT, () -> store.read(6, 0, 1));
    refused(Errno.ENOENT, () -> store.find(6, 0, 1));
    assertThat(store.verify(6)).isFalse();
  }

  static void refused(Errno errno, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(PosixException.class, e -> assertThat(e.errno()).isEqualTo(errno));
  }

  /** What the sums say is wrong is not kept for right. */
  @Test
  void aBlockThatIsNotWhatItsSumsSayIsDamaged() throws IOException {
    byte[] data = content(1, 200_000);
    ChunkSums sums = ChunkSums.of(ByteBuffer.wrap(data), Telemetry.NONE);
    byte[] other = data.clone();
    other[70_000] ^= 1;
    store.put(5, ByteBuffer.wrap(other), sums);
    assertThat(store.has(5)).isTrue();
    assertThat(store.verify(5)).isFalse();
    assertThat(read(5, 0, 65_536)).isEqualTo(Arrays.copyOf(data, 65_536));
    assertThatThrownBy(() -> store.read(5, 65_000, 10_000))
        .isInstanceOf(CorruptBlockException.class);
    put(5, data); // in its place
    assertThat(store.verify(5)).isTrue();
    assertThat(read(5, 0, data.length)).isEqualTo(data);
    assertThat(store.count()).isEqualTo(1);
  }

  /** Whatever is done in whatever order: the same as a map. */
  @Test
  void itIsAMapOfBlocks() throws IOException {
    Random random = new Random(3);
    Map<Long, byte[]> model = new HashMap<>();
    for (int i = 0; i < 3000; i++) {
      long id = 1 + random.nextInt(60);
      int kind = random.nextInt(10);
      if (kind < 3 && !model.containsKey(id)) {
        byte[] data = content(i, 1 + random.nextInt(random.nextBoolean() ? 3000 : 200_000));
        put(id, data);
        model.put(id, data);
      } else if (kind < 5 && !model.containsKey(id)) {
        byte[] data = content(i, 1 + random.nextInt(32 << 10));
        store.stage(id, data);
        if (random.nextBoolean()) {
          store.writeStaged();
        }
        model.put(id, data);
      } else if (kind == 5) {
        store.delete(id);
        model.remove(id);
      }
      byte[] expected = model.get(id);
      assertThat(store.has(id)).isEqualTo(expected != null);
      assertThat(store.verify(id)).isEqualTo(expected != null);
      if (expected != null) {
        int at = random.nextInt(expected.length);
        int length = 1 + random.nextInt(expected.length - at);
        assertThat(read(id, at, length)).isEqualTo(Arrays.copyOfRange(expected, at, at + length));
      }
    }
    store.force();
    assertThat(store.count()).isEqualTo(model.size());
    assertThat(store.owesBlocks()).isFalse();
    TreeSet<Long> listed = new TreeSet<>();
    for (int shard = 0; shard < 256; shard++) {
      List<Long> ids = store.shard(shard);
      int byId = shard;
      assertThat(ids).allMatch(id -> (id & 0xff) == byId);
      listed.addAll(ids);
    }
    assertThat(listed).isEqualTo(new TreeSet<>(model.keySet()));
  }

  @Test
  void theSameBlockTwiceIsOne() throws IOException {
    byte[] data = content(1, 100_000);
    put(9, data);
    put(9, data);
    assertThat(store.count()).isEqualTo(1);
    assertThat(read(9, 0, data.length)).isEqualTo(data);
  }
}
