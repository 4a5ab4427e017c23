package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Somebody else eats what a disk has left, the reserve too, while entries are under way. What was
 * acknowledged is read, files are removed, nodes come up again and again; when there is room,
 * everything is as if nothing had been.
 */
class NoRoomTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final int SEEDS = Integer.getInteger("noroom.seeds", 30);

  /** What runs out. */
  private enum Resource {
    BYTES {
      @Override
      void exhaust(SimDisk disk) {
        disk.capacityBytes = disk.used();
      }
    },
    INODES {
      @Override
      void exhaust(SimDisk disk) {
        disk.capacityFiles = disk.files();
      }
    };

    abstract void exhaust(SimDisk disk);
  }

  @ParameterizedTest
  @EnumSource
  void aDiskWithoutRoomServesReadersAndRemovalThroughRestarts(Resource resource) {
    for (long seed = 1; seed <= SEEDS; seed++) {
      new Run(seed, resource).play();
    }
  }

  private static final class Run {
    private final Resource resource;
    private final SimCluster cluster;
    private final SandstoreClient client;
    private final Random random;
    private final Map<String, byte[]> acknowledged = new LinkedHashMap<>();

    Run(long seed, Resource resource) {
      this.resource = resource;
      this.cluster = new SimCluster(seed);
      this.client = cluster.client;
      this.random = new Random(seed);
    }

    void play() {
      cluster.inClient(() -> writeSome("before", 20, false));
      // In the middle of writing, so that entries are under way that nobody has room for.
      long eaten = 1_000_000L * (1 + random.nextInt(200));
      cluster.world.after(eaten, () -> cluster.disks.values().forEach(resource::exhaust));
      cluster.inClient(() -> writeSome("while", 200, true));
      for (int round = 0; round < 3; round++) {
        int which = random.nextInt(SimCluster.NAMES.size() + 1);
        for (int i = 0; i < SimCluster.NAMES.size(); i++) {
          if (which == i || which == SimCluster.NAMES.size()) {
            cluster.restart(SimCluster.NAMES.get(i), which == i && random.nextBoolean());
          }
        }
        cluster.disks.values().forEach(resource::exhaust);
        cluster.inClient(this::readAll);
      }
      List<String> removed = acknowledged.keySet().stream().limit(10).toList();
      cluster.inClient(() -> removed.forEach(this::unlink));
      cluster.restart(
          SimCluster.NAMES.get(random.nextInt(SimCluster.NAMES.size())), random.nextBoolean());
      cluster.inClient(this::readAll);
      for (SimDisk disk : cluster.disks.values()) {
        disk.capacityBytes = Long.MAX_VALUE;
        disk.capacityFiles = Long.MAX_VALUE;
      }
      cluster.inClient(this::awaitRoom);
      cluster.inClient(() -> writeSome("after", 100, false));
      SimCluster.NAMES.forEach(name -> cluster.restart(name, false));
      cluster.inClient(this::readAll);
      cluster.awaitWhole();
    }

    /** Small files, whose bytes come with the log, and a larger one now and then. */
    private void writeSome(String what, int count, boolean mayBeFull) throws IOException {
      for (int i = 0; i < count; i++) {
        byte[] bytes = new byte[i % 10 == 9 ? 10_000 : 1 + random.nextInt(3000)];
        random.nextBytes(bytes);
        String path = "/" + what + i;
        try (SandFile file = client.open(path, CREATE, 0644)) {
          file.write(ByteBuffer.wrap(bytes));
          file.fsync();
          acknowledged.put(path, bytes);
        } catch (PosixException e) {
          assertThat(e.errno()).as(e.getMessage()).isEqualTo(Errno.ENOSPC);
          assertThat(mayBeFull).as(e.getMessage()).isTrue();
          return;
        }
      }
    }

    private void awaitRoom() throws IOException {
      for (int i = 0; i < 50; i++) {
        try {
          client.open("/room", CREATE, 0644).close();
          return;
        } catch (PosixException e) {
          assertThat(e.errno()).as(e.getMessage()).isEqualTo(Errno.ENOSPC);
          cluster.sleep(Duration.ofMillis(100));
        }
      }
      throw new AssertionError("there is room, and nobody notices");
    }

    private void readAll() throws IOException {
      for (Map.Entry<String, byte[]> entry : acknowledged.entrySet()) {
        byte[] expected = entry.getValue();
        ByteBuffer all = ByteBuffer.allocate(expected.length + 1);
        try (SandFile file = client.open(entry.getKey(), EnumSet.of(OpenFlag.O_RDONLY), 0)) {
          while (file.read(all) >= 0) {
            // Until the end.
          }
        }
        assertThat(Arrays.copyOf(all.array(), all.position()))
            .as(entry.getKey())
            .isEqualTo(expected);
      }
    }

    private void unlink(String path) {
      try {
        client.unlink(path);
        acknowledged.remove(path);
      } catch (IOException e) {
        throw new AssertionError("cannot remove " + path + " from a full disk: " + e, e);
      }
    }
  }
}
