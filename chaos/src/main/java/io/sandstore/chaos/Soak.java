package io.sandstore.chaos;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import io.sandstore.testkit.LocalCluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.SingleWriterRecorder;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code make soak MINUTES=...}: three nodes under a steady load must keep their level. */
@Command(
    name = "soak",
    description =
        "Runs three nodes within 512 MiB each under a steady mixed load whose files are always as "
            + "many, looks at what the nodes hold every few seconds, draws it, and judges whether "
            + "the last quarter is at the level of the second.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:nothing wrong, all flat",
      "2:wrong usage",
      "4:something failed, was wrong, or grew"
    })
public final class Soak implements Callable<Integer> {

  private static final int WORKERS = 8;
  private static final int BASE_PORT = 9570;
  private static final Duration SAMPLE_EVERY = Duration.ofSeconds(10);

  /** A client is closed and another one opened so often: sessions and connections must go too. */
  private static final Duration NEW_CLIENT_EVERY = Duration.ofSeconds(20);

  /** A full collection shows what of the heap is alive. */
  private static final int SAMPLES_TO_COLLECTION = 30;

  private static final double JUDGED_FROM_MINUTES = 20;
  private static final double LATENCY_SHARE_MORE = 0.5;
  private static final double LATENCY_MORE_MS = 1;
  private static final int ERRORS_MAX = 20;

  @Option(names = "--minutes", description = "how long (default: ${DEFAULT-VALUE})")
  double minutes = 100;

  @Option(names = "--rate", description = "operations a second (default: ${DEFAULT-VALUE})")
  int rate = 120;

  @Option(names = "--profile", description = "of the nodes, or its file (default: raft)")
  String profile = "raft";

  @Option(names = "--seed", description = "of the choices; real time does not repeat")
  long seed = System.nanoTime();

  @Option(
      names = "--out",
      description = "where samples, plot and verdict go (default: ${DEFAULT-VALUE})")
  Path out = Path.of("target/soak");

  @Option(names = "--disks", description = "where the nodes' data goes (default: ${DEFAULT-VALUE})")
  Path disks = Path.of("target/soak-lab");

  /** One look at everything. */
  private record Sample(
      double minute, List<Map<NodeSample.Figure, Double>> nodes, Map<Latency, Double> millis) {}

  private enum Latency {
    READ_P50,
    READ_P99,
    CHANGE_P50,
    CHANGE_P99
  }

  private final CopyOnWriteArrayList<String> errors = new CopyOnWriteArrayList<>();
  private final Map<SteadyWorker.Kind, AtomicLong> done =
      Map.of(SteadyWorker.Kind.READ, new AtomicLong(), SteadyWorker.Kind.CHANGE, new AtomicLong());
  private final List<Worker> workers = new ArrayList<>();
  private final List<Sample> samples = new ArrayList<>();
  private volatile boolean running = true;

