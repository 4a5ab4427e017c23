package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Answer;
import io.sandstore.wire.CancelLock;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.GetLock;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.LockState;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The locks of one open file. They were given to the client's session, and are gone with it: from
 * then on the handle is good for nothing but to be closed.
 */
final class HandleLocks {

  /** How long a node may hold back the answer to one that waits. */
  private static final Duration POLL = Duration.ofMillis(1500);

  /** A node that lags behind does not hold it back; then so long passes between two questions. */
  private static final Duration POLL_MIN = Duration.ofMillis(100);

  /** How often a thread tries while another one waits for a lock of the same handle. */
  private static final Duration RETRY = Duration.ofMillis(250);

  private static final Duration RELEASE_LIMIT = Duration.ofSeconds(2);

  private final SandstoreClient client;
  private final LockKeeper keeper;
  private final long inode;
  private final long owner;

  /** Around a command and what is noted of its outcome. */
  private final ReentrantLock commands = new ReentrantLock();

  /** An owner waits for one lock at a time. */
  private final Semaphore waiting = new Semaphore(1);

  /** Whose session has the locks; 0: there are none. */
  private volatile long session;

  private volatile boolean closed;

  /** Of a wait that could not be cancelled; 0: none. */
  private long abandoned;

  HandleLocks(SandstoreClient client, LockKeeper keeper, long inode, long owner) {
    this.client = client;
    this.keeper = keeper;
    this.inode = inode;
    this.owner = owner;
  }

  /** The session that has locks of this handle; 0 if there are none. */
  long session() {
    return session;
  }

  /**
   * Makes sure that the locks of this handle, if there are any, are still its own. Asks the cluster
   * only if nothing was heard of it for a while.
   *
   * @throws PosixException ESTALE if they are not
   */
  void check() throws IOException {
    long holds = session;
    if (holds != 0 && !client.session().isConfirmed(holds)) {
      keeper.keep(holds);
    }
  }

  /**
   * @return false if somebody else had it all the time
   * @throws PosixException EDEADLK, ENOLCK; ETIMEDOUT if the cluster did not answer: whether the
   *     lock is held is known after the next call
   */
  boolean acquire(LockFile.Builder op, Duration limit) throws IOException {
    Deadline until = client.clock().deadline(limit);
    try {
      if (limit.isZero()) {
        return attempt(op);
      }
      while (!waiting.tryAcquire()) {
        if (attempt(op)) {
          return true;
        }
        if (until.passed()) {
          return false;
        }
        client.clock().sleep(until.leftAtMost(RETRY));
      }
      try {
        long ticket = client.nextTicket();
        LockState state =
            command(op.setHow(LockFile.How.WAIT).setTicket(ticket), client.deadline()).getLock();
        boolean granted = state == LockState.LOCK_GRANTED || await(ticket, until);
        checkOpen(); // a wait ends with the handle, too
        return granted;
      } finally {
        waiting.release();
      }
    } catch (InterruptedException e) {
      throw SandstoreClient.interrupted(e);
    }
  }

  private boolean attempt(LockFile.Builder op) throws IOException {
    return command(op.setHow(LockFile.How.TRY), client.deadline()).getLock()
        == LockState.LOCK_GRANTED;
  }

  private boolean await(long ticket, Deadline until) throws IOException, InterruptedException {
    try {
      while (!until.passed()) {
        long begin = client.clock().nanos();
        if (poll(ticket, until.leftAtMost(POLL))) {
          return true;
        }
        if (client.clock().nanos() - begin < POLL_MIN.toNanos()) {
          client.clock().sleep(until.leftAtMost(POLL_MIN));
        }
      }
      return cancel(ticket);
    } catch (InterruptedException e) {
      if (cancel(ticket)) {
        Thread.currentThread().interrupt();
        return true;
      }
      throw e;
    }
  }

