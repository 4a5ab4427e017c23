package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Thousands of seeds. {@code -Draft.seeds=N} runs more. */
@Tag("slow")
class RaftSimulationTest {

  private static final int FIRST = Integer.getInteger("raft.first", 1);
  private static final int SEEDS = Integer.getInteger("raft.seeds", 5000);

  /** What so many seeds saw. */
  private record Seen(int elections, int reads) {}

  /** Two at a time: a simulation has its own clock and randomness, and shares nothing. */
  @Test
  void invariantsHoldForThousandsOfSeeds() throws Exception {
    int elections = 0;
    int reads = 0;
    try (ExecutorService two = Executors.newFixedThreadPool(2)) {
      List<Future<Seen>> halves =
          List.of(two.submit(() -> run(FIRST)), two.submit(() -> run(FIRST + 1)));
      for (Future<Seen> half : halves) {
        elections += half.get().elections();
        reads += half.get().reads();
      }
    }
    assertThat(elections).as("elections in all").isGreaterThan(SEEDS);
    assertThat(reads).as("reads that followers answered").isGreaterThan(10 * SEEDS);
  }

  private static Seen run(int first) {
    int elections = 0;
    int reads = 0;
    for (long seed = first; seed < FIRST + SEEDS; seed += 2) {
      RaftSimulation simulation = new RaftSimulation(seed, 1 + (int) (seed % 3) * 2);
      simulation.run(1500);
      elections += simulation.elections;
      reads += simulation.reads;
    }
    return new Seen(elections, reads);
  }
}
