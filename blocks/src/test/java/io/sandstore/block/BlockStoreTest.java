package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Blocks on a real disk. */
class BlockStoreTest {

  @TempDir Path directory;
  private final Host host = JvmHost.create(2);
  private BlockStore store;

  @BeforeEach
  void open() throws IOException {
    store = new FileBlockStore(host, new FileDisk(directory), 0);
  }

  private static byte[] content(long seed, int size) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private byte[] read(long id, int offset, int length) throws IOException {
    try (BufferPool.Lease lease = store.read(id, offset, length)) {
      byte[] bytes = new byte[lease.buffer().remaining()];
      lease.buffer().get(bytes);
      return bytes;
    }
  }

  private Path file(long id) {
    return directory.resolve("blocks/%02x/%016x".formatted(id & 0xff, id));
  }

  private static void put(BlockStore store, long id, ByteBuffer data) throws IOException {
    store.put(id, data, ChunkSums.of(data, Telemetry.NONE));
  }

  @Test
  void anyRangeOfABlockIsRead() throws IOException {
    byte[] data = content(1, 1_000_003);
    put(store, 5, ByteBuffer.wrap(data));
    Random random = new Random(2);
    for (int i = 0; i < 100; i++) {
      int at = random.nextInt(data.length);
      int length = 1 + random.nextInt(data.length - at);
      assertThat(read(5, at, length)).isEqualTo(Arrays.copyOfRange(data, at, at + length));
    }
    assertThat(store.count()).isEqualTo(1);
  }

  @Test
  void aReaderWhoChecksGetsWholeChunksAndTheirChecksums() throws IOException {
    byte[] data = content(1, 1_000_003);
    put(store, 5, ByteBuffer.wrap(data));
    for (int[] range : new int[][] {{0, 1}, {65_535, 2}, {131_072, 65_536}, {999_999, 4}}) {
      int start = range[0] / BlockStore.CHUNK_BYTES * BlockStore.CHUNK_BYTES;
      BlockStore.Chunks chunks = store.find(5, range[0], range[1]);
      ByteBuffer bytes = java.util.Objects.requireNonNull(chunks.region()).read();
      chunks.close();
      assertThat(start + bytes.remaining()).isGreaterThanOrEqualTo(range[0] + range[1]);
      assertThat(bytes).isEqualTo(ByteBuffer.wrap(data, start, bytes.remaining()));
      int at = 0;
      for (int crc : chunks.crcs()) {
        CRC32C expected = new CRC32C();
        int part = Math.min(BlockStore.CHUNK_BYTES, bytes.remaining() - at);
        expected.update(bytes.slice(at, part));
        assertThat(crc).isEqualTo((int) expected.getValue());
        at += part;
      }
      assertThat(at).isEqualTo(bytes.remaining());
    }
    assertThatThrownBy(() -> store.find(5, 0, 1_000_004)).isInstanceOf(PosixException.class);
    assertThatThrownBy(() -> store.find(6, 0, 1)).isInstanceOf(PosixException.class);
  }

