package io.sandstore.chaos;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.replication.Profile;
import io.sandstore.testkit.LocalCluster;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Three machines on one: each node is a process in a network namespace of its own, behind a bridge,
 * with an ext4 of its own on a loop device, and a wall clock that can be moved. Needs root.
 */
final class Lab implements AutoCloseable {

  static final int NODES = 3;
  private static final String BRIDGE = "sandchaos";
  private static final String ACROSS = "-i " + BRIDGE + " -o " + BRIDGE + " -j ACCEPT";
  private static final String NET = "10.83.0.";
  private static final int PORT = 9070;
  private static final long DISK_BYTES = 3L << 30;

  /** Few enough to use them up in a second. */
  static final int DISK_INODES = 64 << 10;

  /**
   * Most nodes live for some seconds here: the thorough compiler would take the cores from them.
   */
  private static final String SHORT_LIVED = "-XX:TieredStopAtLevel=1";

  /** Much happens in little time, and on little room, where the profile lets that be set. */
  private static final Map<String, String> SMALL =
      Map.of(
          "SANDSTORE_RESERVE_MB", "16",
          "SANDSTORE_SNAPSHOT_MB", "1",
          "SANDSTORE_SEGMENT_MB", "4",
          "SANDSTORE_ORPHAN_GRACE_S", "30",
          "SANDSTORE_BLOCK_GRACE_S", "120",
          "SANDSTORE_COLLECT_S", "5",
          "SANDSTORE_SCRUB_MS", "20");

  /** One of the machines. */
  final class LabNode {
    final int number;
    final String name;
    final String namespace;
    final String address;
    final Path directory;
    final Path mount;
    private Optional<Process> process = Optional.empty();
    private String device = "";

    LabNode(int number) {
      this.number = number;
      this.name = "sandstore-" + number;
      this.namespace = "sandchaos" + number;
      this.address = NET + (number + 1);
      this.directory = root.resolve(name);
      this.mount = directory.resolve("disk");
    }

    Path data() {
      return mount.resolve("data");
    }

    Path log() {
      return directory.resolve("log");
    }

    Path clock() {
      return directory.resolve("clock");
    }

    /** Holds before which change of the log's files the process is to end, if it is. */
    Path haltOrder() {
      return directory.resolve("halt");
    }

    boolean runs() {
      return process.map(Process::isAlive).orElse(false);
    }

    long pid() throws IOException {
      return process.orElseThrow(() -> new IOException(name + " does not run")).pid();
    }

    void start() throws IOException {
      if (runs()) {
        return;
      }
      Files.createDirectories(data());
      List<String> command = new ArrayList<>(inside());
      command.addAll(LocalCluster.command(SHORT_LIVED, "-Dsandstore.test.halt=" + haltOrder()));
      ProcessBuilder builder = new ProcessBuilder(command);
      var environment = builder.environment();
      environment.keySet().removeIf(key -> key.startsWith("SANDSTORE_"));
      environment.put("SANDSTORE_NAME", name);
      environment.put("SANDSTORE_LISTEN", endpoint());
      environment.put("SANDSTORE_DATA_DIR", data().toString());
      environment.put("SANDSTORE_MEMBERS", members());
      environment.putAll(settings);
      environment.put("LD_PRELOAD", root.resolve("clock.so").toString());
      environment.put("CHAOS_CLOCK", clock().toString());
      builder.redirectErrorStream(true);
      builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
      process = Optional.of(builder.start());
    }

    String endpoint() {
      return address + ":" + PORT;
    }

    void signal(String signal) throws IOException {
      Shell.run("kill -" + signal + " " + pid());
    }

    /** Ends the process at once, and waits until it is gone. */
    void kill() {
      process.ifPresent(p -> p.destroyForcibly().onExit().join());
    }

    /** Ends the process as an operator would; kills it when that takes too long. */
    void stop() {
      process.ifPresent(
          p -> {
            p.destroy();
            p.onExit().completeOnTimeout(p, 15, java.util.concurrent.TimeUnit.SECONDS).join();
          });
      kill();
    }

    /** Kills the process and takes the disk away without a flush: what was not forced is gone. */
    void losePower() throws IOException {
      kill();
      // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32), with EXT4_GOING_FLAGS_NOLOGFLUSH.
      Shell.run(
          List.of(
              "perl",
              "-e",
              "open(F, '<', $ARGV[0]) or die $!; my $f = pack('L', 2); ioctl(F, 0x8004587d, $f) or die $!",
              mount.toString()));
      Shell.run("umount " + mount);
      mount();
    }

    void wipe() throws IOException {
      kill();
      Shell.run("umount " + mount);
      format();
      mount();
    }

    /** A rule for what comes to or goes from the machine. */
    void rule(String rule) throws IOException {
      inside("iptables -w -A " + rule);
    }

    void heal() throws IOException {
      inside("iptables -w -F");
      Files.writeString(clock(), "0");
      Files.deleteIfExists(haltOrder());
    }

