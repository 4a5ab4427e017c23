package io.sandstore.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a node holds at one moment. */
final class NodeSample {

  /** A figure that must keep its level. */
  enum Figure {
    LIVE_HEAP_MB("live heap after a full collection, MB", 0.10, 4),
    HEAP_MB("used heap, MB", Double.POSITIVE_INFINITY, 0),
    DIRECT_MB("direct buffers, MB", 0.10, 8),
    RESIDENT_MB("resident memory, MB", 0.10, 16),
    DESCRIPTORS("open descriptors", 0.10, 8),
    THREADS("threads", 0.10, 6),
    DISK_MB("data on the disk, MB", 0.10, 64),
    DISK_FILES("files on the disk", 0.10, 500),
    SAID_KB("written to the node's output, KB", Double.POSITIVE_INFINITY, 0);

    final String title;

    /**
     * How much more it may be in the end: a share of what it was, or so much, whichever is more.
     */
    final double shareMore;

    final double more;

    Figure(String title, double shareMore, double more) {
      this.title = title;
      this.shareMore = shareMore;
      this.more = more;
    }
  }

  private static final double MB = 1 << 20;
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private NodeSample() {}

  /**
   * Asks a node's metrics and looks at its process and disk.
   *
   * @param metrics address of its metrics
   */
  static Map<Figure, Double> take(URI metrics, long pid, Path data, Path log) throws IOException {
    String text = get(metrics);
    Map<Figure, Double> figures = new EnumMap<>(Figure.class);
    figures.put(
        Figure.LIVE_HEAP_MB,
        value(text, "jvm_memory_pool_collection_used_bytes\\{pool=\"Tenured Gen\"\\}") / MB);
    figures.put(Figure.HEAP_MB, value(text, "jvm_memory_used_bytes\\{area=\"heap\"\\}") / MB);
    figures.put(
        Figure.DIRECT_MB, value(text, "jvm_buffer_pool_used_bytes\\{pool=\"direct\"\\}") / MB);
    figures.put(Figure.THREADS, value(text, "jvm_threads_current"));
    Path process = Path.of("/proc", Long.toString(pid));
    Matcher resident =
        Pattern.compile("VmRSS:\\s+([0-9]+) kB")
            .matcher(Files.readString(process.resolve("status")));
    figures.put(
        Figure.RESIDENT_MB,
        resident.find() ? Double.parseDouble(resident.group(1)) / 1024 : Double.NaN);
    try (var descriptors = Files.list(process.resolve("fd"))) {
      figures.put(Figure.DESCRIPTORS, (double) descriptors.count());
    }
    long[] disk = disk(data);
    figures.put(Figure.DISK_FILES, (double) disk[0]);
    figures.put(Figure.DISK_MB, disk[1] / MB);
    figures.put(Figure.SAID_KB, Files.size(log) / 1024.0);
    return figures;
  }

  private static String get(URI uri) throws IOException {
    try {
      HttpRequest request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(10)).build();
      return HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static double value(String text, String name) {
    Matcher found =
        Pattern.compile("^" + name + " ([-+.0-9eE]+)$", Pattern.MULTILINE).matcher(text);
    if (!found.find()) {
      throw new IllegalStateException("the node's metrics have no " + name);
    }
    return Double.parseDouble(found.group(1));
  }

  /** Number of files and their bytes. Files come and go meanwhile. */
  private static long[] disk(Path data) {
    long[] found = new long[2];
    try {
      Files.walkFileTree(
          data,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              found[0]++;
              found[1] += attributes.size();
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }
}
