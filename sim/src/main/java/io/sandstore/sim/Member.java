package io.sandstore.sim;

import io.sandstore.node.Build;
import io.sandstore.node.Inspection;
import io.sandstore.node.Node;
import io.sandstore.sim.Invariants.Replica;
import java.io.IOException;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** One node of a simulated cluster: its disk and its clocks stay, its process comes and goes. */
final class Member {

  /** Changes after the one of a name that belong to the same change of files, more or less. */
  private static final int STEPS_OF_A_CHANGE = 8;

  final String name;
  final SimDisk disk;
  final SimProcess.Clocks clocks = new SimProcess.Clocks();
  SimProcess process;
  private final Simulation simulation;
  private @Nullable Node node;
  private @Nullable Replica replica;
  private int generation;

  /** Counts down from the last change of a name among the log, the snapshots and the identity. */
  private int stepsLeft;

  /** What the next crash between two steps does; nothing if none is wanted. */
  private @Nullable Runnable crashBetweenSteps;

  /** Until when a disk refuses something, which is a reason for a process to end itself. */
  private long badDiskUntil = Long.MIN_VALUE;

  private boolean wiped;

  /** What its next process is started as. */
  Build build;

  /** When that changed last. */
  long rolledAtNanos = Long.MIN_VALUE / 2;

  /** Whether the log or the snapshot was damaged when this disk's identity was written last. */
  private boolean damagedBeforeIdentity;

  Member(Simulation simulation, String name, Build build) {
    this.simulation = simulation;
    this.name = name;
    this.build = build;
    World world = simulation.world;
    this.disk = new SimDisk(new Random(world.random.nextLong()));
    this.process = new SimProcess(world, name, simulation.network, clocks);
    begin(process);
  }

  void boot() {
    generation++;
    node = null;
    replica = null;
    stepsLeft = 0;
    process = new SimProcess(simulation.world, name, simulation.network, clocks);
    begin(process);
  }

  /** Which of its processes this one is. */
  int generation() {
    return generation;
  }

  Optional<Node> node() {
    return Optional.ofNullable(node).filter(n -> process.alive());
  }

  Optional<Inspection> inspect() {
    return replica().map(Replica::inspection);
  }

  /** What runs, once it is in the cluster. */
  Optional<Replica> replica() {
    Node current = node;
    if (replica == null && current != null) {
      replica = current.inspect().map(i -> new Replica(name, i)).orElse(null);
    }
    return Optional.ofNullable(replica).filter(r -> process.alive());
  }

  /** Something is done to the disk that a process may end itself for, now and a while after. */
  void badDisk(long untilNanos) {
    badDiskUntil = Math.max(badDiskUntil, untilNanos);
  }

  /** True if this disk gave its process a reason to end itself. */
  boolean hadBadDisk() {
    return simulation.world.nowNanos() <= badDiskUntil || disk.isDamaged("");
  }

  void wipe() {
    disk.wipe();
    wiped = true;
  }

  /** True if the identity that this disk has now was made for a reason: told once for each. */
  boolean startedOverForCause() {
    boolean may = wiped || damagedBeforeIdentity;
    wiped = false;
    return may;
  }

  /** Ends the process, by this, between two steps of the next change of files. */
  void crashBetweenSteps(Runnable how) {
    crashBetweenSteps = how;
  }

  /** A crash that has not come yet does not come any more. */
  void crashNoMore() {
    crashBetweenSteps = null;
  }

  private void begin(SimProcess booted) {
    disk.observer = (change, path) -> beforeChange(booted, change, path);
    disk.failsToRead = simulation.failsToRead(this);
    Build started = build;
    booted.host.threads().start("main", () -> main(booted, started));
  }

  private void beforeChange(SimProcess booted, SimDisk.Change change, String path) {
    Random random = simulation.world.random;
    if (change == SimDisk.Change.FORCE && simulation.scenario.forceNanos() > 0) {
      booted.park(random.nextLong(simulation.scenario.forceNanos()));
    }
    if (change == SimDisk.Change.NAME && path.equals("identity")) {
      damagedBeforeIdentity = disk.isDamaged("raft/");
    }
    boolean between = false;
    if (!path.startsWith("blocks")) {
      between = stepsLeft-- > 0;
      if (change == SimDisk.Change.NAME) {
        stepsLeft = STEPS_OF_A_CHANGE;
      }
    }
    Runnable crash = crashBetweenSteps;
    if (between && crash != null && random.nextInt(6) == 0) {
      crashBetweenSteps = null;
      crash.run();
    } else if (simulation.crashesAtAChange()) {
      simulation.fault("crash at a write");
      simulation.powerLoss(this);
    }
    if (!booted.alive()) {
      booted.killSelf();
    }
  }

  private void main(SimProcess booted, Build build) {
    try {
      Node started =
          new Node(
              booted.host,
              disk,
              simulation.config(name),
              simulation::addresses,
              simulation.views(),
              build);
      if (process == booted) {
        node = started;
      }
      started.start();
    } catch (IOException e) {
      booted.host.halt().halt("cannot start: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      booted.host.halt().halt("cannot start: " + e, e);
    }
  }
}
