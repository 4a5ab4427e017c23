package io.sandstore.testkit;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.NodeStatus;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Three nodes on this machine, a JVM each, as a person or a test starts them: the very program that
 * runs anywhere else, on loopback.
 */
public final class LocalCluster {

  /** Addresses of the cluster that {@code make up} starts. */
  public static final String SEEDS = "127.0.0.1:9071,127.0.0.1:9072,127.0.0.1:9073";

  private static final List<String> NAMES = List.of("sandstore-0", "sandstore-1", "sandstore-2");

  /** By name: this module must not depend on the command line, which depends on it. */
  private static final String PROGRAM = "io.sandstore.cli.Main";

  private static final long BEGAN_WITHIN_MS = 5_000;

  private final Path directory;
  private final int basePort;
  private final Map<String, String> environment;
  private final boolean pages;

  /**
   * @param directory where data, logs and process ids go
   * @param basePort nodes listen on the three ports behind it
   * @param environment variables of the nodes beside those that every node needs
   */
  public LocalCluster(Path directory, int basePort, Map<String, String> environment) {
    this(directory, basePort, environment, false);
  }

  private LocalCluster(
      Path directory, int basePort, Map<String, String> environment, boolean pages) {
    this.directory = directory;
    this.basePort = basePort;
    this.environment = environment;
    this.pages = pages;
  }

  /**
   * The one at {@link #SEEDS}.
   *
   * @param environment variables of the nodes beside those that every node needs
   */
  public static LocalCluster standard(Path directory, Map<String, String> environment) {
    return new LocalCluster(directory, 9070, environment).withPages();
  }

  /** The same, with probes, metrics and the dashboard ten ports above each node's. */
  public LocalCluster withPages() {
    return new LocalCluster(directory, basePort, environment, true);
  }

  /** Where the dashboard of a node is, if it has one. */
  public String dashboard(String name) {
    return "http://127.0.0.1:" + pagePort(name) + "/ui";
  }

  private int pagePort(String name) {
    return basePort + 11 + NAMES.indexOf(name);
  }

  public List<String> names() {
    return NAMES;
  }

  public String address(String name) {
    return "127.0.0.1:" + (basePort + 1 + NAMES.indexOf(name));
  }

  public String seeds() {
    return String.join(",", NAMES.stream().map(this::address).toList());
  }

  public Path data(String name) {
    return directory.resolve(name).resolve("data");
  }

  public Path log(String name) {
    return directory.resolve(name).resolve("log");
  }

