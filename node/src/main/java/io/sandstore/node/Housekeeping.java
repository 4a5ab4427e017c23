package io.sandstore.node;

import io.sandstore.config.NodeConfig;
import io.sandstore.host.Clock;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.CommandLog;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Command;
import io.sandstore.wire.ExpireLocks;
import io.sandstore.wire.ExpireSessions;
import io.sandstore.wire.RaiseBlockFloor;
import io.sandstore.wire.ReapOrphans;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one node sees to for all now and then: forgets silent clients, removes unlinked files that
 * nobody reads any more, and raises the block floor and the feature level. None of it is needed for
 * safety.
 */
final class Housekeeping {

  private static final Logger log = LoggerFactory.getLogger(Housekeeping.class);
  private static final Duration EVERY = Duration.ofSeconds(5);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  /**
   * A client that has locks says every ten seconds that it is there; after this time without a word
   * they are others'. Clients repeat a request for less, see client.Session.
   */
  private static final Duration LOCKS_KEPT = Duration.ofSeconds(60);

  private record Sample(long atNanos, long nextBlock) {}

  private final Clock clock;
  private final Cluster cluster;
  private final CommandLog commands;
  private final Namespace namespace;
  private final BlockHolds holds;
  private final LevelRaise level;
  private final NodeConfig config;
  private final ArrayDeque<Sample> samples = new ArrayDeque<>();
  private final Age age = new Age();
  private volatile boolean running = true;

  Housekeeping(
      Clock clock,
      Cluster cluster,
      CommandLog commands,
      Namespace namespace,
      BlockHolds holds,
      LevelRaise level,
      NodeConfig config) {
    this.clock = clock;
    this.cluster = cluster;
    this.commands = commands;
    this.namespace = namespace;
    this.holds = holds;
    this.level = level;
    this.config = config;
  }

  /** The cluster's age now, though nothing may have been applied for a while. */
  private final class Age {
    private long knownMs;
    private long knownAtNanos;

    long millis() {
      long known = namespace.ageMs();
      if (known != knownMs) {
        knownMs = known;
        knownAtNanos = clock.nanos();
      }
      return knownMs + Duration.ofNanos(clock.nanos() - knownAtNanos).toMillis();
    }
  }

  void run() {
    while (running) {
      try {
        clock.sleep(min(EVERY, config.orphanGrace().dividedBy(2)));
        if (commands.coordinates()) {
          raiseFloor();
          reapOrphans();
          expireSessions();
          expireLocks();
          level.step();
        } else {
          samples.clear();
          level.forget();
        }
      } catch (IOException e) {
        log.debug("chores will be tried again: {}", e.toString());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  void close() {
    running = false;
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  /** Ids handed out longer ago than the grace were used by now, or never will be, unless held. */
  private void raiseFloor() throws IOException, InterruptedException {
    long now = clock.nanos();
    long interval = config.blockGrace().dividedBy(8).toNanos();
    if (samples.isEmpty() || now - samples.getLast().atNanos() >= interval) {
      long next =
          propose(Command.newBuilder().setAllocateBlocks(AllocateBlocks.newBuilder().setCount(1)));
      samples.addLast(new Sample(now, next));
    }
    Sample oldest = samples.getFirst();
    if (now - oldest.atNanos() >= config.blockGrace().toNanos()) {
      samples.removeFirst();
      long floor = Math.min(oldest.nextBlock(), holds.lowest());
      if (floor > namespace.blockFloor()) {
        propose(
            Command.newBuilder().setRaiseBlockFloor(RaiseBlockFloor.newBuilder().setFloor(floor)));
      }
    }
  }

  private void reapOrphans() throws IOException, InterruptedException {
    long before = age.millis() - config.orphanGrace().toMillis();
    while (namespace.anyOrphanUnusedSince(before)) {
      propose(
          Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(before)));
    }
  }

  private void expireSessions() throws IOException, InterruptedException {
    long before = age.millis() - config.sessionTtl().toMillis();
    if (namespace.anySessionUnusedSince(before)) {
      propose(
          Command.newBuilder()
              .setExpireSessions(ExpireSessions.newBuilder().setUnusedSinceMs(before)));
    }
  }

  private void expireLocks() throws IOException, InterruptedException {
    long before = age.millis() - LOCKS_KEPT.toMillis();
    if (namespace.anyLockUnusedSince(before)) {
      propose(
          Command.newBuilder().setExpireLocks(ExpireLocks.newBuilder().setUnusedSinceMs(before)));
    }
  }

  private long propose(Command.Builder command) throws IOException, InterruptedException {
    return cluster.mutate(command.build(), clock.deadline(LIMIT)).getValue();
  }
}
