package io.sandstore.cli;

import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
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
        "Measures a cluster from here: a phase for each kind of operation, for a time, with some "
            + "operations outstanding at once. Prints a table; --csv keeps the figures.",
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
      description = "operations outstanding at once (default: ${DEFAULT-VALUE})")
  int concurrency = 8;

  @Option(names = "--duration", description = "seconds a phase (default: ${DEFAULT-VALUE})")
  int seconds = 10;

  @Option(
      names = "--warm-up",
      description = "seconds a phase runs before it is measured (default: ${DEFAULT-VALUE})")
  int warmUpSeconds = 3;

  @Option(
      names = "--block-size",
      description = "bytes of a write or read (default: ${DEFAULT-VALUE})")
  int blockBytes = 1 << 20;

  @Option(names = "--csv", paramLabel = "FILE", description = "append the figures to this file")
  Optional<Path> csv = Optional.empty();

  @Option(names = "--label", description = "put before each line of the CSV (default: none)")
  String label = "";

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (concurrency < 1 || seconds < 1 || warmUpSeconds < 0 || blockBytes < 1) {
      throw new IllegalArgumentException("concurrency, duration and block size must be positive");
    }
    Bench.Shape shape =
        new Bench.Shape(
            concurrency,
            Duration.ofSeconds(warmUpSeconds),
            Duration.ofSeconds(seconds),
            blockBytes);
    List<Bench.Result> results = new ArrayList<>();
    try (SandstoreClient client = target.connect();
        Bench bench = new Bench(client, shape)) {
      System.out.println(Bench.Result.HEADER);
      for (Bench.Phase phase : phases) {
        Bench.Result result = bench.run(phase);
        results.add(result);
        System.out.println(result.row());
      }
    }
    if (csv.isPresent()) {
      boolean fresh = !Files.exists(csv.get());
      try (PrintStream out =
          new PrintStream(
              Files.newOutputStream(
                  csv.get(),
                  java.nio.file.StandardOpenOption.CREATE,
                  java.nio.file.StandardOpenOption.APPEND))) {
        if (fresh) {
          out.println(Bench.Result.CSV_HEADER);
        }
        results.forEach(result -> out.println(result.csv(label)));
      }
    }
    return results.stream().allMatch(r -> r.errors() == 0) ? 0 : Main.DIFFERENT;
  }
}
