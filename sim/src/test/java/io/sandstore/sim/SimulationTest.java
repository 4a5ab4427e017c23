package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The shipped wiring under faults. {@code -Dsim.seeds=N} runs more. */
class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 1000);
  private static final int FIRST = Integer.getInteger("sim.first", 1);
  private static final int STEPS = Integer.getInteger("sim.steps", 10_000);

  @Test
  void nothingAcknowledgedIsLostUnderAnySeed() {
    int acknowledged = 0;
    int faults = 0;
    for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
      Simulation.Summary summary = new Simulation(seed).run(STEPS);
      acknowledged += summary.acknowledged();
      faults += summary.faults().values().stream().mapToInt(Integer::intValue).sum();
    }
    System.out.printf(
        "%d seeds, %d operations acknowledged, %d faults%n", SEEDS, acknowledged, faults);
    assertThat(acknowledged).isGreaterThan(SEEDS * 20);
    assertThat(faults).isGreaterThan(SEEDS);
  }

  @Test
  void theSameSeedGivesTheSameRun() {
    Simulation.Summary first = new Simulation(4711).run(STEPS);
    Simulation.Summary second = new Simulation(4711).run(STEPS);
    assertThat(second).isEqualTo(first);
  }
}
