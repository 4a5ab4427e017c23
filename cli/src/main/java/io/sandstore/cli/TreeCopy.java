package io.sandstore.cli;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Copies files and trees between this machine and a cluster, several files at a time. A file that
 * was copied is durable in the cluster when it is counted.
 */
public final class TreeCopy {

  private static final int COPY_BYTES = 4 << 20;
  private static final int COMPARE_BYTES = 1 << 20;

  /** What becomes of a file that exists. */
  public enum Way {
    /** Its new content, or that of a new one, is beside it until it is whole. */
    REPLACE,
    /** It is written itself: keeps its identity, and is neither old nor new if that breaks off. */
    IN_PLACE,
    /**
     * As REPLACE, but what is beside it has a name that the next copy finds, which goes on with
     * what of it is right. Bytes that are there already are compared, not believed.
     */
    RESUME
  }

  private final SandstoreClient client;
  private final int parallel;
  private final Way way;

  public TreeCopy(SandstoreClient client, int parallel) {
    this(client, parallel, Way.REPLACE);
  }

  public TreeCopy(SandstoreClient client, int parallel, Way way) {
    this.client = client;
    this.parallel = parallel;
    this.way = way;
  }

  /**
   * What is to be copied.
   *
   * @param directories each before what is in it
   * @param skipped what is neither file, directory nor link: FIFOs, sockets, devices
   */
  public record Plan(List<Item> directories, List<Item> files, List<String> skipped, long bytes) {}

  /** A file, directory or symbolic link and its path below the copied root; empty for the root. */
  public record Item(String path, long size, int mode, long mtimeMs, String linkTarget) {

    boolean isLink() {
      return !linkTarget.isEmpty();
    }
  }

  // --- Into the cluster ---

