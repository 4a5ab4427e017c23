package io.sandstore.cli;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ends the process, as kill -9 would, between two steps of a change of the log's files: while a
 * segment is recycled, a snapshot published or installed. For tests: only where the system property
 * {@value #PROPERTY} names a file. When that file holds a number n, the process ends before the
 * n-th change of a name from then on among the files in {@code raft}.
 */
final class HaltingDisk implements Disk {

  static final String PROPERTY = "sandstore.test.halt";
  private static final String DIRECTORY = "raft";

  /** Not one that a signal or a failure has. */
  private static final int STATUS = 86;

  private final Disk disk;
  private final Path order;
  private final AtomicInteger changes = new AtomicInteger();

  private HaltingDisk(Disk disk, Path order) {
    this.disk = disk;
    this.order = order;
  }

  /** The disk itself, unless a test asked for more. */
  static Disk ifAsked(Disk disk) {
    return Optional.ofNullable(System.getProperty(PROPERTY))
        .<Disk>map(file -> new HaltingDisk(disk, Path.of(file)))
        .orElse(disk);
  }

  private void beforeChange(String path) throws IOException {
    if (!path.startsWith(DIRECTORY) || !Files.exists(order)) {
      return;
    }
    if (changes.incrementAndGet() >= Integer.parseInt(Files.readString(order).strip())) {
      Files.delete(order);
      Runtime.getRuntime().halt(STATUS);
    }
  }

  @Override
  public DiskFile open(String path, boolean create) throws IOException {
    if (create) {
      beforeChange(path);
    }
    return disk.open(path, create);
  }

  @Override
  public DiskFile openDirect(String path, boolean create) throws IOException {
    if (create) {
      beforeChange(path);
    }
    return disk.openDirect(path, create);
  }

  @Override
  public List<String> list(String directory) throws IOException {
    return disk.list(directory);
  }

  @Override
  public boolean exists(String path) {
    return disk.exists(path);
  }

  @Override
  public void delete(String path) throws IOException {
    beforeChange(path);
    disk.delete(path);
  }

  @Override
  public void rename(String from, String to) throws IOException {
    beforeChange(to);
    disk.rename(from, to);
  }

  @Override
  public void forceDirectory(String directory) throws IOException {
    beforeChange(directory);
    disk.forceDirectory(directory);
  }

  @Override
  public void forceAll() throws IOException {
    disk.forceAll();
  }

  @Override
  public long freeBytes() throws IOException {
    return disk.freeBytes();
  }

  @Override
  public long freeFiles() throws IOException {
    return disk.freeFiles();
  }

  @Override
  public long totalBytes() throws IOException {
    return disk.totalBytes();
  }
}
