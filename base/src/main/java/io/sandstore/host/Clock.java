package io.sandstore.host;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/**
 * The only source of time and the only way to wait for it. Code above this port never uses a timed
 * wait of java.util.concurrent: those run on the machine's clock, which a simulation does not have.
 */
public interface Clock {

  /** Nanoseconds of a monotonic clock; never negative. Only differences mean anything. */
  long nanos();

  /** Milliseconds since 1970. May jump; never used to decide what is safe. */
  long millis();

  /** Parks the calling thread. */
  void sleep(Duration time) throws InterruptedException;

  /** Waits for a result at most this long. The future itself is left as it is. */
  <T> T await(CompletableFuture<T> future, Duration limit)
      throws InterruptedException, ExecutionException, TimeoutException;

  /** A point in time this far from now. */
  default Deadline deadline(Duration fromNow) {
    return new Deadline(this, nanos() + fromNow.toNanos());
  }
}
