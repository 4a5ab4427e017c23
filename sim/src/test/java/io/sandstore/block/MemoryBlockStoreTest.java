package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Host;
import io.sandstore.host.NoRoomException;
import io.sandstore.host.Telemetry;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks in memory: never more of it than was said, and none that somebody reads is used again. */
class MemoryBlockStoreTest extends BlockStoreContract {

  private static final int MEGABYTE = 1 << 20;
  private final Host host = JvmHost.create(2);

  @Override
  BlockStore empty() {
    return new MemoryBlockStore(host, 20L * MEGABYTE + MEGABYTE * 2);
  }

  private static long table(long capacity) {
    long pages = capacity / (PageMemory.PAGE_BYTES + 8);
    return 4 * Long.highestOneBit(pages);
  }

  /** Pages, their table and the hashes' are never more than the capacity, and fill it. */
  @ParameterizedTest
  @ValueSource(longs = {1 << 20, 1_234_567, 5_000_000, 268_435_456, 1L << 40})
  void allThatIsLaidOutFitsIntoTheCapacityAndFillsIt(long capacity) {
    if (capacity > 1 << 30) {
      capacity = 1L << 30; // its tables lie on the test's heap
    }
    MemoryBlockStore large = new MemoryBlockStore(host, capacity);
    long pages = large.freeBytes() / PageMemory.PAGE_BYTES;
    long all = pages * (PageMemory.PAGE_BYTES + PageMemory.LINK_BYTES) + table(capacity);
    assertThat(all).isLessThanOrEqualTo(capacity);
    assertThat(all).isGreaterThan(capacity - PageMemory.PAGE_BYTES - PageMemory.LINK_BYTES);
    assertThat((double) large.freeBytes() / capacity).isGreaterThan(0.99);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 1000, 1009, 30_000, 65_536, 1_000_000, 4 << 20})
  void itIsFilledToTheLastPageAndNotOneFurther(int bytes) throws IOException {
    List<Long> ids = new ArrayList<>();
    refused(
        Errno.ENOSPC,
        () -> {
          for (long id = 1; ; id++) {
            put(id, content(1, bytes));
            ids.add(id);
          }
        });
    assertThat(store.hasRoom(bytes)).isFalse();
    long waste = (bytes + 16 + 64 * 4 + PageMemory.PAGE_BYTES) + PageMemory.PAGE_BYTES;
    assertThat(store.availableBytes()).isLessThan(waste);
    // The reserve is for what the log brings, to its last byte.
    long id = 1_000_000;
    assertThat(store.lacks()).isEmpty();
    while (store.freeBytes() > 0) {
      store.stage(id++, content(id, 900));
    }
    assertThat(store.lacks()).isNotEmpty();
    assertThat(store.owesBlocks()).isFalse();
    store.stage(id, content(id, 900));
    assertThat(store.owesBlocks()).isTrue();
    assertThat(store.has(id)).isFalse();
    assertThatThrownBy(store::force).isInstanceOf(NoRoomException.class);
    for (long one : ids) {
      assertThat(store.verify(one)).isTrue();
    }
    store.delete(ids.getFirst());
    store.stage(id, content(id, 900));
    assertThat(store.owesBlocks()).isFalse();
    store.force();
  }

  /** What a block takes beside its bytes counts. */
  @Test
  void aBlockCostsItsHeaderItsSumsAndTheRestOfItsLastPage() throws IOException {
    long before = store.freeBytes();
    put(1, content(1, 1));
    assertThat(before - store.freeBytes()).isEqualTo(1024);
    put(2, content(1, 1024 - 20));
    assertThat(before - store.freeBytes()).isEqualTo(2048);
    put(3, content(1, 1024 - 19));
    assertThat(before - store.freeBytes()).isEqualTo(4096);
    put(4, content(1, 4 << 20));
    assertThat(before - store.freeBytes()).isEqualTo(4096 + (4 << 20) + 1024);
    for (long id = 1; id <= 4; id++) {
      store.delete(id);
    }
    assertThat(store.freeBytes()).isEqualTo(before);
  }

  @Test
  void aBlockThatIsReadIsNotCopied() throws IOException {
    put(1, content(1, 1_000_000));
    try (BufferPool.Lease lease = store.read(1, 100_000, 500_000);
        BlockStore.Chunks chunks = store.find(1, 0, 1_000_000)) {
      assertThat(lease.buffer().isDirect()).isTrue();
      assertThat(lease.buffer().isReadOnly()).isTrue();
      assertThat(chunks.bytes().buffer().isReadOnly()).isTrue();
      assertThat(host.buffers().used()).isZero();
    }
  }

  /** Its pages are somebody else's only when the last reader is done. */
  @Test
  void aBlockThatIsDeletedWhileItIsReadStaysWhatItIs() throws IOException {
    byte[] data = content(1, 4 << 20);
    long empty = store.freeBytes();
    put(1, data);
    long full = store.freeBytes();
    BufferPool.Lease lease = store.read(1, 0, data.length);
    BlockStore.Chunks chunks = store.find(1, 0, data.length);
    store.delete(1);
    assertThat(store.has(1)).isFalse();
    assertThat(store.count()).isZero();
    assertThat(store.freeBytes()).as("it counts as used").isEqualTo(full);
    long id = 2;
    while (store.hasRoom(MEGABYTE)) {
      put(id, content(id, MEGABYTE)); // over all that is free
      id++;
    }
    assertThat(lease.buffer()).isEqualTo(ByteBuffer.wrap(data));
    lease.close();
    lease.close();
    assertThat(chunks.bytes().buffer()).isEqualTo(ByteBuffer.wrap(data));
    chunks.close();
    while (id > 2) {
      store.delete(--id);
    }
    assertThat(store.freeBytes()).isEqualTo(empty);
    put(1, content(9, 1000));
    assertThat(read(1, 0, 1000)).isEqualTo(content(9, 1000));
  }

  /** Readers, writers and whoever deletes at once: a reader sees one block, whole, or none. */
  @Test
  void readersNeverSeeBytesOfAnotherBlock() throws Exception {
    AtomicBoolean running = new AtomicBoolean(true);
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      int seed = t;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      readSome(new Random(seed), running);
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  }));
    }
    Random random = new Random(7);
    for (int i = 0; i < 4000; i++) {
      long id = 1 + random.nextInt(40);
      if (random.nextBoolean()) {
        byte[] data = new byte[1 + random.nextInt(1_000_000)];
        java.util.Arrays.fill(data, (byte) id);
        if (store.hasRoom(data.length)) {
          try {
            put(id, data);
          } catch (PosixException e) {
            assertThat(e.errno()).isEqualTo(Errno.ENOSPC); // readers still have some
          }
        }
      } else {
        store.delete(id);
      }
    }
    running.set(false);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
  }

  private void readSome(Random random, AtomicBoolean running) throws IOException {
    while (running.get()) {
      long id = 1 + random.nextInt(40);
      try (BlockStore.Chunks chunks = store.find(id, 0, 1)) {
        ByteBuffer bytes = chunks.bytes().buffer();
        for (int i = 0; i < 100; i++) {
          assertThat(bytes.get(random.nextInt(bytes.remaining()))).isEqualTo((byte) id);
        }
        assertThat(chunks.crcs().getFirst())
            .isEqualTo(ChunkSums.of(bytes, Telemetry.NONE).crcs().getFirst());
      } catch (PosixException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOENT);
      }
    }
  }

  /** With holes everywhere a block lies in pieces, and is what it was all the same. */
  @Test
  void aMemoryFullOfHolesServesLargeBlocks() throws IOException {
    long id = 1;
    while (store.hasRoom(1000)) {
      put(id++, content(1, 1000));
    }
    for (long each = 1; each < id; each += 2) {
      store.delete(each);
    }
    byte[] data = content(5, 2_000_000);
    assertThat(((MemoryBlockStore) store).fragments()).isGreaterThan(1000);
    put(1_000_001, data);
    assertThat(read(1_000_001, 0, data.length)).isEqualTo(data);
    try (BlockStore.Chunks chunks = store.find(1_000_001, 70_000, 10)) {
      assertThat(chunks.bytes().buffer()).isEqualTo(ByteBuffer.wrap(data, 65_536, 65_536).slice());
    }
    store.delete(1_000_001);
    assertThat(host.buffers().used()).isZero();
  }

  /** Memory comes from the system as it is needed, and no more of it than the capacity. */
  @Test
  void theSystemIsAskedForNoMoreThanIsUsed() throws IOException {
    long before = direct();
    MemoryBlockStore lazy = new MemoryBlockStore(host, 100L * MEGABYTE);
    assertThat(direct() - before).isLessThan(MEGABYTE);
    byte[] data = content(1, MEGABYTE);
    ByteBuffer bytes = ByteBuffer.wrap(data);
    ChunkSums sums = ChunkSums.of(bytes, Telemetry.NONE);
    for (long id = 1; lazy.hasRoom(MEGABYTE); id++) {
      lazy.put(id, bytes, sums);
      lazy.delete(id - 3);
      if (id == 50) {
        break;
      }
    }
    assertThat(direct() - before).as("few blocks stay in few slabs").isLessThan(40L * MEGABYTE);
  }

  private static long direct() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  @Test
  void aSizeThatCannotBeIsRefused() {
    assertThatThrownBy(() -> new MemoryBlockStore(host, MEGABYTE - 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new MemoryBlockStore(host, Long.MAX_VALUE))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
