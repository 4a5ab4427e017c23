package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Paths are what the JDK's own of a Unix file system are, whatever is done with them. */
class SandPathTest {

  private static final int PAIRS = 50_000;
  private static final List<String> PARTS =
      Stream.of("a", "b", "a.b", ".", "..", "", "/", "..a", " ", "\u00e4", "\uff5e", "\ud83d\ude00")
          .filter(SandPathTest::isKnownHere)
          .toList();
  private static FileSystem sand;

  /** A JVM that was started under LC_ALL=C has no paths with other letters to compare with. */
  private static boolean isKnownHere(String name) {
    try {
      return Path.of(name).toString().equals(name);
    } catch (InvalidPathException e) {
      return false;
    }
  }

  @BeforeAll
  static void open() {
    // Nothing is asked of a cluster: there is none.
    sand =
        new SandFileSystemProvider()
            .newFileSystem(java.net.URI.create("sand://127.0.0.1:1/"), java.util.Map.of());
  }

  @AfterAll
  static void close() throws IOException {
    sand.close();
  }

  private static String random(Random random) {
    StringBuilder path = new StringBuilder(random.nextBoolean() ? "/" : "");
    for (int i = random.nextInt(6); i > 0; i--) {
      path.append(PARTS.get(random.nextInt(PARTS.size())))
          .append(random.nextInt(8) == 0 ? "" : "/");
    }
    return path.toString();
  }

  /** The result as text, or what is thrown. */
  private static String result(java.util.concurrent.Callable<Object> operation) {
    try {
      return String.valueOf(operation.call());
    } catch (Exception e) {
      return e.getClass().getSimpleName();
    }
  }

  private static void agree(String name, String one, String other, BinaryOperator<Path> operation) {
    Path ourOne = sand.getPath(one);
    Path ourOther = sand.getPath(other);
    String ours = result(() -> operation.apply(ourOne, ourOther));
    String theirs = result(() -> operation.apply(Path.of(one), Path.of(other)));
    if (!ours.equals(theirs)) { // a million descriptions of what is right would take long
      assertThat(ours).as("%s of '%s' and '%s'", name, one, other).isEqualTo(theirs);
    }
  }

  private static void agree(String name, String path, Function<Path, Object> operation) {
    String ours = result(() -> operation.apply(sand.getPath(path)));
    String theirs = result(() -> operation.apply(Path.of(path)));
    if (!ours.equals(theirs)) {
      assertThat(ours).as("%s of '%s'", name, path).isEqualTo(theirs);
    }
  }

  private static Object[] iterated(Path path) {
    List<String> names = new ArrayList<>();
    path.forEach(name -> names.add(name.toString()));
    return names.toArray();
  }

  private static Path again(Path path) {
    return path.getFileSystem().provider().getPath(path.toUri());
  }

  private static int order(Path one, Path other) {
    return Integer.signum(one.compareTo(other));
  }

  @Test
  void theAlgebraIsTheJdks() {
    Random random = new Random(20261125);
    for (int i = 0; i < PAIRS; i++) {
      String one = random(random);
      String other = random(random);
      agree("relativize", one, other, Path::relativize);
      agree("resolve", one, other, Path::resolve);
      agree("resolveSibling", one, other, Path::resolveSibling);
      agree("normalize", one, Path::normalize);
      agree("parent", one, Path::getParent);
      agree("file name", one, Path::getFileName);
      agree("root", one, Path::getRoot);
      agree("names", one, Path::getNameCount);
      agree("first name", one, p -> p.getName(0));
      int begin = random.nextInt(4);
      int end = random.nextInt(5);
      agree("subpath", one, p -> p.subpath(begin, end));
      agree("each name", one, p -> List.of(iterated(p)));
      agree("absolute", one, Path::isAbsolute);
      agree("order", one, other, (p, q) -> p.resolve(Integer.toString(order(p, q))));
      agree("sibling", one, p -> p.resolveSibling(""));
      agree("text", one, p -> p.resolve(other));
      agree("starts with text", one, p -> p.startsWith(other));
      agree("ends with text", one, p -> p.endsWith(other));
      agree("URI", one, p -> p.toAbsolutePath().equals(again(p)) || !p.isAbsolute());
      Path ours = sand.getPath(other);
      agree("starts", one, p -> p.startsWith(p instanceof SandPath ? ours : Path.of(other)));
      agree("ends", one, p -> p.endsWith(p instanceof SandPath ? ours : Path.of(other)));
      agree("equals", one, p -> p.equals(p instanceof SandPath ? ours : Path.of(other)));
    }
  }

  @Test
  void namesThatCannotBeKeptAreRefused() {
    for (String name : new String[] {"a\0b", "\ud800", "\udc00x", "x\ud83d"}) {
      assertThatThrownBy(() -> sand.getPath("/dir", name)).isInstanceOf(InvalidPathException.class);
    }
    assertThat(sand.getPath("/\ud83d\ude00").getFileName().toString()).isEqualTo("\ud83d\ude00");
  }

  @Test
  void addressesThatAreNoneAreRefused() {
    java.nio.file.spi.FileSystemProvider provider = sand.provider();
    for (String uri :
        new String[] {"sand:/x", "sand:x", "file:///x", "sand://h:1/x?q", "sand://h:1/x#f"}) {
      assertThatThrownBy(() -> provider.getPath(java.net.URI.create(uri)))
          .as(uri)
          .isInstanceOf(IllegalArgumentException.class);
    }
    java.net.URI same = java.net.URI.create("sand://127.0.0.1:1/");
    assertThatThrownBy(() -> provider.newFileSystem(same, java.util.Map.of()))
        .isInstanceOf(java.nio.file.FileSystemAlreadyExistsException.class);
    assertThat(provider.getFileSystem(same)).isSameAs(sand);
    assertThatThrownBy(() -> provider.getFileSystem(java.net.URI.create("sand://127.0.0.1:2/")))
        .isInstanceOf(java.nio.file.FileSystemNotFoundException.class);
  }
}
