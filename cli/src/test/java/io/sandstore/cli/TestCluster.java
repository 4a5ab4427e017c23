package io.sandstore.cli;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.PosixException;
import io.sandstore.testkit.LocalCluster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine;

/** Three real processes for a test class, and writers that remember what was acknowledged. */
final class TestCluster implements AutoCloseable {

  static final Set<OpenFlag> CREATE =
      EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
  static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);
  private static final AtomicInteger PORTS = new AtomicInteger(0);
  static final Duration LIMIT = Duration.ofSeconds(240);

  final LocalCluster nodes;

  TestCluster(Path directory, Map<String, String> more) throws Exception {
    this(directory, more, false);
  }

  /**
   * @param pages with metrics and dashboard
   */
  TestCluster(Path directory, Map<String, String> more, boolean pages) throws Exception {
    // A range of ports for each test process and cluster, so that runs do not meet. Below those
    // that
    // outgoing connections get: one of them could have a dead node's port when that comes back.
    int base =
        11000
            + (int) (ProcessHandle.current().pid() % 1800) * 10
            + 4 * (PORTS.getAndIncrement() % 2);
    Map<String, String> environment = new TreeMap<>(more);
    environment.putIfAbsent("SANDSTORE_SNAPSHOT_MB", "1");
    environment.putIfAbsent("SANDSTORE_SEGMENT_MB", "4");
    int snapshot = Integer.parseInt(environment.get("SANDSTORE_SNAPSHOT_MB"));
    int segment = Integer.parseInt(environment.get("SANDSTORE_SEGMENT_MB"));
    environment.putIfAbsent("SANDSTORE_RESERVE_MB", Integer.toString(snapshot + 3 * segment));
    environment.putIfAbsent("SANDSTORE_ORPHAN_GRACE_S", "30");
    environment.putIfAbsent("SANDSTORE_BLOCK_GRACE_S", "600");
    environment.putIfAbsent("SANDSTORE_COLLECT_S", "5");
    environment.putIfAbsent("SANDSTORE_SCRUB_MS", "10");
    LocalCluster plain = new LocalCluster(directory, base, environment);
    nodes = pages ? plain.withPages() : plain;
    try {
      nodes.startAll();
      awaitAll();
    } catch (Exception e) {
      close();
      throw e;
    }
  }

  String awaitAll() throws Exception {
    return nodes.awaitPrimary(3, LIMIT);
  }

  SandstoreClient client() {
    return new SandstoreClient(
        JvmHost.create(16), ClientConfig.of(nodes.seeds()).withTimeout(Duration.ofSeconds(60)));
  }

  /** What a command said and how it ended. */
  record Run(int code, String out, String err) {
    List<String> lines() {
      return out.lines().toList();
    }
  }

  /** Runs a command against this cluster, in this process; standard output is kept. */
  Run run(String... args) {
    StringWriter err = new StringWriter();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      CommandLine line = Main.commandLine().setErr(new PrintWriter(err, true));
      List<String> all = new ArrayList<>(List.of(args));
      all.addAll(List.of("--target", nodes.seeds()));
      int code = line.execute(all.toArray(String[]::new));
      return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString());
    } finally {
      System.setOut(before);
    }
  }

  void signal(String node, String signal) throws Exception {
    long pid = nodes.process(node).orElseThrow().pid();
    new ProcessBuilder("kill", "-" + signal, Long.toString(pid)).start().waitFor();
  }

  @Override
  public void close() throws Exception {
    for (String name : nodes.names()) {
      if (nodes.process(name).isPresent()) {
        signal(name, "CONT");
        nodes.kill(name);
      }
    }
  }

  /** Files below a directory of a running node, which may remove some while we look. */
  static List<Path> files(Path directory) throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            files.add(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
            if (e instanceof NoSuchFileException) {
              return FileVisitResult.CONTINUE;
            }
            throw e;
          }
        });
    return files;
  }

  static byte[] content(long seed, int size) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  static void write(SandstoreClient client, String path, byte[] bytes) throws IOException {
    try (SandFile file = client.open(path, CREATE, 0644)) {
      file.write(ByteBuffer.wrap(bytes));
    }
  }

  static byte[] read(SandstoreClient client, String path) throws IOException {
    try (SandFile file = client.open(path, READ, 0)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()));
      while (all.hasRemaining() && file.read(all) > 0) {
        // Until all is there.
      }
      return all.array();
    }
  }

  /** Writes files until told to stop; knows which of them were acknowledged. */
  final class Writer implements AutoCloseable {
    /** About 16 GB on three nodes: a test that hangs must not fill the machine's disk. */
    private static final int MOST_FILES = 20_000;

    final List<Integer> acknowledged = Collections.synchronizedList(new ArrayList<>());
    private final String directory;
    private final SandstoreClient client = client();
    private final Thread thread;
    private volatile boolean running = true;
    private volatile IOException failure;

    Writer(String directory) throws IOException {
      this.directory = directory;
      client.mkdir(directory, 0755);
      this.thread = Thread.ofVirtual().start(this::run);
    }

    private void run() {
      for (int i = 0; running && i < MOST_FILES; i++) {
        try {
          write(client, directory + "/" + i, bytes(i));
          acknowledged.add(i);
        } catch (IOException e) {
          failure = e;
          return;
        }
      }
    }

    /** Mostly small, now and then several blocks. */
    private byte[] bytes(int i) {
      return content(directory.hashCode() + i, i % 20 == 19 ? 5 << 20 : 100 + i * 37 % 50_000);
    }

    void awaitMore(int count) throws Exception {
      int goal = acknowledged.size() + count;
      long end = System.nanoTime() + LIMIT.toNanos();
      while (acknowledged.size() < goal) {
        if (failure != null) {
          throw new AssertionError("the writer failed", failure);
        }
        if (System.nanoTime() > end) {
          throw new AssertionError("the writer makes no progress");
        }
        java.util.concurrent.locks.LockSupport.parkNanos(5_000_000);
      }
    }

    /** Stops and reads everything back. */
    void verify() throws Exception {
      running = false;
      thread.join();
      for (int i : List.copyOf(acknowledged)) {
        byte[] got;
        try {
          got = read(client, directory + "/" + i);
        } catch (PosixException e) {
          throw new AssertionError("acknowledged file " + i + " cannot be read", e);
        }
        int at = java.util.Arrays.mismatch(bytes(i), got);
        if (at >= 0) {
          throw new AssertionError(
              "acknowledged file %d differs at %d of %d".formatted(i, at, got.length));
        }
      }
    }

    @Override
    public void close() throws IOException {
      running = false;
      client.close();
    }
  }
}
