package io.sandstore.sim;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.node.Build;
import io.sandstore.node.Inspection;
import io.sandstore.node.Node;
import io.sandstore.replication.Views;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Three shipped nodes and some clients in virtual time, without any fault but those that a test
 * makes: hours pass in seconds, and the same test always runs the same way.
 */
final class CalmCluster {

  private static final List<String> NAMES = List.of("sandstore-0", "sandstore-1", "sandstore-2");
  private static final Duration LIMIT = Duration.ofDays(2);

  /** What a test does, on a thread of a process of its own. */
  interface Task {
    void run(Host host) throws Exception;
  }

  private final World world = new World(1);
  private final SimNetwork network = new SimNetwork(world);
  private final Map<String, SimDisk> disks = new LinkedHashMap<>();
  private final Map<String, SimProcess> processes = new LinkedHashMap<>();
  private final Map<String, Node> nodes = new LinkedHashMap<>();
  private final Map<String, Long> wallOffsets = new LinkedHashMap<>();
  private final Map<String, String> settings;
  private final Function<String, Telemetry> telemetry;

  /**
   * @param settings variables of the nodes that differ from their defaults
   */
  CalmCluster(Map<String, String> settings) {
    this(settings, Build.THIS);
  }

  CalmCluster(Map<String, String> settings, Build build) {
    this(settings, build, name -> Telemetry.NONE);
  }

  /**
   * @param telemetry of the process of a name: a node's, or "client"
   */
  CalmCluster(Map<String, String> settings, Function<String, Telemetry> telemetry) {
    this(settings, Build.THIS, telemetry);
  }

  private CalmCluster(
      Map<String, String> settings, Build build, Function<String, Telemetry> telemetry) {
    this.settings = settings;
    this.telemetry = telemetry;
    network.maxDelayNanos = 1_000_000;
    for (String name : NAMES) {
      disks.put(name, new SimDisk(new Random(1)));
      start(name, build);
    }
  }

  private SimProcess process(String name) {
    return new SimProcess(world, name, network, new SimProcess.Clocks(), telemetry.apply(name));
  }

  private NodeConfig config(String name, Map<String, String> more) {
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("SANDSTORE_NAME", name);
    environment.put("SANDSTORE_LISTEN", address(name));
    environment.put("SANDSTORE_DATA_DIR", "/");
    environment.put("SANDSTORE_RESERVE_MB", "96");
    environment.put("SANDSTORE_SEGMENT_MB", "4");
    environment.put(
        "SANDSTORE_MEMBERS",
        String.join(",", NAMES.stream().map(n -> n + "=" + address(n)).toList()));
    environment.putAll(settings);
    environment.putAll(more);
    return NodeConfig.of(environment);
  }

  private static String address(String name) {
    return name + ":9070";
  }

  static String seeds() {
    return String.join(",", NAMES.stream().map(CalmCluster::address).toList());
  }

  /** Starts a node on what its disk holds; it may be running: then nothing more happens to that. */
  void start(String name) {
    start(name, Build.THIS);
  }

  void start(String name, Build build) {
    start(name, build, Map.of());
  }

  /** With variables that differ from those that the cluster began with. */
  void start(String name, Map<String, String> more) {
    start(name, Build.THIS, more);
  }

  private void start(String name, Build build, Map<String, String> more) {
    NodeConfig config = config(name, more);
    SimProcess process = process(name);
    process.clocks.wallMillis = wallOffsets.getOrDefault(name, 0L);
    processes.put(name, process);
    process.host.threads().start("main", () -> main(process, config, build));
  }

  private void main(SimProcess process, NodeConfig config, Build build) {
    try {
      Map<String, String> addresses = new LinkedHashMap<>();
      NAMES.forEach(name -> addresses.put(name, address(name)));
      Node node =
          new Node(
              process.host, disks.get(config.name()), config, () -> addresses, Views.none(), build);
      nodes.put(config.name(), node);
      node.start();
    } catch (IOException e) {
      process.host.halt().halt("cannot start: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Tells of every frame from now on. */
  void observe(Consumer<SimNetwork.Sent> observer) {
    network.observer = observer;
  }

  /** The test's process and a node do not hear each other any more. */
  void cutOff(String name) {
    network.cut("client", name);
    network.cut(name, "client");
  }

  /** A node and the others do not hear each other any more; the test's process hears all. */
  void isolate(String name) {
    for (String other : NAMES) {
      if (!other.equals(name)) {
        network.cut(other, name);
        network.cut(name, other);
      }
    }
  }

  void heal() {
    network.heal();
  }

  /** Messages take a microsecond from now on: next to nothing else happens meanwhile. */
  void hurryMessages() {
    network.maxDelayNanos = 1_000;
  }

  /** How often threads of a process, a node's or "client"'s, began or went on so far. */
  long handOvers(String name) {
    return processes.get(name).handOvers();
  }

  /** Ends a process; what was forced stays. */
  void kill(String name) {
    processes.get(name).kill();
    network.drop(processes.get(name));
    disks.get(name).loseUnforced();
    nodes.remove(name);
  }

  void wipe(String name) {
    disks.get(name).wipe();
  }

  /** Why a node's process ended itself; empty if it did not. */
  String haltedBy(String name) {
    return processes.get(name).haltedBy();
  }

  Node node(String name) {
    return nodes.get(name);
  }

  void restartAll() {
    NAMES.forEach(this::kill);
    NAMES.forEach(name -> start(name));
  }

  /** From now on this node's wall clock shows so much more than real time. */
  void setWallOffset(String name, Duration offset) {
    wallOffsets.put(name, offset.toMillis());
    processes.get(name).clocks.wallMillis = offset.toMillis();
  }

  List<String> names() {
    return NAMES;
  }

  /** What runs and belongs to the cluster. */
  List<Inspection> inspections() {
    List<Inspection> all = new ArrayList<>();
    nodes.values().forEach(node -> node.inspect().ifPresent(all::add));
    return all;
  }

  /** The name of the node that leads. */
  String primary(Host host) throws InterruptedException {
    while (true) {
      for (Map.Entry<String, Node> entry : nodes.entrySet()) {
        if (entry.getValue().inspect().map(Inspection::serves).orElse(false)) {
          return entry.getKey();
        }
      }
      host.clock().sleep(Duration.ofMillis(50));
    }
  }

  /** Waits until every node belongs to the cluster and is whole. */
  void awaitAll(Host host) throws InterruptedException {
    while (inspections().size() < NAMES.size()
        || !inspections().stream().allMatch(Inspection::ready)) {
      host.clock().sleep(Duration.ofMillis(50));
    }
  }

  Inspection inspect(String name) {
    return nodes.get(name).inspect().orElseThrow();
  }

  static SandstoreClient client(Host host) {
    return new SandstoreClient(
        host, ClientConfig.of(seeds()).withBlockBytes(64 << 10).withInlineBytes(4 << 10));
  }

  /** Runs a task as a client's process until it returns or throws. */
  void run(Task task) throws Exception {
    SimProcess process = process("client");
    processes.put("client", process);
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    process
        .host
        .threads()
        .start(
            "test",
            () -> {
              try {
                task.run(process.host);
                done.complete(true);
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    if (!world.run(LIMIT.toNanos(), done::isDone)) {
      throw new AssertionError("not done after two days: " + inspections());
    }
    done.get();
    process.kill();
  }
}