  /** Starts a node unless it runs; returns at once. */
  public void start(String name) throws IOException {
    if (process(name).isPresent()) {
      return;
    }
    Files.createDirectories(data(name));
    ProcessBuilder builder = new ProcessBuilder(command());
    Map<String, String> env = builder.environment();
    env.keySet().removeIf(key -> key.startsWith("SANDSTORE_"));
    env.putAll(environment);
    env.put("SANDSTORE_NAME", name);
    env.put("SANDSTORE_LISTEN", address(name));
    env.put("SANDSTORE_DATA_DIR", data(name).toString());
    env.put(
        "SANDSTORE_MEMBERS",
        String.join(",", NAMES.stream().map(n -> n + "=" + address(n)).toList()));
    if (pages) {
      env.put("SANDSTORE_HTTP", "127.0.0.1:" + pagePort(name));
    }
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log(name).toFile()));
    Process process = builder.start();
    Files.writeString(pidFile(name), process.pid() + " " + began(process.toHandle()));
  }

  /**
   * This same program on this same JDK, within 512 MiB.
   *
   * @param options more for the JVM
   */
  public static List<String> command(String... options) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(NODE_OPTIONS);
    command.addAll(List.of(options));
    String classPath = System.getProperty("java.class.path");
    Optional<Path> packaged =
        Arrays.stream(classPath.split(File.pathSeparator, -1))
            .map(Path::of)
            .filter(part -> part.toString().matches(".*sandstore-cli-[^/]*\\.jar"))
            .findFirst();
    if (packaged.isPresent()) {
      // As 'bin/sandstore' runs it: with the archive of loaded classes, which halves the start.
      Path archive = packaged.get().resolveSibling("../sandstore.jsa");
      command.add("-XX:SharedArchiveFile=" + archive);
      command.add("-Xlog:disable");
    }
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classPath));
    command.addAll(List.of(PROGRAM, "node"));
    return command;
  }

  private static final List<String> NODE_OPTIONS =
      List.of(
          "-Xmx364m",
          "-XX:MaxNewSize=32m",
          "-XX:MaxDirectMemorySize=" + directMegabytes() + "m",
          "-XX:+UseSerialGC",
          "-XX:+UseCompactObjectHeaders",
          "-XX:+ExitOnOutOfMemoryError",
          "-Xshare:auto",
          "-Djdk.virtualThreadScheduler.parallelism=8",
          "-Dsun.net.inetaddr.ttl=5",
          "-Dsun.net.inetaddr.negative.ttl=0");

  /** Buffers, and the blocks of a profile that keeps them in memory. */
  private static int directMegabytes() {
    return 144 + Integer.parseInt(System.getenv().getOrDefault("SANDSTORE_MEMORY_MB", "256"));
  }

  private Path pidFile(String name) {
    return directory.resolve(name).resolve("pid");
  }

  /**
   * The node's process, if it runs. The number in the file may be another program's by now: ours is
   * the one that began when the file says, within what the kernel's boot time wanders.
   */
  public Optional<ProcessHandle> process(String name) throws IOException {
    Path file = pidFile(name);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    String text = Files.readString(file).strip();
    if (!text.matches("[0-9]{1,18} [0-9]{1,18}")) {
      return Optional.empty();
    }
    long pid = Long.parseLong(text.substring(0, text.indexOf(' ')));
    long began = Long.parseLong(text.substring(text.indexOf(' ') + 1));
    return ProcessHandle.of(pid)
        .filter(ProcessHandle::isAlive)
        .filter(p -> Math.abs(began(p) - began) <= BEGAN_WITHIN_MS);
  }

  private static long began(ProcessHandle process) {
    return process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
  }

  public void startAll() throws IOException {
    for (String name : NAMES) {
      start(name);
    }
  }

  /** Kills a node as a power switch would, as far as processes go, and waits until it is gone. */
  public void kill(String name) throws IOException {
    process(name)
        .ifPresent(
            process -> {
              process.destroyForcibly();
              process.onExit().join();
            });
  }

  /** Asks all nodes to stop, and makes them after a while. */
  public void stopAll() throws IOException {
    List<ProcessHandle> processes = new ArrayList<>();
    for (String name : NAMES) {
      process(name).ifPresent(processes::add);
    }
    processes.forEach(ProcessHandle::destroy);
    for (ProcessHandle process : processes) {
      try {
        process.onExit().orTimeout(15, java.util.concurrent.TimeUnit.SECONDS).join();
      } catch (java.util.concurrent.CompletionException e) {
        process.destroyForcibly();
        process.onExit().join();
      }
    }
  }

  /** Removes data and logs. The nodes must be stopped. */
  public void wipe() throws IOException {
    wipe(directory);
  }

  public void wipe(String name) throws IOException {
    wipe(data(name));
  }

  public static void wipe(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  public SandstoreClient client() {
    return new SandstoreClient(JvmHost.create(32), ClientConfig.of(seeds()));
  }

  /** Nodes that do not run, because of a setting say, will not answer however long one waits. */
  private void failIfNoneRuns() throws IOException {
    for (String name : NAMES) {
      if (process(name).isPresent()) {
        return;
      }
    }
    List<String> said = Files.readAllLines(log(NAMES.getFirst()));
    throw new IOException(
        "no node runs; the last words of %s: %s"
            .formatted(NAMES.getFirst(), said.isEmpty() ? "none" : said.getLast()));
  }

  /**
   * Waits until a primary is known and a number of nodes are ready.
   *
   * @return the primary's name
   */
  public String awaitPrimary(int ready, Duration limit) throws IOException, InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    try (SandstoreClient client = client()) {
      while (true) {
        List<NodeStatus> up =
            client.status().getNodesList().stream().map(ClusterStatus.Entry::getStatus).toList();
        Optional<NodeStatus> primary =
            up.stream()
                .filter(s -> !s.getName().isEmpty() && s.getPrimary().equals(s.getName()))
                .max(Comparator.comparingLong(NodeStatus::getTerm));
        boolean enough = up.stream().filter(NodeStatus::getReady).count() >= ready;
        if (primary.isPresent() && enough) {
          return primary.get().getName();
        }
        if (System.nanoTime() > end) {
          throw new IOException(
              "no primary within %s; the nodes' logs are %s/*/log".formatted(limit, directory));
        }
        failIfNoneRuns();
        Thread.sleep(50);
      }
    }
  }
}
