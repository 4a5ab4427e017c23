package io.sandstore.cli;

import static io.sandstore.cli.SystemCalls.call;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A cluster of three processes and what mounts it. Whatever a test did or left undone, {@link
 * #close} takes away the mounts, the processes that serve them and the nodes.
 */
final class MountedCluster implements AutoCloseable {

  private static final int MNT_FORCE = 1;
  private static final int MNT_DETACH = 2;
  private static final Duration ENDS_WITHIN = Duration.ofSeconds(10);

  private final Path directory;
  private final Map<Path, Long> servers = new HashMap<>();
  final TestCluster nodes;

  /** Skips the tests where the machine does not let this process mount anything. */
  static void assumeMountsAreAllowed(Path directory) throws IOException {
    assumeTrue(System.getProperty("os.name").equals("Linux"), "mounts are Linux's");
    assumeTrue(call("geteuid") == 0, "to mount takes root");
    long fd = call("open", "/dev/fuse", SystemCalls.O_RDWR, 0);
    assumeTrue(fd >= 0, "/dev/fuse cannot be opened: error " + -fd);
    try {
      String at = Files.createDirectories(directory.resolve("probe")).toString();
      String data = "fd=%d,rootmode=40000,user_id=0,group_id=0".formatted(fd);
      long result = call("mount", "probe", at, "fuse.sandstore", 0L, data);
      if (result < 0) {
        abort("this machine does not let root mount: error " + -result);
      }
      assertThat(call("umount2", at, MNT_DETACH)).isZero();
    } finally {
      call("close", (int) fd);
    }
  }

  MountedCluster(Path directory) throws Exception {
    this.directory = directory;
    this.nodes = new TestCluster(directory.resolve("cluster"), Map.of());
  }

  /** Mounts it with a process of its own, which logs to NAME.log. */
  Path mount(String name, String... options) throws IOException {
    Path at = Files.createDirectories(directory.resolve(name));
    servers.putIfAbsent(at, 0L);
    List<String> words = new ArrayList<>(List.of("mount", at.toString()));
    words.addAll(List.of(options));
    words.addAll(List.of("--log", log(name).toString()));
    TestCluster.Run run = nodes.run(words.toArray(String[]::new));
    assertThat(run.code()).as(run.err()).isZero();
    servers.put(at, Long.parseLong(run.out().replaceAll("(?s).* process (\\d+),.*", "$1")));
    return at;
  }

  Path log(String name) {
    return directory.resolve(name + ".log");
  }

  static void unmount(Path at, String... options) {
    assertThat(umount(at, options)).isZero();
  }

  /** How the command ends. */
  static int umount(Path at, String... options) {
    List<String> words = new ArrayList<>(List.of("umount", at.toString()));
    words.addAll(List.of(options));
    return Main.commandLine().execute(words.toArray(String[]::new));
  }

  ProcessHandle server(Path at) {
    return ProcessHandle.of(servers.get(at)).orElseThrow();
  }

  /** Takes a mount and its process away by force: what waits for it fails. */
  private void remove(Path at, long pid) throws Exception {
    while (call("umount2", at.toString(), MNT_FORCE | MNT_DETACH) == 0) {
      // One may lie on top of another.
    }
    ProcessHandle server = ProcessHandle.of(pid).orElse(null);
    if (pid > 0 && server != null) {
      server.destroyForcibly();
      server.onExit().get(ENDS_WITHIN.toSeconds(), TimeUnit.SECONDS);
    }
  }

  /** All mounts but those, for instance what a failed test left. */
  void removeAllBut(List<Path> kept) throws Exception {
    for (Path at : List.copyOf(servers.keySet())) {
      if (!kept.contains(at)) {
        remove(at, servers.remove(at));
      }
    }
  }

  @Override
  public void close() throws Exception {
    try {
      removeAllBut(List.of());
    } finally {
      nodes.close();
    }
  }
}
