package io.sandstore.replication;

/**
 * How much time passed since the batch before this one, by this machine's monotonic clock: what is
 * measured for one batch is not measured again for the next, and nothing is rounded away.
 */
public final class Elapsed {

  private static final long MILLI = 1_000_000;

  private long term;
  private long untilNanos;

  /**
   * Milliseconds since the batch before.
   *
   * @param newTerm of the batch that is proposed now: counts changes of who proposes
   * @param appliedNanos when the last batch of another primary was applied here: for the first one
   *     of a term. Up to that moment its primary has measured, or nobody has.
   */
  public long millis(long newTerm, long appliedNanos, long nowNanos) {
    if (newTerm != term) {
      term = newTerm;
      untilNanos = appliedNanos;
    }
    long millis = Math.max(0, nowNanos - untilNanos) / MILLI;
    untilNanos += millis * MILLI;
    return millis;
  }
}
