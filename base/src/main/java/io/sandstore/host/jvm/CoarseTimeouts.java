package io.sandstore.host.jvm;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits of virtual threads that almost never time out. The JDK wakes a timer thread when such a
 * wait begins and again when it ends, which costs a request more switches than its work; here one
 * thread looks every 20 ms who has waited long enough.
 */
final class CoarseTimeouts {

  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  /** Shorter waits are rare, and must end on time. */
  static final long SHORTEST_NANOS = 10 * LOOK_NANOS;

  private static final long LONGEST_NANOS = TimeUnit.DAYS.toNanos(365); // sums stay in range

  private static final Set<Waiter> WAITING = ConcurrentHashMap.newKeySet();

  static {
    Thread.ofPlatform().daemon().name("coarse timeouts").start(CoarseTimeouts::look);
  }

  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    final long untilNanos;
    volatile boolean expired;

    Waiter(long limitNanos) {
      untilNanos = System.nanoTime() + Math.min(limitNanos, LONGEST_NANOS);
    }
  }

  private CoarseTimeouts() {}

  /** Like {@link CompletableFuture#get(long, TimeUnit)}, up to 20 ms late with a timeout. */
  static <T> T await(CompletableFuture<T> future, long limitNanos)
      throws InterruptedException, ExecutionException, TimeoutException {
    Waiter waiter = new Waiter(limitNanos);
    WAITING.add(waiter);
    try {
      future.whenComplete((value, failure) -> LockSupport.unpark(waiter.thread));
      while (!future.isDone()) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        if (waiter.expired) {
          throw new TimeoutException();
        }
        LockSupport.park(future);
      }
      return future.get();
    } finally {
      WAITING.remove(waiter);
    }
  }

  private static void look() {
    while (true) {
      LockSupport.parkNanos(LOOK_NANOS);
      long now = System.nanoTime();
      for (Waiter waiter : WAITING) {
        if (waiter.untilNanos - now <= 0 && !waiter.expired) {
          waiter.expired = true;
          LockSupport.unpark(waiter.thread);
        }
      }
    }
  }
}
