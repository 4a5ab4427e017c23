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
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
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
final class Bench implements AutoCloseable {

  /** What is measured. */
  enum Phase {
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
  record Shape(int concurrency, Duration duration, int rate) {}

  private interface Operation {
    /** Does it once and returns the bytes it moved. */
    long run() throws IOException;
  }

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final int SMALL_BYTES = 4096;
  private static final int READ_FILE_BLOCKS = 64;
  private static final long SEQUENTIAL_BYTES = 1L << 30;
  private static final int LISTED = 100;
  private static final long HIGHEST_MICROS = TimeUnit.MINUTES.toMicros(5);
  private static final Duration TICK = Duration.ofMillis(500);

  /** What each phase runs before it counts, so that its queues are full. */
  private static final Duration LEAD_IN = Duration.ofSeconds(1);

  private final SandstoreClient client;
  private final String directory = "/bench-" + Long.toHexString(System.nanoTime());
  private final AtomicLong names = new AtomicLong();
  private final byte[] content;
  private final int blockBytes;
  private boolean readable;
  private boolean listable;
  private boolean streamable;

  Bench(SandstoreClient client, int blockBytes) throws IOException {
    this.client = client;
    this.blockBytes = blockBytes;
    this.content = new byte[Math.max(blockBytes, SMALL_BYTES)];
    new Random(1).nextBytes(content);
    client.mkdir(directory, 0755);
  }

  /** Runs a phase. */
  BenchResult run(Phase phase, Shape shape) throws IOException, InterruptedException {
    prepare(phase);
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < shape.concurrency; i++) {
      workers.add(new Worker(operation(phase), shape));
    }
    List<Thread> threads = workers.stream().map(w -> Thread.ofVirtual().start(w::run)).toList();
    wait(phase.toString(), LEAD_IN);
    Optional<Machine.Stolen> before = Machine.Stolen.now();
    long begin = System.nanoTime();
    workers.forEach(worker -> worker.counting = true);
    wait(phase.toString(), shape.duration);
    workers.forEach(worker -> worker.counting = false);
    double seconds = (System.nanoTime() - begin) / 1e9;
    Optional<Machine.Stolen> after = Machine.Stolen.now();
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

  private static void progress(String what) {
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

  private void prepare(Phase phase) throws IOException {
    if ((phase == Phase.READ || phase == Phase.MIXED) && !readable) {
      try (SandFile file = client.open(directory + "/read", CREATE, 0644)) {
        for (int i = 0; i < READ_FILE_BLOCKS; i++) {
          file.write(ByteBuffer.wrap(content, 0, blockBytes));
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
    if (phase == Phase.SEQ_READ && !streamable) {
      Operation write = sequentialWrite(directory + "/stream");
      for (long at = 0; at < SEQUENTIAL_BYTES; at += blockBytes) {
        write.run();
      }
      streamable = true;
    }
  }

  private Operation operation(Phase phase) throws IOException {
    return switch (phase) {
      case PING ->
          () -> {
            client.ping();
            return 0;
          };
      case WRITE -> write();
      case READ -> read(blockBytes);
      case STAT -> this::stat;
      case CREATE -> () -> create(0);
      case LISTDIR -> this::list;
      case SMALL_FILE -> () -> create(SMALL_BYTES);
      case MIXED -> mixed();
      case SEQ_WRITE -> sequentialWrite(directory + "/" + names.incrementAndGet());
      case SEQ_READ -> sequentialRead();
    };
  }

  /** Fills a file, makes all of it durable, and begins again at its start. */
  private Operation sequentialWrite(String path) throws IOException {
    SandFile file = client.open(path, CREATE, 0644);
    long[] at = {0};
    return () -> {
      file.write(ByteBuffer.wrap(content, 0, blockBytes), at[0]);
      at[0] += blockBytes;
      if (at[0] >= SEQUENTIAL_BYTES) {
        file.fsync();
        at[0] = 0;
      }
      return blockBytes;
    };
  }

  private Operation sequentialRead() throws IOException {
    SandFile file = client.open(directory + "/stream", EnumSet.of(OpenFlag.O_RDONLY), 0);
    ByteBuffer buffer = ByteBuffer.allocate(blockBytes);
    long[] at = {0};
    return () -> {
      int read = file.read(buffer.clear(), at[0]);
      at[0] = read <= 0 ? 0 : at[0] + read;
      return Math.max(0, read);
    };
  }

  private Operation write() throws IOException {
    SandFile file = client.open(directory + "/" + names.incrementAndGet(), CREATE, 0644);
    return () -> {
      file.write(ByteBuffer.wrap(content, 0, blockBytes));
      file.fsync();
      return blockBytes;
    };
  }

  private Operation read(int bytes) throws IOException {
    SandFile file = client.open(directory + "/read", EnumSet.of(OpenFlag.O_RDONLY), 0);
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    return () -> {
      long block = ThreadLocalRandom.current().nextInt(READ_FILE_BLOCKS);
      buffer.clear();
      long at = block * blockBytes;
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
    progress("removing what was written");
    FileCommands.removeTree(client, directory);
    progress("");
  }
}
