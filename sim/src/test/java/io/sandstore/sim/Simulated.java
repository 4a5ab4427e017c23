package io.sandstore.sim;

import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/** Lets the contract suites of other packages at the simulated ports. */
public final class Simulated {

  private Simulated() {}

  public static Disk disk(long seed) {
    return new SimDisk(new Random(seed));
  }

  /** A task of a contract suite. */
  public interface Task {
    void run(Host host) throws Exception;
  }

  /** Runs a task as the only process of a calm world. */
  public static void run(Task task) throws Exception {
    World world = new World(1);
    SimProcess process = new SimProcess(world, "only", new SimNetwork(world));
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    process
        .host
        .threads()
        .start(
            "test",
            () -> {
              try {
                task.run(process.host);
                done.complete(true);
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    world.run(Duration.ofHours(1).toNanos(), done::isDone);
    done.get();
  }
}