  @Test
  void aRangeOutsideIsRefused() throws IOException {
    put(store, 5, ByteBuffer.wrap(content(1, 100)));
    for (int[] range :
        new int[][] {
          {-1, 5}, {0, 0}, {0, 101}, {100, 1}, {Integer.MAX_VALUE, 1}, {1, Integer.MAX_VALUE}
        }) {
      assertThatThrownBy(() -> store.read(5, range[0], range[1]))
          .isInstanceOfSatisfying(
              PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
    }
    assertThatThrownBy(() -> store.read(6, 0, 1))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
  }

  @Test
  void everyFlippedBitIsNoticed() throws IOException {
    byte[] data = content(3, 200_000);
    put(store, 9, ByteBuffer.wrap(data));
    byte[] whole = Files.readAllBytes(file(9));
    Random random = new Random(4);
    for (int i = 0; i < 200; i++) {
      byte[] damaged = whole.clone();
      damaged[i < 48 ? i : random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file(9), damaged);
      assertThat(store.verify(9)).isFalse();
    }
    Files.write(file(9), Arrays.copyOf(whole, whole.length - 1));
    assertThat(store.verify(9)).isFalse();
    Files.write(file(9), whole);
    assertThat(store.verify(9)).isTrue();
  }

  @Test
  void theChecksumsThatCameAreThoseOnTheDisk() throws IOException {
    ByteBuffer data = ByteBuffer.wrap(content(1, 200_000));
    ChunkSums sums = ChunkSums.of(data, Telemetry.NONE);
    store.put(9, data, sums);
    BlockStore.Chunks chunks = store.find(9, 0, 200_000);
    chunks.close();
    assertThat(chunks.crcs()).isEqualTo(sums.crcs());
    assertThat(store.verify(9)).isTrue();
  }

  /** Sums of what is written would make a block of it that is whole, with other bytes. */
  @Test
  void whatChangedInMemoryBetweenItsReceiptAndItsWritingIsNoticed() throws IOException {
    ByteBuffer data = ByteBuffer.wrap(content(1, 200_000));
    ChunkSums sums = ChunkSums.of(data, Telemetry.NONE);
    data.put(150_000, (byte) ~data.get(150_000));
    store.put(9, data, sums);
    assertThat(store.verify(9)).isFalse();
    assertThatThrownBy(() -> read(9, 149_000, 2000)).isInstanceOf(CorruptBlockException.class);
  }

  @Test
  void checksumsOfOtherChunksAreMadeAnew() {
    ByteBuffer data = ByteBuffer.wrap(content(1, 200_000));
    ChunkSums own = ChunkSums.of(data, Telemetry.NONE);
    ChunkSums other = new ChunkSums(1 << 20, List.of(7));
    assertThat(store.sums(Optional.of(other), data)).isEqualTo(own);
    assertThat(store.sums(Optional.empty(), data)).isEqualTo(own);
  }

  @Test
  void damageElsewhereInTheBlockDoesNotConcernAReader() throws IOException {
    byte[] data = content(3, 200_000);
    put(store, 9, ByteBuffer.wrap(data));
    byte[] whole = Files.readAllBytes(file(9));
    whole[whole.length - 1] ^= 1;
    Files.write(file(9), whole);
    assertThat(read(9, 10, 100)).isEqualTo(Arrays.copyOfRange(data, 10, 110));
    assertThatThrownBy(() -> read(9, 199_000, 10)).isInstanceOf(CorruptBlockException.class);
  }

  @Test
  void aDamagedBlockIsReplacedAndAWholeOneLeftAlone() throws IOException {
    byte[] data = content(3, 1000);
    put(store, 9, ByteBuffer.wrap(data));
    var before =
        Files.readAttributes(file(9), java.nio.file.attribute.BasicFileAttributes.class).fileKey();
    put(store, 9, ByteBuffer.wrap(data));
    assertThat(
            Files.readAttributes(file(9), java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey())
        .isEqualTo(before);
    Files.write(file(9), new byte[10]);
    put(store, 9, ByteBuffer.wrap(data));
    assertThat(read(9, 0, 1000)).isEqualTo(data);
    assertThat(store.count()).isEqualTo(1);
  }

  @Test
  void aSmallBlockIsReadableBeforeAndAfterItIsWritten() throws IOException {
    byte[] data = content(3, 1000);
    store.stage(7, data);
    assertThat(read(7, 10, 20)).isEqualTo(Arrays.copyOfRange(data, 10, 30));
    store.writeStaged();
    assertThat(read(7, 10, 20)).isEqualTo(Arrays.copyOfRange(data, 10, 30));
    store.force();
    store.delete(7);
    assertThat(store.has(7)).isFalse();
    assertThat(store.count()).isZero();
  }

  @Test
  void aFullDiskIsSaidSo() throws IOException {
    BlockStore full = new FileBlockStore(host, new FileDisk(directory), Long.MAX_VALUE);
    assertThatThrownBy(() -> put(full, 1, ByteBuffer.wrap(new byte[1])))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
  }

  @Test
  void version1OfABlockIsRead() throws IOException {
    Files.createDirectories(file(0x2a).getParent());
    try (InputStream in = getClass().getResourceAsStream("/formats/block-v1")) {
      Files.write(file(0x2a), in.readAllBytes());
    }
    assertThat(read(0x2a, 0, 3000)).isEqualTo(content(42, 3000));
  }

  @Test
  void aLaterVersionOfABlockIsRefused() throws IOException {
    put(store, 9, ByteBuffer.wrap(content(3, 1000)));
    byte[] whole = Files.readAllBytes(file(9));
    whole[11] = 2;
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(whole, 0, 28);
    crc.update(whole, 32, 4); // one chunk
    ByteBuffer.wrap(whole).putInt(28, (int) crc.getValue());
    Files.write(file(9), whole);
    assertThatThrownBy(() -> read(9, 0, 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("version 2");
  }
}
