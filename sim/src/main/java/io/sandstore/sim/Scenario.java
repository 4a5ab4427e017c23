package io.sandstore.sim;

import io.sandstore.replication.Profile;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;

/**
 * What kind of run a seed makes: how many nodes, which weather, and which faults how often. Most
 * seeds leave some faults out and have others often, which finds more than all of them always
 * (swarm testing, Groce et al., ISSTA 2012).
 *
 * @param nodes members of the cluster
 * @param snapshotBytes log after which a node takes a snapshot
 * @param clockSpread how much faster the fastest clock runs than the slowest; within what is
 *     promised, up to 0.1
 * @param crashRate chance of a crash at any change of a disk
 * @param forceNanos how long a force takes at most
 * @param thinkNanos how long a client waits between two operations at most
 * @param faultNanos how long it is from one fault to the next at most
 * @param lateness chance that a message of the log comes minutes late
 * @param streamBreaks chance that the link breaks behind a piece of a snapshot
 * @param slowWriter whether a writer that takes its time comes when everything has healed
 * @param losesAllLogs whether all logs are lost in the end, which nothing survives
 * @param rolls whether nodes begin as an older build and are rolled up and down
 * @param weights how often each fault comes, relative to the others
 */
record Scenario(
    int nodes,
    long snapshotBytes,
    double clockSpread,
    double crashRate,
    long forceNanos,
    long thinkNanos,
    long faultNanos,
    long delayNanos,
    double loss,
    double duplication,
    double lateness,
    double streamBreaks,
    boolean slowWriter,
    boolean losesAllLogs,
    boolean rolls,
    Map<Fault, Integer> weights) {

  private static final long MILLI = 1_000_000;

  /** What must be so for a fault to be survived. */
  private enum Needs {
    NOTHING,

    /** The profile promises that what a process had is there when it comes back. */
    RESTART,

    /** There are other members to make up for it. */
    OTHERS
  }

  /** What can go wrong, with how often it does in a run that leaves nothing out. */
  enum Fault {
    KILL(4, Needs.RESTART),
    POWER_LOSS_OF_ONE(2, Needs.RESTART),
    POWER_LOSS_OF_ALL(1, Needs.RESTART),
    CRASH_BETWEEN_STEPS(3, Needs.RESTART),
    CRASH_OF_ALL_BETWEEN_STEPS(2, Needs.RESTART),
    PARTITION(4, Needs.NOTHING),
    ISOLATED_PRIMARY_WITH_A_TAIL(2, Needs.OTHERS),
    PAUSE(2, Needs.NOTHING),
    SLOW_NODE(2, Needs.NOTHING),
    TRANSFER(3, Needs.OTHERS),
    STOP(2, Needs.RESTART),
    CLOCK_JUMP(2, Needs.NOTHING),
    BLOCK_DAMAGE(2, Needs.OTHERS),
    LOG_DAMAGE(2, Needs.OTHERS),
    LATENT_DAMAGE(2, Needs.OTHERS),
    LOST_SNAPSHOT(1, Needs.OTHERS),
    WIPE(2, Needs.OTHERS),
    FAILING_FORCE(2, Needs.RESTART),
    FAILING_READ(2, Needs.RESTART),
    FULL_DISK(2, Needs.NOTHING),
    NO_INODES(2, Needs.NOTHING);

    final int standard;
    private final Needs needs;

    Fault(int standard, Needs needs) {
      this.standard = standard;
      this.needs = needs;
    }
  }

  static Scenario of(Random random) {
    int[] sizes = {3, 3, 3, 3, 3, 3, 3, 5, 5, 7};
    Map<Fault, Integer> weights = new EnumMap<>(Fault.class);
    for (Fault fault : Fault.values()) {
      int[] share = {0, 1, 1, 4};
      weights.put(fault, fault.standard * share[random.nextInt(share.length)]);
    }
    return new Scenario(
        sizes[random.nextInt(sizes.length)],
        (4L + random.nextInt(random.nextBoolean() ? 12 : 92)) << 10,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.1 : 0,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.002 : 0,
        random.nextInt(3) == 0 ? random.nextLong(8 * MILLI) : 0,
        random.nextInt(4) == 0 ? 0 : random.nextLong(200 * MILLI),
        (500L + random.nextInt(4000)) * MILLI,
        (1L + random.nextInt(random.nextBoolean() ? 3 : 40)) * MILLI,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.03 : 0,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.05 : 0,
        random.nextInt(3) == 0 ? 0.001 : 0,
        random.nextInt(3) == 0 ? 0.1 : 0,
        random.nextInt(16) == 0,
        random.nextInt(16) == 0,
        random.nextInt(3) == 0,
        Map.copyOf(weights));
  }

  /** The same as far as nodes of this profile, as many as it can have, promise to survive it. */
  Scenario within(Profile profile) {
    int most = Math.min(nodes, profile.membersMax());
    boolean restarts = profile.survivesRestart();
    Map<Fault, Integer> survived = new EnumMap<>(weights);
    survived
        .keySet()
        .removeIf(
            fault ->
                (fault.needs == Needs.OTHERS && most == 1)
                    || (fault.needs != Needs.NOTHING && !restarts));
    survived.merge(restarts ? Fault.KILL : Fault.PAUSE, 1, Integer::sum); // one at least
    return new Scenario(
        most,
        snapshotBytes,
        clockSpread,
        restarts ? crashRate : 0,
        forceNanos,
        thinkNanos,
        faultNanos,
        delayNanos,
        loss,
        duplication,
        lateness,
        streamBreaks,
        slowWriter,
        restarts && losesAllLogs,
        restarts && rolls,
        Map.copyOf(survived));
  }

  Fault pick(Random random) {
    int total = weights.values().stream().mapToInt(Integer::intValue).sum();
    int at = random.nextInt(total);
    for (Fault fault : Fault.values()) {
      at -= weights.getOrDefault(fault, 0);
      if (at < 0) {
        return fault;
      }
    }
    throw new IllegalStateException("weights changed meanwhile");
  }
}
