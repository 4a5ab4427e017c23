package io.sandstore.rpc;

import java.util.concurrent.TimeUnit;

/**
 * Whether a peer can be expected to answer: a circuit breaker (Nygard, "Release It!", 2007). After
 * a failure the peer is suspect, and whoever has a choice asks others. When a pause is over, one
 * probe finds out whether it is back; each failure makes the pause longer. Suspicion that nobody
 * renews decays.
 *
 * <p>Pure: time comes with the calls, in nanoseconds of a monotonic clock. Thread-safe.
 */
final class RpcHealth {

  static final long PAUSE_MIN_NANOS = TimeUnit.MILLISECONDS.toNanos(250);
  static final long PAUSE_MAX_NANOS = TimeUnit.SECONDS.toNanos(4);
  static final long FORGOTTEN_AFTER_NANOS = TimeUnit.SECONDS.toNanos(30);

  private boolean suspect;
  private boolean everFailed;
  private boolean everProbed;
  private boolean probing;
  private long failedAt;
  private long pause = PAUSE_MIN_NANOS;

  /** A request or a probe was not answered in time, or could not be sent. */
  synchronized void failed(long now) {
    boolean recently = everFailed && now - failedAt < FORGOTTEN_AFTER_NANOS;
    if (suspect && recently && now - failedAt < pause) {
      return; // on its way together with the one that failed first
    }
    pause = recently ? Math.min(2 * pause, PAUSE_MAX_NANOS) : PAUSE_MIN_NANOS;
    suspect = true;
    everFailed = true;
    failedAt = now;
  }

  /** A request was answered; within the pause it may be an old one, which proves nothing. */
  synchronized void answered(long now) {
    if (suspect && now - failedAt >= pause) {
      suspect = false;
    }
  }

  synchronized boolean isSuspect(long now) {
    return suspect && now - failedAt < FORGOTTEN_AFTER_NANOS;
  }

  /**
   * True if the caller is to probe now, and to call {@link #probed} when it has.
   *
   * @param stranger it never answered: asked once, so that somebody learns who it is
   */
  synchronized boolean claimProbe(long now, boolean stranger) {
    boolean back = isSuspect(now) && now - failedAt >= pause;
    boolean due = !probing && (back || (stranger && !everProbed && !suspect));
    probing |= due;
    everProbed |= due;
    return due;
  }

  /** What a claimed probe came to. */
  synchronized void probed(boolean answered, long now) {
    probing = false;
    if (answered) {
      suspect = false;
    } else {
      failed(now);
    }
  }
}
