package io.sandstore.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.ClosedDirectoryStreamException;
import java.nio.file.ClosedFileSystemException;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same calls on a local file system and on a cluster must do the same, and refuse the same. */
@Tag("slow")
class NioTest extends BothFileSystems {

  private static final LinkOption NOFOLLOW = LinkOption.NOFOLLOW_LINKS;

  private interface Case {
    void run(Path root) throws IOException;
  }

  /** What a case threw, or what tells that it threw nothing, and all there is afterwards. */
  private record Outcome(Object thrown, Map<String, String> tree) {}

  private static Outcome outcome(Path root, Case test) throws IOException {
    Map<String, String> found = new TreeMap<>();
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
    Outcome ours = outcome(sand().fresh(), test);
    Outcome theirs = outcome(local().fresh(), test);
    assertThat(ours.tree).as("%s throws %s", name, ours.thrown).isEqualTo(theirs.tree);
    // A more precise type than theirs is welcome.
    assertThat(ours.thrown).as(name).isInstanceOf(theirs.thrown.getClass());
  }

  private static void unchanged(String name, Case test) throws IOException {
    Outcome before = outcome(sand().fresh(), root -> {});
    Outcome after = outcome(sand().fresh(), test);
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

  // --- Copies and moves ---

  @ParameterizedTest
  @MethodSource("roots")
  void aFileOntoItselfUnderAnotherNameStays(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "kept");
    Files.createDirectory(dir.resolve("sub"));
    Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    for (String spelling : List.of("file", "./file", "sub/../file")) {
      Path other = dir.resolve(spelling);
      Files.copy(file, other, REPLACE_EXISTING);
      Files.copy(other, file, REPLACE_EXISTING);
      Files.copy(dir.resolve("link"), other, REPLACE_EXISTING);
      Files.move(file, other, REPLACE_EXISTING);
      Files.move(other, file, REPLACE_EXISTING, ATOMIC_MOVE);
      assertThat(file).as(spelling).hasContent("kept");
    }
    assertThat(names(dir)).containsExactly("file", "link", "sub");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aCopyHasTheModeOfItsSourceAndOnRequestItsTimes(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path sub = Files.createDirectory(dir.resolve("sub"));
    FileTime modified = FileTime.fromMillis(1_111_111_111_111L);
    FileTime accessed = FileTime.fromMillis(1_222_222_222_222L);
    for (Path source : List.of(file, sub)) {
      Files.setPosixFilePermissions(source, PosixFilePermissions.fromString("rwx------"));
      Files.getFileAttributeView(source, BasicFileAttributeView.class)
          .setTimes(modified, accessed, null);
      Path plain = Files.copy(source, dir.resolve(source.getFileName() + "-plain"));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(plain)))
          .isEqualTo("rwx------");
      assertThat(Files.getLastModifiedTime(plain)).isNotEqualTo(modified);
      Files.setAttribute(source, "lastAccessTime", accessed); // it was read
      Path whole =
          Files.copy(source, dir.resolve(source.getFileName() + "-whole"), COPY_ATTRIBUTES);
      PosixFileAttributes copied = Files.readAttributes(whole, PosixFileAttributes.class);
      assertThat(copied.lastModifiedTime()).isEqualTo(modified);
      assertThat(copied.lastAccessTime()).isEqualTo(accessed);
      assertThat(PosixFilePermissions.toString(copied.permissions())).isEqualTo("rwx------");
      assertThat(copied.owner()).isEqualTo(Files.getOwner(source));
    }
  }

  /** A copy is whole or not there; of one that was stopped half-way nothing is left beside it. */
  @ParameterizedTest
  @MethodSource("roots")
  void aCopyThatIsInterruptedLeavesNothingHalf(Root root) throws Exception {
    Path dir = root.fresh();
    byte[] much = new byte[24 << 20];
    new Random(1).nextBytes(much);
    Path source = Files.write(dir.resolve("source"), much);
    Path target = Files.writeString(dir.resolve("target"), "old");
    AtomicBoolean failed = new AtomicBoolean();
    Thread copier =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    Files.copy(source, target, REPLACE_EXISTING);
                  } catch (IOException e) {
                    failed.set(true);
                  }
                });
    while (copier.isAlive() && names(dir).size() == 2 && !root.isLocal()) {
      Thread.onSpinWait();
    }
    copier.interrupt();
    copier.join();
    assertThat(names(dir)).containsExactly("source", "target");
    if (failed.get()) {
      assertThat(target).hasContent("old");
    } else {
      assertThat(Files.mismatch(source, target)).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void anAtomicMoveIsRename(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "file");
    Path other = Files.writeString(dir.resolve("other"), "other");
    Path empty = Files.createDirectory(dir.resolve("empty"));
    Path full = Files.createDirectory(dir.resolve("full"));
    Files.writeString(full.resolve("inside"), "inside");
    refused(FileSystemException.class, () -> Files.move(file, empty, ATOMIC_MOVE));
    refused(FileSystemException.class, () -> Files.move(empty, file, ATOMIC_MOVE));
    refused(FileSystemException.class, () -> Files.move(empty, full, ATOMIC_MOVE));
    refused(FileSystemException.class, () -> Files.move(full, full.resolve("in"), ATOMIC_MOVE));
    refused(NoSuchFileException.class, () -> Files.move(dir.resolve("missing"), file, ATOMIC_MOVE));
    assertThat(names(dir)).containsExactly("empty", "file", "full", "other");
    Files.move(file, other, ATOMIC_MOVE);
    Files.move(full, empty, ATOMIC_MOVE);
    assertThat(other).hasContent("file");
    assertThat(empty.resolve("inside")).hasContent("inside");
    assertThat(names(dir)).containsExactly("empty", "other");
  }

  /** Here the JDK's own removes the target first. */
  @Test
  void aMoveThatCannotBeKeepsItsTarget() throws Exception {
    Path dir = sand().fresh();
    Path full = Files.createDirectory(dir.resolve("full"));
    Path inside = Files.writeString(full.resolve("inside"), "inside");
    Path nothing = Files.createDirectory(full.resolve("nothing"));
    refused(FileSystemException.class, () -> Files.move(full, inside, REPLACE_EXISTING));
    refused(FileSystemException.class, () -> Files.move(full, nothing, REPLACE_EXISTING));
    assertThat(names(full)).containsExactly("inside", "nothing");
    assertThat(inside).hasContent("inside");
    assertThat(names(dir)).containsExactly("full");
  }

  /** Two addresses of one cluster are one cluster: a move onto itself must not copy and remove. */
  @Test
  void aFileIsTheSameUnderAnyAddressOfItsCluster() throws Exception {
    Path dir = sand().fresh();
    Path file = Files.writeString(dir.resolve("file"), "kept");
    try (FileSystem other = another()) {
      Path same = other.getPath(file.toString());
      assertThat(Files.isSameFile(file, same)).isTrue();
      Files.move(file, same, REPLACE_EXISTING);
      Files.copy(same, file, REPLACE_EXISTING);
      assertThat(file).hasContent("kept");
      Files.move(file, other.getPath(dir + "/moved"), ATOMIC_MOVE);
      assertThat(names(dir)).containsExactly("moved");
    }
  }

  // --- Paths ---

  @ParameterizedTest
  @MethodSource("roots")
  void dotsBehindALinkLeadWhereTheLinkLeads(Root root) throws Exception {
    Path dir = root.fresh();
    Files.createDirectories(dir.resolve("a/b"));
    Files.writeString(dir.resolve("x"), "wrong");
    Files.writeString(dir.resolve("a/x"), "right");
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("a/b"));
    Path loop = Files.createSymbolicLink(dir.resolve("loop"), dir.getFileSystem().getPath("loop"));
    assertThat(Files.readString(link.resolve("../x"))).isEqualTo("right");
    Files.writeString(link.resolve("./../new"), "new");
    assertThat(dir.resolve("a/new")).hasContent("new");
    Files.delete(link.resolve("../new"));
    assertThat(names(dir.resolve("a"))).containsExactly("b", "x");
    assertThat(names(link.resolve(".."))).containsExactly("b", "x");
    Path real = dir.toRealPath();
    assertThat(link.resolve("../x").toRealPath()).isEqualTo(real.resolve("a/x"));
    assertThat(link.toRealPath()).isEqualTo(real.resolve("a/b"));
    LinkOption not = LinkOption.NOFOLLOW_LINKS;
    assertThat(dir.resolve("a/./b/../x").toRealPath(not)).isEqualTo(dir.resolve("a/x"));
    assertThat(link.resolve("../x").toRealPath(not)).isEqualTo(link.resolve("../x"));
    assertThat(link.toRealPath(not)).isEqualTo(link);
    refused(NoSuchFileException.class, () -> dir.resolve("missing").toRealPath());
    refused(NoSuchFileException.class, () -> dir.resolve("missing").toRealPath(not));
    refused(NoSuchFileException.class, () -> Files.readString(dir.resolve("missing/../x")));
    refused(FileSystemException.class, () -> loop.toRealPath());
    refused(FileSystemException.class, () -> Files.readString(dir.resolve("x/../x")));
    refused(FileSystemException.class, () -> Files.readString(dir.resolve("x/.")));
    refused(FileSystemException.class, () -> removed(dir.resolve("a/b/.")));
    refused(FileSystemException.class, () -> removed(dir.resolve("a/b/..")));
    assertThat(names(dir.resolve("a"))).containsExactly("b", "x");
  }

  private static boolean removed(Path path) throws IOException {
    Files.delete(path);
    return true;
  }

  @ParameterizedTest
  @MethodSource("roots")
  void globsMatchPaths(Root root) throws Exception {
    Path dir = root.fresh();
    Files.createFile(dir.resolve("a.txt"));
    Files.createFile(dir.resolve("b.java"));
    try (DirectoryStream<Path> found = Files.newDirectoryStream(dir, "*.{txt,c}")) {
      assertThat(found).containsExactly(dir.resolve("a.txt"));
    }
    FileSystem fileSystem = dir.getFileSystem();
    assertThat(fileSystem.getPathMatcher("glob:**/?.java").matches(dir.resolve("b.java"))).isTrue();
    assertThat(fileSystem.getPathMatcher("regex:.*xt").matches(dir.resolve("a.txt"))).isTrue();
    refused(UnsupportedOperationException.class, () -> fileSystem.getPathMatcher("grep:x"));
    refused(IllegalArgumentException.class, () -> fileSystem.getPathMatcher("x"));
  }

  // --- What is refused, and how ---

  @ParameterizedTest
  @MethodSource("roots")
  void refusalsHaveTheTypesOfTheirContract(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    Path gone = Files.createSymbolicLink(dir.resolve("gone"), dir.getFileSystem().getPath("none"));
    Path missing = dir.resolve("missing");
    refused(NoSuchFileException.class, () -> Files.readString(missing));
    refused(NoSuchFileException.class, () -> Files.writeString(missing.resolve("x"), ""));
    refused(NoSuchFileException.class, () -> removed(missing));
    refused(NoSuchFileException.class, () -> Files.size(gone));
    refused(NoSuchFileException.class, () -> Files.isSameFile(file, missing));
    refused(NoSuchFileException.class, () -> Files.createSymbolicLink(missing.resolve("l"), file));
    refused(NoSuchFileException.class, () -> Files.readSymbolicLink(missing));
    refused(NoSuchFileException.class, () -> Files.newDirectoryStream(missing));
    refused(FileAlreadyExistsException.class, () -> Files.createFile(file));
    refused(FileAlreadyExistsException.class, () -> Files.createFile(gone));
    refused(FileAlreadyExistsException.class, () -> Files.createDirectory(file));
    refused(FileAlreadyExistsException.class, () -> Files.createSymbolicLink(link, file));
    refused(FileAlreadyExistsException.class, () -> Files.copy(file, link));
    refused(DirectoryNotEmptyException.class, () -> removed(dir));
    refused(NotLinkException.class, () -> Files.readSymbolicLink(file));
    refused(NotDirectoryException.class, () -> Files.newDirectoryStream(file));
    refused(FileSystemException.class, () -> Files.readString(file.resolve("below")));
    refused(FileSystemException.class, () -> Files.newByteChannel(dir, WRITE));
    refused(IOException.class, () -> Files.newByteChannel(link, READ, NOFOLLOW));
    refused(IOException.class, () -> Files.newByteChannel(link, WRITE, NOFOLLOW));
    refused(FileSystemException.class, () -> Files.createFile(dir.resolve("n".repeat(256))));
    Path foreign = root.isLocal() ? sand().path() : local().path();
    refused(ProviderMismatchException.class, () -> dir.resolve(foreign));
    refused(ProviderMismatchException.class, () -> dir.relativize(foreign));
    refused(ProviderMismatchException.class, () -> Files.createSymbolicLink(missing, foreign));
    assertThat(Files.isSameFile(file, link)).isTrue();
    assertThat(Files.isSameFile(file, dir)).isFalse();
    assertThat(Files.isSameFile(file, foreign)).isFalse();
    assertThat(Files.isSameFile(missing, missing)).isTrue();
    assertThat(dir.startsWith(foreign)).isFalse();
    assertThat(dir.equals(foreign)).isFalse();
    assertThat(names(dir)).containsExactly("file", "gone", "link");
    assertThat(file).hasContent("x");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void unknownAttributesAreRefused(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.createFile(dir.resolve("file"));
    Path no = dir.resolve("new");
    FileAttribute<String> strange =
        new FileAttribute<>() {
          @Override
          public String name() {
            return "posix:colour";
          }

          @Override
          public String value() {
            return "red";
          }
        };
    refused(UnsupportedOperationException.class, () -> Files.createFile(no, strange));
    refused(UnsupportedOperationException.class, () -> Files.createDirectory(no, strange));
    refused(UnsupportedOperationException.class, () -> Files.createSymbolicLink(no, file, strange));
    refused(UnsupportedOperationException.class, () -> Files.getAttribute(file, "none:size"));
    refused(UnsupportedOperationException.class, () -> Files.setAttribute(file, "none:size", 1));
    refused(UnsupportedOperationException.class, () -> Files.readAttributes(file, "none:*"));
    refused(IllegalArgumentException.class, () -> Files.getAttribute(file, "colour"));
    refused(IllegalArgumentException.class, () -> Files.readAttributes(file, "size,colour"));
    refused(IllegalArgumentException.class, () -> Files.readAttributes(file, "permissions"));
    refused(IllegalArgumentException.class, () -> Files.readAttributes(file, ""));
    refused(IllegalArgumentException.class, () -> Files.setAttribute(file, "size", 1L));
    refused(IllegalArgumentException.class, () -> Files.setAttribute(file, "posix:colour", 1L));
    refused(IllegalArgumentException.class, () -> Files.setAttribute(file, "owner:group", 1L));
    refused(
        ClassCastException.class, () -> Files.setAttribute(file, "lastModifiedTime", "yesterday"));
    refused(NullPointerException.class, () -> Files.setAttribute(file, "posix:permissions", null));
    assertThat(names(dir)).containsExactly("file");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aClosedDirectoryStreamEnds(Root root) throws Exception {
    Path dir = root.fresh();
    Files.createFile(dir.resolve("a"));
    DirectoryStream<Path> stream = Files.newDirectoryStream(dir);
    Iterator<Path> names = stream.iterator();
    refused(IllegalStateException.class, stream::iterator);
    assertThat(names.next()).isEqualTo(dir.resolve("a"));
    refused(NoSuchElementException.class, names::next);
    stream.close();
    stream.close();
    refused(IllegalStateException.class, stream::iterator);
    DirectoryStream.Filter<Path> failing =
        path -> {
          throw new IOException("of the filter");
        };
    try (DirectoryStream<Path> filtered = Files.newDirectoryStream(dir, failing)) {
      refused(DirectoryIteratorException.class, () -> filtered.iterator().hasNext());
    }
  }

  /** The default file system cannot be closed. */
  @Test
  void aClosedFileSystemSaysSo() throws Exception {
    Path dir = sand().fresh();
    Files.writeString(dir.resolve("file"), "x");
    FileSystem closed = another();
    Path file = closed.getPath(dir.toString(), "file");
    FileChannel channel = FileChannel.open(file, READ, WRITE);
    channel.write(ByteBuffer.wrap(new byte[] {'y'}));
    DirectoryStream<Path> stream = Files.newDirectoryStream(file.getParent());
    closed.close();
    closed.close();
    assertThat(dir.resolve("file")).hasContent("y"); // it was flushed
    assertThat(channel.isOpen()).isFalse();
    refused(ClosedChannelException.class, channel::size);
    refused(ClosedFileSystemException.class, () -> Files.size(file));
    refused(ClosedFileSystemException.class, () -> Files.newByteChannel(file, READ));
    refused(ClosedFileSystemException.class, () -> Files.newDirectoryStream(file));
    refused(ClosedFileSystemException.class, () -> file.toRealPath());
    refused(ClosedFileSystemException.class, () -> removed(file));
    refused(ClosedFileSystemException.class, () -> Files.copy(file, file.resolveSibling("n")));
    refused(ClosedFileSystemException.class, () -> Files.copy(dir.resolve("file"), file));
    refused(ClosedFileSystemException.class, () -> Files.setAttribute(file, "unix:mode", 0600));
    refused(ClosedFileSystemException.class, () -> Files.getFileStore(file).getTotalSpace());
    stream.close();
    assertThat(file.getFileName().toString()).isEqualTo("file");
  }

  // --- Attributes ---

  @ParameterizedTest
  @MethodSource("roots")
  void viewsReadAndSetWhatTheySayTheyDo(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "12345");
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    PosixFileAttributeView view = Files.getFileAttributeView(link, PosixFileAttributeView.class);
    assertThat(view.name()).isEqualTo("posix");
    assertThat(Files.getFileAttributeView(link, BasicFileAttributeView.class).name())
        .isEqualTo("basic");
    assertThat(Files.getFileAttributeView(link, FileOwnerAttributeView.class).name())
        .isEqualTo("owner");
    FileTime time = FileTime.fromMillis(1_234_567_890_123L);
    view.setTimes(time, null, null);
    view.setPermissions(PosixFilePermissions.fromString("r-x-w---x"));
    assertThat(Files.getAttribute(file, "unix:mode")).isEqualTo(0100521);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(time);
    assertThat(Files.readAttributes(link, "size,isRegularFile,isSymbolicLink"))
        .isEqualTo(Map.of("size", 5L, "isRegularFile", true, "isSymbolicLink", false));
    assertThat(Files.readAttributes(file, "unix:*").keySet())
        .containsExactlyInAnyOrderElementsOf(
            Files.readAttributes(local().path(), "unix:*").keySet());
    assertThat(Files.readAttributes(file, "posix:*").keySet())
        .containsExactlyInAnyOrderElementsOf(
            Files.readAttributes(local().path(), "posix:*").keySet());
    Files.setAttribute(file, "unix:mode", 0640);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(link)))
        .isEqualTo("rw-r-----");
    assertThat(Files.isExecutable(file)).isFalse();
    assertThat(Files.isExecutable(dir)).isTrue();
    assertThat(Files.getAttribute(dir, "unix:mode")).isEqualTo(unixMode(dir, 0040000));
    assertThat(Files.getAttribute(link, "unix:mode", NOFOLLOW)).isEqualTo(0120777);
    assertThat(dir.getFileSystem().supportedFileAttributeViews())
        .contains("basic", "owner", "posix", "unix");
  }

  private static int unixMode(Path path, int kind) throws IOException {
    int mode = 0;
    for (PosixFilePermission permission : Files.getPosixFilePermissions(path)) {
      mode |= 0400 >> permission.ordinal();
    }
    return kind | mode;
  }

  @ParameterizedTest
  @MethodSource("roots")
  void whatIsSetOnALinkItselfIsNotSetOnItsTarget(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    final FileTime before = Files.getLastModifiedTime(file);
    FileTime time = FileTime.fromMillis(1_000_000_000_000L);
    Files.getFileAttributeView(link, BasicFileAttributeView.class, NOFOLLOW)
        .setTimes(time, time, null);
    assertThat(Files.getLastModifiedTime(link, NOFOLLOW)).isEqualTo(time);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(before);
    if (root.isLocal()) {
      return; // the JDK's own does one thing or another with permissions, by kernel
    }
    Set<PosixFilePermission> all = PosixFilePermissions.fromString("rwxrwxrwx");
    PosixFileAttributeView view =
        Files.getFileAttributeView(link, PosixFileAttributeView.class, NOFOLLOW);
    refused(
        FileSystemException.class,
        () -> {
          view.setPermissions(all);
          return true;
        });
    assertThat(Files.getPosixFilePermissions(file)).isNotEqualTo(all);
  }

  @ParameterizedTest
  @MethodSource("roots")
  void ownersAreFoundByNumberAndByName(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    UserPrincipalLookupService lookup = dir.getFileSystem().getUserPrincipalLookupService();
    UserPrincipal user = lookup.lookupPrincipalByName("54321");
    GroupPrincipal group = lookup.lookupPrincipalByGroupName("54322");
    assertThat(user.getName()).isEqualTo("54321");
    assertThat(lookup.lookupPrincipalByName("54321")).isEqualTo(user);
    refused(
        UserPrincipalNotFoundException.class, () -> lookup.lookupPrincipalByName("no such user"));
    refused(
        UserPrincipalNotFoundException.class,
        () -> lookup.lookupPrincipalByGroupName("no such group"));
    refused(IOException.class, () -> Files.setOwner(file, group));
    UserPrincipal foreign =
        (root.isLocal() ? sand() : local())
            .path()
            .getFileSystem()
            .getUserPrincipalLookupService()
            .lookupPrincipalByName("54321");
    refused(ProviderMismatchException.class, () -> Files.setOwner(file, foreign));
    try {
      Files.setAttribute(file, "unix:uid", 54320);
    } catch (FileSystemException e) {
      Assumptions.abort("this user may not give files away here: " + e.getMessage());
    }
    Files.setOwner(link, user);
    Files.getFileAttributeView(link, PosixFileAttributeView.class).setGroup(group);
    assertThat(Files.getOwner(file)).isEqualTo(user);
    assertThat(Files.readAttributes(file, "unix:uid,gid"))
        .isEqualTo(Map.of("uid", 54321, "gid", 54322));
    assertThat(Files.getAttribute(link, "unix:uid", NOFOLLOW)).isNotEqualTo(54321);
    Files.setAttribute(link, "owner:owner", user, NOFOLLOW);
    assertThat(Files.getAttribute(link, "unix:uid", NOFOLLOW)).isEqualTo(54321);
    Path copy = Files.copy(file, dir.resolve("copy"), COPY_ATTRIBUTES);
    assertThat(Files.getOwner(copy)).isEqualTo(user);
    // Whoever is root is called so on every machine that has names at all.
    if (local()
        .path()
        .getFileSystem()
        .getUserPrincipalLookupService()
        .lookupPrincipalByName("0")
        .getName()
        .equals("root")) {
      assertThat(lookup.lookupPrincipalByName("0").getName()).isEqualTo("root");
      assertThat(lookup.lookupPrincipalByName("root")).isEqualTo(lookup.lookupPrincipalByName("0"));
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aFileHasAsManyNamesAsItIsGiven(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path name = Files.createLink(dir.resolve("name"), file);
    Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("file"));
    assertThat(Files.isSameFile(file, name)).isTrue();
    assertThat(Files.getAttribute(name, "unix:nlink")).isEqualTo(2);
    Files.writeString(name, "through the other");
    assertThat(file).hasContent("through the other");
    Files.move(file, name, REPLACE_EXISTING); // one file: nothing happens
    Files.copy(file, name, REPLACE_EXISTING);
    Files.move(file, name, ATOMIC_MOVE);
    assertThat(names(dir)).containsExactly("file", "link", "name");
    refused(FileAlreadyExistsException.class, () -> Files.createLink(name, file));
    refused(NoSuchFileException.class, () -> Files.createLink(dir.resolve("n"), dir.resolve("no")));
    refused(FileSystemException.class, () -> Files.createLink(dir.resolve("n"), dir));
    Path ofLink = Files.createLink(dir.resolve("n"), dir.resolve("link"));
    assertThat(Files.isSymbolicLink(ofLink)).isTrue();
    Files.delete(file);
    assertThat(name).hasContent("through the other");
    assertThat(Files.getAttribute(name, "unix:nlink")).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("roots")
  void usersKeepAttributesOfTheirOwn(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    UserDefinedFileAttributeView view =
        Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
    Assumptions.assumeTrue(view != null, "the file system of this machine has no such view");
    assertThat(view.name()).isEqualTo("user");
    try {
      view.write("first", ByteBuffer.wrap(new byte[] {1, 2, 3}));
    } catch (FileSystemException e) {
      Assumptions.assumeTrue(!root.isLocal(), "this machine keeps none here: " + e.getMessage());
      throw e;
    }
    ByteBuffer empty = ByteBuffer.allocate(0);
    assertThat(view.write("second", empty)).isZero();
    assertThat(view.list()).containsExactlyInAnyOrder("first", "second");
    assertThat(view.size("first")).isEqualTo(3);
    ByteBuffer read = ByteBuffer.allocate(4);
    assertThat(view.read("first", read)).isEqualTo(3);
    assertThat(read.position()).isEqualTo(3);
    assertThat(view.read("second", read)).isZero();
    assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    refused(IOException.class, () -> view.read("first", ByteBuffer.allocate(2)));
    refused(IOException.class, () -> view.read("missing", ByteBuffer.allocate(2)));
    refused(IOException.class, () -> view.size("missing"));
    refused(IOException.class, () -> view.write("n".repeat(256), ByteBuffer.allocate(1)));
    ByteBuffer direct = ByteBuffer.allocateDirect(8).putLong(0, 5).position(4);
    assertThat(view.write("first", direct)).isEqualTo(4);
    assertThat(direct.hasRemaining()).isFalse();
    assertThat(Files.getAttribute(file, "user:first")).isEqualTo(new byte[] {0, 0, 0, 5});
    Files.setAttribute(file, "user:third", new byte[] {9});
    Files.setAttribute(file, "user:fourth", ByteBuffer.wrap(new byte[] {8}));
    assertThat(Files.readAttributes(file, "user:*").keySet())
        .containsExactlyInAnyOrder("first", "second", "third", "fourth");
    assertThat(Files.readAttributes(file, "user:third,fourth").keySet())
        .containsExactlyInAnyOrder("third", "fourth");
    refused(IOException.class, () -> Files.getAttribute(file, "user:missing"));
    Path plain = Files.copy(file, dir.resolve("plain"));
    Path whole = Files.copy(file, dir.resolve("whole"), COPY_ATTRIBUTES);
    assertThat(Files.readAttributes(plain, "user:*")).isEmpty();
    assertThat(Files.getAttribute(whole, "user:first")).isEqualTo(new byte[] {0, 0, 0, 5});
    view.delete("first");
    assertThat(view.list()).containsExactlyInAnyOrder("second", "third", "fourth");
    refused(
        IOException.class,
        () -> {
          view.delete("first");
          return true;
        });
  }

  @ParameterizedTest
  @MethodSource("roots")
  void timesAreKeptToTheNanosecond(Root root) throws Exception {
    Path dir = root.fresh();
    Path file = Files.writeString(dir.resolve("file"), "x");
    Path sub = Files.createDirectory(dir.resolve("sub"));
    List<String> times = new ArrayList<>(List.of("2026-11-30T20:54:12.123456789Z"));
    if (!root.isLocal()) { // where the JDK's own rounds what was before 1970
      times.add("1969-12-31T23:59:59.000000001Z");
    }
    for (String text : times) {
      FileTime time = FileTime.from(Instant.parse(text));
      for (Path path : List.of(file, sub)) {
        Files.setLastModifiedTime(path, time);
        Files.setAttribute(path, "lastAccessTime", time);
        Assumptions.assumeTrue(
            !root.isLocal() || Files.getLastModifiedTime(path).equals(time),
            "this machine's file system has coarser times");
        assertThat(Files.getLastModifiedTime(path)).isEqualTo(time);
        assertThat(Files.getAttribute(path, "lastAccessTime")).isEqualTo(time);
      }
    }
    Path copy = Files.copy(sub, dir.resolve("copy"), COPY_ATTRIBUTES);
    assertThat(Files.getLastModifiedTime(copy)).isEqualTo(Files.getLastModifiedTime(sub));
  }

  @ParameterizedTest
  @MethodSource("roots")
  void anOpenDirectoryIsTheSameUnderAnyName(Root root) throws Exception {
    Path dir = root.fresh();
    Path sub = Files.createDirectory(dir.resolve("sub"));
    Path other = Files.createDirectory(dir.resolve("other"));
    Files.writeString(sub.resolve("file"), "right");
    Files.createDirectory(sub.resolve("below"));
    Files.createSymbolicLink(sub.resolve("link"), dir.getFileSystem().getPath("below"));
    FileSystem names = dir.getFileSystem();
    Path file = names.getPath("file");
    Path below = names.getPath("below");
    try (DirectoryStream<Path> opened = Files.newDirectoryStream(sub);
        DirectoryStream<Path> target = Files.newDirectoryStream(other)) {
      Assumptions.assumeTrue(
          opened instanceof SecureDirectoryStream, "this machine has no open directories");
      SecureDirectoryStream<Path> secure = (SecureDirectoryStream<Path>) opened;
      Files.move(sub, dir.resolve("moved"));
      Files.createDirectory(sub);
      Files.writeString(sub.resolve("file"), "wrong");
      ByteBuffer read = ByteBuffer.allocate(10);
      try (SeekableByteChannel channel = secure.newByteChannel(file, Set.of(READ))) {
        channel.read(read);
      }
      assertThat(new String(read.array(), 0, read.position(), UTF_8)).isEqualTo("right");
      try (SeekableByteChannel channel =
          secure.newByteChannel(names.getPath("new"), Set.of(CREATE, WRITE))) {
        channel.write(ByteBuffer.wrap(new byte[] {'n'}));
      }
      assertThat(dir.resolve("moved/new")).hasContent("n");
      refused(
          IOException.class,
          () -> secure.newByteChannel(names.getPath("link"), Set.of(READ, NOFOLLOW)));
      refused(IOException.class, () -> secure.newDirectoryStream(names.getPath("link"), NOFOLLOW));
      refused(NotDirectoryException.class, () -> secure.newDirectoryStream(file));
      try (SecureDirectoryStream<Path> inner = secure.newDirectoryStream(names.getPath("link"))) {
        assertThat(inner).isEmpty();
      }
      BasicFileAttributeView itself = secure.getFileAttributeView(BasicFileAttributeView.class);
      assertThat(itself.readAttributes().isDirectory()).isTrue();
      BasicFileAttributeView ofFile =
          secure.getFileAttributeView(file, BasicFileAttributeView.class, NOFOLLOW);
      FileTime time = FileTime.fromMillis(1_000_000_000_000L);
      ofFile.setTimes(time, null, null);
      assertThat(Files.getLastModifiedTime(dir.resolve("moved/file"))).isEqualTo(time);
      secure.move(file, (SecureDirectoryStream<Path>) target, names.getPath("here"));
      assertThat(other.resolve("here")).hasContent("right");
      refused(NoSuchFileException.class, () -> deleted(secure, file));
      refused(FileSystemException.class, () -> deleted(secure, below));
      secure.deleteFile(names.getPath("new"));
      secure.deleteFile(names.getPath("link"));
      secure.deleteDirectory(below);
      assertThat(names(dir.resolve("moved"))).isEmpty();
      assertThat(names(sub)).containsExactly("file");
      secure.close();
      refused(ClosedDirectoryStreamException.class, () -> deleted(secure, file));
      refused(ClosedDirectoryStreamException.class, itself::readAttributes);
    }
  }

  private static boolean deleted(SecureDirectoryStream<Path> directory, Path path)
      throws IOException {
    directory.deleteFile(path);
    return true;
  }

  /** Java makes none of them. */
  @Test
  void aPipeIsCopiedAsAPipe() throws Exception {
    Path dir = sand().fresh();
    Path pipe = dir.resolve("pipe");
    try (SandstoreClient client = SandstoreClient.connect(uri().getAuthority())) {
      client.makeNode(pipe.toString(), FileStat.Type.FIFO, 0640, 0);
    }
    Path copy = Files.copy(pipe, dir.resolve("copy"), COPY_ATTRIBUTES);
    assertThat(Files.getAttribute(copy, "unix:mode")).isEqualTo(0010640);
    assertThat(Files.readAttributes(copy, PosixFileAttributes.class).isOther()).isTrue();
    refused(FileSystemException.class, () -> Files.newByteChannel(pipe, READ));
    Files.delete(copy);
    assertThat(names(dir)).containsExactly("pipe");
  }

  // --- On somebody's behalf ---

  private static FileSystem as(Object who) throws IOException {
    String[] seeds = uri().getAuthority().split(",", -1);
    java.net.URI other = java.net.URI.create("sand://" + seeds[2] + "," + seeds[0] + "/");
    return FileSystems.newFileSystem(other, Map.of("as", who));
  }

  /** The rules of access(2): the owner's bits for the owner, though others may do more. */
  @Test
  void aFileSystemOfSomebodyAllowsWhatItsIdentityMay() throws Exception {
    Path dir = sand().fresh();
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxrwxrwx"));
    Path secret = Files.writeString(dir.resolve("secret"), "root's");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    try (FileSystem theirs = as("1000:1000,50")) {
      Path here = theirs.getPath(dir.toString());
      Path file = Files.writeString(here.resolve("file"), "theirs");
      assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(1000);
      assertThat(List.of(Files.isReadable(file), Files.isWritable(file))).containsOnly(true);
      assertThat(Files.isExecutable(file)).isFalse();
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("-w-rwxrwx"));
      assertThat(Files.isReadable(file)).isFalse();
      assertThat(Files.isWritable(file)).isTrue();
      assertThat(Files.isExecutable(file)).isFalse();
      Path theirSecret = here.resolve("secret");
      assertThat(Files.exists(theirSecret)).isTrue();
      assertThat(Files.isReadable(theirSecret)).isFalse();
      refused(java.nio.file.AccessDeniedException.class, () -> Files.readString(theirSecret));
      refused(
          java.nio.file.AccessDeniedException.class,
          () -> {
            theirSecret.getFileSystem().provider().checkAccess(theirSecret, READ_ACCESS);
            return null;
          });
      Files.setAttribute(secret, "unix:gid", 50);
      Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("---r-x---"));
      assertThat(Files.isReadable(theirSecret)).isTrue();
      assertThat(Files.isExecutable(theirSecret)).isTrue();
      assertThat(Files.isWritable(theirSecret)).isFalse();
      refused(
          NoSuchFileException.class,
          () -> {
            here.getFileSystem().provider().checkAccess(here.resolve("nothing"));
            return null;
          });
    }
    assertThat(Files.isReadable(secret)).as("without an identity all is allowed").isTrue();
    refused(IllegalArgumentException.class, () -> as("nobody"));
    refused(IllegalArgumentException.class, () -> as(1000));
  }

  private static final java.nio.file.AccessMode READ_ACCESS = java.nio.file.AccessMode.READ;

  // --- Programs that nobody here wrote ---

  @ParameterizedTest
  @MethodSource("roots")
  void zipfsKeepsAnArchiveHere(Root root) throws Exception {
    Path dir = root.fresh();
    Path archive = dir.resolve("archive.zip");
    byte[] much = new byte[3 << 20];
    new Random(2).nextBytes(much);
    try (FileSystem zip = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
      Files.createDirectory(zip.getPath("/d"));
      Files.write(zip.getPath("/d/much"), much);
      Files.writeString(zip.getPath("/small"), "small");
    }
    try (FileSystem zip = FileSystems.newFileSystem(archive)) {
      Files.delete(zip.getPath("/small"));
      Files.copy(zip.getPath("/d/much"), dir.resolve("much"));
    }
    try (FileSystem zip = FileSystems.newFileSystem(archive)) {
      assertThat(Files.readAllBytes(zip.getPath("/d/much"))).isEqualTo(much);
      assertThat(Files.exists(zip.getPath("/small"))).isFalse();
    }
    assertThat(dir.resolve("much")).hasBinaryContent(much);
    assertThat(names(dir)).containsExactly("archive.zip", "much");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void javacCompilesWithSourcesAndClassesHere(Root root) throws Exception {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Assumptions.assumeTrue(compiler != null, "this Java has no compiler");
    Path dir = root.fresh();
    Path classes = Files.createDirectory(dir.resolve("classes"));
    Path library = Files.createDirectories(dir.resolve("src/lib"));
    Files.writeString(library.resolve("A.java"), "package lib; public class A { int a = 1; }");
    Files.writeString(dir.resolve("src/B.java"), "class B extends lib.A {}");
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, UTF_8)) {
      files.setLocationFromPaths(StandardLocation.CLASS_OUTPUT, List.of(classes));
      files.setLocationFromPaths(StandardLocation.CLASS_PATH, List.of(classes));
      // Processors are loaded from files of the default file system, wherever classes are.
      files.setLocationFromPaths(StandardLocation.ANNOTATION_PROCESSOR_PATH, List.of());
      for (String source : List.of("lib/A.java", "B.java")) {
        assertThat(
                compiler
                    .getTask(
                        null,
                        files,
                        null,
                        List.of("-proc:none", "-implicit:none"),
                        null,
                        files.getJavaFileObjects(dir.resolve("src").resolve(source)))
                    .call())
            .isTrue();
      }
    }
    try (Stream<Path> all = Files.walk(classes)) {
      assertThat(all.filter(Files::isRegularFile).map(path -> classes.relativize(path).toString()))
          .containsExactlyInAnyOrder("B.class", "lib/A.class");
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void whatFilesOffersWorks(Root root) throws Exception {
    Path dir = root.fresh();
    Path deep = Files.createDirectories(dir.resolve("a/b/c"));
    Files.createDirectories(deep);
    Path temporary = Files.createTempFile(deep, "t", ".txt");
    Files.write(temporary, List.of("one", "two"), APPEND);
    Files.write(temporary, List.of("three"), APPEND);
    try (Stream<String> lines = Files.lines(temporary)) {
      assertThat(lines).containsExactly("one", "two", "three");
    }
    Path link = Files.createSymbolicLink(dir.resolve("link"), dir.getFileSystem().getPath("a/b"));
    Files.createDirectories(link.resolve("c/d"));
    Files.createSymbolicLink(deep.resolve("up"), dir.getFileSystem().getPath(".."));
    refused(FileAlreadyExistsException.class, () -> Files.createDirectories(temporary));
    assertThat(Files.mismatch(temporary, link.resolve("c").resolve(temporary.getFileName())))
        .isEqualTo(-1);
    try (Stream<Path> all = Files.walk(dir)) {
      assertThat(all.map(path -> dir.relativize(path).toString()))
          .containsExactlyInAnyOrder(
              "",
              "a",
              "a/b",
              "a/b/c",
              "a/b/c/d",
              "a/b/c/up",
              "link",
              dir.relativize(temporary).toString());
    }
    try (Stream<Path> all = Files.walk(dir, FileVisitOption.FOLLOW_LINKS)) {
      refused(UncheckedIOException.class, () -> all.toList().size()); // a loop
    }
    Files.walkFileTree(
        dir,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
    assertThat(Files.notExists(dir)).isTrue();
  }
}