  public static void main(String[] args) {
    ((Logger) LoggerFactory.getLogger("io.sandstore")).setLevel(Level.OFF);
    System.exit(new CommandLine(new Soak()).execute(args));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Files.createDirectories(out);
    LocalCluster cluster =
        new LocalCluster(
                disks.toAbsolutePath(),
                BASE_PORT,
                // Less than by default, so that the run passes many snapshots and collections.
                Profile.environment(
                    profile,
                    Map.of(
                        "SANDSTORE_RESERVE_MB", "128",
                        "SANDSTORE_SNAPSHOT_MB", "16",
                        "SANDSTORE_BLOCK_GRACE_S", "120",
                        "SANDSTORE_COLLECT_S", "30")))
            .withPages();
    cluster.stopAll();
    cluster.wipe();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> remove(cluster))); // Ctrl-C too
    cluster.startAll();
    cluster.awaitPrimary(3, Duration.ofMinutes(1));
    for (int i = 0; i < WORKERS; i++) {
      workers.add(new Worker(cluster, i));
    }
    System.out.printf("seed %d: writing the first files%n", seed);
    for (Worker worker : workers) {
      worker.steady.prepare();
    }
    List<Thread> threads = workers.stream().map(w -> Thread.ofVirtual().start(w)).toList();
    watch(cluster);
    running = false;
    for (Thread thread : threads) {
      thread.join();
    }
    System.out.println("reading all files again");
    for (Worker worker : workers) {
      worker.attempt("in the end", worker.steady::verify);
      worker.store.get().close();
    }
    return report(cluster);
  }

  private static void remove(LocalCluster cluster) {
    try {
      cluster.stopAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // --- ClientLoad ---

  private interface Attempt {
    void run() throws IOException;
  }

  /** Takes its turns when they are due; an operation's time counts from then. */
  private final class Worker implements Runnable {
    final AtomicReference<SandstoreClient> store;
    final SteadyWorker steady;
    final Map<SteadyWorker.Kind, SingleWriterRecorder> recorders =
        Map.of(
            SteadyWorker.Kind.READ, new SingleWriterRecorder(3),
            SteadyWorker.Kind.CHANGE, new SingleWriterRecorder(3));
    private final LocalCluster cluster;

    Worker(LocalCluster cluster, int number) {
      this.cluster = cluster;
      this.store = new AtomicReference<>(cluster.client());
      this.steady = new SteadyWorker(store::get, "/soak/" + number, seed * 31 + number);
    }

    @Override
    public void run() {
      long every = WORKERS * 1_000_000_000L / rate;
      long due = System.nanoTime();
      long exchange = due + NEW_CLIENT_EVERY.toNanos();
      while (running && errors.size() < ERRORS_MAX) {
        long wait = due - System.nanoTime();
        if (wait > 0) {
          LockSupport.parkNanos(wait);
          continue;
        }
        long called = due;
        attempt(
            "at work",
            () -> {
              SteadyWorker.Kind kind = steady.turn();
              Objects.requireNonNull(recorders.get(kind))
                  .recordValue((System.nanoTime() - called) / 1000);
              Objects.requireNonNull(done.get(kind)).incrementAndGet();
            });
        due += every;
        if (System.nanoTime() > exchange) {
          exchange += NEW_CLIENT_EVERY.toNanos();
          attempt("closing a client", () -> store.getAndSet(cluster.client()).close());
        }
      }
    }

    void attempt(String when, Attempt attempt) {
      try {
        attempt.run();
      } catch (IOException | RuntimeException e) {
        errors.add(when + ": " + e);
      }
    }
  }

  // --- Watching ---

  private void watch(LocalCluster cluster) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    for (int n = 1; errors.size() < ERRORS_MAX; n++) {
      long due = begin + n * SAMPLE_EVERY.toNanos();
      Thread.sleep(Duration.ofNanos(Math.max(1, due - System.nanoTime())));
      double minute = (System.nanoTime() - begin) / 60e9;
      if (minute > minutes) {
        return;
      }
      if (n % SAMPLES_TO_COLLECTION == 1) {
        for (String name : cluster.names()) {
          Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
          Shell.run(jcmd + " " + pid(cluster, name) + " GC.run");
        }
      }
      List<Map<NodeSample.Figure, Double>> nodes = new ArrayList<>();
      for (String name : cluster.names()) {
        URI metrics = URI.create(cluster.dashboard(name)).resolve("/metrics");
        nodes.add(
            NodeSample.take(metrics, pid(cluster, name), cluster.data(name), cluster.log(name)));
      }
      samples.add(new Sample(minute, nodes, latencies()));
      if (n % 6 == 0) {
        say(samples.getLast());
      }
    }
  }

  private static long pid(LocalCluster cluster, String name) throws IOException {
    return cluster
        .process(name)
        .orElseThrow(
            () -> new IOException(name + " has ended; its last words: " + cluster.log(name)))
        .pid();
  }

  private Map<Latency, Double> latencies() {
    Map<Latency, Double> millis = new EnumMap<>(Latency.class);
    for (SteadyWorker.Kind kind : SteadyWorker.Kind.values()) {
      Histogram all = new Histogram(3);
      for (Worker worker : workers) {
        all.add(Objects.requireNonNull(worker.recorders.get(kind)).getIntervalHistogram());
      }
      boolean read = kind == SteadyWorker.Kind.READ;
      millis.put(read ? Latency.READ_P50 : Latency.CHANGE_P50, all.getValueAtPercentile(50) / 1e3);
      millis.put(read ? Latency.READ_P99 : Latency.CHANGE_P99, all.getValueAtPercentile(99) / 1e3);
    }
    return millis;
  }

  private void say(Sample sample) {
    StringBuilder line = new StringBuilder();
    line.append(String.format(Locale.ROOT, "%6.1f min", sample.minute));
    for (NodeSample.Figure figure : NodeSample.Figure.values()) {
      line.append("  ").append(figure.name().toLowerCase(Locale.ROOT));
      sample.nodes.forEach(
          node -> line.append(String.format(Locale.ROOT, " %.0f", node.get(figure))));
    }
    sample.millis.forEach(
        (latency, value) ->
            line.append(
                String.format(
                    Locale.ROOT, "  %s %.1f ms", latency.name().toLowerCase(Locale.ROOT), value)));
    System.out.println(line);
  }

  // --- Judging ---

  private int report(LocalCluster cluster) throws IOException {
    double[] time = samples.stream().mapToDouble(Sample::minute).toArray();
    List<LinePlots.Panel> panels = new ArrayList<>();
    Map<String, Object> levels = new LinkedHashMap<>();
    List<String> grown = new ArrayList<>();
    for (NodeSample.Figure figure : NodeSample.Figure.values()) {
      List<double[]> series = new ArrayList<>();
      for (int node = 0; node < cluster.names().size(); node++) {
        int number = node;
        double[] values =
            samples.stream()
                .mapToDouble(s -> Objects.requireNonNull(s.nodes.get(number).get(figure)))
                .toArray();
        series.add(values);
        judge(
            figure.name().toLowerCase(Locale.ROOT) + " " + cluster.names().get(node),
            values,
            figure.shareMore,
            figure.more,
            levels,
            grown);
      }
      panels.add(new LinePlots.Panel(figure.title, cluster.names(), series));
    }
    for (Latency latency : Latency.values()) {
      double[] values =
          samples.stream()
              .mapToDouble(s -> Objects.requireNonNull(s.millis.get(latency)))
              .toArray();
      boolean p99 = latency == Latency.READ_P99 || latency == Latency.CHANGE_P99;
      String name = latency.name().toLowerCase(Locale.ROOT);
      judge(
          name,
          values,
          p99 ? Double.POSITIVE_INFINITY : LATENCY_SHARE_MORE,
          LATENCY_MORE_MS,
          levels,
          grown);
      panels.add(new LinePlots.Panel(name + ", ms", List.of("all clients"), List.of(values)));
    }
    boolean longEnough = time.length > 0 && time[time.length - 1] >= JUDGED_FROM_MINUTES;
    String flatness = grown.isEmpty() ? "flat" : "GREW";
    Map<String, Object> verdict = new LinkedHashMap<>();
    verdict.put("verdict", errors.isEmpty() ? "nothing wrong" : "FAILED");
    verdict.put("level", longEnough ? flatness : "too short to judge");
    verdict.put("errors", errors);
    verdict.put("grown", longEnough ? grown : List.of());
    verdict.put("seed", seed);
    verdict.put("minutes", time.length == 0 ? 0 : time[time.length - 1]);
    verdict.put("reads", Objects.requireNonNull(done.get(SteadyWorker.Kind.READ)).get());
    verdict.put("changes", Objects.requireNonNull(done.get(SteadyWorker.Kind.CHANGE)).get());
    verdict.put("median_of_second_and_last_quarter", levels);
    String text = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(verdict);
    Files.writeString(out.resolve("verdict.json"), text + "\n");
    Files.writeString(
        out.resolve("soak.svg"),
        LinePlots.svg(
            "%.0f minutes, %s reads, %s changes: %s, %s"
                .formatted(
                    time.length == 0 ? 0 : time[time.length - 1],
                    verdict.get("reads"),
                    verdict.get("changes"),
                    verdict.get("verdict"),
                    verdict.get("level")),
            time,
            panels));
    System.out.println(text);
    System.out.printf("plot and verdict: %s%n", out);
    return errors.isEmpty() && (grown.isEmpty() || !longEnough) ? 0 : 4;
  }

  /** The last quarter must be at the level of the second: the first is the way there. */
  private static void judge(
      String name,
      double[] values,
      double shareMore,
      double more,
      Map<String, Object> levels,
      List<String> grown) {
    double before = median(values, values.length / 4, values.length / 2);
    double after = median(values, values.length * 3 / 4, values.length);
    levels.put(name, List.of(rounded(before), rounded(after)));
    if (after > before + Math.max(before * shareMore, more)) {
      grown.add(name);
    }
  }

  private static double median(double[] values, int from, int to) {
    double[] sorted = Arrays.copyOfRange(values, from, to);
    Arrays.sort(sorted);
    return sorted.length == 0 ? 0 : sorted[sorted.length / 2];
  }

  private static double rounded(double value) {
    return Math.round(value * 100) / 100.0;
  }
}
