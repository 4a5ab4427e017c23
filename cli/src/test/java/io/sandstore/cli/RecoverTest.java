package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.SandstoreClient;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** More disks lost their logs than a cluster survives. */
@Tag("slow")
class RecoverTest {

  private record Run(int code, String out, String err) {}

  private static Run recover(String... args) {
    java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
    StringWriter err = new StringWriter();
    PrintStream before = System.out;
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      List<String> all = Stream.concat(Stream.of("recover"), Stream.of(args)).toList();
      int code =
          Main.commandLine().setErr(new PrintWriter(err, true)).execute(all.toArray(String[]::new));
      return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString());
    } finally {
      System.setOut(before);
    }
  }

  private static void loseLog(Path data) throws Exception {
    for (Path file : TestCluster.files(data.resolve("raft"))) {
      Files.delete(file);
    }
  }

  private static void awaitSaid(TestCluster cluster, String node, String words) throws Exception {
    FaultsTest.await(() -> Files.readString(cluster.nodes.log(node)).contains(words));
  }

  @Test
  void oneThatIsLeftGoesOnAloneWhenThatIsSaidAndTheOthersJoinIt(@TempDir Path directory)
      throws Exception {
    try (TestCluster cluster = new TestCluster(directory, Map.of())) {
      byte[] small = TestCluster.content(1, 1_000);
      byte[] large = TestCluster.content(2, 5 << 20);
      try (SandstoreClient client = cluster.client()) {
        TestCluster.write(client, "/small", small);
        TestCluster.write(client, "/large", large);
      }
      List<String> names = cluster.nodes.names();
      Path left = cluster.nodes.data(names.get(2));
      assertThat(recover(left.toString()).err()).contains("a node runs on it");
      cluster.nodes.stopAll();
      loseLog(cluster.nodes.data(names.get(0)));
      loseLog(cluster.nodes.data(names.get(1)));
      cluster.nodes.startAll();
      awaitSaid(cluster, names.get(0), "the log is gone");
      awaitSaid(cluster, names.get(1), "not taken in yet");
      cluster.nodes.stopAll();

      Run shown = recover(Stream.of(0, 1, 2).map(i -> data(cluster, i)).toArray(String[]::new));
      assertThat(shown.code()).isZero();
      assertThat(shown.out()).contains("belonged to", "whole, snapshot at", "blocks");
      assertThat(recover("--alone", data(cluster, 0), "--yes").err())
          .contains("belongs to no cluster");
      assertThat(recover("--alone", left.toString()).out()).contains("nothing was changed");
      assertThat(recover("--alone", data(cluster, 1), data(cluster, 2)).code())
          .isEqualTo(ExitCode.USAGE.number());

      Run done = recover("--alone", left.toString(), "--yes");
      assertThat(done.out()).contains("is the only member");
      cluster.nodes.startAll();
      cluster.awaitAll();
      try (SandstoreClient client = cluster.client()) {
        assertThat(TestCluster.read(client, "/small")).isEqualTo(small);
        assertThat(TestCluster.read(client, "/large")).isEqualTo(large);
        TestCluster.write(client, "/after", small);
      }
    }
  }

  @Test
  void threeThatLostTheirLogsFoundNoNewCluster(@TempDir Path directory) throws Exception {
    try (TestCluster cluster = new TestCluster(directory, Map.of())) {
      try (SandstoreClient client = cluster.client()) {
        TestCluster.write(client, "/file", TestCluster.content(1, 100_000));
      }
      cluster.nodes.stopAll();
      for (String name : cluster.nodes.names()) {
        loseLog(cluster.nodes.data(name));
      }
      cluster.nodes.startAll();
      for (String name : cluster.nodes.names()) {
        awaitSaid(cluster, name, "no cluster is founded, for it would be another one");
      }
      cluster.nodes.stopAll();
      cluster.nodes.wipe(cluster.nodes.names().get(1)); // neither a restart nor a new disk helps
      for (String name : cluster.nodes.names()) {
        Files.delete(cluster.nodes.log(name));
      }
      cluster.nodes.startAll();
      for (String name : cluster.nodes.names()) {
        awaitSaid(cluster, name, "no cluster is founded, for it would be another one");
      }
    }
  }

  /** Whose blocks these are cannot be told. */
  @Test
  void aDirectoryThatLostItsIdentityIsRefused(@TempDir Path directory) throws Exception {
    try (TestCluster cluster = new TestCluster(directory, Map.of())) {
      try (SandstoreClient client = cluster.client()) {
        TestCluster.write(client, "/file", TestCluster.content(1, 100_000));
      }
      String name = cluster.nodes.names().getFirst();
      cluster.nodes.kill(name);
      Files.delete(cluster.nodes.data(name).resolve("identity"));
      cluster.nodes.start(name);
      awaitSaid(cluster, name, "no identity");
      FaultsTest.await(() -> cluster.nodes.process(name).isEmpty());
    }
  }

  private static String data(TestCluster cluster, int node) {
    return cluster.nodes.data(cluster.nodes.names().get(node)).toString();
  }
}
