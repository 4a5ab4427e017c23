package io.sandstore.cli;

import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.testkit.LocalCluster;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Shows the whole thing on real files, on this machine, and leaves nothing behind. */
@Command(
    name = "demo",
    description = {
      "Starts three nodes, copies a real directory tree in and out, compares every byte, kills the",
      "primary in the middle of another copy, compares again, and removes everything."
    },
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {

  @Option(names = "--tree", description = "what to copy (default: this JDK, all of it)")
  Path tree = Path.of(System.getProperty("java.home"));

  @Option(names = "--port", description = "the nodes take the three ports behind this one")
  int port = 9170;

  @Option(names = LocalNodes.OPTION, description = LocalNodes.DESCRIPTION, defaultValue = "raft")
  String profile = "raft";

  @Option(names = "--keep", description = "keep data and logs for a look")
  boolean keep;

  private final StringBuilder table = new StringBuilder();

  @Override
  public Integer call() throws Exception {
    Map<String, String> environment = LocalNodes.environment(profile);
    Path work = Files.createTempDirectory("sandstore-demo");
    LocalCluster cluster = new LocalCluster(work.resolve("cluster"), port, environment);
    Thread cleaner = new Thread(() -> clean(cluster, work));
    Runtime.getRuntime().addShutdownHook(cleaner);
    boolean same;
    try {
      same = run(cluster, work);
    } finally {
      Runtime.getRuntime().removeShutdownHook(cleaner);
      clean(cluster, work);
    }
    System.out.println(keep ? "data and logs: " + work : "nothing is left running or on disk");
    return same ? 0 : ExitCode.DATA.number();
  }

  private void clean(LocalCluster cluster, Path work) {
    try {
      cluster.stopAll();
      if (!keep) {
        new LocalCluster(work, port, Map.of()).wipe();
      }
    } catch (IOException e) {
      System.err.println("not everything was cleaned up in " + work + ": " + e.getMessage());
    }
  }

  private boolean run(LocalCluster cluster, Path work) throws Exception {
    say("Three nodes");
    long begin = System.nanoTime();
    cluster.startAll();
    String primary = cluster.awaitPrimary(3, Duration.ofSeconds(60));
    double upSeconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf("%s is the primary after %.1f s%n", primary, upSeconds);
    row("three nodes up and ready", "%.1f s", upSeconds);

    try (SandstoreClient client = cluster.client()) {
      say("Smoke test");
      if (!SmokeCommand.run(client, false, Optional.empty())) {
        return false;
      }
      TreeCopy copy = new TreeCopy(client, 8);
      TreeCopy.Plan plan = TreeCopy.plan(tree);
      say("Copy %s: %d files, %s".formatted(tree, plan.files().size(), Text.bytes(plan.bytes())));
      measuredPut(copy, plan, "/first", "into the cluster");
      Path out = work.resolve("out");
      measuredGet(copy, "/first", out);
      if (!same(tree, out)) {
        return false;
      }
      say("Metadata: create, stat and remove 500 files");
      measureMetadata(client);

      say("Copy again, and kill the primary half-way");
      boolean survived = copyAndKill(cluster, client, copy, plan);
      if (!survived) {
        return false;
      }
    }
    System.out.println();
    System.out.print(table);
    return true;
  }

  private void measuredPut(TreeCopy copy, TreeCopy.Plan plan, String target, String what)
      throws Exception {
    try (ProgressBar bar = new ProgressBar(System.out, "put", plan.bytes(), plan.files().size())) {
      copy.put(plan, tree, target, bar);
      row(what + ", durable on three nodes", "%.0f MB/s", plan.bytes() / 1e6 / bar.seconds());
    }
  }

  private void measuredGet(TreeCopy copy, String source, Path out) throws Exception {
    TreeCopy.Plan plan = copy.plan(source);
    try (ProgressBar bar = new ProgressBar(System.out, "get", plan.bytes(), plan.files().size())) {
      copy.get(plan, source, out, bar);
      row("out of the cluster", "%.0f MB/s", plan.bytes() / 1e6 / bar.seconds());
    }
  }

  private void measureMetadata(SandstoreClient client) throws IOException {
    client.mkdir("/many", 0755);
    Histogram creates = new Histogram(3);
    Histogram stats = new Histogram(3);
    long begin = System.nanoTime();
    for (int i = 0; i < 500; i++) {
      long at = System.nanoTime();
      client.open("/many/" + i, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644).close();
      creates.recordValue((System.nanoTime() - at) / 1000);
    }
    double rate = 500 / ((System.nanoTime() - begin) / 1e9);
    for (int i = 0; i < 500; i++) {
      long at = System.nanoTime();
      client.stat("/many/" + i);
      stats.recordValue((System.nanoTime() - at) / 1000);
    }
    for (int i = 0; i < 500; i++) {
      client.unlink("/many/" + i);
    }
    client.rmdir("/many");
    row("durable creates, one client", "%.0f ops/s", rate);
    percentiles("durable create", creates);
    percentiles("linearizable stat", stats);
    System.out.println("done");
  }

  private void percentiles(String what, Histogram histogram) {
    row(
        what + " p50 / p99",
        "%.2f / %.2f ms",
        histogram.getValueAtPercentile(50) / 1e3,
        histogram.getValueAtPercentile(99) / 1e3);
  }

  private boolean copyAndKill(
      LocalCluster cluster, SandstoreClient client, TreeCopy copy, TreeCopy.Plan plan)
      throws Exception {
    AtomicReference<Exception> failure = new AtomicReference<>();
    ProgressBar bar = new ProgressBar(System.out, "put", plan.bytes(), plan.files().size());
    Thread copier =
        Thread.ofVirtual()
            .start(
                () -> {
                  try (bar) {
                    copy.put(plan, tree, "/second", bar);
                  } catch (IOException | InterruptedException e) {
                    failure.set(e);
                  }
                });
    while (bar.share() < 0.5 && copier.isAlive()) {
      Thread.sleep(5);
    }
    String primary = cluster.awaitPrimary(1, Duration.ofSeconds(10));
    cluster.kill(primary);
    long killed = System.nanoTime();
    System.out.printf("%nkilled %s (kill -9), the primary%n", primary);
    client.open("/after-the-kill", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644).close();
    double gapMillis = (System.nanoTime() - killed) / 1e6;
    row("first write after the primary was killed", "%.0f ms", gapMillis);
    System.out.printf("the next write succeeded %.0f ms later%n", gapMillis);
    copier.join();
    if (failure.get() != null) {
      System.out.println("the copy failed: " + Main.describe(failure.get()));
      return false;
    }
    System.out.println("the copy went on to the end with two nodes; reading it back");
    boolean whole = sameAsCluster(client, "/first") && sameAsCluster(client, "/second");
    cluster.start(primary);
    cluster.awaitPrimary(3, Duration.ofSeconds(60));
    System.out.printf("%s is back, caught up and ready%n", primary);
    return whole;
  }

  private boolean sameAsCluster(SandstoreClient client, String root) throws IOException {
    int compared = 0;
    for (TreeCopy.Item item : TreeCopy.plan(tree).files()) {
      String path = TreeCopy.join(root, item.path());
      String problem = difference(client, tree.resolve(item.path()), path, item);
      if (!problem.isEmpty()) {
        System.out.printf("DIFFERENT: %s: %s%n", path, problem);
        return false;
      }
      compared++;
    }
    System.out.printf("%s: %d files compared, every byte is the same%n", root, compared);
    return true;
  }

  private static String difference(
      SandstoreClient client, Path local, String path, TreeCopy.Item item) throws IOException {
    try {
      FileStat stat = client.lstat(path);
      if (stat.isSymlink()) {
        return client.readlink(path).equals(item.linkTarget()) ? "" : "another target";
      }
      try (InputStream in = Files.newInputStream(local);
          SandFile file = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
        return difference(in, file);
      }
    } catch (PosixException e) {
      return e.errno() == Errno.ENOENT ? "missing" : Main.describe(e);
    }
  }

  private static String difference(InputStream in, SandFile file) throws IOException {
    byte[] buffer = new byte[4 << 20];
    ByteBuffer got = ByteBuffer.wrap(buffer);
    long at = 0;
    while (true) {
      got.clear();
      int count = file.read(got);
      byte[] wanted = in.readNBytes(Math.max(1, count));
      if (wanted.length != Math.max(0, count)) {
        return "another length";
      }
      if (count < 0) {
        return "";
      }
      int mismatch = java.util.Arrays.mismatch(wanted, 0, count, buffer, 0, count);
      if (mismatch >= 0) {
        return "differs at byte " + (at + mismatch);
      }
      at += count;
    }
  }

  private static boolean same(Path left, Path right) throws IOException {
    int compared = 0;
    for (TreeCopy.Item item : TreeCopy.plan(left).files()) {
      Path a = left.resolve(item.path());
      Path b = right.resolve(item.path());
      boolean equal =
          item.linkTarget().isEmpty()
              ? Files.exists(b, LinkOption.NOFOLLOW_LINKS) && Files.mismatch(a, b) < 0
              : Files.readSymbolicLink(b).toString().equals(item.linkTarget());
      if (!equal) {
        System.out.printf("DIFFERENT: %s%n", b);
        return false;
      }
      compared++;
    }
    System.out.printf("%d files compared, every byte is the same%n", compared);
    return true;
  }

  private static void say(String what) {
    System.out.printf("%n== %s%n", what);
  }

  private void row(String what, String format, Object... values) {
    table.append(
        String.format(
            Locale.ROOT, "  %-48s %s%n", what, String.format(Locale.ROOT, format, values)));
  }
}
