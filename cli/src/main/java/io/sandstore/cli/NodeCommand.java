package io.sandstore.cli;

import io.sandstore.config.NodeConfig;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.node.Node;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;

/** Runs a node until it is told to stop. */
@Command(
    name = "node",
    description = "Runs a node, configured by environment variables (--help lists them).",
    mixinStandardHelpOptions = true,
    footerHeading = "%nEnvironment:%n",
    footer = {
      "  SANDSTORE_NAME            this node's name, one of SANDSTORE_MEMBERS",
      "  SANDSTORE_MEMBERS         all nodes: name=host:port, separated by commas",
      "  SANDSTORE_DATA_DIR        directory of this node's files",
      "  and, with defaults, those that 'sandstore node --variables' prints"
    })
final class NodeCommand implements Callable<Integer> {

  private static final Logger log = LoggerFactory.getLogger(NodeCommand.class);

  @picocli.CommandLine.Option(names = "--variables", description = "print all variables and exit")
  boolean variables;

  @Override
  public Integer call() throws Exception {
    if (variables) {
      NodeConfig.KEYS.forEach(
          key -> System.out.printf("%-26s %-14s %s%n", key.name(), key.standard(), key.meaning()));
      return 0;
    }
    NodeConfig config = NodeConfig.of(System.getenv());
    Path data = Path.of(config.dataDir());
    Files.createDirectories(data);
    try (RandomAccessFile file = new RandomAccessFile(data.resolve("lock").toFile(), "rw")) {
      FileLock lock = lock(file);
      if (lock == null) {
        throw new IOException(data + " is in use by another node");
      }
      run(config, data);
    }
    return 0;
  }

  private static @Nullable FileLock lock(RandomAccessFile file) throws IOException {
    try {
      return file.getChannel().tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static void run(NodeConfig config, Path data) throws Exception {
    Host host = JvmHost.create(config.buffers());
    Node node = new Node(host, new FileDisk(data), config, config::members);
    CountDownLatch stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    node.shutDown();
                  } catch (IOException e) {
                    log.warn("not stopped cleanly: {}", e.getMessage());
                  }
                  stopped.countDown();
                }));
    node.start();
    stopped.await();
  }
}
