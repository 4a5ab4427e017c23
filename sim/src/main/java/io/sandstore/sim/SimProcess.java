package io.sandstore.sim;

import io.sandstore.host.BufferPool;
import io.sandstore.host.Clock;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.host.Threads;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * A process: threads that all stop at once when it is killed, and stand still while it is paused. A
 * killed process's threads are simply never run again.
 */
final class SimProcess {

  /**
   * How a machine's clocks run; it outlives the processes on it.
   *
   * <p>{@code rate}: seconds of the monotonic clock in a second of the world. {@code wallMillis}:
   * how far the wall clock is ahead of that of the world.
   */
  static final class Clocks {
    double rate = 1;
    long wallMillis;
  }

  private static final long WALL_EPOCH_MILLIS = 1_700_000_000_000L;

  final String name;
  final Host host;
  private final World world;
  final Clocks clocks;
  private final ArrayDeque<Runnable> held = new ArrayDeque<>();
  private boolean alive = true;
  private boolean paused;
  private String haltedBy = "";

  /**
   * How long a step of this process may have to wait for its turn: a machine that is overloaded.
   */
  long slownessNanos;

  /** How often a thread of this process began, or went on after it had waited. */
  private long handOvers;

  SimProcess(World world, String name, SimNetwork network) {
    this(world, name, network, new Clocks());
  }

  SimProcess(World world, String name, SimNetwork network, Clocks clocks) {
    this(world, name, network, clocks, Telemetry.NONE);
  }

  SimProcess(World world, String name, SimNetwork network, Clocks clocks, Telemetry telemetry) {
    this.world = world;
    this.name = name;
    this.clocks = clocks;
    Thread.Builder.OfVirtual builder = World.builder(this::schedule);
    this.host =
        new Host(
            new SimClock(),
            new Random(world.random.nextLong()),
            new SimThreads(builder),
            network.of(this),
            new BufferPool(8, Frame.PAYLOAD_BYTES_MAX),
            stateBytes -> true,
            telemetry,
            this::halt);
  }

  private void schedule(Runnable continuation) {
    handOvers++;
    if (paused) {
      held.addLast(continuation);
    } else if (alive && slownessNanos > 0) {
      world.after(world.random.nextLong(slownessNanos), () -> runOrHold(continuation));
    } else if (alive) {
      world.enqueue(() -> runOrHold(continuation));
    }
  }

  private void runOrHold(Runnable continuation) {
    if (paused) {
      held.addLast(continuation);
    } else if (alive) {
      continuation.run();
    }
  }

  /** Parks the calling thread, which is one of this process, in the world's time. */
  void park(long worldNanos) {
    CompletableFuture<Boolean> over = new CompletableFuture<>();
    world.after(worldNanos, () -> over.complete(true));
    over.join();
  }

  long handOvers() {
    return handOvers;
  }

  boolean alive() {
    return alive;
  }

  /** Why the process ended itself; empty if it did not. */
  String haltedBy() {
    return haltedBy;
  }

  void kill() {
    alive = false;
    held.clear();
  }

  /** Ends the process from one of its own threads, which does not return from here. */
  void killSelf() {
    kill();
    while (true) {
      LockSupport.park();
    }
  }

  private void halt(String reason, Throwable cause) {
    haltedBy = reason;
    killSelf();
  }

  void pause() {
    paused = true;
  }

  void resume() {
    paused = false;
    while (!held.isEmpty()) {
      schedule(held.pollFirst());
    }
  }

  private final class SimClock implements Clock {
    @Override
    public long nanos() {
      return (long) (world.nowNanos() * clocks.rate);
    }

    @Override
    public long millis() {
      return WALL_EPOCH_MILLIS + world.nowNanos() / 1_000_000 + clocks.wallMillis;
    }

    /** What this machine takes for so much time. */
    private long inWorldNanos(Duration time) {
      return (long) (time.toNanos() / clocks.rate) + 1;
    }

    @Override
    public void sleep(Duration time) {
      park(inWorldNanos(time));
    }

    @Override
    public <T> T await(CompletableFuture<T> future, Duration limit)
        throws InterruptedException, ExecutionException, TimeoutException {
      if (!future.isDone()) {
        CompletableFuture<Boolean> over = new CompletableFuture<>();
        future.whenComplete((result, failure) -> over.complete(true));
        world.after(inWorldNanos(limit), () -> over.complete(false));
        over.join();
      }
      if (!future.isDone()) {
        throw new TimeoutException();
      }
      return future.get();
    }
  }

  private record SimThreads(Thread.Builder.OfVirtual builder) implements Threads {
    @Override
    public void start(String name, Runnable task) {
      builder.name(name).start(task);
    }

    @Override
    public void startDedicated(String name, Runnable task) {
      start(name, task);
    }

    @Override
    public boolean runAtOnce() {
      return false;
    }
  }
}
