package io.sandstore.cli;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.CopyOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same calls on a local file system and on a cluster must do the same, and refuse the same. */
@Tag("slow")
class NioTest {

  @TempDir static Path directory;
  private static TestCluster cluster;
  private static Path sand;
  private static final AtomicInteger cases = new AtomicInteger();

  @BeforeAll
  static void start() throws Exception {
    cluster = new TestCluster(directory.resolve("cluster"), Map.of());
    sand = Path.of(URI.create("sand://" + cluster.nodes.seeds() + "/"));
  }

  @AfterAll
  static void stop() throws Exception {
    sand.getFileSystem().close();
    cluster.close();
  }

  private interface Case {
    void run(Path root) throws IOException;
  }

  /** What a case threw, or what tells that it threw nothing, and all there is afterwards. */
  private record Outcome(Object thrown, Map<String, String> tree) {}

  private static Outcome outcome(Path root, Case test) throws IOException {
    Map<String, String> found = new TreeMap<>();
    Files.createDirectories(root);
    Files.writeString(root.resolve("file"), "of file");
    Files.writeString(root.resolve("other"), "of other");
    Files.createDirectory(root.resolve("empty"));
    Files.createDirectory(root.resolve("full"));
    Files.writeString(root.resolve("full/inside"), "of inside");
    Files.createSymbolicLink(root.resolve("link"), root.getFileSystem().getPath("file"));
    Files.createSymbolicLink(root.resolve("dangling"), root.getFileSystem().getPath("nothing"));
    Object thrown = "nothing";
    try {
      test.run(root);
    } catch (IOException | RuntimeException e) {
      thrown = e;
    }
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : (Iterable<Path>) all::iterator) {
        String name = root.relativize(path).toString();
        if (Files.isSymbolicLink(path)) {
          found.put(name, "-> " + Files.readSymbolicLink(path));
        } else if (Files.isDirectory(path)) {
          found.put(name, "directory");
        } else {
          found.put(name, Files.readString(path));
        }
      }
    }
    return new Outcome(thrown, found);
  }

  private static void agree(String name, Case test) throws IOException {
    int number = cases.incrementAndGet();
    Outcome ours = outcome(sand.resolve("case" + number), test);
    Outcome theirs = outcome(directory.resolve("case" + number), test);
    assertThat(ours.tree).as("%s throws %s", name, ours.thrown).isEqualTo(theirs.tree);
    // A more precise type than theirs is welcome.
    assertThat(ours.thrown).as(name).isInstanceOf(theirs.thrown.getClass());
  }

  private static void unchanged(String name, Case test) throws IOException {
    Outcome before = outcome(sand.resolve("case" + cases.incrementAndGet()), root -> {});
    Outcome after = outcome(sand.resolve("case" + cases.incrementAndGet()), test);
    assertThat(after.tree).as(name).isEqualTo(before.tree);
  }

  private static final List<CopyOption[]> OPTIONS =
      List.of(
          new CopyOption[] {},
          new CopyOption[] {REPLACE_EXISTING},
          new CopyOption[] {ATOMIC_MOVE},
          new CopyOption[] {REPLACE_EXISTING, ATOMIC_MOVE},
          new CopyOption[] {REPLACE_EXISTING, LinkOption.NOFOLLOW_LINKS},
          new CopyOption[] {COPY_ATTRIBUTES});
  private static final List<String> NAMES =
      List.of("file", "other", "empty", "full", "link", "dangling", "missing");

  /** Copied or moved onto itself, over what is there, or from nothing: never less than before. */
  @Test
  void everyCopyAndMoveOfAnythingOntoAnything() throws Exception {
    for (CopyOption[] options : OPTIONS) {
      for (String from : NAMES) {
        for (String to : NAMES) {
          String call = "%s to %s %s".formatted(from, to, List.of(options));
          Case copy = root -> Files.copy(root.resolve(from), root.resolve(to), options);
          if (from.equals(to) && from.equals("link")) {
            // Here the JDK's own removes the link it was to copy.
            unchanged("copy " + call, copy);
          } else {
            agree("copy " + call, copy);
          }
          agree("move " + call, root -> Files.move(root.resolve(from), root.resolve(to), options));
        }
      }
    }
  }

  @Test
  void contradictoryAndUnknownOptionsAreRefused() throws Exception {
    OpenOption unknown = new OpenOption() {};
    CopyOption strange = new CopyOption() {};
    for (OpenOption[] options :
        List.of(
            new OpenOption[] {APPEND, TRUNCATE_EXISTING},
            new OpenOption[] {READ, APPEND},
            new OpenOption[] {WRITE, unknown},
            new OpenOption[] {CREATE, APPEND},
            new OpenOption[] {WRITE, TRUNCATE_EXISTING})) {
      agree(
          "open with " + List.of(options),
          root -> Files.newByteChannel(root.resolve("file"), options).close());
    }
    agree("copy", root -> Files.copy(root.resolve("file"), root.resolve("new"), strange));
    agree("move", root -> Files.move(root.resolve("file"), root.resolve("new"), strange));
    agree("copy", root -> Files.copy(root.resolve("file"), root.resolve("new"), ATOMIC_MOVE));
  }
}
