package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.jvm.JvmClock;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.StateMachine;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What every {@link CommandLog} promises, tried on a cluster of them that drive counters. */
abstract class CommandLogContract {

  /** A state machine that adds up: equal sums and counts mean equal histories. */
  static class Counter implements StateMachine {
    long sum;
    long commands;

    @Override
    public synchronized List<Outcome> apply(long index, Batch batch) {
      List<Outcome> outcomes = new ArrayList<>();
      for (Command command : batch.getCommandsList()) {
        sum += command.getAllocateBlocks().getCount();
        commands++;
        outcomes.add(Outcome.newBuilder().setValue(sum).build());
      }
      return outcomes;
    }

    synchronized long sum() {
      return sum;
    }

    @Override
    public void configure(Configuration configuration) {}

    @Override
    public synchronized void restore(InputStream snapshot) throws IOException {
      DataInputStream in = new DataInputStream(snapshot);
      sum = in.readLong();
      commands = in.readLong();
    }

    @Override
    public void force() throws IOException {}

    @Override
    public synchronized Frozen freeze() {
      long frozenSum = sum;
      long frozenCommands = commands;
      return new Frozen() {
        @Override
        public void writeTo(OutputStream out) throws IOException {
          DataOutputStream data = new DataOutputStream(out);
          data.writeLong(frozenSum);
          data.writeLong(frozenCommands);
        }

        @Override
        public void close() {}
      };
    }
  }

  /** A log and what it drives. */
  record Replica(CommandLog log, Counter counter) {}

  final Clock clock = new JvmClock();

  abstract List<Replica> replicas();

  final Deadline soon() {
    return clock.deadline(Duration.ofSeconds(30));
  }

  static Command add(int count) {
    return Command.newBuilder()
        .setAllocateBlocks(AllocateBlocks.newBuilder().setCount(count))
        .build();
  }

  interface Attempt<T> {
    T run(CommandLog leader) throws IOException, InterruptedException;
  }

  /** On whoever leads; there may be nobody for a while. */
  final <T> T onLeader(Attempt<T> attempt) throws Exception {
    Deadline deadline = soon();
    while (true) {
      for (Replica replica : replicas()) {
        if (replica.log.coordinates()) {
          try {
            return attempt.run(replica.log);
          } catch (PosixException e) {
            assertThat(e.errno()).isEqualTo(Errno.NOT_LEADER);
          }
        }
      }
      assertThat(deadline.passed()).as("nobody leads").isFalse();
      clock.sleep(Duration.ofMillis(5));
    }
  }

  @Test
  void commandsAreAppliedOnceInOneOrderEverywhere() throws Exception {
    Set<Long> sums = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      sums.add(onLeader(log -> log.propose(add(1), soon())).getValue());
    }
    assertThat(sums).hasSize(50);
    long total = sums.stream().mapToLong(Long::longValue).max().orElseThrow();
    for (Replica replica : replicas()) {
      Deadline deadline = soon();
      while (replica.counter.sum() != total && !deadline.passed()) {
        clock.sleep(Duration.ofMillis(5));
      }
      assertThat(replica.counter.sum()).isEqualTo(total);
    }
  }

  @Test
  void afterABarrierTheStateHasEverythingAcknowledged() throws Exception {
    for (int i = 0; i < 20; i++) {
      long acknowledged = onLeader(log -> log.propose(add(3), soon())).getValue();
      onLeader(
          log -> {
            log.readBarrier(soon());
            Replica here = replicas().stream().filter(r -> r.log == log).findFirst().orElseThrow();
            assertThat(here.counter.sum()).isGreaterThanOrEqualTo(acknowledged);
            return true;
          });
    }
  }

  @Test
  void whoDoesNotLeadRefuses() throws Exception {
    onLeader(log -> log.propose(add(1), soon()));
    for (Replica replica : replicas()) {
      if (!replica.log.coordinates()) {
        for (Attempt<?> attempt :
            List.<Attempt<?>>of(
                log -> log.propose(add(1), soon()),
                log -> {
                  log.readBarrier(soon());
                  return true;
                })) {
          assertThatThrownBy(() -> attempt.run(replica.log))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_LEADER));
        }
      }
    }
  }

  @Test
  void leadershipIsHandedOver() throws Exception {
    long before = onLeader(log -> log.propose(add(1), soon())).getValue();
    CommandLog former = onLeader(log -> log);
    former.stepAside("", soon());
    assertThat(former.coordinates()).isFalse();
    assertThat(onLeader(log -> log.propose(add(1), soon())).getValue()).isEqualTo(before + 1);
  }

  @Test
  void aLogThatIsSnapshotAndCompactedGoesOn() throws Exception {
    long snapshots = snapshots();
    Deadline deadline = soon();
    while (snapshots() == snapshots) {
      assertThat(deadline.passed()).as("no snapshot was taken").isFalse();
      onLeader(log -> log.propose(add(1), soon()));
    }
    onLeader(log -> log.propose(add(1), soon()));
  }

  private long snapshots() {
    NodeStatus.Builder status = NodeStatus.newBuilder();
    replicas().getFirst().log.describe(status);
    return status.getSnapshots();
  }
}
