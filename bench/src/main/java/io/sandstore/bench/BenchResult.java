package io.sandstore.bench;

import java.util.Locale;
import java.util.OptionalDouble;

/**
 * The figures of one phase; times in milliseconds, corrected for coordinated omission.
 *
 * @param stealPercent of the machine's time while it ran, that somebody else had
 */
public record BenchResult(
    Bench.Phase phase,
    int concurrency,
    int blockBytes,
    double seconds,
    long operations,
    long bytes,
    long errors,
    double p50,
    double p95,
    double p99,
    double p999,
    double max,
    OptionalDouble stealPercent,
    String error) {

  public static final String HEADER =
      "%-11s %5s %10s %10s %9s %9s %9s %9s %9s %7s %6s  %s"
          .formatted(
              "OPERATION",
              "CONC",
              "ops/s",
              "MB/s",
              "P50 ms",
              "P95",
              "P99",
              "P99.9",
              "MAX",
              "ERRORS",
              "STEAL",
              "OF CEILING");

  /** The first nine are those of the Go original; figures of other tools are comparable by them. */
  public static final String CSV_HEADER =
      "operation,concurrency,block_size_bytes,p50_ms,p95_ms,p99_ms,p100_ms,total_ops,error_count,"
          + "label,seconds,ops_per_s,mb_per_s,p999_ms,steal_percent,percent_of_ceiling,ceiling";

  /** What the machine could do at most, and what is compared with it. */
  private record Ceiling(String name, double value, double reached) {
    double percent() {
      return 100 * reached / value;
    }
  }

  /**
   * By itself, one at a time: what shares a force or pipelines its messages can be above it. A
   * cluster elsewhere has other disks than this machine.
   */
  private Ceiling ceiling(MachineCeilings machine) {
    return switch (phase) {
      case WRITE, SEQ_WRITE -> new Ceiling("disk write", machine.diskMegabytes(), megabytes());
      case READ, SEQ_READ -> new Ceiling("loopback", machine.loopbackMegabytes(), megabytes());
      case CREATE, SMALL_FILE -> new Ceiling("4 KiB + force", machine.forces(), rate());
      case PING, STAT, LISTDIR, MIXED -> new Ceiling("round trips", machine.roundTrips(), rate());
    };
  }

  public double rate() {
    return operations / seconds;
  }

  public double megabytes() {
    return bytes / seconds / 1e6;
  }

  public String row(MachineCeilings machine) {
    Ceiling ceiling = ceiling(machine);
    return String.format(
        Locale.ROOT,
        "%-11s %5d %10.0f %10.1f %9.2f %9.2f %9.2f %9.2f %9.2f %7d %5s%%  %.0f%% of %s%s",
        name(),
        concurrency,
        rate(),
        megabytes(),
        p50,
        p95,
        p99,
        p999,
        max,
        errors,
        stealPercent.isPresent() ? Math.round(stealPercent.getAsDouble()) : "?",
        ceiling.percent(),
        ceiling.name,
        error.isEmpty() ? "" : "; " + error);
  }

  public String csv(String label, MachineCeilings machine) {
    Ceiling ceiling = ceiling(machine);
    return String.format(
        Locale.ROOT,
        "%s,%d,%d,%.3f,%.3f,%.3f,%.3f,%d,%d,%s,%.3f,%.1f,%.2f,%.3f,%s,%.1f,%s",
        name(),
        concurrency,
        blockBytes,
        p50,
        p95,
        p99,
        max,
        operations,
        errors,
        label,
        seconds,
        rate(),
        megabytes(),
        p999,
        stealPercent.isPresent()
            ? String.format(Locale.ROOT, "%.1f", stealPercent.getAsDouble())
            : "",
        ceiling.percent(),
        ceiling.name);
  }

  public String name() {
    return phase.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
