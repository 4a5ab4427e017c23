package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Thousands of seeds. {@code -Draft.seeds=N} runs more. */
@Tag("slow")
class RaftSimulationTest {

  private static final int FIRST = Integer.getInteger("raft.first", 1);
  private static final int SEEDS = Integer.getInteger("raft.seeds", 5000);

  @Test
  void invariantsHoldForThousandsOfSeeds() {
    int elections = 0;
    int reads = 0;
    for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
      RaftSimulation simulation = new RaftSimulation(seed, 1 + (int) (seed % 3) * 2);
      simulation.run(1500);
      elections += simulation.elections;
      reads += simulation.reads;
    }
    assertThat(elections).as("elections in all").isGreaterThan(SEEDS);
    assertThat(reads).as("reads that followers answered").isGreaterThan(10 * SEEDS);
  }
}
