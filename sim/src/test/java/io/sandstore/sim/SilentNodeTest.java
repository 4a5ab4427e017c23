package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.host.Clock;
import io.sandstore.node.Inspection;
import io.sandstore.node.Node;
import io.sandstore.replication.Views;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One of three nodes stands still (SIGSTOP): what reads and writes take in virtual time, judged by
 * what they took before.
 */
@ParameterizedClass(name = "{0}")
@ValueSource(strings = {"raft", "read"})
class SilentNodeTest {

  private static final List<String> NAMES = List.of("sandstore-0", "sandstore-1", "sandstore-2");
  private static final int BLOCK_BYTES = 64 << 10;
  private static final int BLOCKS = 200;

  private final World world = new World(1);
  private final SimNetwork network = new SimNetwork(world);
  private final Map<String, SimProcess> processes = new LinkedHashMap<>();
  private final Map<String, Node> nodes = new LinkedHashMap<>();

  private final String profile;

  SilentNodeTest(String profile) {
    this.profile = profile;
  }

  private static Map<String, String> addresses() {
    Map<String, String> addresses = new LinkedHashMap<>();
    NAMES.forEach(name -> addresses.put(name, name + ":9070"));
    return addresses;
  }

  private void start(String name) {
    SimProcess process = new SimProcess(world, name, network);
    processes.put(name, process);
    NodeConfig config =
        NodeConfig.of(
            Map.of(
                "SANDSTORE_NAME",
                name,
                "SANDSTORE_PROFILE",
                profile,
                "SANDSTORE_LISTEN",
                name + ":9070",
                "SANDSTORE_DATA_DIR",
                "/",
                "SANDSTORE_MEMBERS",
                String.join(",", NAMES.stream().map(n -> n + "=" + n + ":9070").toList())));
    process
        .host
        .threads()
        .start(
            "main",
            () -> {
              try {
                Node node =
                    new Node(
                        process.host,
                        new SimDisk(new Random(1)),
                        config,
                        () -> addresses(),
                        Views.none());
                nodes.put(name, node);
                node.start();
              } catch (IOException | InterruptedException e) {
                process.host.halt().halt("cannot start: " + e.getMessage(), e);
              }
            });
  }

  private interface Task {
    void run(SimProcess process) throws Exception;
  }

  private void run(Task task) throws Exception {
    SimProcess process = new SimProcess(world, "client", network);
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    process
        .host
        .threads()
        .start(
            "test",
            () -> {
              try {
                task.run(process);
                done.complete(true);
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    world.run(Duration.ofHours(1).toNanos(), done::isDone);
    assertThat(done).isDone();
    done.get();
  }

  private void awaitAll(Clock clock) throws InterruptedException {
    while (nodes.size() < NAMES.size()
        || !nodes.values().stream()
            .allMatch(n -> n.inspect().map(Inspection::ready).orElse(false))) {
      clock.sleep(Duration.ofMillis(50));
    }
  }

  private static SandstoreClient client(SimProcess process, List<String> seeds) {
    return new SandstoreClient(
        process.host,
        ClientConfig.of(String.join(",", seeds)).withBlockBytes(BLOCK_BYTES).withInlineBytes(0));
  }

  private static Duration write(Clock clock, SandstoreClient client, String path)
      throws IOException {
    long begin = clock.nanos();
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644)) {
      for (int i = 0; i < BLOCKS; i++) {
        file.write(ByteBuffer.allocate(BLOCK_BYTES));
      }
    }
    return Duration.ofNanos(clock.nanos() - begin);
  }

  private static Duration read(Clock clock, SandstoreClient client, String path, int atOnce)
      throws IOException {
    long begin = clock.nanos();
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      long read = 0;
      for (int n; (n = file.read(ByteBuffer.allocate(atOnce))) > 0; ) {
        read += n;
      }
      assertThat(read).isEqualTo((long) BLOCKS * BLOCK_BYTES);
    }
    return Duration.ofNanos(clock.nanos() - begin);
  }

  @Test
  void afterFiveSecondsASilentNodeCostsLessThanAsMuchAgain() throws Exception {
    network.maxDelayNanos = 1_000_000;
    NAMES.forEach(this::start);
    run(
        process -> {
          Clock clock = process.host.clock();
          awaitAll(clock);
          try (SandstoreClient client = client(process, List.copyOf(addresses().values()))) {
            write(clock, client, "/before");
            Duration healthyWrite = write(clock, client, "/healthy");
            Duration healthyRead = read(clock, client, "/before", 3 * BLOCK_BYTES);
            Duration healthyPieces = read(clock, client, "/before", BLOCK_BYTES / 2);

            String primary = primary();
            String silent =
                NAMES.stream().filter(n -> !n.equals(primary)).findFirst().orElseThrow();
            processes.get(silent).pause();
            write(clock, client, "/notices");
            read(clock, client, "/before", BLOCK_BYTES / 2);
            clock.sleep(Duration.ofSeconds(5));

            assertThat(read(clock, client, "/before", 3 * BLOCK_BYTES))
                .isLessThan(healthyRead.multipliedBy(2));
            assertThat(read(clock, client, "/before", BLOCK_BYTES / 2))
                .isLessThan(healthyPieces.multipliedBy(2));
            assertThat(write(clock, client, "/silent")).isLessThan(healthyWrite.multipliedBy(2));
            processes.get(silent).resume();
          }
        });
  }

  /** As a command does: a process of its own, which knows nothing but the addresses. */
  private Duration command(SimProcess process, List<String> seeds, String name) throws IOException {
    long begin = process.host.clock().nanos();
    try (SandstoreClient client = client(process, seeds)) {
      write(process.host.clock(), client, name);
      read(process.host.clock(), client, name, 3 * BLOCK_BYTES);
    }
    return Duration.ofNanos(process.host.clock().nanos() - begin);
  }

  @Test
  void oneWhoComesWhileANodeIsSilentDoesNotWaitForItWhicheverItAsksFirst() throws Exception {
    network.maxDelayNanos = 1_000_000;
    NAMES.forEach(this::start);
    run(
        process -> {
          awaitAll(process.host.clock());
          List<String> seeds = new ArrayList<>(addresses().values());
          command(process, seeds, "/before");
          Duration healthy = command(process, seeds, "/healthy");

          String primary = primary();
          String silent = NAMES.stream().filter(n -> !n.equals(primary)).findFirst().orElseThrow();
          processes.get(silent).pause();
          process.host.clock().sleep(Duration.ofSeconds(5));
          for (int i = 0; i < NAMES.size(); i++) {
            assertThat(command(process, seeds, "/silent" + i))
                .as("asking %s, without %s", seeds, silent)
                .isLessThan(healthy.multipliedBy(2));
            Collections.rotate(seeds, 1);
          }
          processes.get(silent).resume();
        });
  }

  private String primary() {
    return nodes.entrySet().stream()
        .filter(e -> e.getValue().inspect().map(Inspection::serves).orElse(false))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow();
  }
}
