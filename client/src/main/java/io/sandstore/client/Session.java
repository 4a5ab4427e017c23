package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.CloseSession;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;

/**
 * This client's name in the cluster, under which every request has a number of its own: a request
 * whose answer got lost is sent again under the same number and applied once.
 */
final class Session {

  private static final int OUTSTANDING_MAX = 512;
  private static final Duration RETRY = Duration.ofMillis(5);

  /**
   * A session is kept for a minute at least after it was used. If it is gone sooner after a request
   * was first sent, that request was not applied; later it may have been.
   */
  private static final Duration KNOWN_FOR = Duration.ofSeconds(45);

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

  /**
   * The cluster keeps locks for a minute after it heard of their session. For half of that nobody
   * asks whether it still does.
   */
  private static final Duration TRUSTED_FOR = Duration.ofSeconds(30);

  /** In place of a session: whichever there is. */
  static final long ANY = 0;

  private final Host host;
  private final ClusterClient clusterClient;
  private final ReentrantLock opening = new ReentrantLock();
  private final Semaphore outstandingPermits = new Semaphore(OUTSTANDING_MAX);
  private final TreeSet<Long> outstanding = new TreeSet<>();
  private long id;

  /** When something was sent last that the cluster did under this session; 0: nothing yet. */
  private long confirmedAt;

  /** Of the session, or of the attempt to begin one; 0 before that. */
  private long nonce;

  private boolean closed;
  private long nextSequence = 1;

  Session(Host host, ClusterClient clusterClient) {
    this.host = host;
    this.clusterClient = clusterClient;
  }

  /**
   * Has a command applied exactly once.
   *
   * @param request with the command, and on whose behalf
   * @throws PosixException the command's refusal; ETIMEDOUT if the outcome is unknown
   */
  Outcome apply(Mutate.Builder request, Deadline deadline)
      throws IOException, InterruptedException {
    return apply(request, ANY, deadline);
  }

  /**
   * Has a command applied exactly once, under this very session.
   *
   * @param only the session; {@link #ANY}: whichever there is
   * @throws PosixException as above; {@link #lost} if that session is gone
   */
  Outcome apply(Mutate.Builder request, long only, Deadline deadline)
      throws IOException, InterruptedException {
    outstandingPermits.acquire();
    try {
      return applyNumbered(request, only, deadline);
    } finally {
      outstandingPermits.release();
    }
  }

  private Outcome applyNumbered(Mutate.Builder request, long only, Deadline deadline)
      throws IOException, InterruptedException {
    while (true) {
      long session = only == ANY || isCurrent(only) ? open(deadline) : only;
      if (only != ANY && !isCurrent(only)) {
        throw lost();
      }
      long sequence = number(session, request.getCommandBuilder());
      final long sentAt = host.clock().nanos();
      try {
        Outcome outcome = send(request, deadline);
        if (outcome.getFault().getErrno() == Errno.SESSION_EXPIRED) {
          forget(session);
          if (only != ANY) {
            throw lost();
          }
          if (host.clock().nanos() - sentAt > KNOWN_FOR.toNanos()) {
            throw new PosixException(
                Errno.ETIMEDOUT, "the session ended before an answer came: it may have happened");
          }
          continue;
        }
        confirm(session, sentAt);
        if (outcome.getFault().getErrno() == Errno.EAGAIN && !deadline.passed()) {
          // Refused, not applied: too many answers wait for the oldest one to be acknowledged.
          host.clock().sleep(RETRY);
          continue;
        }
        if (outcome.hasFault()) {
          throw PosixException.of(outcome.getFault());
        }
        return outcome;
      } finally {
        done(sequence);
      }
    }
  }

  /** Why nothing is done any more under a lock: others may have it by now. */
  static PosixException lost() {
    return new PosixException(
        Errno.ESTALE, "the lock was lost: the cluster did not hear of this client for too long");
  }

  private void confirm(long session, long sentAt) {
    opening.lock();
    try {
      if (id == session && (confirmedAt == 0 || sentAt - confirmedAt > 0)) {
        confirmedAt = sentAt;
      }
    } finally {
      opening.unlock();
    }
  }

  /** False of one that ended, as far as is known here. */
  boolean isCurrent(long session) {
    opening.lock();
    try {
      return id == session && !closed;
    } finally {
      opening.unlock();
    }
  }

  /** True if the cluster is sure to have this session still. */
  boolean isConfirmed(long session) {
    opening.lock();
    try {
      return id == session
          && confirmedAt != 0
          && host.clock().nanos() - confirmedAt < TRUSTED_FOR.toNanos();
    } finally {
      opening.unlock();
    }
  }

  private Outcome send(Mutate.Builder request, Deadline deadline)
      throws IOException, InterruptedException {
    return clusterClient.call(Header.newBuilder().setMutate(request), deadline).getOutcome();
  }

  private static Mutate.Builder request(Command.Builder command) {
    return Mutate.newBuilder().setCommand(command);
  }

  /** The session that there is, or a new one. */
  long open(Deadline deadline) throws IOException, InterruptedException {
    opening.lockInterruptibly();
    try {
      if (closed) {
        throw new PosixException(Errno.EBADF, "the client is closed");
      }
      if (id == 0) {
        id = ask(deadline);
      }
      return id;
    } finally {
      opening.unlock();
    }
  }

  /** Under the same nonce until there is an answer: a session may have begun without one. */
  private long ask(Deadline deadline) throws IOException, InterruptedException {
    while (nonce == 0) {
      nonce = host.random().nextLong();
    }
    OpenSession op = OpenSession.newBuilder().setNonce(nonce).build();
    Outcome outcome = send(request(Command.newBuilder().setOpenSession(op)), deadline);
    if (outcome.hasFault()) {
      throw PosixException.of(outcome.getFault());
    }
    return outcome.getValue();
  }

  /** Has the cluster forget this client; if that cannot be said now, it will by itself. */
  void close() throws InterruptedException {
    opening.lockInterruptibly();
    try {
      closed = true;
      if (nonce != 0) {
        Deadline deadline = host.clock().deadline(CLOSE_LIMIT);
        long session = id != 0 ? id : ask(deadline);
        CloseSession op = CloseSession.newBuilder().setSession(session).setNonce(nonce).build();
        id = 0;
        nonce = 0;
        send(request(Command.newBuilder().setCloseSession(op)), deadline);
      }
    } catch (IOException e) {
      // It expires.
    } finally {
      opening.unlock();
    }
  }

  /** It is gone, as the cluster says. */
  void forget(long session) {
    opening.lock();
    try {
      if (id == session) {
        id = 0;
        nonce = 0;
        confirmedAt = 0;
      }
    } finally {
      opening.unlock();
    }
  }

  private long number(long session, Command.Builder command) {
    synchronized (outstanding) {
      long sequence = nextSequence++;
      outstanding.add(sequence);
      command.setSession(session).setSequence(sequence).setAcknowledgedBelow(outstanding.first());
      return sequence;
    }
  }

  private void done(long sequence) {
    synchronized (outstanding) {
      outstanding.remove(sequence);
    }
  }
}
