package io.sandstore.chain;

import java.time.Duration;

/**
 * The protocol's times.
 *
 * @param beat between two heartbeats of a member to another
 * @param lease for so long after it heard from a member does another one take no part in a view
 *     without it; a member that did not answer for so long is suspected
 * @param driftPercent how much slower than this one another member's clock may run
 */
public record Timing(Duration beat, Duration lease, int driftPercent) {

  public Timing {
    if (beat.multipliedBy(3).compareTo(lease) > 0) {
      throw new IllegalArgumentException(
          "the lease (%s) must be at least three heartbeats (%s)".formatted(lease, beat));
    }
  }

  public static Timing standard() {
    return new Timing(Duration.ofMillis(100), Duration.ofMillis(500), 10);
  }

  long beatNanos() {
    return beat.toNanos();
  }

  /** What is promised. */
  long leaseNanos() {
    return lease.toNanos();
  }

  /** What is made use of. */
  long usableNanos() {
    return lease.toNanos() * (100 - driftPercent) / 100;
  }
}
