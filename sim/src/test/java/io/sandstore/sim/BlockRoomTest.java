package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.block.BlockStore;
import io.sandstore.block.FileBlockStore;
import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.NoRoomException;
import io.sandstore.host.Telemetry;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Blocks on a disk that has no room. */
class BlockRoomTest {

  private static final int SMALL = 32 << 10;
  private final World world = new World(1);
  private final SimDisk disk = new SimDisk(new Random(1));
  private BlockStore store;

  @BeforeEach
  void open() throws IOException {
    store =
        new FileBlockStore(
            new SimProcess(world, "node", new SimNetwork(world)).host, disk, 1 << 20);
  }

  private void exhaust() {
    disk.capacityBytes = disk.used();
    disk.capacityFiles = disk.files();
  }

  private void makeRoom() {
    disk.capacityBytes = Long.MAX_VALUE;
    disk.capacityFiles = Long.MAX_VALUE;
  }

  private static byte[] content(long id, int bytes) {
    byte[] content = new byte[bytes];
    new Random(id).nextBytes(content);
    return content;
  }

  private byte[] read(long id, int length) throws IOException {
    try (BufferPool.Lease lease = store.read(id, 0, length)) {
      byte[] bytes = new byte[length];
      lease.buffer().get(bytes);
      return bytes;
    }
  }

  private static void put(BlockStore store, long id, ByteBuffer data) throws IOException {
    store.put(id, data, ChunkSums.of(data, Telemetry.NONE));
  }

  @Test
  void whatThereIsNoRoomForIsReadFromMemoryAndHoldsSnapshotsUp() throws IOException {
    exhaust();
    store.stage(7, content(7, 1000));
    store.writeStaged();
    assertThat(read(7, 1000)).isEqualTo(content(7, 1000));
    assertThatThrownBy(store::force).isInstanceOf(NoRoomException.class);
    assertThat(store.lacks()).isNotEmpty();
    assertThat(store.shard(7)).containsExactly(7L);

    makeRoom();
    store.force();
    assertThat(read(7, 1000)).isEqualTo(content(7, 1000));
    disk.loseUnforced();
    assertThat(read(7, 1000)).isEqualTo(content(7, 1000));
  }

  @Test
  void memoryIsBoundedAndWhatItCannotHoldHoldsSnapshotsUpUntilItIsHere() throws IOException {
    exhaust();
    int count = FileBlockStore.STAGED_BYTES_MAX / SMALL + 10;
    for (int id = 1; id <= count; id++) {
      store.stage(id, content(id, SMALL));
      store.writeStaged();
    }
    long kept = 0;
    for (int id = 1; id <= count; id++) {
      kept += store.has(id) ? SMALL : 0;
    }
    assertThat(kept).isEqualTo(FileBlockStore.STAGED_BYTES_MAX);

    makeRoom();
    store.writeStaged();
    assertThatThrownBy(store::force).isInstanceOf(NoRoomException.class);
    for (int id = 1; id <= count; id++) {
      if (!store.has(id)) {
        put(store, id, ByteBuffer.wrap(content(id, SMALL))); // as repair does
      }
    }
    store.force();
    for (int id = 1; id <= count; id++) {
      assertThat(read(id, SMALL)).isEqualTo(content(id, SMALL));
    }
  }

  @Test
  void whatWaitsForRoomIsRemovedLikeAnyOther() throws IOException {
    exhaust();
    store.stage(7, content(7, 1000));
    store.writeStaged();
    store.delete(7);
    assertThat(store.has(7)).isFalse();
    store.force();
  }

  @Test
  void inodesAreKeptInReserveToo() throws IOException {
    disk.capacityFiles = disk.files() + FileBlockStore.RESERVE_FILES;
    assertThatThrownBy(() -> put(store, 1, ByteBuffer.wrap(new byte[1])))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
    disk.capacityFiles = disk.files() + FileBlockStore.RESERVE_FILES / 2 - 1;
    assertThat(store.lacks()).contains("inodes");
  }
}
