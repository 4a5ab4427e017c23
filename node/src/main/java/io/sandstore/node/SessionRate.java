package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.time.Duration;

/**
 * How fast one connection may open sessions: {@link #AT_ONCE}, then one every {@link #EVERY} (a
 * token bucket). A client needs one for its whole life, and another after a long silence.
 */
final class SessionRate {

  static final int AT_ONCE = 64;
  static final Duration EVERY = Duration.ofMinutes(1);

  private final Clock clock;
  private int left = AT_ONCE;
  private long countedAtNanos;

  SessionRate(Clock clock) {
    this.clock = clock;
    this.countedAtNanos = clock.nanos();
  }

  /**
   * Counts one more session.
   *
   * @throws PosixException EAGAIN if this connection has opened too many
   */
  synchronized void take() throws PosixException {
    long more = (clock.nanos() - countedAtNanos) / EVERY.toNanos();
    countedAtNanos += more * EVERY.toNanos();
    left = (int) Math.min(AT_ONCE, left + more);
    if (left == 0) {
      throw new PosixException(
          Errno.EAGAIN, "this connection opened " + AT_ONCE + " sessions; one more in a minute");
    }
    left--;
  }
}
