package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.bench.Latencies;
import io.sandstore.client.SandstoreClient;
import io.sandstore.testkit.Failover;
import io.sandstore.testkit.Smoke;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Tries everything a file store must do. */
@Command(
    name = "smoke",
    description =
        "Tries what a file store must do, one line a step, and measures everyday operations. Exits "
            + "with 65 if a step failed.",
    mixinStandardHelpOptions = true)
final class SmokeCommand implements Callable<Integer> {

  private static final int ROUNDS = 50;

  @Mixin final Target target = new Target();

  @Option(names = "--json", description = "for programs")
  boolean json;

  @Option(
      names = "--failover",
      paramLabel = "COMMAND",
      description =
          "then run this shell command, which should kill the primary, under load, and print how "
              + "long no write was acknowledged")
  Optional<String> failover = Optional.empty();

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (SandstoreClient client = target.connect()) {
      return run(client, json, failover) ? 0 : ExitCode.DATA.number();
    }
  }

  /** Runs all steps; true if all passed. */
  static boolean run(SandstoreClient client, boolean json, Optional<String> failover)
      throws IOException, InterruptedException {
    String dir = "/smoke-" + Long.toHexString(System.nanoTime());
    List<Smoke.Step> steps = new Smoke(client, dir, step -> print(step, json)).run();
    boolean passed = steps.stream().allMatch(Smoke.Step::passed);
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("steps", steps);
    if (passed) {
      Map<String, Latencies.Row> rows = Latencies.measure(client, dir, ROUNDS);
      report.put("latency_ms", rows);
      if (!json) {
        print(rows);
      }
    }
    if (passed && failover.isPresent()) {
      Failover.Outcome outcome = Failover.measure(client, dir, failover.get());
      passed = outcome.errors() == 0 && outcome.writes() > 0;
      report.put("failover", outcome);
      if (!json) {
        System.out.printf(
            "%s  outage %d ms: longest time without an acknowledged write (%d writes, %d errors%s)%n",
            passed ? "PASS" : "FAIL",
            outcome.outageMillis(),
            outcome.writes(),
            outcome.errors(),
            outcome.errors() == 0 ? "" : ", last: " + outcome.lastError());
      }
    }
    report.put("passed", passed);
    long good = steps.stream().filter(Smoke.Step::passed).count();
    System.out.println(
        json
            ? new ObjectMapper().writeValueAsString(report)
            : "%d of %d steps passed".formatted(good, steps.size()));
    return passed;
  }

  private static void print(Smoke.Step step, boolean json) {
    if (json) {
      return;
    }
    System.out.printf(
        "%s  %-55s %8.1f ms%s%n",
        step.passed() ? "PASS" : "FAIL",
        step.name(),
        step.millis(),
        step.passed() ? "" : "\n      " + step.failure());
  }

  private static void print(Map<String, Latencies.Row> rows) {
    System.out.printf(
        "%-22s %6s %10s %10s %10s%n", "OPERATION", "COUNT", "P50 ms", "P99 ms", "MAX");
    rows.forEach(
        (name, row) ->
            System.out.printf(
                "%-22s %6d %10.2f %10.2f %10.2f%n",
                name, row.count(), row.p50(), row.p99(), row.max()));
  }
}
