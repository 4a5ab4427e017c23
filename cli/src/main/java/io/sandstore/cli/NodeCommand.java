package io.sandstore.cli;

import io.sandstore.config.NodeConfig;
import io.sandstore.control.Metrics;
import io.sandstore.control.NodeServices;
import io.sandstore.host.Deadline;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.node.Node;
import io.sandstore.testkit.LocalCluster;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;

/** Runs a node until it is told to stop. */
@Command(
    name = "node",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Environment:",
      "  SANDSTORE_NAME            this node's name",
      "  SANDSTORE_MEMBERS         all nodes: name=host:port, separated by commas",
      "  SANDSTORE_DATA_DIR        directory of this node's files",
      "  and, with defaults, those that 'sandstore node --variables' prints"
    })
final class NodeCommand implements Callable<Integer> {

  private static final Logger log = LoggerFactory.getLogger(NodeCommand.class);

  @picocli.CommandLine.Option(names = "--variables", description = "print all variables and exit")
  boolean variables;

  @picocli.CommandLine.Option(
      names = "--check-profile",
      paramLabel = "PROFILE",
      description =
          "wire a node of this profile, have it lead itself in a directory of its own, exit")
  String checked = "";

  @Override
  public Integer call() throws Exception {
    if (!checked.isEmpty()) {
      checkProfile(checked);
      return 0;
    }
    if (variables) {
      NodeConfig.keys(NodeConfig.profile(System.getenv()))
          .forEach(
              key ->
                  System.out.printf("%-26s %-14s %s%n", key.name(), key.standard(), key.meaning()));
      return 0;
    }
    NodeConfig config = NodeConfig.of(System.getenv());
    Path data = Path.of(config.dataDir());
    createPrivately(data);
    try (RandomAccessFile file = new RandomAccessFile(data.resolve("lock").toFile(), "rw")) {
      FileLock lock = lock(file);
      if (lock == null) {
        throw new IOException(data + " is in use by another node");
      }
      run(config, data);
    }
    return 0;
  }

  /** True if a node runs on a directory. */
  static boolean isInUse(Path data) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(data.resolve("lock").toFile(), "rw")) {
      return lock(file) == null;
    }
  }

  /** Shows that an image has what its profile needs, before it is pushed anywhere. */
  private static void checkProfile(String profile) throws Exception {
    Path data = Files.createTempDirectory("sandstore-check");
    Map<String, String> environment =
        Map.of(
            "SANDSTORE_NAME", "check-0",
            "SANDSTORE_MEMBERS", "check-0=127.0.0.1:9070",
            "SANDSTORE_LISTEN", "127.0.0.1:9070",
            "SANDSTORE_HTTP", "127.0.0.1:9080",
            "SANDSTORE_DATA_DIR", data.toString(),
            "SANDSTORE_PROFILE", profile,
            // The image's Dockerfile says it of a profile that is not among those here.
            "SANDSTORE_PROFILE_PARTS",
                Objects.requireNonNullElse(System.getenv("SANDSTORE_PROFILE_PARTS"), ""));
    NodeConfig config = NodeConfig.of(environment);
    Metrics metrics = new Metrics(config.operations().slow());
    Host host = JvmHost.create(config.buffers(), metrics);
    try (NodeServices services = new NodeServices(config, metrics);
        Node node =
            new Node(host, new FileDisk(data), config, services.discovery(), services.views())) {
      services.attach(node);
      node.start();
      Deadline limit = host.clock().deadline(Duration.ofSeconds(30));
      while (!node.status().ofThis().getReady()) {
        if (limit.passed()) {
          throw new IOException("not ready: " + node.status().ofThis().getNotReadyList());
        }
        host.clock().sleep(Duration.ofMillis(20));
      }
    }
    LocalCluster.wipe(data);
    System.out.println("profile " + config.profile().name() + " works");
  }

  /** Volumes are often open to everybody: what is ours is not. */
  private static void createPrivately(Path data) throws IOException {
    if (!Files.isDirectory(data)) {
      Path parent = data.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      Files.createDirectory(
          data, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
  }

  private static @Nullable FileLock lock(RandomAccessFile file) throws IOException {
    try {
      return file.getChannel().tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static void run(NodeConfig config, Path data) throws Exception {
    Metrics metrics = new Metrics(config.operations().slow());
    Telemetry telemetry = config.operations().metrics() ? metrics : Telemetry.NONE;
    Host host = JvmHost.create(config.buffers(), telemetry);
    NodeServices services = new NodeServices(config, metrics);
    Disk disk = HaltingDisk.ifAsked(new FileDisk(data));
    Node node = new Node(host, disk, config, services.discovery(), services.views());
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    node.shutDown();
                    services.close();
                  } catch (IOException e) {
                    log.warn("not stopped cleanly: {}", e.getMessage());
                  }
                  stopped.countDown();
                }));
    services.attach(node);
    node.start();
    stopped.await();
  }
}
