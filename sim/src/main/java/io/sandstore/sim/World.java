package io.sandstore.sim;

import java.lang.reflect.Constructor;
import java.util.ArrayDeque;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Time and threads of a simulation. Virtual threads of all processes run on the one thread that
 * calls {@link #run}, in an order that the seed decides; when none can go on, the clock jumps to
 * the next timer.
 *
 * <p>The JDK has no public way to give virtual threads a scheduler; its own tests use the
 * constructor that {@link #builder} finds, which needs {@code --add-opens java.base/java.lang}.
 */
final class World {

  private record Timer(long atNanos, long order, Runnable action) {}

  final Random random;
  private final PriorityQueue<Timer> timers =
      new PriorityQueue<>(
          (a, b) ->
              a.atNanos != b.atNanos
                  ? Long.compare(a.atNanos, b.atNanos)
                  : Long.compare(a.order, b.order));
  private final ArrayDeque<Runnable> ready = new ArrayDeque<>();
  private long nowNanos = 1_000_000_000L;
  private long order;
  private long steps;
  private long fingerprint = 17;
  private volatile @Nullable Thread runner;
  private volatile String disturbedBy = "";

  World(long seed) {
    this.random = new Random(seed);
  }

  long nowNanos() {
    return nowNanos;
  }

  long steps() {
    return steps;
  }

  /** Changes with everything that happened and in which order: equal runs have equal ones. */
  long fingerprint() {
    return fingerprint;
  }

  void note(long event) {
    fingerprint = fingerprint * 0x9E3779B97F4A7C15L + event + nowNanos;
  }

  void at(long whenNanos, Runnable action) {
    timers.add(new Timer(Math.max(whenNanos, nowNanos), order++, action));
  }

  void after(long nanos, Runnable action) {
    at(nowNanos + nanos, action);
  }

  void enqueue(Runnable continuation) {
    Thread mine = runner;
    if (mine != null && Thread.currentThread() != mine && !Thread.currentThread().isVirtual()) {
      disturbedBy =
          Thread.currentThread().getName(); // the JDK's own, for those that wait for a monitor
      return;
    }
    // Now and then somebody overtakes: races show themselves only if both orders happen.
    if (random.nextInt(8) == 0) {
      ready.addFirst(continuation);
    } else {
      ready.addLast(continuation);
    }
  }

  /** Runs until the condition holds or the time is over; false if it was over. */
  boolean run(long limitNanos, java.util.function.BooleanSupplier until) {
    runner = Thread.currentThread();
    long end = nowNanos + limitNanos;
    while (!until.getAsBoolean()) {
      if (!disturbedBy.isEmpty()) {
        throw new IllegalStateException(
            disturbedBy
                + " took part: a thread holds a monitor while it waits, and another wants it: the order of what"
                + " follows is the JDK's; hold a lock of java.util.concurrent instead");
      }
      Runnable next = ready.pollFirst();
      if (next == null) {
        Timer timer = timers.peek();
        if (timer == null || timer.atNanos > end) {
          nowNanos = end;
          return until.getAsBoolean();
        }
        timers.remove(timer);
        nowNanos = timer.atNanos;
        next = timer.action;
      }
      steps++;
      next.run();
    }
    return true;
  }

  static Thread.Builder.OfVirtual builder(Executor scheduler) {
    try {
      Constructor<?> constructor =
          Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
              .getDeclaredConstructor(Executor.class);
      constructor.setAccessible(true);
      return (Thread.Builder.OfVirtual) constructor.newInstance(scheduler);
    } catch (ReflectiveOperationException | RuntimeException e) {
      throw new IllegalStateException(
          "the simulator needs --add-opens java.base/java.lang=ALL-UNNAMED on this JDK", e);
    }
  }
}
