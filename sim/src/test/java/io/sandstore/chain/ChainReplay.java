package io.sandstore.chain;

/**
 * Runs the simulation of the chain's core over seeds until one shows a violation: {@code FIRST
 * STEPS SEEDS}. Ends with 4 then.
 */
public final class ChainReplay {

  private ChainReplay() {}

  public static void main(String[] args) {
    long first = Long.parseLong(args[0]);
    int steps = Integer.parseInt(args[1]);
    long seeds = Long.parseLong(args[2]);
    long acknowledged = 0;
    long reads = 0;
    long views = 0;
    for (long seed = first; seed < first + seeds; seed++) {
      try {
        ChainCoreSimulation simulation = new ChainCoreSimulation(seed);
        simulation.run(steps);
        acknowledged += simulation.acknowledged;
        reads += simulation.reads;
        views += simulation.views;
      } catch (ChainCoreSimulation.InvariantViolation | RuntimeException e) {
        System.out.println("VIOLATION: " + e);
        if (e instanceof RuntimeException) {
          e.printStackTrace(System.out);
        }
        System.exit(4);
      }
    }
    System.out.printf(
        "%d seeds: %d acknowledged, %d reads, %d views%n", seeds, acknowledged, reads, views);
  }
}
