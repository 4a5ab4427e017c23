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
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  /** What is to be copied: directories before what is in them. */
  public record Plan(List<Item> directories, List<Item> files, long bytes) {}

  /** A file, directory or symbolic link and its path below the copied root; empty for the root. */
  public record Item(String path, long size, int mode, long mtimeMs, String linkTarget) {}

  // --- Into the cluster ---

  /** Lists a local tree. */
  public static Plan plan(Path root) throws IOException {
    List<Item> directories = new ArrayList<>();
    List<Item> files = new ArrayList<>();
    long bytes = 0;
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : (Iterable<Path>) all.sorted()::iterator) {
        String relative = root.relativize(path).toString().replace('\\', '/');
        long mtime =
            Files.getLastModifiedTime(path, java.nio.file.LinkOption.NOFOLLOW_LINKS).toMillis();
        if (Files.isSymbolicLink(path)) {
          String target = Files.readSymbolicLink(path).toString();
          files.add(new Item(relative, 0, 0777, mtime, target));
        } else if (Files.isDirectory(path)) {
          directories.add(new Item(relative, 0, mode(path), mtime, ""));
        } else if (Files.isRegularFile(path)) {
          files.add(new Item(relative, Files.size(path), mode(path), mtime, ""));
          bytes += Files.size(path);
        }
      }
    }
    return new Plan(directories, files, bytes);
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
  }

  private void putFile(Item item, Path root, String target, ProgressBar bar) throws IOException {
    if (!item.linkTarget.isEmpty()) {
      putLink(item, target);
      bar.addFile();
      return;
    }
    Path source = item.path.isEmpty() ? root : root.resolve(item.path);
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
    try (FileChannel in = FileChannel.open(source, StandardOpenOption.READ);
        SandFile out = client.open(target, flags, item.mode)) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(Math.clamp(item.size, 1, COPY_BYTES));
      while (in.read(buffer) >= 0) {
        int count = buffer.flip().remaining();
        out.write(buffer);
        buffer.clear();
        bar.addBytes(count);
      }
    }
    client.setattr(target, AttributeChange.NONE.withMode(item.mode).withMtime(item.mtimeMs));
    bar.addFile();
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
    FileStat top = client.stat(root);
    long bytes = 0;
    if (!top.isDirectory()) {
      return new Plan(List.of(), List.of(item("", top, "")), top.size());
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
        }
      }
    }
    return new Plan(directories, files, bytes);
  }

  private static Item item(String path, FileStat stat, String target) {
    return new Item(path, stat.size(), stat.mode(), stat.mtimeMs(), target);
  }

  /** Copies what {@link #plan} found below {@code root} to a local path. */
  public void get(Plan plan, String root, Path target, ProgressBar bar)
      throws IOException, InterruptedException {
    for (Item directory : plan.directories) {
      Path local = directory.path.isEmpty() ? target : safe(target, directory.path);
      if (!Files.isDirectory(local)) {
        Files.createDirectories(local);
      }
    }
    forEach(
        plan.files,
        item -> {
          Path local = item.path.isEmpty() ? target : safe(target, item.path);
          getFile(item, join(root, item.path), local, bar);
        });
  }

  /** No name from the cluster may lead out of the target directory. */
  private static Path safe(Path target, String path) throws IOException {
    Path local = target.resolve(path).normalize();
    if (!local.startsWith(target.normalize())) {
      throw new IOException("refusing to write outside " + target + ": " + path);
    }
    return local;
  }

  private void getFile(Item item, String source, Path target, ProgressBar bar) throws IOException {
    if (!item.linkTarget.isEmpty()) {
      try {
        Files.createSymbolicLink(target, Path.of(item.linkTarget));
      } catch (FileAlreadyExistsException e) {
        Files.delete(target);
        Files.createSymbolicLink(target, Path.of(item.linkTarget));
      }
      bar.addFile();
      return;
    }
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
    PosixFileAttributeView view = Files.getFileAttributeView(target, PosixFileAttributeView.class);
    view.setPermissions(permissions(item.mode));
    Files.setLastModifiedTime(target, FileTime.fromMillis(item.mtimeMs));
    bar.addFile();
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
