package io.sandstore.host.jvm;

import io.sandstore.host.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The machine's clock. */
public final class JvmClock implements Clock {

  private static final long START = System.nanoTime();

  @Override
  public long nanos() {
    return System.nanoTime() - START;
  }

  @Override
  public long millis() {
    return System.currentTimeMillis();
  }

  @Override
  public void sleep(Duration time) throws InterruptedException {
    Thread.sleep(time);
  }

  @Override
  public <T> T await(CompletableFuture<T> future, Duration limit)
      throws InterruptedException, ExecutionException, TimeoutException {
    long nanos = limit.toNanos();
    return Thread.currentThread().isVirtual() && nanos >= CoarseTimeouts.SHORTEST_NANOS
        ? CoarseTimeouts.await(future, nanos)
        : future.get(nanos, TimeUnit.NANOSECONDS);
  }
}
