package io.sandstore.host;

import java.time.Duration;

/** The moment by which a piece of work must be done; handed down through every remote call. */
public record Deadline(Clock clock, long atNanos) {

  /** Time left, never negative. */
  public Duration left() {
    return Duration.ofNanos(Math.max(0, atNanos - clock.nanos()));
  }

  public boolean passed() {
    return clock.nanos() - atNanos >= 0;
  }

  /** The time left or {@code limit}, whichever is shorter. */
  public Duration leftAtMost(Duration limit) {
    Duration left = left();
    return left.compareTo(limit) < 0 ? left : limit;
  }
}
