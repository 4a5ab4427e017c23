package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Tries everything a file store must do. */
@Command(
    name = "smoke",
    description =
        "Tries what a file store must do, one line a step. Exits with 4 if a step failed.",
    mixinStandardHelpOptions = true)
final class SmokeCommand implements Callable<Integer> {

  @Mixin final Target target = new Target();

  @Option(names = "--json", description = "for programs")
  boolean json;

  @Override
  public Integer call() throws IOException {
    try (SandstoreClient client = target.connect()) {
      return run(client, json) ? 0 : Main.DIFFERENT;
    }
  }

  /** Runs all steps; true if all passed. */
  static boolean run(SandstoreClient client, boolean json) throws IOException {
    String dir = "/smoke-" + Long.toHexString(System.nanoTime());
    List<Smoke.Step> steps =
        new Smoke(
                client,
                dir,
                step -> {
                  if (!json) {
                    print(step);
                  }
                })
            .run();
    boolean passed = steps.stream().allMatch(Smoke.Step::passed);
    Histogram latency = new Histogram(3);
    steps.forEach(step -> latency.recordValue((long) (step.millis() * 1000)));
    double p50 = latency.getValueAtPercentile(50) / 1e3;
    double p99 = latency.getValueAtPercentile(99) / 1e3;
    if (json) {
      System.out.println(
          new ObjectMapper()
              .writeValueAsString(
                  Map.of("passed", passed, "steps", steps, "p50_ms", p50, "p99_ms", p99)));
    } else {
      System.out.printf(
          "%d of %d steps passed; a step took %.1f ms (p50), %.1f ms (p99)%n",
          steps.stream().filter(Smoke.Step::passed).count(), steps.size(), p50, p99);
    }
    return passed;
  }

  private static void print(Smoke.Step step) {
    System.out.printf(
        "%s  %-55s %8.1f ms%s%n",
        step.passed() ? "PASS" : "FAIL",
        step.name(),
        step.millis(),
        step.passed() ? "" : "\n      " + step.failure());
  }
}
