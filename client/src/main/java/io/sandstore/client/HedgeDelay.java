package io.sandstore.client;

import java.time.Duration;
import java.util.Arrays;

/**
 * After which time a second holder is asked: when nineteen of twenty recent answers had come (Dean
 * and Barroso, "The Tail at Scale", 2013). Few of all requests may be asked twice, so that hedging
 * never doubles the load of a cluster that is slow because it is busy.
 *
 * <p>Pure. Thread-safe.
 */
final class HedgeDelay {

  static final Duration SHORTEST = Duration.ofMillis(50);
  static final Duration LONGEST = Duration.ofSeconds(1);
  static final Duration UNTIL_KNOWN = Duration.ofMillis(200);

  /** Hedges that may follow one another at once, as many as a client's readers wait for. */
  static final int BURST = 16;

  /** Requests that earn one hedge. */
  static final int REQUESTS_PER_HEDGE = 10;

  private static final int REMEMBERED = 64;
  private static final int ENOUGH = 8;

  private final long[] latencies = new long[REMEMBERED];
  private long answers;
  private int credit = BURST * REQUESTS_PER_HEDGE;

  /** A request was answered, this long after it was sent. */
  synchronized void answered(long nanos) {
    latencies[(int) (answers++ % REMEMBERED)] = nanos;
    credit = Math.min(credit + 1, BURST * REQUESTS_PER_HEDGE);
  }

  synchronized Duration delay() {
    int known = (int) Math.min(answers, REMEMBERED);
    if (known < ENOUGH) {
      return UNTIL_KNOWN;
    }
    long[] sorted = Arrays.copyOf(latencies, known);
    Arrays.sort(sorted);
    long p95 = sorted[known * 95 / 100];
    return Duration.ofNanos(Math.clamp(p95, SHORTEST.toNanos(), LONGEST.toNanos()));
  }

  /** True if a request may be asked a second time now; that is counted. */
  synchronized boolean mayHedge() {
    boolean may = credit >= REQUESTS_PER_HEDGE;
    credit -= may ? REQUESTS_PER_HEDGE : 0;
    return may;
  }
}
