package io.sandstore.cli;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.mount.FuseMount;
import io.sandstore.mount.MountPoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "mount",
    description = {
      "Makes the cluster a directory of this machine, for every program. Returns when it can be used; a",
      "process stays in the background until 'sandstore umount DIR'. Needs Linux and root. What programs",
      "can rely on is in docs/mount.md."
    },
    mixinStandardHelpOptions = true)
final class MountCommand implements Callable<Integer> {

  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  /** A node is asked as long as one operation may take; then this for what is around it. */
  private static final Duration STARTS_WITHIN = Duration.ofSeconds(30);

  /** What is left of this process when it is told to end must not take longer than that. */
  private static final Duration ENDS_WITHIN = Duration.ofSeconds(5);

  @Mixin final Seeds seeds = new Seeds();

  @Parameters(paramLabel = "DIR", description = "a directory, best an empty one")
  String directory = "";

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description =
          "how long a call waits for a cluster that does not answer, before EIO (default: 60)")
  int timeoutSeconds = 60;

  @Option(names = "--foreground", description = "serve from this process until Ctrl-C or umount")
  boolean foreground;

  @Option(names = "--allow-other", description = "other users than the one who mounts may use it")
  boolean allowOther;

  @Option(names = "--read-only", description = "nothing can be changed: EROFS")
  boolean readOnly;

  @Option(
      names = "--cache",
      description =
          "keep bytes in the system's cache, names and attributes for a second: what others change is"
              + " seen when a file is opened anew")
  boolean cache;

  @Option(names = "--log", paramLabel = "FILE", description = "where the background process logs")
  String log = "";

  @Option(names = "--detached", hidden = true, description = "in a session of its own")
  boolean detached;

  @Override
  public Integer call() throws IOException, InterruptedException {
    MountPoint point = MountPoint.of(Path.of(directory));
    if (foreground) {
      serve(point);
    } else {
      startInBackground(point);
    }
    return 0;
  }

  private void serve(MountPoint point) throws IOException, InterruptedException {
    ClientConfig config =
        ClientConfig.of(seeds.text()).withTimeout(Duration.ofSeconds(timeoutSeconds));
    FuseMount.Options options = new FuseMount.Options(seeds.text(), allowOther, readOnly, cache);
    if (detached) {
      FuseMount.leaveSession();
    }
    try (SandstoreClient client = new SandstoreClient(JvmHost.create(32), config)) {
      FuseMount mount = FuseMount.mount(client, point, options);
      Thread ending = new Thread(() -> end(mount, Thread.currentThread()), "end");
      Runtime.getRuntime().addShutdownHook(ending);
      mount.awaitEnd();
    }
  }

  /** Told to stop: whoever serves has a little time to write what it has. */
  private static void end(FuseMount mount, Thread self) {
    try {
      mount.close();
      mount.awaitEnd(ENDS_WITHIN);
    } catch (IOException e) {
      System.err.println("sandstore: " + e.getMessage());
    } catch (InterruptedException e) {
      self.interrupt();
    }
  }

  private void startInBackground(MountPoint point) throws IOException, InterruptedException {
    OptionalLong before = point.mounted();
    Path output =
        log.isEmpty()
            ? Files.createTempFile("sandstore-mount-", ".log")
            : Path.of(log).toAbsolutePath();
    Process process =
        new ProcessBuilder(command(point.directory()))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile()))
            .start();
    process.getOutputStream().close();
    try {
      awaitMounted(point, before, process, output);
    } catch (IOException | InterruptedException e) {
      process.destroy();
      throw e;
    }
    Files.isDirectory(point.directory()); // waits until the first answer
    System.out.println(
        "%s is on %s, served by process %d, which logs to %s"
            .formatted(seeds.text(), point.directory(), process.pid(), output));
  }

  private void awaitMounted(MountPoint point, OptionalLong before, Process process, Path output)
      throws IOException, InterruptedException {
    Duration limit = STARTS_WITHIN.plusSeconds(timeoutSeconds);
    long begin = System.nanoTime();
    while (point.mounted().equals(before) || point.mounted().isEmpty()) {
      if (process.waitFor(LOOK_EVERY)) {
        throw new IOException("not mounted: " + Files.readString(output).strip());
      }
      if (System.nanoTime() - begin > limit.toNanos()) {
        throw new IOException("not mounted within %d s".formatted(limit.toSeconds()));
      }
    }
  }

  private List<String> command(Path mountPoint) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:+UseCompactObjectHeaders",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djdk.virtualThreadScheduler.parallelism=8",
            "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("mount", "--foreground", "--detached", mountPoint.toString()));
    command.addAll(List.of("--target", seeds.text(), "--timeout", "" + timeoutSeconds));
    if (allowOther) {
      command.add("--allow-other");
    }
    if (readOnly) {
      command.add("--read-only");
    }
    if (cache) {
      command.add("--cache");
    }
    return command;
  }
}
