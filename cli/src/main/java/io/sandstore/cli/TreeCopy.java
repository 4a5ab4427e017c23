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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/**
 * Copies files and trees between this machine and a cluster, several files at a time. A file that
 * was copied is durable in the cluster when it is counted.
 */
public final class TreeCopy {

  private static final int COPY_BYTES = 4 << 20;

  private final SandstoreClient client;
  private final int parallel;

  public TreeCopy(SandstoreClient client, int parallel) {
    this.client = client;
    this.parallel = parallel;
  }

  /**
   * What is to be copied.
   *
   * @param directories each before what is in it
   * @param skipped what is neither file, directory nor link: FIFOs, sockets, devices
   */
  public record Plan(List<Item> directories, List<Item> files, List<String> skipped, long bytes) {}

  /** A file, directory or symbolic link and its path below the copied root; empty for the root. */
  public record Item(String path, long size, int mode, long mtimeMs, String linkTarget) {}

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
    throw new FileSystemException(
        text,
        null,
        "cannot be read in this locale; use one of UTF-8 (LC_ALL=C.UTF-8), or rename it");
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
      try {
        client.mkdir(join(target, directory.path), directory.mode);
      } catch (PosixException e) {
        if (e.errno() != Errno.EEXIST || !client.stat(join(target, directory.path)).isDirectory()) {
          throw e;
        }
      }
    }
    forEach(plan.files, item -> putFile(item, root, join(target, item.path), bar));
    forEach(
        plan.directories, // whose times the files in them have changed
        item -> client.setattr(join(target, item.path), attributes(item)));
  }

  private static AttributeChange attributes(Item item) {
    return AttributeChange.NONE.withMode(item.mode).withMtime(item.mtimeMs);
  }

  private void putFile(Item item, Path root, String target, ProgressBar bar) throws IOException {
    if (!item.linkTarget.isEmpty()) {
      putLink(item, target);
      bar.addFile();
      return;
    }
    Path source = item.path.isEmpty() ? root : root.resolve(item.path);
    try (FileChannel in = FileChannel.open(source, StandardOpenOption.READ)) {
      replace(
          target,
          item.mode,
          attributes(item),
          out -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(Math.clamp(item.size, 1, COPY_BYTES));
            while (in.read(buffer) >= 0) {
              int count = buffer.flip().remaining();
              out.write(buffer);
              buffer.clear();
              bar.addBytes(count);
            }
          });
    }
    bar.addFile();
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
   * Writes a new file; the new content of one that exists beside it, until it is durable as a
   * whole: whoever is killed half-way leaves the old one. Through a link what it names is written
   * in place.
   */
  private void replace(String target, int mode, AttributeChange attributes, Content content)
      throws IOException {
    Set<OpenFlag> create = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL);
    try (SandFile file = client.open(target, create, mode)) {
      content.writeTo(file);
    } catch (PosixException e) {
      if (e.errno() != Errno.EEXIST) {
        throw e;
      }
      replaceExisting(client.lstat(target), target, attributes, content);
      return;
    }
    client.setattr(target, attributes);
  }

  private void replaceExisting(
      FileStat old, String target, AttributeChange attributes, Content content) throws IOException {
    if (old.isSymlink()) {
      Set<OpenFlag> through = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
      try (SandFile file = client.open(target, through, old.mode())) {
        content.writeTo(file);
      }
      client.setattr(target, attributes);
      return;
    }
    if (old.isDirectory()) {
      throw new PosixException(Errno.EISDIR, target + " is a directory");
    }
    String beside =
        join(
            target.substring(0, target.lastIndexOf('/') + 1),
            ".sandstore-put-%016x".formatted(ThreadLocalRandom.current().nextLong()));
    Set<OpenFlag> create = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL);
    try {
      try (SandFile file = client.open(beside, create, old.mode())) {
        content.writeTo(file);
      }
      client.setattr(beside, AttributeChange.NONE.withOwner(old.uid(), old.gid()));
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
  private static Path local(Path target, Item item) throws IOException {
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
      throw new FileSystemException(
          text, null, "cannot be written in this locale; use one of UTF-8 (LC_ALL=C.UTF-8)");
    }
  }

  private void getFile(Item item, String source, Path target, ProgressBar bar) throws IOException {
    if (!item.linkTarget.isEmpty()) {
      Path names = localPath(item.linkTarget);
      try {
        Files.createSymbolicLink(target, names);
      } catch (FileAlreadyExistsException e) {
        Files.delete(target);
        Files.createSymbolicLink(target, names);
      }
    } else if (Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)) {
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

  private void read(Item item, String source, Path target, ProgressBar bar) throws IOException {
    try (SandFile in = client.open(source, EnumSet.of(OpenFlag.O_RDONLY), 0);
        FileChannel out =
            FileChannel.open(
                target,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
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
    if (Files.isRegularFile(target)) { // not a device or a pipe
      keepAttributes(item, target);
    }
  }

  private static void keepAttributes(Item item, Path target) throws IOException {
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
