package io.sandstore.host;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** A clock that a test turns by hand; whoever waits turns it by as much, at once. */
final class HandClock implements Clock {

  private long nanos;

  /** Happens once, while somebody waits. */
  Runnable meanwhile = () -> {};

  void turn(Duration time) {
    nanos += time.toNanos();
  }

  @Override
  public long nanos() {
    return nanos;
  }

  @Override
  public long millis() {
    return nanos / 1_000_000;
  }

  @Override
  public void sleep(Duration time) {
    turn(time);
  }

  @Override
  public <T> T await(CompletableFuture<T> future, Duration limit)
      throws InterruptedException, ExecutionException, TimeoutException {
    Runnable once = meanwhile;
    meanwhile = () -> {};
    once.run();
    if (!future.isDone()) {
      turn(limit);
      throw new TimeoutException();
    }
    return future.get();
  }
}