  /**
   * Lists a local tree.
   *
   * @throws FileSystemException if a name cannot be told from others here
   */
  public static Plan plan(Path root) throws IOException {
    List<Item> directories = new ArrayList<>();
    List<Item> files = new ArrayList<>();
    List<String> skipped = new ArrayList<>();
    long bytes = 0;
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : (Iterable<Path>) all.sorted()::iterator) {
        String relative = text(root.relativize(path));
        long mtime = Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS).toMillis();
        if (Files.isSymbolicLink(path)) {
          String target = text(Files.readSymbolicLink(path));
          files.add(new Item(relative, 0, 0777, mtime, target));
        } else if (Files.isDirectory(path)) {
          directories.add(new Item(relative, 0, mode(path), mtime, ""));
        } else if (Files.isRegularFile(path)) {
          files.add(new Item(relative, Files.size(path), mode(path), mtime, ""));
          bytes += Files.size(path);
        } else {
          skipped.add(relative);
        }
      }
    }
    return new Plan(directories, files, skipped, bytes);
  }

  /**
   * A local path as text. Where a name is not of the locale's encoding, the JDK puts a replacement
   * for what it cannot read, and different names become one.
   */
  private static String text(Path path) throws FileSystemException {
    String text = path.toString();
    try {
      if (Path.of(text).equals(path)) {
        return text;
      }
    } catch (InvalidPathException e) {
      // The same.
    }
    throw new NotCopiedException(
        text, "cannot be read in this locale; use one of UTF-8 (LC_ALL=C.UTF-8), or rename it");
  }

  private static int mode(Path path) throws IOException {
    int mode = 0;
    for (PosixFilePermission permission : Files.getPosixFilePermissions(path)) {
      mode |= 1 << (8 - permission.ordinal());
    }
    return mode;
  }

  /** Copies what {@link #plan} found below {@code root} to {@code target} in the cluster. */
  public void put(Plan plan, Path root, String target, ProgressBar bar)
      throws IOException, InterruptedException {
    for (Item directory : plan.directories) {
      makeDirectory(join(target, directory.path), directory.mode);
    }
    forEach(plan.files, item -> putFile(item, root, join(target, item.path), bar));
    forEach(
        plan.directories, // whose times the files in them have changed
        item -> client.setattr(join(target, item.path), attributes(item)));
  }

  private void makeDirectory(String path, int mode) throws IOException {
    try {
      client.mkdir(path, mode);
    } catch (PosixException e) {
      if (e.errno() != Errno.EEXIST || !client.stat(path).isDirectory()) {
        throw e;
      }
    }
  }

  static AttributeChange attributes(Item item) {
    return AttributeChange.NONE.withMode(item.mode).withMtime(item.mtimeMs);
  }

  private void putFile(Item item, Path root, String target, ProgressBar bar) throws IOException {
    if (item.isLink()) {
      putLink(item, target);
      bar.addFile();
      return;
    }
    Path source = item.path.isEmpty() ? root : root.resolve(item.path);
    try (FileChannel in = FileChannel.open(source, StandardOpenOption.READ)) {
      if (way == Way.RESUME) {
        resumePut(item, in, target, bar);
      } else {
        replace(target, item.mode, attributes(item), out -> pump(in::read, item, out, bar));
      }
    }
    bar.addFile();
  }

  private interface Source {
    int read(ByteBuffer into) throws IOException;
  }

  private static void pump(Source in, Item item, SandFile out, ProgressBar bar) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(Math.clamp(item.size, 1, COPY_BYTES));
    while (in.read(buffer) >= 0) {
      int count = buffer.flip().remaining();
      out.write(buffer);
      buffer.clear();
      bar.addBytes(count);
    }
  }

  private void resumePut(Item item, FileChannel in, String target, ProgressBar bar)
      throws IOException {
    @Nullable FileStat old = statOrNull(target);
    if (old != null && old.isSymlink()) {
      replace(target, item.mode, attributes(item), out -> pump(in::read, item, out, bar));
      return;
    }
    if (old != null && old.isDirectory()) {
      throw new PosixException(Errno.EISDIR, target + " is a directory");
    }
    if (old != null && old.size() == item.size) {
      try (SandFile there = client.open(target, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
        if (common(in::read, there::read) == item.size) {
          client.setattr(target, attributes(item));
          bar.addBytes(item.size);
          return;
        }
      }
    }
    String beside = join(parent(target), ".sandstore-put-" + begun(item, target));
    try (SandFile out =
        client.open(beside, EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT), item.mode)) {
      long same = common(in::read, out::read);
      out.truncate(same);
      out.seek(same);
      in.position(same);
      bar.addBytes(same);
      pump(in::read, item, out, bar);
    }
    if (old != null) {
      client.setattr(beside, AttributeChange.NONE.withOwner(old.uid(), old.gid()));
    }
    client.setattr(beside, attributes(item));
    client.rename(beside, target);
  }

  private @Nullable FileStat statOrNull(String path) throws IOException {
    try {
      return client.lstat(path);
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOENT) {
        return null;
      }
      throw e;
    }
  }

  private static String parent(String path) {
    return path.substring(0, path.lastIndexOf('/') + 1);
  }

  /** What a copy that goes on later is known by: where it goes, and which state of the source. */
  static String begun(Item item, String target) {
    String known = target + '\0' + item.size + '\0' + item.mtimeMs;
    return UUID.nameUUIDFromBytes(known.getBytes(StandardCharsets.UTF_8)).toString();
  }

  private interface Bytes {
    int read(ByteBuffer into, long offset) throws IOException;
  }

  /** How many bytes two have in common, from their begin. */
  private static long common(Bytes one, Bytes other) throws IOException {
    ByteBuffer left = ByteBuffer.allocateDirect(COMPARE_BYTES);
    ByteBuffer right = ByteBuffer.allocateDirect(COMPARE_BYTES);
    long at = 0;
    while (true) {
      fill(one, left.clear(), at);
      fill(other, right.clear(), at);
      int differ = left.mismatch(right);
      if (differ >= 0 || !left.hasRemaining()) {
        return at + Math.max(0, differ);
      }
      at += left.remaining();
    }
  }

  private static void fill(Bytes from, ByteBuffer buffer, long offset) throws IOException {
    while (buffer.hasRemaining() && from.read(buffer, offset + buffer.position()) > 0) {
      // Until it is full, or there is no more.
    }
    buffer.flip();
  }

  /** Whether a local file and one of the cluster have the same bytes. */
  boolean same(Path local, String path, long size) throws IOException {
    try (FileChannel here = FileChannel.open(local, StandardOpenOption.READ);
        SandFile there = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      return common(here::read, there::read) == size && here.size() == size;
    }
  }

  /** Copies what comes, to its end, into a file of the cluster. */
  public void put(InputStream in, String target) throws IOException {
    replace(
        target,
        0644,
        AttributeChange.NONE,
        out -> {
          byte[] bytes = new byte[1 << 20];
          int count;
          while ((count = in.read(bytes)) >= 0) {
            out.write(ByteBuffer.wrap(bytes, 0, count));
          }
        });
  }

  private interface Content {
    void writeTo(SandFile file) throws IOException;
  }

  /**
   * Writes a file's content beside it, until it is durable as a whole: whoever is killed half-way
   * leaves the old one, or none. Through a link what it names is written in place.
   */
  private void replace(String target, int mode, AttributeChange attributes, Content content)
      throws IOException {
    @Nullable FileStat old = statOrNull(target);
    boolean inPlace = way == Way.IN_PLACE && (old == null || old.isFile());
    if (inPlace || (old != null && old.isSymlink())) {
      Set<OpenFlag> through = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
      try (SandFile file = client.open(target, through, mode)) {
        content.writeTo(file);
      }
      client.setattr(target, attributes);
      return;
    }
    replaceAsAWhole(old, target, mode, attributes, content);
  }

  private void replaceAsAWhole(
      @Nullable FileStat old, String target, int mode, AttributeChange attributes, Content content)
      throws IOException {
    if (old != null && old.isDirectory()) {
      throw new PosixException(Errno.EISDIR, target + " is a directory");
    }
    String beside =
        join(
            parent(target),
            ".sandstore-put-%016x".formatted(ThreadLocalRandom.current().nextLong()));
    Set<OpenFlag> create = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL);
    try {
      try (SandFile file = client.open(beside, create, old == null ? mode : old.mode())) {
        content.writeTo(file);
      }
      if (old != null) {
        client.setattr(beside, AttributeChange.NONE.withOwner(old.uid(), old.gid()));
      }
      client.setattr(beside, attributes);
      client.rename(beside, target);
    } catch (IOException e) {
      try {
        client.unlink(beside);
      } catch (IOException nothingToRemove) {
        e.addSuppressed(nothingToRemove);
      }
      throw e;
    }
  }

  private void putLink(Item item, String target) throws IOException {
    try {
      client.symlink(item.linkTarget, target);
    } catch (PosixException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
      client.unlink(target);
      client.symlink(item.linkTarget, target);
    }
  }

  static String join(String directory, String name) {
    if (name.isEmpty()) {
      return directory;
    }
    return directory.endsWith("/") ? directory + name : directory + "/" + name;
  }

  // --- Out of the cluster ---

  /** Lists a tree in the cluster. */
  public Plan plan(String root) throws IOException {
    List<Item> directories = new ArrayList<>();
    List<Item> files = new ArrayList<>();
    ArrayDeque<String> rest = new ArrayDeque<>();
    List<String> skipped = new ArrayList<>();
    FileStat top = client.stat(root);
    long bytes = 0;
    if (!top.isDirectory() && !top.isFile()) {
      return new Plan(List.of(), List.of(), List.of(root), 0);
    }
    if (!top.isDirectory()) {
      return new Plan(List.of(), List.of(item("", top, "")), List.of(), top.size());
    }
    directories.add(item("", top, ""));
    rest.add("");
    while (!rest.isEmpty()) {
      String directory = rest.pollFirst();
      for (DirectoryPage.Entry entry : client.readdir(join(root, directory))) {
        String path = directory.isEmpty() ? entry.name() : directory + "/" + entry.name();
        FileStat stat = entry.stat();
        switch (stat.type()) {
          case DIRECTORY -> {
            directories.add(item(path, stat, ""));
            rest.addLast(path);
          }
          case SYMLINK -> files.add(item(path, stat, client.readlink(join(root, path))));
          case FILE -> {
            files.add(item(path, stat, ""));
            bytes += stat.size();
          }
          case FIFO, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE -> skipped.add(path);
        }
      }
    }
    return new Plan(directories, files, skipped, bytes);
  }

  private static Item item(String path, FileStat stat, String target) {
    return new Item(path, stat.size(), stat.mode(), stat.mtimeMs(), target);
  }

  /** Copies what {@link #plan} found below {@code root} to a local path. */
  public void get(Plan plan, String root, Path target, ProgressBar bar)
      throws IOException, InterruptedException {
    for (Item item : plan.files) {
      local(target, item); // all names are looked at before anything is written
    }
    for (Item directory : plan.directories) {
      Files.createDirectories(local(target, directory));
    }
    forEach(plan.files, item -> getFile(item, join(root, item.path), local(target, item), bar));
    for (Item directory : plan.directories.reversed()) {
      keepAttributes(directory, local(target, directory));
    }
  }

  /** Where an item goes. No name from the cluster may lead out of the target directory. */
  static Path local(Path target, Item item) throws IOException {
    if (item.path.isEmpty()) {
      return target;
    }
    Path root = target.toAbsolutePath().normalize();
    Path local = root.resolve(localPath(item.path)).normalize();
    if (!local.startsWith(root)) {
      throw new IOException("refusing to write outside " + target + ": " + item.path);
    }
    return local;
  }

  private static Path localPath(String text) throws FileSystemException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new NotCopiedException(
          text, "cannot be written in this locale; use one of UTF-8 (LC_ALL=C.UTF-8)");
    }
  }

  private void getFile(Item item, String source, Path target, ProgressBar bar) throws IOException {
    if (item.isLink()) {
      Path names = localPath(item.linkTarget);
      try {
        Files.createSymbolicLink(target, names);
      } catch (FileAlreadyExistsException e) {
        Files.delete(target);
        Files.createSymbolicLink(target, names);
      }
    } else if (way == Way.RESUME
        && (!Files.exists(target) || Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS))) {
      resumeGet(item, source, target, bar);
    } else if (way != Way.IN_PLACE && Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)) {
      // As into the cluster: the old file stays until the new one is whole.
      Path beside =
          target.resolveSibling(
              ".sandstore-get-%016x".formatted(ThreadLocalRandom.current().nextLong()));
      try {
        read(item, source, beside, bar);
        Files.move(beside, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(beside);
      }
    } else {
      read(item, source, target, bar);
    }
    bar.addFile();
  }

  private void resumeGet(Item item, String source, Path target, ProgressBar bar)
      throws IOException {
    if (Files.exists(target)
        && Files.size(target) == item.size
        && same(target, source, item.size)) {
      keepAttributes(item, target);
      bar.addBytes(item.size);
      return;
    }
    Path beside = target.resolveSibling(".sandstore-get-" + begun(item, target.toString()));
    try (SandFile in = client.open(source, EnumSet.of(OpenFlag.O_RDONLY), 0);
        FileChannel out =
            FileChannel.open(
                beside,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                LinkOption.NOFOLLOW_LINKS)) {
      long same = common(in::read, out::read);
      out.truncate(same);
      out.position(same);
      in.seek(same);
      bar.addBytes(same);
      pump(in, item, out, bar);
    }
    keepAttributes(item, beside);
    Files.move(beside, target, StandardCopyOption.ATOMIC_MOVE);
  }

  private static void pump(SandFile in, Item item, FileChannel out, ProgressBar bar)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(Math.clamp(item.size, 1, COPY_BYTES));
    while (in.read(buffer) >= 0) {
      int count = buffer.flip().remaining();
      while (buffer.hasRemaining()) {
        out.write(buffer);
      }
      buffer.clear();
      bar.addBytes(count);
    }
  }

  private void read(Item item, String source, Path target, ProgressBar bar) throws IOException {
    try (SandFile in = client.open(source, EnumSet.of(OpenFlag.O_RDONLY), 0);
        FileChannel out =
            FileChannel.open(
                target,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
      pump(in, item, out, bar);
    }
    if (Files.isRegularFile(target)) { // not a device or a pipe
      keepAttributes(item, target);
    }
  }

  static void keepAttributes(Item item, Path target) throws IOException {
    PosixFileAttributeView view = Files.getFileAttributeView(target, PosixFileAttributeView.class);
    view.setPermissions(permissions(item.mode));
    Files.setLastModifiedTime(target, FileTime.fromMillis(item.mtimeMs));
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (PosixFilePermission permission : PosixFilePermission.values()) {
      if ((mode >> (8 - permission.ordinal()) & 1) == 1) {
        permissions.add(permission);
      }
    }
    return permissions;
  }

  // --- Within the cluster ---

  /**
   * Copies what {@link #plan} found below {@code root} to another path of the cluster.
   *
   * @param keep owners, modes and times too
   * @param noReplace leave out what exists
   */
  public void copy(
      Plan plan, String root, String target, boolean keep, boolean noReplace, ProgressBar bar)
      throws IOException, InterruptedException {
    for (Item directory : plan.directories) {
      // Open to its owner until it is filled.
      makeDirectory(join(target, directory.path), (directory.mode & 0777) | 0700);
    }
    forEach(
        plan.files,
        item -> {
          String to = join(target, item.path);
          if (!noReplace || statOrNull(to) == null) {
            copyFile(item, join(root, item.path), to, keep, bar);
          }
          bar.addFile();
        });
    for (Item directory : plan.directories.reversed()) {
      String to = join(target, directory.path);
      client.setattr(to, copied(directory, join(root, directory.path), keep));
    }
  }

  private void copyFile(Item item, String source, String target, boolean keep, ProgressBar bar)
      throws IOException {
    if (item.isLink()) {
      putLink(item, target);
      return;
    }
    try (SandFile in = client.open(source, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      AttributeChange attributes = keep ? copied(item, source, true) : AttributeChange.NONE;
      replace(target, item.mode & 0777, attributes, out -> out.copyFrom(in));
      bar.addBytes(item.size);
    }
  }

  private AttributeChange copied(Item item, String source, boolean keep) throws IOException {
    if (!keep) {
      return AttributeChange.NONE.withMode(item.mode & 0777);
    }
    FileStat stat = client.stat(source);
    return attributes(item).withOwner(stat.uid(), stat.gid()).withAtime(stat.atimeMs());
  }

  // --- Many at a time ---

  private interface Job {
    void run(Item item) throws IOException;
  }

  private void forEach(List<Item> items, Job job) throws IOException, InterruptedException {
    Semaphore permits = new Semaphore(parallel);
    List<Future<?>> running = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Item item : items) {
        permits.acquire();
        running.add(
            threads.submit(
                () -> {
                  try {
                    job.run(item);
                  } finally {
                    permits.release();
                  }
                  return null;
                }));
      }
      for (Future<?> done : running) {
        done.get();
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException(e);
    }
  }
}
