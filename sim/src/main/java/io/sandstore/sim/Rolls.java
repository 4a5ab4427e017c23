package io.sandstore.sim;

import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Build;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/**
 * Updates of a cluster, from a build that lacks a command to this one, one member after the other,
 * and back again before all are done or after. Once the level has risen the older build must refuse
 * to go on, whereupon the newer one is brought back.
 */
final class Rolls {

  private static final Duration GRACE = Duration.ofSeconds(1);
  static final Build NEWER = new Build(FeatureLevel.newest(), GRACE);
  static final Build OLDER = new Build(FeatureLevel.BASE, GRACE);
  private static final long MILLI = 1_000_000;

  private final Simulation simulation;
  private final World world;
  private final Random random;
  private boolean up = true;

  Rolls(Simulation simulation) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.random = world.random;
  }

  void begin() {
    if (simulation.scenario.rolls()) {
      world.after(random.nextLong(1000 * MILLI), this::next);
    }
  }

  private void next() {
    if (simulation.healing()) {
      return;
    }
    Build wanted = up ? NEWER : OLDER;
    List<Member> others =
        simulation.members().stream().filter(member -> member.build != wanted).toList();
    boolean risen = simulation.level().includes(NEWER.known());
    if (random.nextInt(risen || !up ? 3 : 10) == 0) {
      up = !up; // while all are up, mostly late enough for the level to rise
    }
    if (!others.isEmpty()) {
      roll(others.get(random.nextInt(others.size())), wanted);
    }
    world.after(random.nextLong(2000 * MILLI), this::next);
  }

  private void roll(Member member, Build build) {
    simulation.fault(build == NEWER ? "update" : "rollback");
    member.build = build;
    member.rolledAtNanos = world.nowNanos();
    simulation.kill(member);
  }

  /** True if a member cannot run as what it was started as, and says so. */
  boolean isTooOld(Member member) {
    return simulation.isAbove(member, member.build.known())
        && member.process.haltedBy().contains("knows feature levels up to");
  }

  /** What an operator does whose rollback was refused. */
  void bringBack(Member member) {
    simulation.fault("rollback after the level rose, refused");
    member.build = NEWER;
  }

  /** Too late, if the level has risen. */
  void back(Member member) {
    roll(member, OLDER);
  }

  /** In the end the update goes through. */
  void finish() {
    for (Member member : simulation.members()) {
      if (member.build != NEWER) {
        roll(member, NEWER);
      }
    }
  }
}
