package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AccessMode;
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
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.ProviderMismatchException;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileOwnerAttributeView;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.nio.file.spi.FileSystemProvider;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Files in a cluster for programs that only know java.nio.file: {@code sand://host:port/path}, or
 * {@code sand://host:port,host:port/path} with several nodes to begin with. A file system opens by
 * itself at the first use of its address.
 */
public final class SandFileSystemProvider extends FileSystemProvider {

  static final String SCHEME = "sand";

  private static final String AS = "as";

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
    if (uri.getRawQuery() != null || uri.getRawFragment() != null) {
      throw new IllegalArgumentException("neither a query nor a fragment: " + uri);
    }
    return authority;
  }

  /**
   * Opens a file system.
   *
   * @param env {@code "as"}: on whose behalf ({@link SandstoreClient#as}), an {@link Identity} or
   *     its text as {@link Identity#parse} reads it; without it, nobody's, and all is allowed
   * @throws IllegalArgumentException if {@code "as"} is something else
   */
  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> env) {
    String authority = authority(uri);
    @Nullable Identity as = identity(env.get(AS));
    SandFileSystem[] created = new SandFileSystem[1];
    open.computeIfAbsent(authority, address -> created[0] = create(address, as));
    if (created[0] == null) {
      throw new FileSystemAlreadyExistsException(authority);
    }
    return created[0];
  }

  private static @Nullable Identity identity(@Nullable Object as) {
    return switch (as) {
      case null -> null;
      case Identity identity -> identity;
      case String text -> Identity.parse(text);
      default -> throw new IllegalArgumentException("\"as\" is an Identity or its text, not " + as);
    };
  }

  private SandFileSystem create(String authority, @Nullable Identity as) {
    SandstoreClient client = SandstoreClient.connect(authority);
    return new SandFileSystem(this, authority, as == null ? client : client.as(as));
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
    SandFileSystem fileSystem =
        open.computeIfAbsent(authority(uri), address -> create(address, null));
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
      throw translate(path.toString(), e);
    }
  }

  private static FileSystemException translate(String path, PosixException e) {
    return translate(path, null, e);
  }

  /**
   * @param other the target of a copy or move; null if there is none
   */
  static FileSystemException translate(String path, @Nullable String other, PosixException e) {
    String existing = other == null ? path : other;
    FileSystemException translated =
        switch (e.errno()) {
          case ENOENT -> new NoSuchFileException(path, other, null);
          case EEXIST -> new FileAlreadyExistsException(existing);
          case ENOTEMPTY -> new DirectoryNotEmptyException(existing);
          case ENOTDIR -> new NotDirectoryException(path);
          case ELOOP -> new FileSystemLoopException(path);
          case EACCES -> new AccessDeniedException(path, other, null);
          default -> new FileSystemException(path, other, e.errno() + ": " + e.getMessage());
        };
    translated.initCause(e);
    return translated;
  }

  static SandPath cast(Path path) {
    if (path instanceof SandPath sand) {
      return sand;
    }
    throw new ProviderMismatchException("not a path in Sand Store: " + path);
  }

  private static SandstoreClient client(SandPath path) {
    return path.client();
  }

  // --- Files ---

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return newFileChannel(path, options, attributes);
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    return open(path, options, attributes);
  }

  private static SandFileChannel open(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    SandPath sand = cast(path);
    return open(sand, sand::place, options, attributes);
  }

  static SandFileChannel open(
      SandPath sand,
      Place.Finder at,
      Set<? extends OpenOption> options,
      FileAttribute<?>... attributes)
      throws IOException {
    checkOptions(options);
    int mode = mode(attributes, 0644);
    boolean append = options.contains(StandardOpenOption.APPEND);
    boolean write = append || options.contains(StandardOpenOption.WRITE);
    boolean read = options.contains(StandardOpenOption.READ) || !write;
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_RDONLY);
    if (write) {
      flags = EnumSet.of(read ? OpenFlag.O_RDWR : OpenFlag.O_WRONLY);
    }
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
    if (options.contains(LinkOption.NOFOLLOW_LINKS)) {
      flags.add(OpenFlag.O_NOFOLLOW);
    }
    Set<OpenFlag> all = flags;
    Place place = translated(sand, at::find);
    SandFile file = translated(sand, () -> place.directory().open(place.path(), all, mode));
    SandFileChannel channel = new SandFileChannel(sand.sand(), file, read, write, append, sync);
    if (options.contains(StandardOpenOption.DELETE_ON_CLOSE)) {
      try {
        // Stays readable and writable here until it is closed.
        translated(sand, () -> unlink(place));
      } catch (IOException e) {
        channel.close();
        throw e;
      }
    }
    return channel;
  }

  private static boolean unlink(Place place) throws IOException {
    place.directory().unlink(place.path());
    return true;
  }

  @Override
  public AsynchronousFileChannel newAsynchronousFileChannel(
      Path path,
      Set<? extends OpenOption> options,
      @Nullable ExecutorService executor,
      FileAttribute<?>... attributes)
      throws IOException {
    if (options.contains(StandardOpenOption.APPEND)) {
      throw new UnsupportedOperationException("APPEND not allowed");
    }
    SandFileChannel channel = open(path, options, attributes);
    return new SandAsynchronousChannel(
        channel, executor == null ? Thread::startVirtualThread : executor);
  }

  /**
   * A stream whose {@code flush} makes everything written so far durable and visible to others, as
   * {@link SandFile#fsync} does: a round trip that ends when a majority of disks have forced it, a
   * millisecond or some, and a piece of the file of its own. Writers that flush line by line are
   * slow; {@code close} flushes.
   */
  @Override
  public OutputStream newOutputStream(Path path, OpenOption... options) throws IOException {
    Set<OpenOption> all = new HashSet<>(List.of(options));
    if (all.contains(StandardOpenOption.READ)) {
      throw new IllegalArgumentException("READ not allowed");
    }
    if (all.isEmpty()) {
      all.add(StandardOpenOption.CREATE);
      all.add(StandardOpenOption.TRUNCATE_EXISTING);
    }
    all.add(StandardOpenOption.WRITE);
    FileChannel channel = open(path, all);
    OutputStream stream = Channels.newOutputStream(channel);
    return new FilterOutputStream(stream) {
      @Override
      public void write(byte[] bytes, int from, int count) throws IOException {
        stream.write(bytes, from, count); // at once, not byte by byte
      }

      @Override
      public void flush() throws IOException {
        channel.force(true);
      }

      @Override
      public void close() throws IOException {
        stream.close(); // which makes it durable
      }
    };
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
    int mode = standard;
    for (FileAttribute<?> attribute : attributes) {
      if (!attribute.name().equals("posix:permissions")) {
        throw new UnsupportedOperationException(
            "'" + attribute.name() + "' not supported as initial attribute");
      }
      mode = SandAttributes.mode((Set<PosixFilePermission>) attribute.value());
    }
    return mode;
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    SandPath sand = cast(path);
    int mode = mode(attributes, 0755);
    translated(
        sand,
        () -> {
          client(sand).mkdir(sand.inCluster(), mode);
          return true;
        });
  }

  @Override
  public void createSymbolicLink(Path link, Path target, FileAttribute<?>... attributes)
      throws IOException {
    SandPath sand = cast(link);
    String text = cast(target).toString();
    if (attributes.length > 0) {
      throw new UnsupportedOperationException(
          "Initial file attributes not supported when creating symbolic link");
    }
    translated(
        sand,
        () -> {
          client(sand).symlink(text, sand.inCluster());
          return true;
        });
  }

  /** One more name of a file; of a link, which is not followed, likewise. */
  @Override
  public void createLink(Path link, Path existing) throws IOException {
    SandPath name = cast(link);
    SandPath sand = cast(existing);
    if (!sand.sand().sameCluster(name.sand())) {
      throw new FileSystemException(link.toString(), existing.toString(), "EXDEV: two clusters");
    }
    try {
      client(sand).link(sand.inCluster(), name.inCluster());
    } catch (PosixException e) {
      throw translate(sand.toString(), name.toString(), e);
    }
  }

  @Override
  public Path readSymbolicLink(Path link) throws IOException {
    SandPath sand = cast(link);
    return new SandPath(sand.sand(), target(sand));
  }

  /** Where a link leads, as it was made. */
  static String target(SandPath link) throws IOException {
    try {
      return client(link).readlink(link.inCluster());
    } catch (PosixException e) {
      if (e.errno() == Errno.EINVAL) {
        throw new NotLinkException(link.toString());
      }
      throw translate(link.toString(), e);
    }
  }

  @Override
  public void delete(Path path) throws IOException {
    delete(cast(path));
  }

  static void delete(SandPath path) throws IOException {
    if (path.endsInDots()) {
      throw new FileSystemException(path.toString(), null, "dots cannot be removed");
    }
    translated(
        path,
        () -> {
          String inCluster = path.inCluster();
          try {
            client(path).unlink(inCluster);
          } catch (PosixException e) {
            if (e.errno() != Errno.EISDIR) {
              throw e;
            }
            client(path).rmdir(inCluster);
          }
          return true;
        });
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path directory, DirectoryStream.Filter<? super Path> filter) throws IOException {
    SandPath sand = cast(directory);
    SandDirectory opened = translated(sand, () -> client(sand).openDirectory(sand.inCluster()));
    return new SandDirectoryStream(sand, opened, filter);
  }

  @Override
  public void copy(Path source, Path target, CopyOption... options) throws IOException {
    Transfer.copy(cast(source), cast(target), options);
  }

  @Override
  public void move(Path source, Path target, CopyOption... options) throws IOException {
    Transfer.move(cast(source), cast(target), options);
  }

  @Override
  public boolean isSameFile(Path one, Path other) throws IOException {
    if (one.equals(other)) {
      return true;
    }
    if (!(other instanceof SandPath p)) {
      return false;
    }
    SandPath sand = cast(one);
    SandAttributes ours = attributes(sand, true);
    SandAttributes theirs = attributes(p, true);
    return sand.sand().sameCluster(p.sand()) && ours.fileKey().equals(theirs.fileKey());
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

  /**
   * Whether whom this file system acts for may use a file so. Without an identity what exists may
   * be used; as for root on Linux, a file may be executed only if somebody may.
   */
  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    SandPath sand = cast(path);
    if (client(sand).isSomebodys()) {
      int mask = mask(modes);
      translated(
          sand,
          () -> {
            client(sand).access(sand.inCluster(), mask);
            return true;
          });
      return;
    }
    SandAttributes attributes = attributes(sand, true);
    boolean executable = attributes.isDirectory() || (attributes.stat().mode() & 0111) != 0;
    if (!executable && List.of(modes).contains(AccessMode.EXECUTE)) {
      throw new AccessDeniedException(path.toString());
    }
  }

  private static int mask(AccessMode[] modes) {
    int mask = 0;
    for (AccessMode mode : modes) {
      mask |=
          switch (mode) {
            case READ -> SandstoreClient.READ;
            case WRITE -> SandstoreClient.WRITE;
            case EXECUTE -> SandstoreClient.EXECUTE;
          };
    }
    return mask;
  }

  // --- Attributes ---

  static SandAttributes attributes(SandPath path, boolean follow) throws IOException {
    return translated(path, () -> new SandAttributes(path.place().stat(follow)));
  }

  static boolean follow(LinkOption[] options) {
    return !Arrays.asList(options).contains(LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public <V extends FileAttributeView> @Nullable V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    SandPath sand = cast(path);
    return view(sand, sand::place, type, options);
  }

  /** A view of a type; null if there are none of that type. */
  static <V extends FileAttributeView> @Nullable V view(
      SandPath called, Place.Finder at, Class<V> type, LinkOption... options) {
    if (type == UserDefinedFileAttributeView.class) {
      return type.cast(new UserAttributes(view("user", called, at, options)));
    }
    String name =
        type == BasicFileAttributeView.class
            ? "basic"
            : type == PosixFileAttributeView.class
                ? "posix"
                : type == FileOwnerAttributeView.class ? "owner" : null;
    return name == null ? null : type.cast(view(name, called, at, options));
  }

  private static SandAttributes.View view(
      String name, SandPath called, Place.Finder at, LinkOption... options) {
    return new SandAttributes.View(name, called, at, follow(options));
  }

  private static SandAttributes.View unixView(Path path, LinkOption... options) {
    SandPath sand = cast(path);
    return view("unix", sand, sand::place, options);
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
    return NamedAttributes.read(wanted, unixView(path, options));
  }

  @Override
  public void setAttribute(
      Path path, String attribute, @Nullable Object value, LinkOption... options)
      throws IOException {
    NamedAttributes.set(attribute, value, unixView(path, options));
  }
}
