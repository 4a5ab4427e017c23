package io.sandstore.cli;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.Histogram;

/**
 * Measures one kind of operation after the other. Closed loop: each of a number of workers begins
 * its next operation when the one before has ended, so that the rate is the cluster's and the
 * latencies are those at that rate.
 */
final class Bench implements AutoCloseable {

  /** What is measured. */
  enum Phase {
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
    MIXED
  }

  /** How it is measured. */
  record Shape(int concurrency, Duration warmUp, Duration duration, int blockBytes) {}

  /** A phase's figures; times in milliseconds. */
  record Result(
      Phase phase,
      Shape shape,
      double seconds,
      long operations,
      long bytes,
      long errors,
      double p50,
      double p95,
      double p99,
      double p999,
      double max,
      String error) {

    static final String HEADER =
        "%-11s %5s %10s %10s %9s %9s %9s %9s %9s %7s"
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
                "ERRORS");

    static final String CSV_HEADER =
        "operation,concurrency,block_size_bytes,p50_ms,p95_ms,p99_ms,p100_ms,total_ops,error_count,"
            + "label,seconds,ops_per_s,mb_per_s,p999_ms";

    double rate() {
      return operations / seconds;
    }

    double megabytes() {
      return bytes / seconds / 1e6;
    }

    String row() {
      return String.format(
          Locale.ROOT,
          "%-11s %5d %10.0f %10.1f %9.2f %9.2f %9.2f %9.2f %9.2f %7d%s",
          name(),
          shape.concurrency(),
          rate(),
          megabytes(),
          p50,
          p95,
          p99,
          p999,
          max,
          errors,
          error.isEmpty() ? "" : "  " + error);
    }

    String csv(String label) {
      return String.format(
          Locale.ROOT,
          "%s,%d,%d,%.3f,%.3f,%.3f,%.3f,%d,%d,%s,%.3f,%.1f,%.2f,%.3f",
          name(),
          shape.concurrency(),
          shape.blockBytes(),
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
          p999);
    }

    private String name() {
      return phase.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private interface Operation {
    /** Does it once and returns the bytes it moved. */
    long run() throws IOException;
  }

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final int SMALL_BYTES = 4096;
  private static final int READ_FILE_BLOCKS = 64;
  private static final int LISTED = 100;
  private static final long HIGHEST_MICROS = TimeUnit.MINUTES.toMicros(5);
  private static final Duration TICK = Duration.ofMillis(500);

  private final SandstoreClient client;
  private final Shape shape;
  private final String directory = "/bench-" + Long.toHexString(System.nanoTime());
  private final AtomicLong names = new AtomicLong();
  private final byte[] content;
  private boolean readable;
  private boolean listable;

  Bench(SandstoreClient client, Shape shape) throws IOException {
    this.client = client;
    this.shape = shape;
    this.content = new byte[Math.max(shape.blockBytes, SMALL_BYTES)];
    new Random(1).nextBytes(content);
    client.mkdir(directory, 0755);
  }

  /** Runs a phase: warm-up, then what counts. */
  Result run(Phase phase) throws IOException, InterruptedException {
    prepare(phase);
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < shape.concurrency; i++) {
      workers.add(new Worker(operation(phase)));
    }
    List<Thread> threads = workers.stream().map(w -> Thread.ofVirtual().start(w::run)).toList();
    wait(phase + ", warming up", shape.warmUp);
    long begin = System.nanoTime();
    workers.forEach(worker -> worker.counting = true);
    wait(phase.toString(), shape.duration);
    workers.forEach(worker -> worker.counting = false);
    double seconds = (System.nanoTime() - begin) / 1e9;
    workers.forEach(worker -> worker.running = false);
    for (Thread thread : threads) {
      thread.join();
    }
    Histogram all = new Histogram(HIGHEST_MICROS, 3);
    workers.forEach(worker -> all.add(worker.histogram));
    return new Result(
        phase,
        shape,
        seconds,
        all.getTotalCount(),
        workers.stream().mapToLong(w -> w.bytes).sum(),
        workers.stream().mapToLong(w -> w.errors).sum(),
        all.getValueAtPercentile(50) / 1e3,
        all.getValueAtPercentile(95) / 1e3,
        all.getValueAtPercentile(99) / 1e3,
        all.getValueAtPercentile(99.9) / 1e3,
        all.getMaxValue() / 1e3,
        workers.stream().map(w -> w.error).filter(e -> !e.isEmpty()).findFirst().orElse(""));
  }

