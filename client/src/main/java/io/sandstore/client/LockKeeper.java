package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.KeepSession;
import io.sandstore.wire.LockFile;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Says for a client that has locks that it is there, though it may do nothing: the cluster keeps
 * them for a minute without a word. Costs one small command every ten seconds, however many locks
 * there are. Repeats what could not be said when a file with locks was closed.
 */
final class LockKeeper {

  private static final Duration EVERY = Duration.ofSeconds(10);

  /** Questions of waiting threads under way at a time; the others take turns. */
  private static final int POLLS_MAX = 64;

  private final SandstoreClient client;
  private final Set<HandleLocks> handles = ConcurrentHashMap.newKeySet();

  /** Locks to be given up, by their handle, and whose session they are. */
  private final Map<Release, Long> releases = new ConcurrentSkipListMap<>();

  private final Semaphore polls = new Semaphore(POLLS_MAX, true);
  private final AtomicBoolean keeping = new AtomicBoolean();

  private record Release(long owner, long inode) implements Comparable<Release> {
    @Override
    public int compareTo(Release other) {
      int byOwner = Long.compare(owner, other.owner);
      return byOwner != 0 ? byOwner : Long.compare(inode, other.inode);
    }
  }

  LockKeeper(SandstoreClient client) {
    this.client = client;
  }

  Semaphore polls() {
    return polls;
  }

  void add(HandleLocks handle) {
    handles.add(handle);
    start();
  }

  void remove(HandleLocks handle) {
    handles.remove(handle);
  }

  private void start() {
    if (keeping.compareAndSet(false, true)) {
      client.host().threads().start("keep locks", this::loop);
    }
  }

  private boolean isNeeded() {
    return !client.isClosed() && !(handles.isEmpty() && releases.isEmpty());
  }

  private void loop() {
    try {
      while (isNeeded()) {
        client.clock().sleep(EVERY);
        round();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      keeping.set(false);
      if (isNeeded() && !Thread.currentThread().isInterrupted()) {
        start(); // one came after the last look
      }
    }
  }

  private void round() {
    List<Long> sessions =
        handles.stream()
            .map(HandleLocks::session)
            .filter(id -> id != 0)
            .distinct()
            .sorted()
            .toList();
    for (long session : sessions) {
      try {
        keep(session);
      } catch (IOException e) {
        // The next round tries again, well before the time is up.
      }
      if (!client.session().isCurrent(session)) {
        handles.removeIf(handle -> handle.session() == session); // they find out when used
      }
    }
    releases.forEach(
        (release, session) -> {
          LockFile op =
              LockFile.newBuilder()
                  .setInode(release.inode)
                  .setOwner(release.owner)
                  .setHow(LockFile.How.RELEASE)
                  .build();
          release(op, session, EVERY);
        });
  }

  /**
   * Says that a session is in use.
   *
   * @throws PosixException ESTALE if it is gone
   */
  void keep(long session) throws IOException {
    client.mutate(
        Command.newBuilder().setKeepSession(KeepSession.getDefaultInstance()),
        session,
        client.clock().deadline(EVERY));
  }

  /** Gives up what a handle has; later, if it cannot be said within this time. */
  void release(LockFile op, long session, Duration limit) {
    Release release = new Release(op.getOwner(), op.getInode());
    if (client.isClosed()) {
      return; // all goes with the session
    }
    try {
      Uninterrupted.run(
          client.host(),
          () ->
              client.mutate(
                  Command.newBuilder().setLockFile(op), session, client.clock().deadline(limit)));
      releases.remove(release);
    } catch (PosixException e) {
      boolean gone = e.errno() == Errno.ESTALE;
      note(release, session, gone);
    } catch (IOException e) {
      note(release, session, false);
    }
  }

  private void note(Release release, long session, boolean gone) {
    if (gone) {
      releases.remove(release);
    } else {
      releases.put(release, session);
      start();
    }
  }
}
