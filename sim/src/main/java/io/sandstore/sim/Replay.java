package io.sandstore.sim;

/**
 * Runs one simulation: {@code make sim SEED=... STEPS=...}. The same seed gives the same run. With
 * a third argument, that many seeds from the first on, until one shows a violation; the fourth is a
 * profile, {@code raft} if there is none.
 */
public final class Replay {

  private Replay() {}

  public static void main(String[] args) {
    long first = Long.parseLong(args[0]);
    long steps = Long.parseLong(args[1]);
    long seeds = args.length > 2 ? Long.parseLong(args[2]) : 1;
    String profile = args.length > 3 ? args[3] : "raft";
    try {
      for (long seed = first; seed < first + seeds; seed++) {
        Simulation.Summary summary = new Simulation(seed, profile).run(steps);
        System.out.printf(
            "seed %d: %d steps, %d operations acknowledged, %d without an answer, faults %s%n"
                + "fingerprint %016x%n",
            seed,
            summary.steps(),
            summary.acknowledged(),
            summary.unknown(),
            summary.faults(),
            summary.fingerprint());
      }
      System.exit(0);
    } catch (Simulation.Violation e) {
      System.out.println("VIOLATION: " + e.getMessage());
      System.exit(4);
    }
  }
}
