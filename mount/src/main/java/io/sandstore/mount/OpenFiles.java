package io.sandstore.mount;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All files that are open through a mount. What one program wrote is seen by the others of this
 * machine at once: whoever looks at a file first has the others' writes flushed. Other machines see
 * it after a second at the latest.
 */
final class OpenFiles {

  private static final Logger LOG = LoggerFactory.getLogger(OpenFiles.class);
  private static final Duration VISIBLE_AFTER = Duration.ofMillis(500);

  private final Map<Long, OpenFile> byHandle = new ConcurrentHashMap<>();
  private final Map<Long, Set<OpenFile>> byInode = new ConcurrentHashMap<>();
  private final Set<OpenFile> flushing = ConcurrentHashMap.newKeySet();
  private final AtomicLong handles = new AtomicLong();
  private final Thread flusher = Thread.ofVirtual().name("flush").unstarted(this::flushOld);

  void start() {
    flusher.start();
  }

  long add(OpenFile file) {
    long handle = handles.incrementAndGet();
    byHandle.put(handle, file);
    byInode.compute(
        file.inode(),
        (inode, files) -> {
          Set<OpenFile> all = files == null ? ConcurrentHashMap.newKeySet() : files;
          all.add(file);
          return all;
        });
    return handle;
  }

  OpenFile get(long handle) throws KernelException {
    OpenFile file = byHandle.get(handle);
    if (file == null) {
      throw new KernelException(KernelException.EBADF, "no open file " + handle);
    }
    return file;
  }

  void close(long handle) throws IOException {
    OpenFile file = byHandle.remove(handle);
    if (file == null) {
      return;
    }
    try {
      file.close();
    } finally {
      byInode.computeIfPresent(
          file.inode(),
          (inode, files) -> {
            files.remove(file);
            return files.isEmpty() ? null : files;
          });
    }
  }

  /**
   * Makes what was written through other open files part of an inode. What goes wrong is told to
   * the program that wrote.
   *
   * @param except whoever asks, who sees its own writes as they are
   * @return true if there was something
   */
  boolean settle(long inode, @Nullable OpenFile except) {
    boolean some = false;
    for (OpenFile file : byInode.getOrDefault(inode, Set.of())) {
      if (file != except && file.isDirty()) {
        some = true;
        try {
          file.flush();
        } catch (IOException e) {
          LOG.warn("inode {}: what was written is lost: {}", inode, e.getMessage());
        }
      }
    }
    return some;
  }

  private void flushOld() {
    try {
      while (true) {
        Thread.sleep(VISIBLE_AFTER);
        for (OpenFile file : byHandle.values()) {
          if (file.isDirty() && flushing.add(file)) {
            Thread.startVirtualThread(() -> flushOne(file));
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the end
    }
  }

  private void flushOne(OpenFile file) {
    try {
      file.flush();
    } catch (IOException e) {
      LOG.warn("inode {}: what was written is lost: {}", file.inode(), e.getMessage());
    } finally {
      flushing.remove(file);
    }
  }

  /** Closes what programs left open, because the mount ends. */
  void closeAll() {
    flusher.interrupt();
    for (long handle : byHandle.keySet()) {
      try {
        close(handle);
      } catch (IOException e) {
        LOG.warn("what was written is lost: {}", e.getMessage());
      }
    }
  }
}