  /** True if the lock came. */
  private boolean poll(long ticket, Duration limit) throws IOException, InterruptedException {
    GetLock op =
        GetLock.newBuilder()
            .setInode(inode)
            .setSession(session)
            .setTicket(ticket)
            .setWaitMs((int) limit.toMillis())
            .build();
    keeper.polls().acquire();
    try {
      Answer answer = client.askInterruptibly(Query.newBuilder().setGetLock(op));
      return answer.getLock() == LockState.LOCK_GRANTED;
    } catch (PosixException e) {
      if (e.errno() == Errno.ETIMEDOUT) {
        return false; // the wait goes on where it is; whether it still is there is asked again
      }
      if (e.errno() == Errno.SESSION_EXPIRED) {
        client.session().forget(session);
        throw Session.lost();
      }
      throw e;
    } finally {
      keeper.polls().release();
    }
  }

  /** True if the lock came before. */
  private boolean cancel(long ticket) throws IOException {
    commands.lock();
    try {
      abandoned = ticket;
      return cancelAbandoned();
    } finally {
      commands.unlock();
    }
  }

  private boolean cancelAbandoned() throws IOException {
    CancelLock op =
        CancelLock.newBuilder().setInode(inode).setTicket(abandoned).setOwner(owner).build();
    Outcome outcome = finish(Command.newBuilder().setCancelLock(op), client.deadline());
    abandoned = 0;
    note(outcome);
    return outcome.getLock() == LockState.LOCK_GRANTED;
  }

  void unlock(LockFile.Builder op) throws IOException {
    if (session != 0) {
      command(op.setHow(LockFile.How.UNLOCK), client.deadline());
    }
  }

  /** One that waits for the answer holds up others, but not one that waits for its lock. */
  private Outcome command(LockFile.Builder op, Deadline deadline) throws IOException {
    commands.lock();
    try {
      checkOpen();
      if (abandoned != 0) {
        cancelAbandoned();
      }
      Command.Builder command =
          Command.newBuilder().setLockFile(op.setInode(inode).setOwner(owner));
      boolean first = session == 0;
      Outcome outcome;
      try {
        outcome = bound(command, deadline);
      } catch (PosixException e) {
        if (first && e.errno() != Errno.ETIMEDOUT) {
          note(Outcome.getDefaultInstance()); // there is nothing that could be lost
        }
        if (!first || e.errno() != Errno.ESTALE) {
          throw e;
        }
        outcome = bound(command, deadline);
      }
      note(outcome);
      return outcome;
    } finally {
      commands.unlock();
    }
  }

  private Outcome bound(Command.Builder command, Deadline deadline) throws IOException {
    if (session == 0) {
      session = client.openSession(deadline);
    }
    keeper.add(this);
    return finish(command, deadline);
  }

  /** An interrupt would leave open whether there is a lock. */
  private Outcome finish(Command.Builder command, Deadline deadline) throws IOException {
    return Uninterrupted.run(client.host(), () -> client.mutate(command, session, deadline));
  }

  private void checkOpen() throws PosixException {
    if (closed) {
      throw new PosixException(Errno.EBADF, "the file is closed");
    }
  }

  /** After each command it is said how many locks and waits the handle has. */
  private void note(Outcome outcome) {
    if (outcome.getValue() == 0) {
      session = 0;
      keeper.remove(this);
    }
  }

  /**
   * Locks of the file, of whomever, that overlap a range, and who waits for some; 1,000 at most.
   */
  List<LockHolder> holders(long start, long length) throws IOException {
    GetLock op = GetLock.newBuilder().setInode(inode).setStart(start).setLength(length).build();
    long own = session;
    return client.ask(Query.newBuilder().setGetLock(op)).getLocksList().stream()
        .map(lock -> LockHolder.of(lock, lock.getSession() == own && lock.getOwner() == owner))
        .toList();
  }

  /** Gives up all; if that cannot be said now, it is said later. */
  void close() {
    commands.lock();
    try {
      closed = true;
      if (session == 0) {
        return;
      }
      LockFile release =
          LockFile.newBuilder()
              .setInode(inode)
              .setOwner(owner)
              .setHow(LockFile.How.RELEASE)
              .build();
      keeper.remove(this);
      keeper.release(release, session, RELEASE_LIMIT);
    } finally {
      commands.unlock();
    }
  }
}
