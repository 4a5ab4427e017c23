package io.sandstore.client;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A path in a cluster: names between '/', absolute if it begins with one. */
final class SandPath implements Path {

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

  /** What the client calls this path: absolute and without dots. */
  String inCluster() {
    return toAbsolutePath().normalize().toString();
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
        SandFileSystemProvider.SCHEME + "://" + fileSystem.authority() + encode(inCluster()));
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
    fileSystem.client().stat(inCluster());
    return toAbsolutePath().normalize();
  }

  @Override
  public WatchKey register(
      WatchService watcher, WatchEvent.Kind<?>[] events, WatchEvent.Modifier... modifiers) {
    throw new UnsupportedOperationException("files in Sand Store cannot be watched");
  }

  @Override
  public int compareTo(Path other) {
    return toString().compareTo(cast(other).toString());
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
