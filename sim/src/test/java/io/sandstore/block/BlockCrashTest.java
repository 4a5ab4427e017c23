package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.crash.CrashDisk;
import io.sandstore.crash.CrashPoints;
import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.host.jvm.JvmHost;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A block that was acknowledged is there, whole, wherever a process or the power ended. */
@Tag("slow")
class BlockCrashTest {

  private static final Host HOST = JvmHost.create(2);
  private static final long FIRST = 5;
  private static final long SECOND = 6;

  private static BlockStore open(Disk disk) throws IOException {
    return new FileBlockStore(HOST, disk, 0);
  }

  private static byte[] content(long id) {
    byte[] bytes = new byte[1500];
    new Random(id).nextBytes(bytes);
    return bytes;
  }

  private static void put(BlockStore store, long id, ByteBuffer data) throws IOException {
    store.put(id, data, ChunkSums.of(data, Telemetry.NONE));
  }

  private static void put(Disk disk, long id, Set<Long> promised) throws IOException {
    put(open(disk), id, ByteBuffer.wrap(content(id)));
    promised.add(id);
  }

  private static void check(Disk disk, Set<Long> promised) throws IOException {
    BlockStore store = open(disk);
    for (long id : promised) {
      try (BufferPool.Lease lease = store.read(id, 0, 1500)) {
        byte[] bytes = new byte[lease.buffer().remaining()];
        lease.buffer().get(bytes);
        assertThat(bytes).as("block %d", id).isEqualTo(content(id));
      }
    }
  }

  /** The client of a put that was interrupted asks again, and this time it is acknowledged. */
  private static void recover(CrashDisk disk, Set<Long> promised) throws IOException {
    check(disk, promised);
    Set<Long> now = new TreeSet<>(promised);
    put(disk, FIRST, now);
    put(disk, SECOND, now);
    for (CrashDisk left : disk.afterPowerLoss(16, new Random(3))) {
      check(left, now);
    }
  }

  @Test
  void aPutThatCameTwice() throws IOException {
    int recovered =
        CrashPoints.explore(
            new CrashDisk(),
            TreeSet::new,
            (disk, promised) -> {
              put(disk, FIRST, promised);
              put(disk, SECOND, promised);
            },
            BlockCrashTest::recover);
    assertThat(recovered).isGreaterThan(100);
  }
}
