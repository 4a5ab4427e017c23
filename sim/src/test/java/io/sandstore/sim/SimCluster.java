package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.config.Squash;
import io.sandstore.host.Deadline;
import io.sandstore.node.Inspection;
import io.sandstore.node.Node;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Views;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Hello;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Three simulated nodes of the shipped wiring and one client, for a test that says what happens.
 */
final class SimCluster {

  static final List<String> NAMES = List.of("n-0", "n-1", "n-2");

  final World world;
  final Map<String, SimDisk> disks = new LinkedHashMap<>();
  final SandstoreClient client;
  private final long seed;
  private final List<String> names;
  private final UnaryOperator<String> profiles;
  final SimNetwork network;
  private final SimProcess clientProcess;
  private final Map<String, SimProcess> processes = new LinkedHashMap<>();
  private final Map<String, Node> nodes = new LinkedHashMap<>();

  SimCluster(long seed) {
    this(seed, NAMES, name -> "raft");
  }

  /** Nodes of a profile each. */
  SimCluster(long seed, List<String> names, UnaryOperator<String> profiles) {
    this.seed = seed;
    this.names = names;
    this.profiles = profiles;
    this.world = new World(seed);
    this.network = new SimNetwork(world);
    for (String name : names) {
      disks.put(name, new SimDisk(new Random(seed)));
      boot(name);
    }
    clientProcess = new SimProcess(world, "client", network);
    client = anotherClient();
  }

  /** One that has seen nothing yet. */
  SandstoreClient anotherClient() {
    return new SandstoreClient(
        clientProcess.host,
        ClientConfig.of(String.join(",", members().values()))
            .withTimeout(Duration.ofSeconds(30))
            .withBlockBytes(64 << 10)
            .withInlineBytes(4 << 10));
  }

  private Map<String, String> members() {
    Map<String, String> addresses = new LinkedHashMap<>();
    names.forEach(name -> addresses.put(name, name + ":9070"));
    return addresses;
  }

  private NodeConfig config(String name) {
    Profile profile = Profile.named(profiles.apply(name));
    return new NodeConfig(
        name,
        name + ":9070",
        NodeConfig.Addressing.of(members()),
        NodeConfig.Operations.none(),
        "/",
        profile,
        Simulation.small(profile, 32 << 10),
        Duration.ofSeconds(5),
        Duration.ofSeconds(600),
        Duration.ofSeconds(60),
        8,
        Squash.NONE,
        NodeConfig.Cache.STANDARD);
  }

  private void boot(String name) {
    SimProcess process = new SimProcess(world, name, network);
    processes.put(name, process);
    process.host.threads().start("main", () -> main(name, process));
  }

  private void main(String name, SimProcess process) {
    try {
      Node node =
          new Node(process.host, disks.get(name), config(name), () -> members(), Views.none());
      nodes.put(name, node);
      node.start();
    } catch (IOException e) {
      process.host.halt().halt("cannot start: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends a process, for as long as the test wants. */
  void kill(String name) {
    processes.get(name).kill();
    network.drop(processes.get(name));
    nodes.remove(name);
  }

  void restart(String name, boolean power) {
    kill(name);
    if (power) {
      disks.get(name).loseUnforced();
    }
    boot(name);
  }

  /** The node that takes commands. */
  String primary() {
    awaitWhole();
    return nodes.entrySet().stream()
        .filter(node -> node.getValue().inspect().map(Inspection::serves).orElse(false))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow();
  }

  /**
   * A link of the client's machine to one node, without the client's retries.
   *
   * @param from as which node to greet; empty: as a client
   */
  RpcClient link(String name, String from) {
    Hello hello = Hello.newBuilder().setFrom(from).build();
    return new RpcClient(clientProcess.host, name + ":9070", () -> hello);
  }

  Deadline deadline(Duration fromNow) {
    return clientProcess.host.clock().deadline(fromNow);
  }

  Node node(String name) {
    return Objects.requireNonNull(nodes.get(name));
  }

  /** Why a node's process ended itself; empty if it did not. */
  String haltedBy(String name) {
    return Objects.requireNonNull(processes.get(name)).haltedBy();
  }

  /** What runs, of the nodes that are in the cluster. */
  List<Inspection> inspections() {
    List<Inspection> found = new ArrayList<>();
    nodes.values().forEach(node -> node.inspect().ifPresent(found::add));
    return found;
  }

  /** True if every disk has exactly the blocks that it should. */
  boolean whole() {
    nobodyHalted();
    List<Inspection> all = inspections();
    return all.size() == names.size()
        && all.stream().allMatch(i -> i.ready() && i.blocksAreAsReferenced());
  }

  void awaitWhole() {
    boolean whole = world.run(Duration.ofMinutes(3).toNanos(), this::whole);
    assertThat(whole).as("seed %d: every disk has what it should hold", seed).isTrue();
  }

  private void nobodyHalted() {
    processes.forEach(
        (name, process) ->
            assertThat(process.haltedBy()).as("seed %d: %s halted", seed, name).isEmpty());
  }

  interface Step {
    void run() throws IOException, InterruptedException;
  }

  /** Runs a step of the client to its end. */
  void inClient(Step step) {
    CompletableFuture<@Nullable Throwable> end = new CompletableFuture<>();
    clientProcess
        .host
        .threads()
        .start(
            "step",
            () -> {
              try {
                step.run();
                end.complete(null);
              } catch (IOException | InterruptedException | RuntimeException | AssertionError e) {
                end.complete(e);
              }
            });
    boolean ended =
        world.run(
            Duration.ofMinutes(5).toNanos(),
            () -> {
              nobodyHalted();
              return end.isDone();
            });
    assertThat(ended).as("seed %d: the client gets on", seed).isTrue();
    if (end.join() != null) {
      throw new AssertionError("seed " + seed + ": " + end.join(), end.join());
    }
  }

  /** For the client. */
  void sleep(Duration time) {
    try {
      clientProcess.host.clock().sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
