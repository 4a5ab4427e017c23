package io.sandstore.host.jvm;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A directory of the machine's file system. */
public final class FileDisk implements Disk {

  private static final Logger log = LoggerFactory.getLogger(FileDisk.class);

  /** In the JDK's jdk.unsupported module, which javac warns of and a runtime may lack. */
  private static final Optional<OpenOption> DIRECT = direct();

  private final Path root;
  private final FileStore store;
  private final Set<String> madeDirectories = java.util.concurrent.ConcurrentHashMap.newKeySet();

  public FileDisk(Path root) throws IOException {
    Files.createDirectories(root);
    this.root = root.toRealPath();
    this.store = Files.getFileStore(this.root);
  }

  private static Optional<OpenOption> direct() {
    try {
      Object[] options = Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants();
      return Arrays.stream(options)
          .filter(option -> option.toString().equals("DIRECT"))
          .map(OpenOption.class::cast)
          .findFirst();
    } catch (ClassNotFoundException e) {
      return Optional.empty();
    }
  }

  @Override
  public DiskFile open(String path, boolean create) throws IOException {
    return new ChannelFile(channel(path, create), Optional.empty());
  }

  @Override
  public DiskFile openDirect(String path, boolean create) throws IOException {
    FileChannel cached = channel(path, create);
    try {
      return new ChannelFile(cached, pastTheCache(path));
    } catch (IOException | RuntimeException e) {
      cached.close();
      throw e;
    }
  }

  private FileChannel channel(String path, boolean create) throws IOException {
    Path file = root.resolve(path);
    try {
      if (!create) {
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
      }
      makeDirectory(path);
      return FileChannel.open(
          file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    } catch (IOException e) {
      throw Shortage.told(e);
    }
  }

  /** Some file systems cannot, and some want larger blocks. */
  private Optional<FileChannel> pastTheCache(String path) throws IOException {
    try {
      if (DIRECT.isPresent() && DiskFile.BLOCK_BYTES % store.getBlockSize() == 0) {
        Path file = root.resolve(path);
        return Optional.of(FileChannel.open(file, StandardOpenOption.WRITE, DIRECT.get()));
      }
    } catch (FileSystemException | UnsupportedOperationException e) {
      log.info("{}: writes go through the system's cache: {}", path, e.toString());
    }
    return Optional.empty();
  }

  /** A directory that is made must itself be durable in its parent before anything in it is. */
  private void makeDirectory(String path) throws IOException {
    int slash = path.lastIndexOf('/');
    if (slash < 0) {
      return;
    }
    String directory = path.substring(0, slash);
    if (madeDirectories.contains(directory)) {
      return;
    }
    makeDirectory(directory);
    Files.createDirectories(root.resolve(directory));
    int parent = directory.lastIndexOf('/');
    forceDirectory(parent < 0 ? "" : directory.substring(0, parent));
    madeDirectories.add(directory);
  }

  @Override
  public List<String> list(String directory) throws IOException {
    try (Stream<Path> entries = Files.list(root.resolve(directory))) {
      return entries.map(p -> p.getFileName().toString()).sorted().toList();
    } catch (NoSuchFileException | NotDirectoryException e) {
      return List.of();
    }
  }

  @Override
  public boolean exists(String path) {
    return Files.exists(root.resolve(path));
  }

  @Override
  public void delete(String path) throws IOException {
    Files.deleteIfExists(root.resolve(path));
  }

  @Override
  public void rename(String from, String to) throws IOException {
    try {
      makeDirectory(to);
      Files.move(root.resolve(from), root.resolve(to), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw Shortage.told(e);
    }
  }

  @Override
  public void forceDirectory(String directory) throws IOException {
    try (FileChannel channel = FileChannel.open(root.resolve(directory), StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** syncfs on Linux; elsewhere every file by itself. */
  @Override
  public void forceAll() throws IOException {
    if (SyncFs.available()) {
      SyncFs.sync(root);
      return;
    }
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : (Iterable<Path>) all::iterator) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
          channel.force(true);
        } catch (NoSuchFileException e) {
          // Removed since it was listed: nothing left to make durable.
        }
      }
    }
  }

  @Override
  public long freeBytes() throws IOException {
    return store.getUsableSpace();
  }

  @Override
  public long totalBytes() throws IOException {
    return store.getTotalSpace();
  }

  @Override
  public long freeFiles() throws IOException {
    return StatVfs.freeFiles(root);
  }

  /**
   * @param direct the same file, for whole blocks; what it writes is dropped from the cache that
   *     {@code channel} reads by way of
   */
  private record ChannelFile(FileChannel channel, Optional<FileChannel> direct)
      implements DiskFile {
    @Override
    public int read(ByteBuffer into, long position) throws IOException {
      return channel.read(into, position);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target)
        throws IOException {
      return channel.transferTo(position, count, target);
    }

    @Override
    public void write(ByteBuffer from, long position) throws IOException {
      FileChannel to = isWhole(from, position) ? direct.orElse(channel) : channel;
      try {
        while (from.hasRemaining()) {
          position += to.write(from, position);
        }
      } catch (IOException e) {
        throw Shortage.told(e);
      }
    }

    private static boolean isWhole(ByteBuffer from, long position) {
      return from.isDirect()
          && position % BLOCK_BYTES == 0
          && from.remaining() % BLOCK_BYTES == 0
          && from.alignmentOffset(from.position(), BLOCK_BYTES) == 0;
    }

    @Override
    public void force() throws IOException {
      channel.force(false);
    }

    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public void truncate(long size) throws IOException {
      channel.truncate(size);
    }

    @Override
    public void close() throws IOException {
      try (channel) {
        if (direct.isPresent()) {
          direct.get().close();
        }
      }
    }
  }
}
