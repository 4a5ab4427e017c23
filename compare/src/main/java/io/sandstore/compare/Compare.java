package io.sandstore.compare;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.bench.Bench;
import io.sandstore.bench.BenchResult;
import io.sandstore.bench.MachineCeilings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code make compare}: the same work for Sand Store and its peers, in turns. */
@Command(
    name = "compare",
    description =
        "Measures Sand Store and peers on this machine in turns: each is started with empty disks, "
            + "warmed up, measured and removed, and then the next; all again for each round. "
            + "'sandstore ratios' compares what is in the CSV.",
    mixinStandardHelpOptions = true)
public final class Compare implements Callable<Integer> {

  /** Who takes part. */
  enum Who {
    SANDSTORE,
    UNMEASURED,
    ETCD,
    HDFS;

    Contender peer(String profile) {
      return switch (this) {
        case SANDSTORE -> new SandstoreContender(profile, Map.of());
        case UNMEASURED -> new SandstoreContender(profile, Map.of("SANDSTORE_METRICS", "off"));
        case ETCD -> new EtcdContender();
        case HDFS -> new HdfsContender();
      };
    }
  }

  @Option(
      names = "--peers",
      split = ",",
      description =
          "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}); unmeasured is sandstore without "
              + "its metrics")
  List<Who> peers = List.of(Who.SANDSTORE, Who.ETCD, Who.HDFS);

  @Option(names = "--phases", split = ",", description = "${COMPLETION-CANDIDATES}")
  Set<Bench.Phase> phases =
      EnumSet.of(
          Bench.Phase.CREATE,
          Bench.Phase.STAT,
          Bench.Phase.LISTDIR,
          Bench.Phase.SMALL_FILE,
          Bench.Phase.SEQ_WRITE,
          Bench.Phase.SEQ_READ);

  @Option(names = "--concurrency", split = ",", description = "(default: 1,64)")
  List<Integer> concurrencies = List.of(1, 64);

  @Option(names = "--profile", description = "of our nodes, or its file (default: raft)")
  String profile = "raft";

  @Option(names = "--rounds", description = "(default: ${DEFAULT-VALUE})")
  int rounds = 3;

  @Option(names = "--duration", description = "seconds a phase (default: ${DEFAULT-VALUE})")
  int seconds = 10;

  @Option(names = "--warm-up", description = "seconds a peer, of all phases (default: 90)")
  int warmUpSeconds = 90;

  @Option(names = "--dir", description = "where data goes (default: ${DEFAULT-VALUE})")
  Path directory = Path.of("target/compare-data");

  @Option(names = "--csv", description = "(default: ${DEFAULT-VALUE})")
  Path csv = Path.of("target/compare.csv");

  private static final int BLOCK_BYTES = 1 << 20;

  /** One stream of 1 GiB is the question; many at once would fill the disk. */
  private static final Set<Bench.Phase> ALONE =
      EnumSet.of(Bench.Phase.SEQ_WRITE, Bench.Phase.SEQ_READ);

  public static void main(String[] args) {
    System.exit(
        new CommandLine(new Compare()).setCaseInsensitiveEnumValuesAllowed(true).execute(args));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    Files.createDirectories(directory);
    Files.deleteIfExists(csv);
    Files.writeString(csv, BenchResult.CSV_HEADER + "\n");
    for (Who who : peers) {
      try (Contender peer = who.peer(profile)) {
        System.out.printf("%s: %s%n", who, peer.guarantees());
      }
    }
    for (int round = 1; round <= rounds; round++) {
      for (Who who : peers) {
        MachineCeilings machine = MachineCeilings.measure(directory);
        Files.writeString(
            csv.resolveSibling(csv.getFileName() + ".machine.json"),
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(machine));
        System.out.printf(
            Locale.ROOT,
            "round %d of %d: %s (disk %.0f MB/s, %.0f forces/s, loopback %.0f MB/s)%n",
            round,
            rounds,
            who,
            machine.diskMegabytes(),
            machine.forces(),
            machine.loopbackMegabytes());
        try (Contender peer = who.peer(profile)) {
          peer.start(directory.resolve(who.name().toLowerCase(Locale.ROOT)).toAbsolutePath());
          measure(who, peer, machine);
        }
      }
    }
    return 0;
  }

  private void measure(Who who, Contender peer, MachineCeilings machine)
      throws IOException, InterruptedException {
    try (Bench.Subject subject = peer.connect(BLOCK_BYTES)) {
      Bench bench = new Bench(subject, BLOCK_BYTES);
      List<Bench.Phase> mine = phases.stream().filter(peer.phases()::contains).toList();
      for (Bench.Phase phase : mine) {
        int concurrency = ALONE.contains(phase) ? 1 : concurrencies.getLast();
        Duration share = Duration.ofSeconds(warmUpSeconds).dividedBy(mine.size());
        bench.run(phase, new Bench.Shape(concurrency, share, 0));
      }
      System.out.println(BenchResult.HEADER);
      for (int concurrency : concurrencies) {
        for (Bench.Phase phase : mine) {
          if (ALONE.contains(phase) && concurrency > 1) {
            continue;
          }
          Duration duration = Duration.ofSeconds(seconds);
          BenchResult result = bench.run(phase, new Bench.Shape(concurrency, duration, 0));
          System.out.println(result.row(machine));
          Files.writeString(
              csv,
              result.csv(who.name().toLowerCase(Locale.ROOT), machine) + "\n",
              StandardOpenOption.APPEND);
        }
      }
    }
  }
}
