package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemLoopException;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A path in a cluster: names between '/', absolute if it begins with one. */
final class SandPath implements Path {

  /** As many links as Linux follows in a path. */
  private static final int LINKS_MAX = 40;

  private final SandFileSystem fileSystem;
  private final boolean absolute;
  private final List<String> names;

  /**
   * @throws InvalidPathException if a name could not be kept: with NUL, or half of a letter
   */
  SandPath(SandFileSystem fileSystem, String text) {
    this(fileSystem, text.startsWith("/"), split(checked(text)));
  }

  private static String checked(String text) {
    int nul = text.indexOf('\0');
    if (nul >= 0) {
      throw new InvalidPathException(text, "Nul character not allowed", nul);
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        throw new InvalidPathException(text, "half of a letter", i);
      }
    }
    return text;
  }

  private SandPath(SandFileSystem fileSystem, boolean absolute, List<String> names) {
    this.fileSystem = fileSystem;
    this.absolute = absolute;
    this.names = names;
  }

  private static List<String> split(String text) {
    List<String> names = new ArrayList<>();
    for (String name : text.split("/", -1)) {
      if (!name.isEmpty()) {
        names.add(name);
      }
    }
    if (names.isEmpty() && !text.startsWith("/")) {
      names.add(""); // the empty path
    }
    return List.copyOf(names);
  }

  private SandPath with(boolean isAbsolute, List<String> newNames) {
    boolean empty = newNames.isEmpty() && !isAbsolute;
    return new SandPath(fileSystem, isAbsolute, empty ? List.of("") : List.copyOf(newNames));
  }

  private static SandPath cast(Path path) {
    if (path instanceof SandPath sand) {
      return sand;
    }
    throw new ProviderMismatchException("not a path in Sand Store: " + path);
  }

  /**
   * The client of this path's cluster.
   *
   * @throws java.nio.file.ClosedFileSystemException if the file system was closed
   */
  SandstoreClient client() {
    return fileSystem.client();
  }

  /**
   * What the client calls this path: absolute and without dots. Where there are dots, links before
   * them are followed first, so that {@code link/..} is above what the link leads to, as on Linux;
   * each name before them costs a round trip.
   */
  String inCluster() throws IOException {
    int dots = Math.max(names.lastIndexOf("."), names.lastIndexOf(".."));
    if (dots < 0) {
      return toAbsolutePath().toString();
    }
    List<String> all = new ArrayList<>(real(names.subList(0, dots + 1)));
    all.addAll(names.subList(dots + 1, names.size()));
    return "/" + String.join("/", all);
  }

  Place place() throws IOException {
    return new Place(client().directory(0), inCluster()); // absolute: no directory's inode counts
  }

  SandPath empty() {
    return with(false, List.of());
  }

  /** Another name in the same directory. */
  SandPath sibling(String name) {
    List<String> beside = new ArrayList<>(names.subList(0, names.size() - 1));
    beside.add(name);
    return with(absolute, beside);
  }

  /** True if the last name is one that can be neither made nor removed. */
  boolean endsInDots() {
    return names.size() > 0 && (names.getLast().equals(".") || names.getLast().equals(".."));
  }

  /** Where names below the root lead, with all links followed; all of them must exist. */
  private List<String> real(List<String> path) throws IOException {
    ArrayDeque<String> ahead = new ArrayDeque<>(path);
    List<String> real = new ArrayList<>();
    int links = 0;
    while (!ahead.isEmpty()) {
      String name = ahead.pop();
      if (name.equals("..")) {
        if (!real.isEmpty()) {
          real.removeLast();
        }
      } else if (!name.isEmpty() && !name.equals(".")) {
        real.add(name);
        String at = "/" + String.join("/", real);
        FileStat stat = client().lstat(at);
        if (stat.isSymlink()) {
          if (++links > LINKS_MAX) {
            throw new FileSystemLoopException(toString());
          }
          String target = client().readlink(at);
          real.removeLast();
          if (target.startsWith("/")) {
            real.clear();
          }
          split(target).reversed().forEach(ahead::push);
        } else if (!stat.isDirectory() && !ahead.isEmpty()) {
          throw new PosixException(Errno.ENOTDIR, at + " is not a directory");
        }
      }
    }
    return real;
  }

  private boolean isEmptyPath() {
    return !absolute && names.equals(List.of(""));
  }

  @Override
  public FileSystem getFileSystem() {
    return fileSystem;
  }

  SandFileSystem sand() {
    return fileSystem;
  }

  @Override
  public boolean isAbsolute() {
    return absolute;
  }

  @Override
  public @Nullable Path getRoot() {
    return absolute ? with(true, List.of()) : null;
  }

  @Override
  public @Nullable Path getFileName() {
    return names.isEmpty() ? null : with(false, List.of(names.getLast()));
  }

  @Override
  public @Nullable Path getParent() {
    if (names.isEmpty() || (!absolute && names.size() == 1)) {
      return null;
    }
    return with(absolute, names.subList(0, names.size() - 1));
  }

  @Override
  public int getNameCount() {
    return names.size();
  }

  @Override
  public Path getName(int index) {
    return subpath(index, index + 1);
  }

  @Override
  public Path subpath(int begin, int end) {
    if (begin < 0 || end > names.size() || begin >= end) {
      throw new IllegalArgumentException("no names %d to %d in %s".formatted(begin, end, this));
    }
    return with(false, names.subList(begin, end));
  }

  @Override
  public boolean startsWith(Path other) {
    return other instanceof SandPath p
        && p.fileSystem.equals(fileSystem)
        && p.absolute == absolute
        && p.names.size() <= names.size()
        && names.subList(0, p.names.size()).equals(p.names);
  }

  @Override
  public boolean endsWith(Path other) {
    if (!(other instanceof SandPath p) || !p.fileSystem.equals(fileSystem)) {
      return false;
    }
    int skip = names.size() - p.names.size();
    return skip >= 0
        && (!p.absolute || (absolute && skip == 0))
        && names.subList(skip, names.size()).equals(p.names);
  }

  @Override
  public Path normalize() {
    return with(absolute, normalized());
  }

  /** The names without dots, as far as they can go; none of an empty path. */
  private List<String> normalized() {
    List<String> kept = new ArrayList<>();
    for (String name : names) {
      if (name.equals("..") && !kept.isEmpty() && !kept.getLast().equals("..")) {
        kept.removeLast();
      } else if (!(name.isEmpty() || name.equals(".") || (name.equals("..") && absolute))) {
        kept.add(name);
      }
    }
    return kept;
  }

  @Override
  public Path resolve(Path other) {
    SandPath p = cast(other);
    if (p.absolute || isEmptyPath()) {
      return p;
    }
    if (p.isEmptyPath()) {
      return this;
    }
    List<String> all = new ArrayList<>(names);
    all.addAll(p.names);
    return with(absolute, all);
  }

  @Override
  public Path relativize(Path other) {
    SandPath p = cast(other);
    if (p.absolute != absolute) {
      throw new IllegalArgumentException("one path is absolute, the other is not");
    }
    if (equals(p)) {
      return with(false, List.of());
    }
    if (isEmptyPath()) {
      return p;
    }
    boolean dots = hasDots() || p.hasDots();
    List<String> mine = dots ? normalized() : names;
    List<String> theirs = dots ? p.normalized() : p.isEmptyPath() ? List.of() : p.names;
    int common = 0;
    while (common < Math.min(mine.size(), theirs.size())
        && mine.get(common).equals(theirs.get(common))) {
      common++;
    }
    List<String> back = mine.subList(common, mine.size());
    if (back.contains("..")) {
      throw new IllegalArgumentException("no way is known from " + this + " to " + other);
    }
    List<String> way = new ArrayList<>(Collections.nCopies(back.size(), ".."));
    way.addAll(theirs.subList(common, theirs.size()));
    return with(false, way);
  }

  private boolean hasDots() {
    return names.contains(".") || names.contains("..");
  }

  @Override
  public URI toUri() {
    return URI.create(
        SandFileSystemProvider.SCHEME
            + "://"
            + fileSystem.authority()
            + encode(toAbsolutePath().toString()));
  }

  private static String encode(String path) {
    try {
      return new URI(null, null, path, null).getRawPath();
    } catch (java.net.URISyntaxException e) {
      throw new IllegalStateException("not a path: " + path, e);
    }
  }

  @Override
  public Path toAbsolutePath() {
    return absolute ? this : with(true, isEmptyPath() ? List.of() : names);
  }

  @Override
  public Path toRealPath(LinkOption... options) throws IOException {
    return SandFileSystemProvider.translated(
        this,
        () ->
            SandFileSystemProvider.follow(options)
                ? new SandPath(fileSystem, true, List.copyOf(real(names)))
                : withoutDots());
  }

  /** Links stay, and what is behind the dots of {@code link/..} is not known without following. */
  private SandPath withoutDots() throws IOException {
    SandPath result = new SandPath(fileSystem, true, List.of());
    for (String name : names) {
      if (name.isEmpty() || name.equals(".")) {
        continue;
      }
      if (name.equals("..") && !client().lstat(result.inCluster()).isSymlink()) {
        List<String> above = result.names.subList(0, Math.max(0, result.names.size() - 1));
        result = result.with(true, above);
        continue;
      }
      List<String> longer = new ArrayList<>(result.names);
      longer.add(name);
      result = result.with(true, longer);
    }
    client().lstat(result.inCluster()); // it must exist
    return result;
  }

  @Override
  public WatchKey register(
      WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
    throw new UnsupportedOperationException("files in Sand Store cannot be watched");
  }

  /** By the bytes of their names, as the JDK's compare, and as directories are in order. */
  @Override
  public int compareTo(Path other) {
    return Arrays.compareUnsigned(
        toString().getBytes(StandardCharsets.UTF_8),
        cast(other).toString().getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof SandPath p
        && p.fileSystem.equals(fileSystem)
        && p.absolute == absolute
        && p.names.equals(names);
  }

  @Override
  public int hashCode() {
    return Objects.hash(fileSystem, absolute, names);
  }

  @Override
  public String toString() {
    return (absolute ? "/" : "") + String.join("/", names);
  }
}
