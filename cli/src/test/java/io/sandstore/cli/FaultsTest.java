package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.SandstoreClient;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.NodeStatus;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real processes on real disks, hurt in turn while clients write. */
@Tag("slow")
class FaultsTest {

  @TempDir static Path directory;
  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster = new TestCluster(directory.resolve("cluster"), Map.of());
  }

  @AfterAll
  static void stop() throws Exception {
    cluster.close();
  }

  private static String otherThan(String... names) {
    return cluster.nodes.names().stream()
        .filter(name -> !List.of(names).contains(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void killingEachNodeInTurnLosesNothing() throws Exception {
    try (TestCluster.Writer writer = cluster.new Writer("/each")) {
      for (String name : cluster.nodes.names()) {
        writer.awaitMore(20);
        cluster.nodes.kill(name);
        writer.awaitMore(20);
        cluster.nodes.start(name);
        cluster.awaitAll();
      }
      writer.verify();
    }
  }

  @Test
  void killingAllNodesAtOnceLosesNothing() throws Exception {
    try (TestCluster.Writer writer = cluster.new Writer("/all")) {
      writer.awaitMore(60);
      for (String name : cluster.nodes.names()) {
        cluster.nodes.process(name).ifPresent(ProcessHandle::destroyForcibly);
      }
      for (String name : cluster.nodes.names()) {
        cluster.nodes.kill(name);
      }
      cluster.nodes.startAll();
      cluster.awaitAll();
      writer.awaitMore(20);
      writer.verify();
    }
  }

  /**
   * The paused primary wakes up believing that it still leads: it must not answer from its past.
   */
  @Test
  void aPausedPrimaryIsReplacedAndAnswersNothingStale() throws Exception {
    String primary = cluster.awaitAll();
    try (TestCluster.Writer writer = cluster.new Writer("/pause");
        SandstoreClient past = SandstoreClient.connect(cluster.nodes.address(primary));
        SandstoreClient client = cluster.client()) {
      TestCluster.write(client, "/value", new byte[] {1});
      assertThat(TestCluster.read(past, "/value")).containsExactly(1);
      cluster.signal(primary, "STOP");
      try {
        long until = System.nanoTime() + 5_000_000_000L;
        do {
          writer.awaitMore(30); // only possible under another primary
        } while (System.nanoTime() < until);
        TestCluster.write(client, "/value", new byte[] {2});
      } finally {
        cluster.signal(primary, "CONT");
      }
      assertThat(TestCluster.read(past, "/value")).containsExactly(2);
      cluster.awaitAll();
      writer.verify();
    }
  }

  @Test
  void aWipedFollowerRejoinsAndIsRefilled() throws Exception {
    String primary = cluster.awaitAll();
    String follower = otherThan(primary);
    try (TestCluster.Writer writer = cluster.new Writer("/wiped");
        SandstoreClient client = cluster.client()) {
      writer.awaitMore(60);
      long before = status(client, follower).getMemberId();
      cluster.nodes.kill(follower);
      cluster.nodes.wipe(follower);
      cluster.nodes.start(follower);
      cluster.awaitAll();
      writer.awaitMore(20);
      writer.verify();
      await(() -> status(client, follower).getUnderReplicatedBlocks() == 0);
      assertThat(status(client, follower).getMemberId()).isNotEqualTo(before);
      assertThat(status(client, follower).getBlocks()).isGreaterThan(60);
      // And it can stand in for another that is lost.
      String third = otherThan(primary, follower);
      cluster.nodes.kill(third);
      writer.verify();
      cluster.nodes.start(third);
      cluster.awaitAll();
    }
  }

  @Test
  void aDamagedBlockIsServedFromAnotherNodeAndRepaired() throws Exception {
    try (SandstoreClient client = cluster.client()) {
      byte[] data = TestCluster.content(7, 6 << 20);
      TestCluster.write(client, "/damaged", data);
      await(() -> client.statfs().getUnderReplicatedBlocks() == 0);
      for (Path block : newestBlocks(cluster.nodes.data("sandstore-0"), 2)) {
        flip(block, Files.size(block) / 2);
      }
      try (SandstoreClient one = SandstoreClient.connect(cluster.nodes.address("sandstore-0"))) {
        assertThat(TestCluster.read(one, "/damaged")).isEqualTo(data);
      }
      await(() -> status(client, "sandstore-0").getCorruptRepaired() >= 1);
      assertThat(TestCluster.read(client, "/damaged")).isEqualTo(data);
    }
  }

  @Test
  void scrubbingFindsAndRepairsDamageThatNobodyReads() throws Exception {
    try (SandstoreClient client = cluster.client()) {
      TestCluster.write(client, "/scrubbed", TestCluster.content(8, 100_000));
      await(() -> client.statfs().getUnderReplicatedBlocks() == 0);
      long before = status(client, "sandstore-1").getCorruptRepaired();
      Path block = newestBlocks(cluster.nodes.data("sandstore-1"), 1).getFirst();
      flip(block, Files.size(block) - 1);
      await(() -> status(client, "sandstore-1").getCorruptRepaired() > before);
    }
  }

  @Test
  void aDamagedLogMakesTheNodeRejoinInsteadOfForgetting() throws Exception {
    String follower = otherThan(cluster.awaitAll());
    try (TestCluster.Writer writer = cluster.new Writer("/log");
        SandstoreClient client = cluster.client()) {
      writer.awaitMore(40);
      long before = status(client, follower).getMemberId();
      cluster.nodes.kill(follower);
      List<Path> segments = files(cluster.nodes.data(follower).resolve("raft"), "log-");
      flip(segments.getLast(), 200); // near the beginning: whole records follow
      cluster.nodes.start(follower);
      cluster.awaitAll();
      assertThat(status(client, follower).getMemberId()).isNotEqualTo(before);
      writer.verify();
    }
  }

  @Test
  void aTornLogTailIsDroppedAndTheNodeGoesOn() throws Exception {
    String follower = otherThan(cluster.awaitAll());
    try (TestCluster.Writer writer = cluster.new Writer("/torn");
        SandstoreClient client = cluster.client()) {
      writer.awaitMore(20);
      long before = status(client, follower).getMemberId();
      cluster.nodes.kill(follower);
      Path last = files(cluster.nodes.data(follower).resolve("raft"), "log-").getLast();
      try (RandomAccessFile file = new RandomAccessFile(last.toFile(), "rw")) {
        long end = file.length() - 1;
        while (end > 0 && zeroAt(file, end)) {
          end--;
        }
        file.seek((end + 8) / 8 * 8); // behind the last record, the first half of another
        file.write(
            new byte[] {0, 0, 4, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8});
      }
      cluster.nodes.start(follower);
      cluster.awaitAll();
      assertThat(status(client, follower).getMemberId()).isEqualTo(before);
      writer.verify();
    }
  }

  @Test
  void aWeekOfLoadDoesNotFillTheDisk() throws Exception {
    try (SandstoreClient client = cluster.client()) {
      byte[] small = new byte[30_000];
      for (int i = 0; i < 600; i++) {
        TestCluster.write(client, "/same", small); // 18 MB through logs of 4 MiB segments
      }
      await(() -> status(client, cluster.awaitAll()).getSnapshots() > 0);
      for (String name : cluster.nodes.names()) {
        await(() -> size(cluster.nodes.data(name).resolve("raft")) < 40 << 20);
      }
      await(() -> client.statfs().getUnderReplicatedBlocks() == 0);
    }
  }

  // --- Means ---

  static NodeStatus status(SandstoreClient client, String name) throws Exception {
    for (int i = 0; i < 100; i++) {
      for (ClusterStatus.Entry node : client.status().getNodesList()) {
        if (node.hasStatus() && node.getName().equals(name)) {
          return node.getStatus();
        }
      }
    }
    throw new AssertionError(name + " does not answer");
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  static void await(Condition condition) throws Exception {
    long end = System.nanoTime() + TestCluster.LIMIT.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("does not come true in " + TestCluster.LIMIT);
      }
      java.util.concurrent.locks.LockSupport.parkNanos(50_000_000);
    }
  }

  private static boolean zeroAt(RandomAccessFile file, long at) throws Exception {
    file.seek(at);
    return file.read() == 0;
  }

  private static void flip(Path path, long at) throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(at);
      int before = file.read();
      file.seek(at);
      file.write(before ^ 0x10);
    }
  }

  private static List<Path> files(Path directory, String prefix) throws Exception {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(p -> p.getFileName().toString().startsWith(prefix)).sorted().toList();
    }
  }

  private static List<Path> newestBlocks(Path data, int count) throws Exception {
    return TestCluster.files(data.resolve("blocks")).stream()
        .sorted(Comparator.comparingLong(p -> -p.toFile().lastModified()))
        .limit(count)
        .toList();
  }

  private static long size(Path directory) throws Exception {
    return TestCluster.files(directory).stream().mapToLong(p -> p.toFile().length()).sum();
  }
}
