package io.sandstore.sim;

import io.sandstore.client.SandstoreClient;
import io.sandstore.node.Inspection;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;

/** The faults of a simulation, one after the other, as often as the {@link Scenario} says. */
final class Mischief {

  private static final long MILLI = 1_000_000;
  private static final long SECOND = 1000 * MILLI;
  private static final long HOUR_MILLIS = 3_600_000;
  private static final int DAMAGE_TRIES = 20;

  private final Simulation simulation;
  private final World world;
  private final Random random;
  private final SimNetwork network;
  private final OpenLoop openLoop;
  private final SandstoreClient operator;

  Mischief(Simulation simulation, OpenLoop openLoop, SandstoreClient operator) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.random = world.random;
    this.network = simulation.network;
    this.openLoop = openLoop;
    this.operator = operator;
  }

  void begin() {
    world.after(1500 * MILLI, this::next);
  }

  private void next() {
    if (!simulation.healing()) {
      make(simulation.scenario.pick(random), any());
      world.after(random.nextLong(simulation.scenario.faultNanos()), this::next);
    }
  }

  private Member any() {
    List<Member> all = simulation.members();
    return all.get(random.nextInt(all.size()));
  }

  private Optional<Member> primary() {
    return simulation.members().stream()
        .filter(m -> m.inspect().map(Inspection::serves).orElse(false))
        .findFirst();
  }

  private void fault(String what) {
    simulation.fault(what);
  }

  private void make(Scenario.Fault fault, Member member) {
    switch (fault) {
      case KILL -> {
        fault("kill");
        simulation.kill(member);
      }
      case POWER_LOSS_OF_ONE -> {
        fault("power loss of one");
        simulation.powerLoss(member);
      }
      case POWER_LOSS_OF_ALL -> {
        fault("power loss of all");
        simulation.members().forEach(simulation::powerLoss);
      }
      case CRASH_BETWEEN_STEPS -> member.crashBetweenSteps(() -> crashBetweenSteps(member));
      case CRASH_OF_ALL_BETWEEN_STEPS ->
          member.crashBetweenSteps(
              () -> {
                fault("power loss of all between two steps");
                simulation.members().forEach(simulation::powerLoss);
              });
      case PARTITION -> {
        fault("partition");
        Optional<Member> primary = primary().filter(p -> p != member);
        if (simulation.readsEverywhere() && primary.isPresent() && random.nextBoolean()) {
          isolateTogether(primary.get(), member);
        } else {
          isolate(member, random.nextBoolean());
        }
        world.after(1 + random.nextLong(8 * SECOND), network::heal);
      }
      case ISOLATED_PRIMARY_WITH_A_TAIL -> primary().ifPresent(this::isolateWithTail);
      case PAUSE -> {
        fault("pause");
        SimProcess process = member.process;
        process.pause();
        world.after(random.nextLong(6 * SECOND), process::resume);
      }
      case SLOW_NODE -> {
        fault("slow node");
        SimProcess process = member.process;
        process.slownessNanos = 1 + random.nextLong(20 * MILLI);
        world.after(random.nextLong(8 * SECOND), () -> process.slownessNanos = 0);
      }
      case TRANSFER -> primary().ifPresent(this::transfer);
      case STOP -> stop(member);
      case CLOCK_JUMP -> jump(member);
      case BLOCK_DAMAGE -> {
        String block =
            member.disk.flipBit(
                path -> path.startsWith("blocks/") && !simulation.invariants.isDamaged(path));
        if (block != null) {
          fault("bit flip in a block");
          simulation.invariants.damaged(block);
        }
      }
      case LOG_DAMAGE -> onceSettled(member, DAMAGE_TRIES, () -> damage(member, true));
      case LATENT_DAMAGE -> onceSettled(member, DAMAGE_TRIES, () -> damage(member, false));
      case LOST_SNAPSHOT -> onceSettled(member, DAMAGE_TRIES, () -> loseSnapshot(member));
      case WIPE -> onceSettled(member, 1, () -> wipe(member));
      case FAILING_FORCE -> failForces(member);
      case FAILING_READ -> {
        fault("failing reads");
        simulation.failReads(member, random.nextDouble() * 0.2);
        member.badDisk(world.nowNanos() + 10 * SECOND);
        world.after(random.nextLong(4 * SECOND), () -> simulation.failReads(member, 0));
      }
      case FULL_DISK -> {
        if (member.inspect().isPresent()) { // without a cluster, there is nothing to go on with
          fault("full disk");
          member.disk.capacityBytes = member.disk.used();
          world.after(
              random.nextLong(4 * SECOND), () -> member.disk.capacityBytes = Simulation.ROOMY);
        }
      }
      case NO_INODES -> {
        if (member.inspect().isPresent()) {
          fault("no inodes left");
          member.disk.capacityFiles = member.disk.files();
          world.after(
              random.nextLong(4 * SECOND), () -> member.disk.capacityFiles = Simulation.ROOMY);
        }
      }
    }
  }

  /** As by kill -9 or by a loss of power, and then by the next crash too, if there is another. */
  private void crashBetweenSteps(Member member) {
    if (random.nextBoolean()) {
      fault("kill between two steps");
      simulation.kill(member);
    } else {
      fault("power loss between two steps");
      simulation.powerLoss(member);
    }
  }

  private void isolate(Member member, boolean bothWays) {
    for (String other : simulation.othersThan(member)) {
      network.cut(member.name, other);
      if (bothWays || random.nextBoolean()) {
        network.cut(other, member.name);
      }
    }
  }

  /** Who reads at the member asks a primary that the others have replaced, if they are enough. */
  private void isolateTogether(Member primary, Member member) {
    for (Member here : List.of(primary, member)) {
      for (String other : simulation.othersThan(here)) {
        if (!other.equals(primary.name) && !other.equals(member.name)) {
          network.cut(here.name, other);
          network.cut(other, here.name);
        }
      }
    }
  }

  /**
   * A primary alone takes many requests that it can never commit, while the others go on; when it
   * is back, its log is longer than what they have, and wrong.
   */
  private void isolateWithTail(Member primary) {
    fault("isolated primary with a tail");
    isolate(primary, true);
    openLoop.burst(primary.name, 20 + random.nextInt(100));
    if (random.nextBoolean()) {
      primary.crashBetweenSteps(() -> crashBetweenSteps(primary));
    }
    world.after(1 + random.nextLong(12 * SECOND), network::heal);
  }

  private void transfer(Member primary) {
    fault("a primary steps aside");
    String to = any().name;
    if (random.nextBoolean()) {
      // The offer is under way when the link breaks: nothing comes of it, for now.
      world.after(
          random.nextLong(100 * MILLI),
          () -> {
            network.cut(primary.name, to);
            network.cut(to, primary.name);
          });
      world.after(random.nextLong(4 * SECOND), network::heal);
    }
    String address = Objects.requireNonNull(simulation.addresses().get(primary.name));
    simulation
        .operator
        .host
        .threads()
        .start(
            "transfer",
            () -> {
              try {
                operator.askToStepAside(address, to);
              } catch (IOException e) {
                // Under faults it may not come about.
              }
            });
  }

  /** As an orderly restart, which may hang for as long as it has reason to. */
  private void stop(Member member) {
    member
        .node()
        .ifPresent(
            node -> {
              fault("stop");
              SimProcess process = member.process;
              process
                  .host
                  .threads()
                  .start(
                      "shutdown",
                      () -> {
                        try {
                          node.shutDown();
                        } catch (IOException e) {
                          // It ends all the same.
                        }
                        if (process == member.process) {
                          simulation.kill(member);
                        }
                        process.killSelf();
                      });
            });
  }

  private void jump(Member member) {
    fault("clock jump");
    long[] hours = {1, 24, 24 * 365};
    long ahead = HOUR_MILLIS * hours[random.nextInt(hours.length)];
    member.clocks.wallMillis = random.nextInt(4) == 0 ? -ahead : ahead;
    world.after(random.nextLong(4 * SECOND), () -> member.clocks.wallMillis = 0);
  }

  /**
   * Damage is promised to be survived while all other members are there and up to date to make up
   * for it, and have not been damaged themselves.
   */
  private void onceSettled(Member member, int tries, Runnable harm) {
    boolean others = simulation.members().stream().noneMatch(m -> m.disk.isDamaged("raft/"));
    if (simulation.settled() && others) {
      harm.run();
    } else if (tries > 1 && !simulation.healing()) {
      world.after(500 * MILLI, () -> onceSettled(member, tries - 1, harm));
    }
  }

  private void damage(Member member, boolean found) {
    String path = member.disk.flipBit(random.nextBoolean() ? "raft/snapshot-" : "raft/log-");
    if (path != null) {
      fault((found ? "bit flip in a " : "latent bit flip in a ") + path.substring(5, 8));
      if (found) {
        simulation.kill(member);
      }
    }
  }

  private void loseSnapshot(Member member) {
    if (member.disk.lose("raft/snapshot-")) {
      fault("lost snapshot");
      simulation.kill(member);
    }
  }

  private void wipe(Member member) {
    fault("wipe");
    simulation.kill(member);
    member.wipe();
  }

  private void failForces(Member member) {
    boolean all = random.nextInt(3) == 0;
    fault(all ? "failing force of all, then power loss" : "failing force");
    List<Member> failing = all ? simulation.members() : List.of(member);
    failing.forEach(m -> m.disk.forceFailure = 0.2);
    failing.forEach(m -> m.badDisk(world.nowNanos() + SECOND));
    world.after(
        500 * MILLI,
        () -> {
          failing.forEach(m -> m.disk.forceFailure = 0);
          if (all && !simulation.healing()) {
            failing.forEach(simulation::powerLoss);
          }
        });
  }
}
