package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.rpc.PosixException;
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

  private final Host host;
  private final Connector connector;
  private final ReentrantLock opening = new ReentrantLock();
  private final Semaphore outstandingPermits = new Semaphore(OUTSTANDING_MAX);
  private final TreeSet<Long> outstanding = new TreeSet<>();
  private long id;
  private long nextSequence = 1;

  Session(Host host, Connector connector) {
    this.host = host;
    this.connector = connector;
  }

  /**
   * Has a command applied exactly once.
   *
   * @throws PosixException the command's refusal; ETIMEDOUT if the outcome is unknown
   */
  Outcome apply(Command.Builder command, Deadline deadline)
      throws IOException, InterruptedException {
    outstandingPermits.acquire();
    try {
      return applyNumbered(command, deadline);
    } finally {
      outstandingPermits.release();
    }
  }

  private Outcome applyNumbered(Command.Builder command, Deadline deadline)
      throws IOException, InterruptedException {
    while (true) {
      long session = open(deadline);
      long sequence = number(session, command);
      try {
        Outcome outcome = send(command.build(), deadline);
        if (outcome.getFault().getErrno() == Errno.SESSION_EXPIRED) {
          // Nothing was applied under this number: a session that knew it would have been kept.
          forget(session);
          continue;
        }
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

  private Outcome send(Command command, Deadline deadline)
      throws IOException, InterruptedException {
    Header.Builder request = Header.newBuilder().setMutate(Mutate.newBuilder().setCommand(command));
    return connector.call(request, deadline).getOutcome();
  }

  private long open(Deadline deadline) throws IOException, InterruptedException {
    opening.lockInterruptibly();
    try {
      if (id == 0) {
        Command command =
            Command.newBuilder()
                .setOpenSession(OpenSession.newBuilder().setNonce(host.random().nextLong()))
                .build();
        Outcome outcome = send(command, deadline);
        if (outcome.hasFault()) {
          throw PosixException.of(outcome.getFault());
        }
        id = outcome.getValue();
      }
      return id;
    } finally {
      opening.unlock();
    }
  }

  private void forget(long session) {
    opening.lock();
    try {
      if (id == session) {
        id = 0;
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
