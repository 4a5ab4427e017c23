package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The shipped wiring under faults. {@code -Dsim.seeds=N} runs more. */
class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 1000);
  private static final int FIRST = Integer.getInteger("sim.first", 1);
  private static final int STEPS = Integer.getInteger("sim.steps", 10_000);

  @Test
  void nothingAcknowledgedIsLostUnderAnySeed() throws InterruptedException {
    Map<Long, Simulation.Summary> summaries = runAll();
    long acknowledged = summaries.values().stream().mapToLong(s -> s.acknowledged()).sum();
    Map<String, Integer> faults = new TreeMap<>();
    summaries.values().forEach(s -> s.faults().forEach((f, n) -> faults.merge(f, n, Integer::sum)));
    int count = faults.values().stream().mapToInt(Integer::intValue).sum();
    System.out.printf(
        "%d seeds, %d operations acknowledged, %d faults: %s%n",
        SEEDS, acknowledged, count, faults);
    System.out.printf(
        "from the last fault until all had everything: at most %d ms, until all was clean: %d ms%n",
        summaries.values().stream().mapToLong(s -> s.caughtUp().toMillis()).max().orElse(0),
        summaries.values().stream().mapToLong(s -> s.clean().toMillis()).max().orElse(0));
    assertThat(acknowledged).isGreaterThan(SEEDS * 20L);
    assertThat(count).isGreaterThan(SEEDS * 3);
  }

  /** One simulation is one thread; each core takes the next seed. */
  private static Map<Long, Simulation.Summary> runAll() throws InterruptedException {
    Map<Long, Simulation.Summary> summaries = new TreeMap<>();
    Map<Long, Throwable> failures = new TreeMap<>();
    AtomicLong next = new AtomicLong(FIRST);
    List<Thread> threads =
        IntStream.range(0, Runtime.getRuntime().availableProcessors())
            .mapToObj(
                i ->
                    Thread.ofPlatform()
                        .name("seeds " + i)
                        .start(
                            () -> {
                              long seed;
                              while ((seed = next.getAndIncrement()) < FIRST + SEEDS) {
                                run(seed, summaries, failures);
                              }
                            }))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      fail(
          failures.values().stream()
              .map(Throwable::toString)
              .collect(Collectors.joining("\n", failures.size() + " seeds\n", "")),
          failures.values().iterator().next());
    }
    return summaries;
  }

  private static void run(
      long seed, Map<Long, Simulation.Summary> summaries, Map<Long, Throwable> failures) {
    try {
      Simulation.Summary summary = new Simulation(seed).run(STEPS);
      synchronized (summaries) {
        summaries.put(seed, summary);
      }
    } catch (RuntimeException | Error e) {
      synchronized (failures) {
        failures.put(seed, e);
      }
    }
  }

  @Test
  void theSameSeedGivesTheSameRun() {
    Simulation.Summary first = new Simulation(4711).run(STEPS);
    Simulation.Summary second = new Simulation(4711).run(STEPS);
    assertThat(second).isEqualTo(first);
  }
}
