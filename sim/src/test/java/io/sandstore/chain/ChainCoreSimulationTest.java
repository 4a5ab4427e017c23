package io.sandstore.chain;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Hundreds of seeds. {@code -Dchain.seeds=N} runs more. */
class ChainCoreSimulationTest {

  private static final int FIRST = Integer.getInteger("chain.first", 1);
  private static final int SEEDS = Integer.getInteger("chain.seeds", 300);
  private static final int STEPS = Integer.getInteger("chain.steps", 4000);

  @Test
  void invariantsHoldForManySeeds() {
    int views = 0;
    int acknowledged = 0;
    int reads = 0;
    for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
      ChainCoreSimulation simulation = new ChainCoreSimulation(seed);
      simulation.run(STEPS);
      views += simulation.views;
      acknowledged += simulation.acknowledged;
      reads += simulation.reads;
    }
    assertThat(views).as("views in all").isGreaterThan(SEEDS);
    assertThat(acknowledged).as("acknowledged in all").isGreaterThan(10 * SEEDS);
    assertThat(reads).as("reads in all").isGreaterThan(10 * SEEDS);
  }
}
