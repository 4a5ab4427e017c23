package io.sandstore.raft;

import io.sandstore.host.Clock;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.Host;
import io.sandstore.host.NoRoomException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The disk as the log sees it. Room for one more segment is held in files of their own, inodes and
 * bytes alike: whoever else fills the disk cannot take it, and removing files, which needs the log,
 * stays possible. When the log lacks room they go, one after the other; when none is left, the log
 * waits until there is room, and the member is for the others one that does not answer. Nothing
 * that was acknowledged is at stake, and a restart would not help.
 *
 * <p>Not thread-safe but for {@link #refill}.
 */
final class LogReserve implements Disk {

  private static final Logger log = LoggerFactory.getLogger(LogReserve.class);
  private static final String DIRECTORY = "raft";
  private static final String PREFIX = "reserve-";
  private static final int PIECES = 4;
  private static final Duration RETRY = Duration.ofMillis(200);
  private static final Duration QUIET = Duration.ofSeconds(10);

  private final Disk disk;
  private final Clock clock;
  private final int pieceBytes;
  private final ReentrantLock holding = new ReentrantLock();

  /**
   * @param bytes to hold; there is this much and a little more to spare, or nothing is held yet
   */
  LogReserve(Host host, Disk disk, int bytes) throws IOException {
    this.disk = disk;
    this.clock = host.clock();
    this.pieceBytes = Math.max(1, bytes / PIECES);
    refill();
  }

  /** Holds again what was given up, if there is plenty of room. */
  void refill() throws IOException {
    holding.lock();
    try {
      refillHeld();
    } finally {
      holding.unlock();
    }
  }

  private void refillHeld() throws IOException {
    int missing = PIECES - held().size();
    if (missing == 0 || disk.freeBytes() < 4L * missing * pieceBytes) {
      return;
    }
    for (int piece = 0; piece < PIECES; piece++) {
      String path = DIRECTORY + "/" + PREFIX + piece;
      if (disk.exists(path)) {
        continue;
      }
      try (DiskFile file = disk.open(path, true)) {
        // Not zeros: some file systems keep none of them.
        byte[] filler = new byte[64 << 10];
        java.util.Arrays.fill(filler, (byte) 0xa5);
        for (int at = 0; at < pieceBytes; at += filler.length) {
          file.write(ByteBuffer.wrap(filler, 0, Math.min(filler.length, pieceBytes - at)), at);
        }
      } catch (NoRoomException e) {
        disk.delete(path);
        return;
      }
    }
  }

  private List<String> held() throws IOException {
    return disk.list(DIRECTORY).stream().filter(name -> name.startsWith(PREFIX)).toList();
  }

  private boolean giveUpSome() throws IOException {
    holding.lock();
    try {
      List<String> held = held();
      if (held.isEmpty()) {
        return false;
      }
      log.warn("no room for the log: using the reserve, {} of {} left", held.size() - 1, PIECES);
      disk.delete(DIRECTORY + "/" + held.getLast());
      return true;
    } finally {
      holding.unlock();
    }
  }

  private interface Attempt<T> {
    T run() throws IOException;
  }

  private <T> T insist(Attempt<T> attempt) throws IOException {
    long loudAt = clock.nanos();
    while (true) {
      try {
        return attempt.run();
      } catch (NoRoomException e) {
        if (giveUpSome()) {
          continue;
        }
        if (clock.nanos() - loudAt >= 0) {
          log.error("the log waits until there is room: {}", e.getMessage());
          loudAt = clock.nanos() + QUIET.toNanos();
        }
        pause();
      }
    }
  }

  private void pause() throws IOException {
    try {
      clock.sleep(RETRY);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the log waits for room", e);
    }
  }

  @Override
  public DiskFile open(String path, boolean create) throws IOException {
    return new InsistentFile(insist(() -> disk.open(path, create)));
  }

  @Override
  public DiskFile openDirect(String path, boolean create) throws IOException {
    return new InsistentFile(insist(() -> disk.openDirect(path, create)));
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
    disk.delete(path);
  }

  @Override
  public void rename(String from, String to) throws IOException {
    insist(
        () -> {
          disk.rename(from, to);
          return true;
        });
  }

  @Override
  public void forceDirectory(String directory) throws IOException {
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
  public long totalBytes() throws IOException {
    return disk.totalBytes();
  }

  @Override
  public long freeFiles() throws IOException {
    return disk.freeFiles();
  }

  private final class InsistentFile implements DiskFile {
    private final DiskFile file;

    InsistentFile(DiskFile file) {
      this.file = file;
    }

    @Override
    public int read(ByteBuffer into, long position) throws IOException {
      return file.read(into, position);
    }

    /** A part may have been written when there was no room for the rest. */
    @Override
    public void write(ByteBuffer from, long position) throws IOException {
      int begin = from.position();
      insist(
          () -> {
            file.write(from, position + from.position() - begin);
            return true;
          });
    }

    @Override
    public void force() throws IOException {
      file.force();
    }

    @Override
    public long size() throws IOException {
      return file.size();
    }

    @Override
    public void truncate(long size) throws IOException {
      file.truncate(size);
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target)
        throws IOException {
      return file.transferTo(position, count, target);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
