package io.sandstore.client;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.COPY_ATTRIBUTES;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.spi.FileSystemProvider;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Files in a cluster for programs that only know java.nio.file: {@code sand://host:port/path}, or
 * {@code sand://host:port,host:port/path} with several nodes to begin with. A file system opens by
 * itself at the first use of its address.
 */
public final class SandFileSystemProvider extends FileSystemProvider {

  static final String SCHEME = "sand";
  private static final int PAGE = 1000;

  private final Map<String, SandFileSystem> open = new ConcurrentHashMap<>();

  @Override
  public String getScheme() {
    return SCHEME;
  }

  // --- File systems ---

  private static String authority(URI uri) {
    String authority = uri.getAuthority();
    if (!SCHEME.equals(uri.getScheme()) || authority == null) {
      throw new IllegalArgumentException("not sand://host:port/path: " + uri);
    }
    return authority;
  }

  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> env) {
    String authority = authority(uri);
    SandFileSystem created = create(authority);
    if (open.putIfAbsent(authority, created) != null) {
      throw new FileSystemAlreadyExistsException(authority);
    }
    return created;
  }

  private SandFileSystem create(String authority) {
    return new SandFileSystem(this, authority, SandstoreClient.connect(authority));
  }

  @Override
  public FileSystem getFileSystem(URI uri) {
    SandFileSystem found = open.get(authority(uri));
    if (found == null) {
      throw new FileSystemNotFoundException(uri.toString());
    }
    return found;
  }

  void forget(SandFileSystem fileSystem) {
    open.remove(fileSystem.authority(), fileSystem);
  }

  @Override
  public Path getPath(URI uri) {
    SandFileSystem fileSystem = open.computeIfAbsent(authority(uri), this::create);
    String path = uri.getPath();
    return new SandPath(fileSystem, path == null || path.isEmpty() ? "/" : path);
  }

  // --- Errors ---

  interface Action<T> {
    T run() throws IOException;
  }

  /** Runs an action and gives its refusal the type that java.nio.file has for it. */
  static <T> T translated(SandPath path, Action<T> action) throws IOException {
    try {
      return action.run();
    } catch (PosixException e) {
      FileSystemException translated = translate(path.toString(), e);
      translated.initCause(e);
      throw translated;
    }
  }

  private static FileSystemException translate(String path, PosixException e) {
    return switch (e.errno()) {
      case ENOENT -> new NoSuchFileException(path);
      case EEXIST -> new FileAlreadyExistsException(path);
      case ENOTEMPTY -> new DirectoryNotEmptyException(path);
      case ENOTDIR -> new NotDirectoryException(path);
      case ELOOP -> new FileSystemLoopException(path);
      default -> new FileSystemException(path, null, e.errno() + ": " + e.getMessage());
    };
  }

  private static SandPath cast(Path path) {
    if (path instanceof SandPath sand) {
      return sand;
    }
    throw new ProviderMismatchException("not a path in Sand Store: " + path);
  }

  private static SandstoreClient client(SandPath path) {
    return path.sand().client();
  }

  // --- Files ---

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    SandPath sand = cast(path);
    checkOptions(options);
    boolean append = options.contains(StandardOpenOption.APPEND);
    boolean write = append || options.contains(StandardOpenOption.WRITE);
    boolean read = options.contains(StandardOpenOption.READ) || !write;
    Set<OpenFlag> flags = new HashSet<>();
    flags.add(write ? (read ? OpenFlag.O_RDWR : OpenFlag.O_WRONLY) : OpenFlag.O_RDONLY);
    if (append) {
      flags.add(OpenFlag.O_APPEND);
    }
    if (write && options.contains(StandardOpenOption.CREATE_NEW)) {
      flags.addAll(EnumSet.of(OpenFlag.O_CREAT, OpenFlag.O_EXCL));
    } else if (write && options.contains(StandardOpenOption.CREATE)) {
      flags.add(OpenFlag.O_CREAT);
    }
    if (write && options.contains(StandardOpenOption.TRUNCATE_EXISTING)) {
      flags.add(OpenFlag.O_TRUNC);
    }
    boolean sync =
        options.contains(StandardOpenOption.SYNC) || options.contains(StandardOpenOption.DSYNC);
    SandFile file =
        translated(sand, () -> client(sand).open(sand.inCluster(), flags, mode(attributes, 0644)));
    if (options.contains(StandardOpenOption.DELETE_ON_CLOSE)) {
      client(sand).unlink(sand.inCluster()); // stays readable and writable here until closed
    }
    return new SandChannel(file, sync);
  }

  /** What the default file system refuses, in its words. */
  private static void checkOptions(Set<? extends OpenOption> options) {
    for (OpenOption option : options) {
      if (!(option instanceof StandardOpenOption) && option != LinkOption.NOFOLLOW_LINKS) {
        throw new UnsupportedOperationException(
            "option " + Objects.requireNonNull(option, "an option"));
      }
    }
    if (options.contains(StandardOpenOption.APPEND)) {
      if (options.contains(StandardOpenOption.READ)) {
        throw new IllegalArgumentException("READ + APPEND not allowed");
      }
      if (options.contains(StandardOpenOption.TRUNCATE_EXISTING)) {
        throw new IllegalArgumentException("APPEND + TRUNCATE_EXISTING not allowed");
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static int mode(FileAttribute<?>[] attributes, int standard) {
    return Arrays.stream(attributes)
        .filter(attribute -> attribute.name().equals("posix:permissions"))
        .map(attribute -> SandAttributes.mode((Set<PosixFilePermission>) attribute.value()))
        .findFirst()
        .orElse(standard);
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    SandPath sand = cast(path);
    translated(
        sand,
        () -> {
          client(sand).mkdir(sand.inCluster(), mode(attributes, 0755));
          return true;
        });
  }

  @Override
  public void createSymbolicLink(Path link, Path target, FileAttribute<?>... attributes)
      throws IOException {
    SandPath sand = cast(link);
    translated(
        sand,
        () -> {
          client(sand).symlink(target.toString(), sand.inCluster());
          return true;
        });
  }

  @Override
  public Path readSymbolicLink(Path link) throws IOException {
    SandPath sand = cast(link);
    try {
      return new SandPath(sand.sand(), client(sand).readlink(sand.inCluster()));
    } catch (PosixException e) {
      if (e.errno() == Errno.EINVAL) {
        throw new NotLinkException(link.toString());
      }
      throw translate(link.toString(), e);
    }
  }

  @Override
  public void delete(Path path) throws IOException {
    SandPath sand = cast(path);
    translated(
        sand,
        () -> {
          if (client(sand).lstat(sand.inCluster()).isDirectory()) {
            client(sand).rmdir(sand.inCluster());
          } else {
            client(sand).unlink(sand.inCluster());
          }
          return true;
        });
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path directory, DirectoryStream.Filter<? super Path> filter) throws IOException {
    SandPath sand = cast(directory);
    DirectoryPage first = translated(sand, () -> client(sand).readdir(sand.inCluster(), "", PAGE));
    return new Pages(sand, filter, first);
  }

  /** A directory, a page at a time. */
  @SuppressWarnings("IterableAndIterator") // handed out once
  private static final class Pages implements DirectoryStream<Path>, Iterator<Path> {
    private final SandPath directory;
    private final DirectoryStream.Filter<? super Path> filter;
    private DirectoryPage page;
    private int next;
    private @Nullable Path ahead;
    private boolean taken;
    private boolean closed;

    Pages(SandPath directory, DirectoryStream.Filter<? super Path> filter, DirectoryPage first) {
      this.directory = directory;
      this.filter = filter;
      this.page = first;
    }

    @Override
    public Iterator<Path> iterator() {
      if (taken || closed) {
        throw new IllegalStateException("the stream was used already");
      }
      taken = true;
      return this;
    }

    @Override
    public boolean hasNext() {
      try {
        while (ahead == null && !closed && advance()) {
          // Until one passes the filter.
        }
      } catch (IOException e) {
        throw new java.nio.file.DirectoryIteratorException(e);
      }
      return ahead != null;
    }

    private boolean advance() throws IOException {
      List<DirectoryPage.Entry> entries = page.entries();
      if (next == entries.size()) {
        if (!page.more()) {
          return false;
        }
        String after = entries.getLast().name();
        page =
            translated(
                directory, () -> client(directory).readdir(directory.inCluster(), after, PAGE));
        next = 0;
        return true;
      }
      Path candidate =
          directory.resolve(new SandPath(directory.sand(), entries.get(next++).name()));
      if (filter.accept(candidate)) {
        ahead = candidate;
      }
      return true;
    }

    @Override
    public Path next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Path found = ahead;
      ahead = null;
      if (found == null) {
        throw new NoSuchElementException();
      }
      return found;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  @Override
  public void copy(Path source, Path target, CopyOption... options) throws IOException {
    SandPath from = cast(source);
    SandPath to = cast(target);
    Wishes wishes = Wishes.ofCopy(options);
    SandAttributes attributes = attributes(from, wishes.follow);
    Optional<SandAttributes> old = existing(to);
    if (old.isPresent()) {
      if (from.equals(to) || sameFile(from, attributes, to, old.get())) {
        return; // onto itself: there is nothing to do, and above all nothing to remove
      }
      checkReplaceable(to, old.get(), wishes);
    }
    if (attributes.isDirectory()) {
      removeOld(to, old);
      createDirectory(to);
      client(to).setattr(to.inCluster(), change(attributes, wishes));
    } else {
      // Whole before it takes the place of what was there.
      SandPath made = old.isEmpty() ? to : beside(to);
      try {
        if (attributes.isSymbolicLink()) {
          createSymbolicLink(made, readSymbolicLink(from));
        } else {
          copyContent(from, made, StandardOpenOption.CREATE_NEW);
          client(made).setattr(made.inCluster(), change(attributes, wishes));
        }
        if (old.isPresent()) {
          removeOld(to, old.filter(SandAttributes::isDirectory));
          client(to).rename(made.inCluster(), to.inCluster());
        }
      } catch (PosixException e) {
        throw translate(to.toString(), e);
      } finally {
        if (old.isPresent()) {
          deleteIfExists(made);
        }
      }
    }
  }

  /** What the options of a copy or a move ask for. */
  private record Wishes(boolean replace, boolean atomic, boolean keepAttributes, boolean follow) {

    static Wishes ofCopy(CopyOption[] options) {
      Wishes wishes = of(options);
      if (wishes.atomic) {
        throw new UnsupportedOperationException("a copy cannot be " + ATOMIC_MOVE);
      }
      return wishes;
    }

    static Wishes ofMove(CopyOption[] options) {
      Wishes wishes = of(options);
      if (wishes.keepAttributes) {
        throw new UnsupportedOperationException("a move takes no " + COPY_ATTRIBUTES);
      }
      return wishes;
    }

    private static Wishes of(CopyOption[] options) {
      Set<CopyOption> all = new HashSet<>();
      for (CopyOption option : options) {
        boolean known = option instanceof StandardCopyOption || option == LinkOption.NOFOLLOW_LINKS;
        if (!known) {
          throw new UnsupportedOperationException(
              "option " + Objects.requireNonNull(option, "an option"));
        }
        all.add(option);
      }
      return new Wishes(
          all.contains(REPLACE_EXISTING),
          all.contains(ATOMIC_MOVE),
          all.contains(COPY_ATTRIBUTES),
          !all.contains(LinkOption.NOFOLLOW_LINKS));
    }
  }

  private static AttributeChange change(SandAttributes attributes, Wishes wishes) {
    AttributeChange mode = AttributeChange.NONE.withMode(attributes.stat().mode());
    return wishes.keepAttributes
        ? mode.withMtime(attributes.stat().mtimeMs()).withAtime(attributes.stat().atimeMs())
        : mode;
  }

  private void copyContent(SandPath from, SandPath to, StandardOpenOption create)
      throws IOException {
    try (SeekableByteChannel in = newByteChannel(from, Set.of(StandardOpenOption.READ));
        SeekableByteChannel out = newByteChannel(to, Set.of(StandardOpenOption.WRITE, create))) {
      java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocate(1 << 20);
      while (in.read(buffer) >= 0) {
        out.write(buffer.flip());
        buffer.clear();
      }
    }
  }

  private static SandPath beside(SandPath path) {
    String name = ".sandstore-copy-%016x".formatted(client(path).host().random().nextLong());
    return (SandPath) path.resolveSibling(name);
  }

  /** What is at a path itself, not behind a link. */
  private static Optional<SandAttributes> existing(SandPath path) throws IOException {
    try {
      return Optional.of(attributes(path, false));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private static boolean sameFile(
      SandPath from, SandAttributes source, SandPath to, SandAttributes target) {
    return from.sand().equals(to.sand()) && source.fileKey().equals(target.fileKey());
  }

  private static void checkReplaceable(SandPath to, SandAttributes old, Wishes wishes)
      throws IOException {
    if (!wishes.replace) {
      throw new FileAlreadyExistsException(to.toString());
    }
    if (old.isDirectory()
        && !translated(to, () -> client(to).readdir(to.inCluster(), "", 1)).entries().isEmpty()) {
      throw new DirectoryNotEmptyException(to.toString());
    }
  }

  private void removeOld(SandPath to, Optional<SandAttributes> old) throws IOException {
    if (old.isPresent()) {
      deleteIfExists(to);
    }
  }

  @Override
  public void move(Path source, Path target, CopyOption... options) throws IOException {
    SandPath from = cast(source);
    SandPath to = cast(target);
    Wishes wishes = Wishes.ofMove(options);
    if (!from.sand().equals(to.sand())) {
      throw new AtomicMoveNotSupportedException(
          source.toString(), target.toString(), "EXDEV: between two clusters");
    }
    SandAttributes attributes = attributes(from, false); // before the target is touched
    Optional<SandAttributes> old = wishes.atomic ? Optional.empty() : existing(to);
    if (old.isPresent()) {
      if (sameFile(from, attributes, to, old.get())) {
        return;
      }
      checkReplaceable(to, old.get(), wishes);
      if (old.get().isDirectory() != attributes.isDirectory()) {
        // POSIX refuses to replace one by the other; java.nio.file wants it.
        deleteIfExists(to);
      }
    }
    translated(
        to,
        () -> {
          boolean replace = wishes.replace || wishes.atomic;
          client(from).rename(from.inCluster(), to.inCluster(), !replace);
          return true;
        });
  }

  @Override
  public boolean isSameFile(Path one, Path other) throws IOException {
    if (one.equals(other)) {
      return true;
    }
    if (!(other instanceof SandPath p) || !p.sand().equals(cast(one).sand())) {
      return false;
    }
    return Files.exists(one)
        && Files.exists(other)
        && attributes(cast(one), true).fileKey().equals(attributes(p, true).fileKey());
  }

  @Override
  public boolean isHidden(Path path) {
    Path name = path.getFileName();
    return name != null && name.toString().startsWith(".");
  }

  @Override
  public FileStore getFileStore(Path path) {
    return new SandFileStore(cast(path).sand());
  }

  /** Permissions are kept, not enforced: what exists may be used. */
  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    attributes(cast(path), true);
  }

  // --- Attributes ---

  static SandAttributes attributes(SandPath path, boolean follow) throws IOException {
    return translated(
        path,
        () ->
            new SandAttributes(
                follow
                    ? client(path).stat(path.inCluster())
                    : client(path).lstat(path.inCluster())));
  }

  private static boolean follow(LinkOption[] options) {
    return !Arrays.asList(options).contains(LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public <V extends FileAttributeView> @Nullable V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    boolean known =
        type == BasicFileAttributeView.class
            || type == PosixFileAttributeView.class
            || type == FileOwnerAttributeView.class;
    return known ? type.cast(new SandAttributes.View(cast(path), follow(options))) : null;
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    if (type != BasicFileAttributes.class && type != PosixFileAttributes.class) {
      throw new UnsupportedOperationException("no attributes of type " + type);
    }
    return type.cast(attributes(cast(path), follow(options)));
  }

  @Override
  public Map<String, Object> readAttributes(Path path, String wanted, LinkOption... options)
      throws IOException {
    SandAttributes a = attributes(cast(path), follow(options));
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("lastModifiedTime", a.lastModifiedTime());
    all.put("lastAccessTime", a.lastAccessTime());
    all.put("creationTime", a.creationTime());
    all.put("size", a.size());
    all.put("isRegularFile", a.isRegularFile());
    all.put("isDirectory", a.isDirectory());
    all.put("isSymbolicLink", a.isSymbolicLink());
    all.put("isOther", a.isOther());
    all.put("fileKey", a.fileKey());
    if (wanted.startsWith("posix:")) {
      all.put("permissions", a.permissions());
      all.put("owner", a.owner());
      all.put("group", a.group());
    }
    List<String> names = List.of(wanted.substring(wanted.indexOf(':') + 1).split(",", -1));
    if (!names.contains("*")) {
      for (String name : names) {
        if (!all.containsKey(name)) {
          throw new IllegalArgumentException("no attribute " + name);
        }
      }
      all.keySet().retainAll(names);
    }
    return all;
  }

  @SuppressWarnings("unchecked")
  @Override
  public void setAttribute(Path path, String attribute, Object value, LinkOption... options)
      throws IOException {
    SandAttributes.View view = new SandAttributes.View(cast(path), follow(options));
    switch (attribute.substring(attribute.indexOf(':') + 1)) {
      case "lastModifiedTime" -> view.setTimes((FileTime) value, null, null);
      case "lastAccessTime" -> view.setTimes(null, (FileTime) value, null);
      case "permissions" -> view.setPermissions((Set<PosixFilePermission>) value);
      default -> throw new UnsupportedOperationException("cannot set " + attribute);
    }
  }
}
