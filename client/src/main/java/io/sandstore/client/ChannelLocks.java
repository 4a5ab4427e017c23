package io.sandstore.client;

import java.io.IOException;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.Channel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Locks that channels of one file system have or wait for. A program that asks for one that it has
 * already, by whatever channel, is refused: locks of {@code java.nio.file} belong to the program,
 * not to a thread or channel. Thread-safe.
 */
final class ChannelLocks {

  private final Map<Long, List<Lock>> byInode = new HashMap<>();

  /** A lock of a channel's file. */
  final class Lock extends FileLock {
    private final SandFileChannel owner;
    private final @Nullable AsynchronousFileChannel through;
    private final SandFile file;
    private boolean released;

    private Lock(
        SandFileChannel owner,
        @Nullable AsynchronousFileChannel through,
        SandFile file,
        long start,
        long size,
        boolean shared) {
      super((FileChannel) owner, start, size, shared);
      this.owner = owner;
      this.through = through;
      this.file = file;
    }

    @Override
    public Channel acquiredBy() {
      return through == null ? owner : through;
    }

    @Override
    public synchronized boolean isValid() {
      return !released && owner.isOpen();
    }

    @Override
    public synchronized void release() throws IOException {
      if (!owner.isOpen()) {
        throw new ClosedChannelException();
      }
      if (!released) {
        file.unlock(position(), size());
        released = true;
        drop(this);
      }
    }
  }

  /**
   * Notes a lock that is about to be asked for.
   *
   * @param size in bytes; 0: as many as there can be
   * @throws OverlappingFileLockException if this program has or waits for one that overlaps it
   * @throws IllegalArgumentException if it is no range
   */
  Lock claim(
      SandFileChannel owner,
      @Nullable AsynchronousFileChannel through,
      SandFile file,
      long start,
      long size,
      boolean shared) {
    long bytes = size == 0 && start >= 0 ? Long.MAX_VALUE - start : size;
    Lock claimed = new Lock(owner, through, file, start, bytes, shared);
    synchronized (byInode) {
      List<Lock> others = byInode.computeIfAbsent(file.inode(), inode -> new ArrayList<>());
      if (others.stream().anyMatch(other -> other.overlaps(start, bytes))) {
        throw new OverlappingFileLockException();
      }
      others.add(claimed);
    }
    return claimed;
  }

  /** It was given up, or never came. */
  void drop(Lock lock) {
    synchronized (byInode) {
      byInode.computeIfPresent(
          lock.file.inode(),
          (inode, locks) -> {
            locks.remove(lock);
            return locks.isEmpty() ? null : locks;
          });
    }
  }

  /** A channel is closed. */
  void dropAllOf(SandFileChannel owner, long inode) {
    synchronized (byInode) {
      byInode.computeIfPresent(
          inode,
          (key, locks) -> {
            locks.removeIf(lock -> lock.owner == owner);
            return locks.isEmpty() ? null : locks;
          });
    }
  }
}
