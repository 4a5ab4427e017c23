package io.sandstore.namespace;

import io.sandstore.wire.Batch;
import io.sandstore.wire.NamespaceHeader;

/**
 * What time it is for the state machine: the same on every replica, since it follows from the
 * batches of the log alone. Two times, because one cannot be both:
 *
 * <ul>
 *   <li>The <b>date</b>, which files are stamped with. It follows the clocks of primaries, and
 *       holds still rather than go back where those of two differ by less than {@link
 *       #STEP_MAX_MS}. A clock that is further off is not believed before it has said the same for
 *       {@link #CONFIRM_MS}; until then the date goes on by itself, with what primaries measured.
 *       So a clock that jumps leaves no trace if it is right again within that time; one that stays
 *       wrong is followed, and the date is right again that long after a primary's clock is, be it
 *       back or forth. After a time without any primary the date is late by that time, for as long.
 *   <li>The <b>age</b>, which decides how long ago something was used. It is the sum of what
 *       primaries measured with their monotonic clocks between two batches, so that no wall clock
 *       moves it: it never goes back, stands still while there is no primary (nobody could have
 *       used anything then either), and runs ahead of real time by no more than those clocks run
 *       fast and, at a change of primaries, by what the new one had not applied yet.
 * </ul>
 *
 * <p>Batches of releases before 0.2 have no measured time. For those both times are what they were
 * then, the latest that any batch had, so that an old log still leads to the old state; from the
 * first new batch on the rules above mend what it left behind.
 *
 * @param dateMs milliseconds since 1970
 * @param ageMs milliseconds since some moment before the cluster began
 * @param strayedBy how far a clock that is not believed is ahead of the date; 0: none strays
 * @param strayedMs how long it has said so
 */
record ClusterTime(long dateMs, long ageMs, long strayedBy, long strayedMs) {

  /** Clocks of healthy members differ by less. */
  static final long STEP_MAX_MS = 10_000;

  /** How long a clock must be far off in the same way to be believed. */
  static final long CONFIRM_MS = 10_000;

  /** No more is added to the age by one batch: an idle primary proposes something more often. */
  static final long ELAPSED_MAX_MS = 3_600_000;

  /** About the year 37,000: whatever a batch says, sums with it do not overflow. */
  private static final long DATE_MAX_MS = 1L << 50;

  static final ClusterTime UNKNOWN = new ClusterTime(0, 0, 0, 0);

  ClusterTime after(Batch batch) {
    long said = Math.clamp(batch.getTimeMs(), 0, DATE_MAX_MS);
    if (!batch.hasElapsedMs() || equals(UNKNOWN)) {
      return new ClusterTime(Math.max(dateMs, said), Math.max(ageMs, said), 0, 0);
    }
    long elapsed = Math.clamp(batch.getElapsedMs(), 0, ELAPSED_MAX_MS);
    long age = ageMs + elapsed;
    long expected = dateMs + elapsed;
    long ahead = said - expected;
    if (isSmall(ahead)) {
      return new ClusterTime(Math.max(dateMs, said), age, 0, 0);
    }
    boolean asBefore = strayedBy != 0 && isSmall(ahead - strayedBy);
    if (asBefore && strayedMs + elapsed >= CONFIRM_MS) {
      return new ClusterTime(said, age, 0, 0);
    }
    return asBefore
        ? new ClusterTime(expected, age, strayedBy, strayedMs + elapsed)
        : new ClusterTime(expected, age, ahead, 0);
  }

  private static boolean isSmall(long differenceMs) {
    return Math.abs(differenceMs) <= STEP_MAX_MS;
  }

  static ClusterTime of(NamespaceHeader header) {
    long age = header.hasAgeMs() ? header.getAgeMs() : header.getTimeMs();
    return new ClusterTime(header.getTimeMs(), age, header.getStrayedByMs(), header.getStrayedMs());
  }

  /** An age that is the date needs no field: so a state as old releases had it reads as it did. */
  void writeTo(NamespaceHeader.Builder header) {
    header.setTimeMs(dateMs).setStrayedByMs(strayedBy).setStrayedMs(strayedMs);
    if (ageMs != dateMs) {
      header.setAgeMs(ageMs);
    }
  }
}
