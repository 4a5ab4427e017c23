package io.sandstore.bench;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/** How long the everyday operations of one client take, one after the other. */
public final class Latencies {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final int WARM_UP_ROUNDS = 20;
  private static final int SMALL_BYTES = 4096;
  private static final long HIGHEST_MICROS = TimeUnit.MINUTES.toMicros(10);

  /** One operation's figures, in milliseconds. */
  public record Row(long count, double p50, double p99, double max) {}

  private interface Operation {
    void run() throws IOException;
  }

  private final SandstoreClient client;
  private final Map<String, Histogram> histograms = new LinkedHashMap<>();
  private boolean warm;

  private Latencies(SandstoreClient client) {
    this.client = client;
  }

  /** Measures in a directory of its own, which it removes. */
  public static Map<String, Row> measure(SandstoreClient client, String directory, int rounds)
      throws IOException {
    Latencies latencies = new Latencies(client);
    client.mkdir(directory, 0755);
    for (int i = 0; i < WARM_UP_ROUNDS + rounds; i++) {
      latencies.warm = i >= WARM_UP_ROUNDS;
      latencies.round(directory + "/" + i);
    }
    latencies.time("rmdir", () -> client.rmdir(directory));
    Map<String, Row> rows = new LinkedHashMap<>();
    latencies.histograms.forEach(
        (name, h) ->
            rows.put(
                name,
                new Row(
                    h.getTotalCount(),
                    h.getValueAtPercentile(50) / 1e3,
                    h.getValueAtPercentile(99) / 1e3,
                    h.getMaxValue() / 1e3)));
    return rows;
  }

  private void round(String path) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(SMALL_BYTES);
    time("create", () -> client.open(path, CREATE, 0644).close());
    try (SandFile file = client.open(path, CREATE, 0644)) {
      time(
          "write 4 KiB + fsync",
          () -> {
            file.write(bytes.clear());
            file.fsync();
          });
      time("read 4 KiB", () -> file.read(bytes.clear(), 0));
    }
    time("stat", () -> client.stat(path));
    time("rename", () -> client.rename(path, path + "-renamed"));
    time("remove", () -> client.unlink(path + "-renamed"));
  }

  private void time(String name, Operation operation) throws IOException {
    long begin = System.nanoTime();
    operation.run();
    long micros = (System.nanoTime() - begin) / 1000;
    if (warm) {
      histograms
          .computeIfAbsent(name, n -> new Histogram(HIGHEST_MICROS, 3))
          .recordValue(Math.min(micros, HIGHEST_MICROS));
    }
  }
}