    private void create() throws IOException {
      Files.createDirectories(mount);
      Files.writeString(clock(), "0");
      Shell.run("ip netns add " + namespace);
      Shell.run(
          "ip link add %s-%d type veth peer name eth0 netns %s"
              .formatted(BRIDGE, number, namespace));
      Shell.run("ip link set %s-%d master %s up".formatted(BRIDGE, number, BRIDGE));
      inside("ip address add " + address + "/24 dev eth0");
      inside("ip link set eth0 up");
      inside("ip link set lo up");
      Path image = directory.resolve("disk.img");
      Shell.run("truncate -s " + DISK_BYTES + " " + image);
      device = Shell.run("losetup --find --show " + image);
      format();
      mount();
    }

    private void inside(String command) throws IOException {
      Shell.run(String.join(" ", inside()) + " " + command);
    }

    /** Only the network: 'ip netns exec' would also keep a copy of every mount. */
    private List<String> inside() {
      return List.of("nsenter", "--net=/run/netns/" + namespace);
    }

    private void format() throws IOException {
      Shell.run("mkfs.ext4 -q -F -m 0 -N " + DISK_INODES + " " + device);
    }

    private void mount() throws IOException {
      Shell.run("mount " + device + " " + mount);
    }

    private void remove() {
      kill();
      Shell.attempt("umount -l " + mount);
      Shell.attempt("losetup -d " + device);
      Shell.attempt("ip netns del " + namespace);
    }
  }

  private final Path root;
  private final Map<String, String> settings;
  final List<LabNode> machines;

  /**
   * @param root where disks and logs go; needs room for three times what is written
   * @param profile of the nodes, or its file
   * @throws IllegalArgumentException if there is no such profile, or it is refused
   */
  Lab(Path root, String profile) throws IOException {
    this.root = root;
    this.settings = Profile.environment(profile, SMALL);
    this.machines = IntStream.range(0, NODES).mapToObj(LabNode::new).toList();
    clean();
    Files.createDirectories(root);
    Path source = root.resolve("clock.c");
    try (var in = Lab.class.getResourceAsStream("/clock.c")) {
      Files.write(source, java.util.Objects.requireNonNull(in).readAllBytes());
    }
    Shell.run("gcc -shared -fPIC -O1 -o %s %s -ldl".formatted(root.resolve("clock.so"), source));
    Shell.run("ip link add " + BRIDGE + " type bridge");
    Shell.run("ip address add " + NET + "254/24 dev " + BRIDGE);
    Shell.run("ip link set " + BRIDGE + " up");
    // Where Docker runs, what crosses a bridge is dropped unless somebody says otherwise.
    Shell.run("iptables -w -I FORWARD " + ACROSS);
    for (LabNode machine : machines) {
      machine.create();
    }
  }

  String seeds() {
    return String.join(",", machines.stream().map(LabNode::endpoint).toList());
  }

  private String members() {
    return String.join(",", machines.stream().map(m -> m.name + "=" + m.endpoint()).toList());
  }

  SandstoreClient client(Duration timeout) {
    return new SandstoreClient(JvmHost.create(8), ClientConfig.of(seeds()).withTimeout(timeout));
  }

  LabNode named(String name) {
    return machines.stream().filter(m -> m.name.equals(name)).findFirst().orElseThrow();
  }

  /** What those nodes say of themselves that answer. */
  static List<NodeStatus> status(SandstoreClient client) throws IOException {
    return client.status().getNodesList().stream()
        .filter(ClusterStatus.Entry::hasStatus)
        .map(ClusterStatus.Entry::getStatus)
        .toList();
  }

  static Optional<String> primary(List<NodeStatus> status) {
    return status.stream()
        .filter(s -> s.getPrimary().equals(s.getName()))
        .max(java.util.Comparator.comparingLong(NodeStatus::getTerm))
        .map(NodeStatus::getName);
  }

  /**
   * Waits until all nodes are ready and every block is where it should be; starts what ended
   * itself, as Kubernetes would.
   *
   * @return the primary
   */
  LabNode awaitHealthy(SandstoreClient client, Duration limit)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      for (LabNode machine : machines) {
        machine.start();
      }
      List<NodeStatus> status = status(client);
      Optional<String> primary = primary(status);
      if (primary.isPresent()
          && status.size() == NODES
          && status.stream().allMatch(s -> s.getReady() && s.getUnderReplicatedBlocks() == 0)) {
        return named(primary.get());
      }
      if (System.nanoTime() > end) {
        throw new IOException("not healthy within " + limit + ":\n" + status);
      }
      Thread.sleep(50);
    }
  }

  /** Removes what a run left that was killed itself. */
  private void clean() {
    for (LabNode machine : machines) {
      killThoseIn(machine.namespace);
      Shell.attempt("ip link del " + BRIDGE + "-" + machine.number);
      Shell.attempt("umount -l " + machine.mount);
      Shell.attempt("ip netns del " + machine.namespace);
    }
    removeBridge();
  }

  private static void killThoseIn(String namespace) {
    try {
      for (String pid : Shell.run("ip netns pids " + namespace).split("\\s+")) {
        Shell.attempt("kill -9 " + pid);
      }
    } catch (IOException expected) {
      // There is no such namespace.
    }
  }

  private static void removeBridge() {
    Shell.attempt("iptables -w -D FORWARD " + ACROSS);
    Shell.attempt("ip link del " + BRIDGE);
  }

  @Override
  public void close() {
    machines.forEach(LabNode::remove);
    removeBridge();
  }
}
