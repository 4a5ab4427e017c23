package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import io.sandstore.namespace.CacheFiles;
import io.sandstore.node.Inspection;
import io.sandstore.replication.BlockPlane;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * A cache in memory that more is written to than it has room for: what is marked goes, least
 * recently used first, and nothing else does.
 */
class CacheTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);
  private static final int MEGABYTES = 8;
  private static final int FILE_BYTES = 60_000;

  private static CalmCluster cluster(String full) {
    return new CalmCluster(
        Map.of(
            "SANDSTORE_PROFILE",
            "memory",
            "SANDSTORE_MEMORY_MB",
            Integer.toString(MEGABYTES),
            "SANDSTORE_CACHE_FULL",
            full));
  }

  /** What the test knows of files, and of the memory of those who keep them. */
  private static final class Files {
    final CalmCluster cluster;
    final Host host;
    final SandstoreClient client;
    final Map<String, byte[]> written = new LinkedHashMap<>();
    final Random random = new Random(5);

    Files(CalmCluster cluster, Host host) throws InterruptedException {
      this.cluster = cluster;
      this.host = host;
      this.client = CalmCluster.client(host);
      cluster.awaitAll(host);
    }

    void mark(String path, String value) throws IOException {
      client.xattrs(path).set(CacheFiles.MARK, value.getBytes(StandardCharsets.UTF_8));
    }

    void write(String path) throws IOException {
      write(path, FILE_BYTES);
    }

    void write(String path, int length) throws IOException {
      byte[] bytes = new byte[length];
      random.nextBytes(bytes);
      try (SandFile file = client.open(path, CREATE, 0644)) {
        file.write(ByteBuffer.wrap(bytes));
        file.fsync();
      }
      written.put(path, bytes);
      withinBounds();
    }

    void withinBounds() {
      for (Inspection node : cluster.inspections()) {
        try {
          BlockPlane.Capacity capacity = node.blocks().capacity();
          assertThat(capacity.totalBytes()).isEqualTo((long) MEGABYTES << 20);
          assertThat(capacity.freeBytes()).isBetween(0L, capacity.totalBytes());
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }

    /** The whole file, or nothing. */
    Optional<byte[]> read(String path) throws IOException {
      try (SandFile file = client.open(path, READ, 0)) {
        ByteBuffer all = ByteBuffer.allocate(FILE_BYTES + 1);
        while (file.read(all) >= 0) {
          // Until the end.
        }
        return Optional.of(Arrays.copyOf(all.array(), all.position()));
      } catch (PosixException e) {
        assertThat(e.errno()).as(path + ": " + e.getMessage()).isIn(Errno.ENOENT, Errno.ESTALE);
        return Optional.empty();
      }
    }

    boolean isThere(String path) throws IOException {
      Optional<byte[]> found = read(path);
      found.ifPresent(bytes -> assertThat(bytes).as(path).isEqualTo(written.get(path)));
      return found.isPresent();
    }

    List<Boolean> areThere(List<String> paths) throws IOException {
      List<Boolean> there = new ArrayList<>();
      for (String path : paths) {
        there.add(isThere(path));
      }
      return there;
    }

    NodeStatus evictions() throws IOException, InterruptedException {
      long files = 0;
      long expired = 0;
      for (String name : cluster.names()) {
        if (cluster.node(name) != null) {
          NodeStatus status = cluster.node(name).status().ofThis();
          files += status.getCacheEvicted();
          expired += status.getCacheExpired();
        }
      }
      return NodeStatus.newBuilder().setCacheEvicted(files).setCacheExpired(expired).build();
    }
  }

  @Test
  void minutesOfWritesBeyondTheCapacityTakeOnlyWhatMayGo() throws Exception {
    CalmCluster cluster = cluster("evict");
    cluster.run(
        host -> {
          Files files = new Files(cluster, host);
          files.client.mkdir("/c", 0755);
          files.mark("/c", "");
          List<String> kept = new ArrayList<>();
          List<String> hot = new ArrayList<>();
          for (int i = 0; i < 8; i++) {
            files.write("/plain" + i);
            files.write("/small" + i, 900); // comes with the log
            files.write("/c/pinned" + i);
            files.mark("/c/pinned" + i, "pin");
            files.write("/c/hot" + i);
            kept.addAll(List.of("/plain" + i, "/small" + i, "/c/pinned" + i));
            hot.add("/c/hot" + i);
          }
          List<String> cold = new ArrayList<>();
          for (int i = 0; i < 600; i++) {
            String path = "/c/cold" + i;
            files.write(path, i % 5 == 0 ? 900 : FILE_BYTES);
            cold.add(path);
            host.clock().sleep(Duration.ofMillis(500));
            if (i % 6 == 0) {
              assertThat(files.areThere(hot)).as("those in use, after %d", i).doesNotContain(false);
            }
            files.isThere(cold.get(files.random.nextInt(i + 1)));
            if (i == 300) {
              String primary = cluster.primary(host);
              cluster.kill(primary);
              host.clock().sleep(Duration.ofSeconds(3));
              cluster.start(primary);
              cluster.awaitAll(host);
            }
          }
          assertThat(files.areThere(kept)).as("what may not go").doesNotContain(false);
          assertThat(files.isThere(cold.getLast())).isTrue();
          assertThat(files.isThere(cold.getFirst())).isFalse();
          assertThat(files.evictions().getCacheEvicted()).isPositive();
          assertThat(files.evictions().getCacheExpired()).isZero();
          long most = ((long) MEGABYTES << 20) / FILE_BYTES;
          long there = files.areThere(cold).stream().filter(is -> is).count();
          assertThat(there).as("most of the room is in use").isBetween(most / 2, 2 * most);
          files.client.close();
        });
  }

  /** As fast as can be, without a moment for anybody's rounds. */
  @Test
  void whoFindsNoRoomWaitsUntilSomeIsMade() throws Exception {
    CalmCluster cluster = cluster("evict");
    cluster.run(
        host -> {
          Files files = new Files(cluster, host);
          files.client.mkdir("/c", 0755);
          files.mark("/c", "");
          for (int i = 0; i < 400; i++) {
            files.write("/c/f" + i);
          }
          assertThat(files.isThere("/c/f399")).isTrue();
          assertThat(files.evictions().getCacheEvicted()).isGreaterThan(200);
          files.client.close();
        });
  }

  @Test
  void withoutLeaveToEvictWritersAreRefusedAndNothingUnmarkedGoes() throws Exception {
    for (String full : List.of("refuse", "evict")) {
      CalmCluster cluster = cluster(full);
      cluster.run(
          host -> {
            Files files = new Files(cluster, host);
            try {
              for (int i = 0; i < 400; i++) {
                files.write("/f" + i);
              }
              throw new AssertionError("there is no end of room");
            } catch (PosixException e) {
              assertThat(e.errno()).as(e.getMessage()).isEqualTo(Errno.ENOSPC);
            }
            host.clock().sleep(Duration.ofSeconds(30));
            assertThat(files.areThere(List.copyOf(files.written.keySet()))).doesNotContain(false);
            assertThat(files.evictions().getCacheEvicted()).isZero();
            files.client.unlink("/f0");
            files.client.close();
          });
    }
  }

  /** What was read is told to those who may have to choose next. */
  @Test
  void theNextPrimaryKnowsWhatWasUsed() throws Exception {
    CalmCluster cluster = cluster("evict");
    cluster.run(
        host -> {
          Files files = new Files(cluster, host);
          files.client.mkdir("/c", 0755);
          files.mark("/c", "");
          List<String> used = new ArrayList<>();
          List<String> unused = new ArrayList<>();
          for (int i = 0; i < 30; i++) {
            files.write("/c/used" + i);
            files.write("/c/unused" + i);
            used.add("/c/used" + i);
            unused.add("/c/unused" + i);
          }
          host.clock().sleep(Duration.ofMinutes(2));
          assertThat(files.areThere(used)).doesNotContain(false);
          host.clock().sleep(Duration.ofSeconds(12)); // two rounds
          String primary = cluster.primary(host);
          cluster.kill(primary);
          host.clock().sleep(Duration.ofSeconds(3));
          cluster.start(primary);
          cluster.awaitAll(host);
          for (int i = 0; files.evictions().getCacheEvicted() == 0; i++) {
            files.write("/c/new" + i);
          }
          assertThat(files.areThere(used)).as("those that were read").doesNotContain(false);
          assertThat(files.areThere(unused)).as("some of the others went").contains(false);
          files.client.close();
        });
  }

  @Test
  void aFileGoesWhenItsTimeIsOverByTheClusterAndNotByOneClock() throws Exception {
    CalmCluster cluster = cluster("refuse");
    cluster.run(
        host -> {
          Files files = new Files(cluster, host);
          files.client.mkdir("/t", 0755);
          files.mark("/t", "ttl=60");
          files.write("/t/f");
          files.write("/t/again");
          files.write("/t/pinned");
          files.mark("/t/pinned", "pin");
          files.write("/plain");
          String primary = cluster.primary(host);
          cluster.setWallOffset(primary, Duration.ofHours(1));
          host.clock().sleep(Duration.ofSeconds(7));
          cluster.setWallOffset(primary, Duration.ZERO);
          host.clock().sleep(Duration.ofSeconds(38));
          assertThat(files.areThere(List.of("/t/f", "/t/again"))).doesNotContain(false);
          files.write("/t/again");
          host.clock().sleep(Duration.ofSeconds(25));
          assertThat(files.isThere("/t/f")).isFalse();
          assertThat(files.isThere("/t/again")).as("changed since").isTrue();
          host.clock().sleep(Duration.ofSeconds(45));
          assertThat(files.isThere("/t/again")).isFalse();
          assertThat(files.areThere(List.of("/t/pinned", "/plain"))).doesNotContain(false);
          assertThat(files.evictions().getCacheExpired()).isEqualTo(2);
          files.client.close();
        });
  }

  /** Who has it open reads on; who comes later does not find it. */
  @Test
  void whoHasAFileOpenThatGoesReadsItToItsEnd() throws Exception {
    CalmCluster cluster = cluster("refuse");
    cluster.run(
        host -> {
          Files files = new Files(cluster, host);
          files.client.mkdir("/t", 0755);
          files.mark("/t", "ttl=60");
          files.write("/t/f");
          try (SandFile open = files.client.open("/t/f", READ, 0)) {
            host.clock().sleep(Duration.ofSeconds(100));
            assertThat(files.isThere("/t/f")).isFalse();
            ByteBuffer all = ByteBuffer.allocate(FILE_BYTES);
            while (all.hasRemaining() && open.read(all) >= 0) {
              // Until the end.
            }
            assertThat(all.array()).isEqualTo(files.written.get("/t/f"));
          }
          files.client.close();
        });
  }
}
