package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** A local directory and a cluster: what a test claims must hold on both, in the same run. */
abstract class BothFileSystems {

  @TempDir static Path directory;
  private static TestCluster cluster;
  private static Path sand;
  private static final AtomicInteger cases = new AtomicInteger();

  /** A file system under test. */
  record Root(String name, Path path) {

    boolean isLocal() {
      return name.equals("local");
    }

    /** An empty directory for one test. */
    Path fresh() throws IOException {
      return Files.createDirectory(path.resolve("case" + cases.incrementAndGet()));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  @BeforeAll
  static void start() throws Exception {
    cluster = new TestCluster(directory.resolve("cluster"), Map.of());
    sand = Path.of(uri());
    Files.createDirectory(directory.resolve("local"));
  }

  @AfterAll
  static void stop() throws Exception {
    sand.getFileSystem().close();
    cluster.close();
  }

  static URI uri() {
    return URI.create("sand://" + cluster.nodes.seeds() + "/");
  }

  /** The same cluster under another address, as a file system of its own. */
  static FileSystem another() throws IOException {
    String[] seeds = cluster.nodes.seeds().split(",", -1);
    URI other = URI.create("sand://" + seeds[1] + "," + seeds[0] + "/");
    return java.nio.file.FileSystems.newFileSystem(other, Map.of());
  }

  static Root sand() {
    return new Root("sand", sand);
  }

  static Root local() {
    return new Root("local", directory.resolve("local"));
  }

  static Stream<Root> roots() {
    return Stream.of(local(), sand());
  }

  /** What a call throws; a more precise type than the contract's is welcome. */
  static void refused(Class<? extends Exception> type, Callable<?> call) {
    Object thrown = "nothing";
    try {
      Object result = call.call();
      if (result instanceof AutoCloseable resource) {
        resource.close();
      }
    } catch (Exception e) {
      thrown = e;
    }
    assertThat(thrown).isInstanceOf(type);
  }

  static java.util.List<String> names(Path directory) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }
}
