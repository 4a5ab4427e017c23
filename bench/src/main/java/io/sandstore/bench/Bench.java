package io.sandstore.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/**
 * Measures one kind of operation after the other, by a number of workers.
 *
 * <p>Closed loop, unless a rate is asked for: a worker begins its next operation when the one
 * before has ended. So that a stall counts as much as it would for callers who do not wait for each
 * other ("coordinated omission"), its latencies are corrected with the worker's median as the
 * interval at which calls were meant to come. With a rate, an operation's time counts from when it
 * was due.
 */
public final class Bench {

  /** What is measured. */
  public enum Phase {
    /** A round trip to a node that does nothing for it. */
    PING,
    /** Appends a block's worth to a file of the worker's own, and fsyncs. */
    WRITE,
    /** Reads a block's worth at a random block of a file written before. */
    READ,
    /** Status of a file. */
    STAT,
    /** An empty file, durable. */
    CREATE,
    /** A directory of 100 names. */
    LISTDIR,
    /** A new file of 4 KiB: create, write, close. */
    SMALL_FILE,
    /** 7 stats, 2 small reads, 1 small file. */
    MIXED,
    /** A block's worth of a file of 1 GiB; the last one includes the fsync of all. */
    SEQ_WRITE,
    /** A block's worth of a file of 1 GiB, from its begin to its end, again and again. */
    SEQ_READ
  }

  /**
   * How it is measured.
   *
   * @param rate operations a second, all workers together; 0 for as many as there can be
   */
  public record Shape(int concurrency, Duration duration, int rate) {}

  /** One kind of work. */
  @FunctionalInterface
  public interface Operation {
    /** Does it once and returns the bytes it moved. */
    long run() throws IOException;
  }

  /** The store that is measured. */
  public interface Subject extends AutoCloseable {

    /** Makes what a phase looks at, unless it is there. */
    void prepare(Phase phase) throws IOException;

    /** The work of one worker of a phase. */
    Operation operation(Phase phase) throws IOException;

    /** Removes what was written. */
    @Override
    void close() throws IOException;
  }

  private static final long HIGHEST_MICROS = TimeUnit.MINUTES.toMicros(5);
  private static final Duration TICK = Duration.ofMillis(500);

  /** What each phase runs before it counts, so that its queues are full. */
  private static final Duration LEAD_IN = Duration.ofSeconds(1);

  private final Subject subject;
  private final int blockBytes;

  public Bench(Subject subject, int blockBytes) {
    this.subject = subject;
    this.blockBytes = blockBytes;
  }

  /** Runs a phase. */
  public BenchResult run(Phase phase, Shape shape) throws IOException, InterruptedException {
    subject.prepare(phase);
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < shape.concurrency; i++) {
      workers.add(new Worker(subject.operation(phase), shape));
    }
    List<Thread> threads = workers.stream().map(w -> Thread.ofVirtual().start(w::run)).toList();
    wait(phase.toString(), LEAD_IN);
    Optional<MachineCeilings.Stolen> before = MachineCeilings.Stolen.now();
    long begin = System.nanoTime();
    workers.forEach(worker -> worker.counting = true);
    wait(phase.toString(), shape.duration);
    workers.forEach(worker -> worker.counting = false);
    double seconds = (System.nanoTime() - begin) / 1e9;
    Optional<MachineCeilings.Stolen> after = MachineCeilings.Stolen.now();
    workers.forEach(worker -> worker.running = false);
    for (Thread thread : threads) {
      thread.join();
    }
    Histogram all = new Histogram(HIGHEST_MICROS, 3);
    workers.forEach(worker -> all.add(worker.corrected()));
    return new BenchResult(
        phase,
        shape.concurrency,
        blockBytes,
        seconds,
        workers.stream().mapToLong(w -> w.histogram.getTotalCount()).sum(),
        workers.stream().mapToLong(w -> w.bytes).sum(),
        workers.stream().mapToLong(w -> w.errors).sum(),
        all.getValueAtPercentile(50) / 1e3,
        all.getValueAtPercentile(95) / 1e3,
        all.getValueAtPercentile(99) / 1e3,
        all.getValueAtPercentile(99.9) / 1e3,
        all.getMaxValue() / 1e3,
        before.isPresent() && after.isPresent()
            ? OptionalDouble.of(after.get().percentSince(before.get()))
            : OptionalDouble.empty(),
        workers.stream().map(w -> w.error).filter(e -> !e.isEmpty()).findFirst().orElse(""));
  }

  private static void wait(String what, Duration time) throws InterruptedException {
    long end = System.nanoTime() + time.toNanos();
    for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) {
      progress("%s: %d s".formatted(what, TimeUnit.NANOSECONDS.toSeconds(left)));
      Thread.sleep(Duration.ofNanos(Math.min(left, TICK.toNanos())));
    }
    progress("");
  }

  static void progress(String what) {
    if (System.console() != null) {
      System.err.printf("\r%-60s\r%s", "", what);
    }
  }

  private static final class Worker {
    private final Operation operation;
    private final long intervalNanos;
    private final Histogram histogram = new Histogram(HIGHEST_MICROS, 3);
    private volatile boolean counting;
    private volatile boolean running = true;
    private long bytes;
    private long errors;
    private String error = "";

    Worker(Operation operation, Shape shape) {
      this.operation = operation;
      this.intervalNanos =
          shape.rate == 0 ? 0 : TimeUnit.SECONDS.toNanos(shape.concurrency) / shape.rate;
    }

    void run() {
      long due = System.nanoTime() + ThreadLocalRandom.current().nextLong(intervalNanos + 1);
      while (running) {
        long begin = System.nanoTime();
        if (intervalNanos > 0) {
          LockSupport.parkNanos(due - begin);
          begin = due;
          due += intervalNanos;
        }
        try {
          long moved = operation.run();
          if (counting) {
            long micros = Math.max(0, System.nanoTime() - begin) / 1000;
            histogram.recordValue(Math.min(micros, HIGHEST_MICROS));
            bytes += moved;
          }
        } catch (IOException e) {
          errors++;
          error = String.valueOf(e.getMessage());
        }
      }
    }

    Histogram corrected() {
      long median = histogram.getValueAtPercentile(50);
      return intervalNanos > 0 || median == 0
          ? histogram
          : histogram.copyCorrectedForCoordinatedOmission(median);
    }
  }
}
