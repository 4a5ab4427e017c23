package io.sandstore.control;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.prometheus.metrics.core.datapoints.CounterDataPoint;
import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.sandstore.host.Telemetry;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.HdrHistogram.Recorder;
import org.slf4j.LoggerFactory;

/** Keeps a node's figures for Prometheus, and the latest of them for the dashboard. */
public final class Metrics implements Telemetry {

  /** Operations that took too long are no change of state: a logger of their own. */
  private static final org.slf4j.Logger log = LoggerFactory.getLogger("io.sandstore.slow");

  private static final int EVENTS_MAX = 50;
  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long HIGHEST_MICROS = TimeUnit.MINUTES.toMicros(5);
  private static final double[] SECONDS = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10
  };

  /** Of requests. */
  private record Kind(String operation, boolean client, String outcome) {}

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final long slowNanos;
  private final Histogram requests =
      histogram("request_duration_seconds", "requests answered", "operation", "origin", "outcome");
  private final Map<Kind, DistributionDataPoint> kinds = new ConcurrentHashMap<>();
  private final Histogram forces =
      histogram("log_append_duration_seconds", "appends to the log, their force included");
  private final Histogram commits =
      histogram("log_commit_duration_seconds", "of an entry on the primary, by stage", "stage");
  private final DistributionDataPoint queueing = commits.labelValues("queue");
  private final DistributionDataPoint replicating = commits.labelValues("replicate");
  private final DistributionDataPoint applying = commits.labelValues("apply");
  private final Histogram batches =
      Histogram.builder()
          .name("sandstore_log_batch_commands")
          .help("commands in one entry of the log")
          .classicUpperBounds(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
          .classicOnly()
          .withoutExemplars()
          .register(registry);
  private final Histogram blockWrites =
      histogram("block_write_duration_seconds", "of a new block, by stage", "stage");
  private final Histogram blockReads =
      histogram("block_read_duration_seconds", "of a part of a block, by where it was", "source");
  private final Map<String, IntSupplier> queues = new ConcurrentHashMap<>();
  private final Counter logged = counter("log_append_bytes", "bytes appended to the log");
  private final Counter roles = counter("log_role_changes", "roles this member took", "role");
  private final Counter rejections = counter("rejections", "refused: a queue was full", "queue");
  private final Counter network = counter("network_bytes", "bytes over all links", "direction");
  private final CounterDataPoint sentBytes = network.labelValues("sent");
  private final CounterDataPoint receivedBytes = network.labelValues("received");
  private final Counter summed = counter("checksum_bytes", "bytes that went through a checksum");

  private final Recorder latencies = new Recorder(HIGHEST_MICROS, 2);
  private final ArrayDeque<Event> events = new ArrayDeque<>();
  private Rates rates = new Rates(0, 0, 0);
  private long windowBegan = System.nanoTime();

  /**
   * @param slow operations that take longer are logged; zero: none
   */
  public Metrics(Duration slow) {
    this.slowNanos = slow.isZero() ? Long.MAX_VALUE : slow.toNanos();
    // So that a rate exists before the first of its kind.
    List.of("connections", "log requests", "log messages").forEach(rejections::initLabelValues);
    List.of("memory", "disk", "node").forEach(blockReads::initLabelValues);
    List.of("id", "copies").forEach(blockWrites::initLabelValues);
    GaugeWithCallback.builder()
        .name("sandstore_queue_depth")
        .help("what waits, or buffers in use")
        .labelNames("queue")
        .callback(
            callback -> queues.forEach((name, depth) -> callback.call(depth.getAsInt(), name)))
        .register(registry);
    rememberLog();
  }

  PrometheusRegistry registry() {
    return registry;
  }

  private Histogram histogram(String name, String help, String... labels) {
    return Histogram.builder()
        .name("sandstore_" + name)
        .help(help)
        .labelNames(labels)
        .classicUpperBounds(SECONDS)
        .classicOnly()
        .withoutExemplars()
        .register(registry);
  }

  private Counter counter(String name, String help, String... labels) {
    return Counter.builder()
        .name("sandstore_" + name)
        .help(help)
        .labelNames(labels)
        .withoutExemplars()
        .register(registry);
  }

  /** The log has a line for each change of state: those are the events. */
  private void rememberLog() {
    AppenderBase<ILoggingEvent> appender =
        new AppenderBase<>() {
          @Override
          protected void append(ILoggingEvent line) {
            boolean slow = line.getLoggerName().equals(log.getName());
            if (!slow && line.getLevel().isGreaterOrEqual(Level.INFO)) {
              remember(new Event(line.getTimeStamp(), line.getFormattedMessage()));
            }
          }
        };
    Logger ours = (Logger) LoggerFactory.getLogger("io.sandstore");
    appender.setContext(ours.getLoggerContext());
    appender.start();
    ours.addAppender(appender);
  }

  private void remember(Event event) {
    synchronized (events) {
      if (events.size() == EVENTS_MAX) {
        events.removeFirst();
      }
      events.addLast(event);
    }
  }

  @Override
  public void request(String operation, boolean client, String outcome, long nanos) {
    Kind kind = new Kind(operation, client, outcome);
    DistributionDataPoint known = kinds.get(kind); // computeIfAbsent would lock what it finds
    (known == null ? kinds.computeIfAbsent(kind, this::requestsOf) : known).observe(nanos / 1e9);
    if (client && !operation.equals("ping")) {
      latencies.recordValue(Math.min(nanos / 1000, HIGHEST_MICROS));
    }
    if (nanos > slowNanos) {
      log.warn("{} took {} ms: {}", operation, millis(nanos), outcome);
    }
  }

  private DistributionDataPoint requestsOf(Kind kind) {
    return requests.labelValues(kind.operation, kind.client ? "client" : "node", kind.outcome);
  }

  @Override
  public void network(long sent, long received) {
    if (sent > 0) {
      sentBytes.inc(sent);
    }
    if (received > 0) {
      receivedBytes.inc(received);
    }
  }

  @Override
  public void summed(int bytes) {
    summed.inc(bytes);
  }

  @Override
  public void logged(int entries, long bytes, long nanos) {
    forces.observe(nanos / 1e9);
    logged.inc(bytes);
    if (nanos > slowNanos) {
      log.warn("{} bytes took {} ms to be appended to the log", bytes, millis(nanos));
    }
  }

  @Override
  public void committed(int commands, long queued, long replicated, long applied) {
    queueing.observe(queued / 1e9);
    replicating.observe(replicated / 1e9);
    applying.observe(applied / 1e9);
    batches.observe(commands);
    if (queued + replicated + applied > slowNanos) {
      log.warn(
          "{} commands of one entry: {} ms in the queue, {} ms until a majority had forced "
              + "them, {} ms to apply",
          commands,
          millis(queued),
          millis(replicated),
          millis(applied));
    }
  }

  @Override
  public void blockWritten(long named, long copied) {
    blockWrites.labelValues("id").observe(named / 1e9);
    blockWrites.labelValues("copies").observe(copied / 1e9);
    if (named + copied > slowNanos) {
      log.warn(
          "a block: {} ms to get an id, {} ms until its holders had forced it",
          millis(named),
          millis(copied));
    }
  }

  @Override
  public void blockRead(String source, long nanos) {
    blockReads.labelValues(source).observe(nanos / 1e9);
    if (nanos > slowNanos) {
      log.warn("a part of a block took {} ms to be read from {}", millis(nanos), source);
    }
  }

  @Override
  public void queue(String name, IntSupplier depth) {
    queues.put(name, depth);
  }

  private static long millis(long nanos) {
    return TimeUnit.NANOSECONDS.toMillis(nanos);
  }

  @Override
  public void role(String role) {
    roles.labelValues(role).inc();
  }

  @Override
  public void rejected(String queue) {
    rejections.labelValues(queue).inc();
  }

  @Override
  public synchronized Rates rates() {
    long now = System.nanoTime();
    if (now - windowBegan > WINDOW_NANOS) {
      org.HdrHistogram.Histogram window = latencies.getIntervalHistogram();
      rates =
          new Rates(
              window.getTotalCount() / ((now - windowBegan) / 1e9),
              window.getValueAtPercentile(50) / 1e3,
              window.getValueAtPercentile(99) / 1e3);
      windowBegan = now;
    }
    return rates;
  }

  @Override
  public List<Event> events() {
    synchronized (events) {
      return List.copyOf(events);
    }
  }
}
