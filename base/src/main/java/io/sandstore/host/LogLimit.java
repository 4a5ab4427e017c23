package io.sandstore.host;

import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Bounds what a loop logs: the first line at once, then one in an interval, which says how many
 * were held back. Thread-safe.
 */
public final class LogLimit {

  private final long intervalNanos;
  private final LongSupplier nanos;
  private boolean spoke;
  private long spokeAt;
  private long heldBack;

  /**
   * @param interval between two lines
   * @param nanos a monotonic clock
   */
  public LogLimit(Duration interval, LongSupplier nanos) {
    this.intervalNanos = interval.toNanos();
    this.nanos = nanos;
  }

  /**
   * Logs, or does not.
   *
   * @param line is given what to put at its end: how many lines were held back since the last
   */
  public void say(Consumer<String> line) {
    long held;
    synchronized (this) {
      long now = nanos.getAsLong();
      if (spoke && now - spokeAt < intervalNanos) {
        heldBack++;
        return;
      }
      spoke = true;
      spokeAt = now;
      held = heldBack;
      heldBack = 0;
    }
    line.accept(held == 0 ? "" : " (and " + held + " more like this)");
  }
}