  private static void wait(String what, Duration time) throws InterruptedException {
    long end = System.nanoTime() + time.toNanos();
    for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) {
      if (System.console() != null) {
        System.err.printf("\r%s: %d s ", what, TimeUnit.NANOSECONDS.toSeconds(left));
      }
      Thread.sleep(Duration.ofNanos(Math.min(left, TICK.toNanos())));
    }
    if (System.console() != null) {
      System.err.print("\r" + " ".repeat(60) + "\r");
    }
  }

  private static final class Worker {
    private final Operation operation;
    private final Histogram histogram = new Histogram(HIGHEST_MICROS, 3);
    private volatile boolean counting;
    private volatile boolean running = true;
    private long bytes;
    private long errors;
    private String error = "";

    Worker(Operation operation) {
      this.operation = operation;
    }

    void run() {
      while (running) {
        long begin = System.nanoTime();
        try {
          long moved = operation.run();
          if (counting) {
            long micros = (System.nanoTime() - begin) / 1000;
            histogram.recordValue(Math.min(micros, HIGHEST_MICROS));
            bytes += moved;
          }
        } catch (IOException e) {
          errors++;
          error = String.valueOf(e.getMessage());
        }
      }
    }
  }

  private void prepare(Phase phase) throws IOException {
    if ((phase == Phase.READ || phase == Phase.MIXED) && !readable) {
      try (SandFile file = client.open(directory + "/read", CREATE, 0644)) {
        for (int i = 0; i < READ_FILE_BLOCKS; i++) {
          file.write(ByteBuffer.wrap(content, 0, shape.blockBytes));
        }
      }
      readable = true;
    }
    if ((phase == Phase.LISTDIR || phase == Phase.STAT || phase == Phase.MIXED) && !listable) {
      client.mkdir(directory + "/list", 0755);
      for (int i = 0; i < LISTED; i++) {
        client.open(directory + "/list/" + i, CREATE, 0644).close();
      }
      listable = true;
    }
  }

  private Operation operation(Phase phase) throws IOException {
    return switch (phase) {
      case WRITE -> write();
      case READ -> read(shape.blockBytes);
      case STAT -> this::stat;
      case CREATE -> () -> create(0);
      case LISTDIR -> this::list;
      case SMALL_FILE -> () -> create(SMALL_BYTES);
      case MIXED -> mixed();
    };
  }

  private Operation write() throws IOException {
    SandFile file = client.open(directory + "/" + names.incrementAndGet(), CREATE, 0644);
    return () -> {
      file.write(ByteBuffer.wrap(content, 0, shape.blockBytes));
      file.fsync();
      return shape.blockBytes;
    };
  }

  private Operation read(int bytes) throws IOException {
    SandFile file = client.open(directory + "/read", EnumSet.of(OpenFlag.O_RDONLY), 0);
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    return () -> {
      long block = ThreadLocalRandom.current().nextInt(READ_FILE_BLOCKS);
      buffer.clear();
      long at = block * shape.blockBytes;
      while (buffer.hasRemaining()) {
        int read = file.read(buffer, at + buffer.position());
        if (read <= 0) {
          throw new IOException("the file ends at " + (at + buffer.position()));
        }
      }
      return bytes;
    };
  }

  private long stat() throws IOException {
    client.stat(directory + "/list/" + ThreadLocalRandom.current().nextInt(LISTED));
    return 0;
  }

  private long list() throws IOException {
    int size = client.readdir(directory + "/list").size();
    if (size != LISTED) {
      throw new IOException("%d names instead of %d".formatted(size, LISTED));
    }
    return 0;
  }

  private long create(int bytes) throws IOException {
    String path = directory + "/" + names.incrementAndGet();
    try (SandFile file = client.open(path, CREATE, 0644)) {
      if (bytes > 0) {
        file.write(ByteBuffer.wrap(content, 0, bytes));
      }
    }
    return bytes;
  }

  private Operation mixed() throws IOException {
    Operation read = read(SMALL_BYTES);
    return () -> {
      int dice = ThreadLocalRandom.current().nextInt(10);
      return dice < 7 ? stat() : dice < 9 ? read.run() : create(SMALL_BYTES);
    };
  }

  /** Removes what was written. */
  @Override
  public void close() throws IOException {
    FileCommands.removeTree(client, directory);
  }
}
