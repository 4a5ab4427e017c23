package io.sandstore.sim;

/** Runs one simulation: {@code make sim SEED=... STEPS=...}. The same seed gives the same run. */
public final class Replay {

  private Replay() {}

  public static void main(String[] args) {
    long seed = Long.parseLong(args[0]);
    long steps = Long.parseLong(args[1]);
    try {
      Simulation.Summary summary = new Simulation(seed).run(steps);
      System.out.printf(
          "seed %d: %d steps, %d operations acknowledged, %d without an answer, faults %s%n"
              + "fingerprint %016x%n",
          seed,
          summary.steps(),
          summary.acknowledged(),
          summary.unknown(),
          summary.faults(),
          summary.fingerprint());
      System.exit(0);
    } catch (Simulation.Violation e) {
      System.out.println("VIOLATION: " + e.getMessage());
      System.exit(4);
    }
  }
}
