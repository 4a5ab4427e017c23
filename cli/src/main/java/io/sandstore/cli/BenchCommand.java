package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.bench.BarChart;
import io.sandstore.bench.Bench;
import io.sandstore.bench.BenchResult;
import io.sandstore.bench.MachineCeilings;
import io.sandstore.bench.SandstoreSubject;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures a cluster from where it is run. */
@Command(
    name = "bench",
    description =
        "Measures a cluster from here, after this machine itself: a phase for each kind of "
            + "operation, for a time, with some operations outstanding at once. Latencies are "
            + "corrected for coordinated omission. The last column compares with what this machine "
            + "can do by itself, one at a time.",
    mixinStandardHelpOptions = true)
final class BenchCommand implements Callable<Integer> {

  @Mixin final Target target = new Target();

  @Option(
      names = "--phases",
      split = ",",
      paramLabel = "PHASE",
      description = "what to measure, in this order: ${COMPLETION-CANDIDATES} (default: all)")
  Set<Bench.Phase> phases = EnumSet.allOf(Bench.Phase.class);

  @Option(
      names = "--concurrency",
      split = ",",
      paramLabel = "N",
      description = "operations outstanding at once; several to measure each (default: 8)")
  List<Integer> concurrencies = List.of(8);

  @Option(
      names = "--files",
      split = ",",
      paramLabel = "N",
      description =
          "empty files that there are before the phases; several, growing, to measure with each "
              + "(default: 0)")
  List<Long> files = List.of(0L);

  @Option(names = "--duration", description = "seconds a phase (default: ${DEFAULT-VALUE})")
  int seconds = 10;

  @Option(
      names = "--warm-up",
      description =
          "seconds before anything is measured, shared by the phases; a Java process needs about "
              + "90 (default: ${DEFAULT-VALUE})")
  int warmUpSeconds = 90;

  @Option(
      names = "--rate",
      paramLabel = "OPS",
      description =
          "operations a second, begun when due whatever the others take (default: as many as "
              + "there can be)")
  int rate;

  @Option(
      names = "--block-size",
      description = "bytes of a write or read (default: ${DEFAULT-VALUE})")
  int blockBytes = 1 << 20;

  @Option(
      names = "--machine-dir",
      paramLabel = "DIR",
      description =
          "whose disk to measure first, 512 MiB; best that of the nodes (default: "
              + "${DEFAULT-VALUE})")
  Path machineDirectory = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "append the figures to this file; the machine's go to FILE.machine.json")
  Optional<Path> csv = Optional.empty();

  @Option(names = "--label", description = "a column of the CSV (default: none)")
  String label = "";

  @Option(names = "--plot", paramLabel = "FILE", description = "draw the latencies, as SVG")
  Optional<Path> plot = Optional.empty();

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (concurrencies.stream().anyMatch(c -> c < 1)
        || seconds < 1
        || warmUpSeconds < 0
        || blockBytes < 1
        || rate < 0
        || label.indexOf(',') >= 0) {
      throw new IllegalArgumentException(
          "concurrency, duration and block size must be positive, a label without commas");
    }
    MachineCeilings machine = MachineCeilings.measure(machineDirectory);
    System.out.print(MachineCommand.describe(machine));
    List<BenchResult> results = new ArrayList<>();
    try (SandstoreClient client = target.connect()) {
      warmUp(client);
      try (SandstoreSubject subject = new SandstoreSubject(client, blockBytes)) {
        measure(subject, machine, results);
      }
    }
    if (csv.isPresent()) {
      keep(csv.get(), machine, results);
    }
    if (plot.isPresent()) {
      Files.writeString(plot.get(), plot(results, machine));
    }
    return results.stream().allMatch(r -> r.errors() == 0) ? 0 : ExitCode.DATA.number();
  }

  private void measure(SandstoreSubject subject, MachineCeilings machine, List<BenchResult> results)
      throws IOException, InterruptedException {
    Bench bench = new Bench(subject, blockBytes);
    System.out.println(BenchResult.HEADER);
    for (long count : files) {
      subject.fill(count);
      for (int concurrency : concurrencies) {
        Bench.Shape shape = shape(concurrency, seconds);
        for (Bench.Phase phase : phases) {
          BenchResult result = bench.run(phase, shape);
          results.add(result);
          System.out.println(result.row(machine));
        }
      }
    }
  }

  private Bench.Shape shape(int concurrency, double phaseSeconds) {
    Duration duration = Duration.ofMillis(Math.round(phaseSeconds * 1000));
    return new Bench.Shape(concurrency, duration, rate);
  }

  /** With files of its own, which are gone before anything is measured. */
  private void warmUp(SandstoreClient client) throws IOException, InterruptedException {
    if (warmUpSeconds == 0) {
      return;
    }
    System.err.println("warming up for " + warmUpSeconds + " s");
    Bench.Shape shape =
        shape(concurrencies.getFirst(), Math.max(0.1, (double) warmUpSeconds / phases.size()));
    try (SandstoreSubject subject = new SandstoreSubject(client, blockBytes)) {
      Bench bench = new Bench(subject, blockBytes);
      for (Bench.Phase phase : phases) {
        bench.run(phase, shape);
      }
    }
  }

  private void keep(Path file, MachineCeilings machine, List<BenchResult> results)
      throws IOException {
    boolean fresh = !Files.exists(file);
    try (PrintStream out =
        new PrintStream(
            Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND))) {
      if (fresh) {
        out.println(BenchResult.CSV_HEADER);
      }
      results.forEach(result -> out.println(result.csv(label, machine)));
    }
    Files.writeString(
        file.resolveSibling(file.getFileName() + ".machine.json"),
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(machine));
  }

  private static String plot(List<BenchResult> results, MachineCeilings machine) {
    return new BarChart(
            "Latency of Sand Store on " + machine.cpu() + ", " + machine.cores() + " cores",
            "ms",
            true,
            results.stream().map(r -> r.name() + " x" + r.concurrency()).toList(),
            List.of(
                BarChart.series("p50", results.stream().map(BenchResult::p50).toList()),
                BarChart.series("p99", results.stream().map(BenchResult::p99).toList()),
                BarChart.series("p99.9", results.stream().map(BenchResult::p999).toList())),
            java.util.OptionalDouble.empty())
        .svg();
  }
}
