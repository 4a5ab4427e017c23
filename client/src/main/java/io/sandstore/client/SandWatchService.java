package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches directories of a cluster by a change feed each. Unlike inotify's it misses nothing while
 * nodes restart, and says OVERFLOW only where a watcher is told of more than {@link #EVENTS_MAX}
 * events before it looks, or was away for more changes than the nodes remember.
 */
final class SandWatchService implements WatchService {

  /** Events of a key that wait to be looked at, as in the JDK. */
  static final int EVENTS_MAX = 512;

  private static final Duration ASK = Duration.ofSeconds(1);
  private static final Duration PAUSE = Duration.ofSeconds(1);

  private final SandFileSystem system;
  private final Map<Long, Key> keys = new HashMap<>();
  private final BlockingDeque<Key> signalled = new LinkedBlockingDeque<>();

  /** Taken by nobody: wakes whoever waits when the service is closed. */
  private final Key end = new Key(null, 0, Set.of());

  private volatile boolean closed;

  SandWatchService(SandFileSystem system) {
    this.system = system;
  }

  /** Registers a directory, or changes what a registration wants to know. */
  WatchKey register(SandPath directory, WatchEvent.Kind<?>[] kinds, WatchEvent.Modifier[] modifiers)
      throws IOException {
    if (modifiers.length > 0) {
      throw new UnsupportedOperationException("modifier " + modifiers[0]);
    }
    Set<WatchEvent.Kind<?>> wanted = new HashSet<>();
    for (WatchEvent.Kind<?> kind : kinds) {
      if (kind == StandardWatchEventKinds.ENTRY_CREATE
          || kind == StandardWatchEventKinds.ENTRY_DELETE
          || kind == StandardWatchEventKinds.ENTRY_MODIFY) {
        wanted.add(kind);
      } else if (kind != StandardWatchEventKinds.OVERFLOW) {
        throw new UnsupportedOperationException("events of kind " + kind.name());
      }
    }
    if (wanted.isEmpty()) {
      throw new IllegalArgumentException("no events to register for");
    }
    SandstoreClient client = system.client();
    String path = SandFileSystemProvider.translated(directory, directory::inCluster);
    FileStat stat = SandFileSystemProvider.translated(directory, () -> client.stat(path));
    if (!stat.isDirectory()) {
      throw new NotDirectoryException(directory.toString());
    }
    // What changes from here on is told.
    ChangeFeed feed = SandFileSystemProvider.translated(directory, () -> client.watch(path, false));
    synchronized (keys) {
      checkOpen();
      Key known = keys.get(stat.inode());
      if (known != null && known.isValid()) {
        known.wanted = Set.copyOf(wanted);
        return known;
      }
      Key key = new Key(directory, stat.inode(), Set.copyOf(wanted));
      keys.put(stat.inode(), key);
      client.host().threads().start("watch " + directory, () -> follow(key, feed, client));
      return key;
    }
  }

  boolean watches(SandFileSystem other) {
    return other == system;
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedWatchServiceException();
    }
  }

  private void follow(Key key, ChangeFeed feed, SandstoreClient client) {
    try {
      while (!closed && key.isValid()) {
        try {
          for (FileChange change : feed.next(ASK)) {
            key.tell(change);
          }
        } catch (PosixException e) {
          if (feed.isGone()) {
            key.invalidate();
            key.signal();
            return;
          }
          switch (e.errno()) {
            case ESTALE -> key.overflow();
            case ETIMEDOUT, EAGAIN -> client.clock().sleep(PAUSE); // the feed goes on
            default -> throw e;
          }
        }
      }
    } catch (IOException e) {
      if (!closed) {
        key.overflow(); // nobody knows what is missed from here on
        key.invalidate();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    synchronized (keys) {
      if (closed) {
        return;
      }
      closed = true;
      keys.values().forEach(Key::invalidate);
      keys.clear();
    }
    signalled.clear();
    signalled.add(end);
    system.closed(this);
  }

  @Override
  public @Nullable WatchKey poll() {
    checkOpen();
    return checked(signalled.poll());
  }

  @Override
  public @Nullable WatchKey poll(long timeout, TimeUnit unit) throws InterruptedException {
    checkOpen();
    return checked(signalled.poll(timeout, unit));
  }

  @Override
  public WatchKey take() throws InterruptedException {
    checkOpen();
    Key key = signalled.take();
    checked(key);
    return key;
  }

  private @Nullable Key checked(@Nullable Key key) {
    if (key == end) {
      signalled.addFirst(end); // for the others that wait
    }
    checkOpen();
    return key;
  }

  private record Event<T>(WatchEvent.Kind<T> kind, int count, T context) implements WatchEvent<T> {}

  /** A directory that is watched. */
  private final class Key implements WatchKey {

    private final @Nullable SandPath directory;
    private final long inode;
    private volatile Set<WatchEvent.Kind<?>> wanted;
    private volatile boolean valid = true;

    // Guarded by this.
    private final List<WatchEvent<?>> events = new ArrayList<>();
    private boolean waits;

    Key(@Nullable SandPath directory, long inode, Set<WatchEvent.Kind<?>> wanted) {
      this.directory = directory;
      this.inode = inode;
      this.wanted = wanted;
    }

    void tell(FileChange change) {
      WatchEvent.Kind<Path> kind =
          switch (change.kind()) {
            case ADDED -> StandardWatchEventKinds.ENTRY_CREATE;
            case REMOVED -> StandardWatchEventKinds.ENTRY_DELETE;
            case CONTENT, ATTRIBUTES -> StandardWatchEventKinds.ENTRY_MODIFY;
          };
      if (change.path().isEmpty()) {
        return; // of a file whose name is in another directory, as far as is known
      }
      if (wanted.contains(kind)) {
        add(kind, new SandPath(system, change.path()));
      }
    }

    private synchronized void add(WatchEvent.Kind<Path> kind, Path name) {
      if (!valid) {
        return;
      }
      WatchEvent<?> last = events.isEmpty() ? null : events.getLast();
      if (last != null && last.kind() == StandardWatchEventKinds.OVERFLOW) {
        events.set(events.size() - 1, again(last));
      } else if (last != null && last.kind() == kind && name.equals(last.context())) {
        events.set(events.size() - 1, again(last));
      } else if (events.size() >= EVENTS_MAX) {
        overflow();
        return;
      } else {
        events.add(new Event<>(kind, 1, name));
      }
      signal();
    }

    private static <T> WatchEvent<T> again(WatchEvent<T> event) {
      return new Event<>(event.kind(), event.count() + 1, event.context());
    }

    @SuppressWarnings("NullAway") // the context of an overflow is null
    synchronized void overflow() {
      events.clear();
      events.add(new Event<Object>(StandardWatchEventKinds.OVERFLOW, 1, null));
      signal();
    }

    synchronized void signal() {
      if (!waits) {
        waits = true;
        signalled.add(this);
      }
    }

    void invalidate() {
      valid = false;
    }

    @Override
    public boolean isValid() {
      return valid;
    }

    @Override
    public synchronized List<WatchEvent<?>> pollEvents() {
      List<WatchEvent<?>> taken = List.copyOf(events);
      events.clear();
      return taken;
    }

    @Override
    public synchronized boolean reset() {
      if (valid && waits) {
        if (events.isEmpty()) {
          waits = false;
        } else {
          signalled.add(this);
        }
      }
      return valid;
    }

    @Override
    public void cancel() {
      invalidate();
      synchronized (keys) {
        keys.remove(inode, this);
      }
    }

    @Override
    @SuppressWarnings("NullAway") // only the key that nobody gets has none
    public Path watchable() {
      return directory;
    }
  }
}
