package io.sandstore.raft;

import java.time.Duration;

/**
 * The protocol's times.
 *
 * @param electionMin a follower that heard from a leader within this time votes for nobody, which
 *     is what a leader's lease rests on; elections start after a random time between it and twice
 *     it
 * @param leaseDriftPercent how much slower than this one another member's clock may run
 */
public record Timing(Duration heartbeat, Duration electionMin, int leaseDriftPercent) {

  public Timing {
    if (heartbeat.multipliedBy(3).compareTo(electionMin) > 0) {
      throw new IllegalArgumentException(
          "the election timeout (%s) must be at least three heartbeats (%s)"
              .formatted(electionMin, heartbeat));
    }
  }

  public static Timing standard() {
    return new Timing(Duration.ofMillis(100), Duration.ofMillis(700), 10);
  }

  long heartbeatNanos() {
    return heartbeat.toNanos();
  }

  long electionNanos() {
    return electionMin.toNanos();
  }

  long leaseNanos() {
    return electionMin.toNanos() * (100 - leaseDriftPercent) / 100;
  }
}
