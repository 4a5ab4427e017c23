package io.sandstore.raft;

import static io.sandstore.raft.Counter.add;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmClock;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three Raft members on real disks and threads; messages are handed over directly. */
class RaftDriverTest {

  /** A log and what it drives. */
  private record Replica(CommandLog log, Counter counter) {}

  private final Clock clock = new JvmClock();

  private Deadline soon() {
    return clock.deadline(Duration.ofSeconds(30));
  }

  private interface Attempt<T> {
    T run(CommandLog leader) throws IOException, InterruptedException;
  }

  /** On whoever leads; there may be nobody for a while. */
  private <T> T onLeader(Attempt<T> attempt) throws Exception {
    Deadline deadline = soon();
    while (true) {
      for (Replica replica : replicas) {
        if (replica.log.coordinates()) {
          try {
            return attempt.run(replica.log);
          } catch (PosixException e) {
            assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY);
          }
        }
      }
      assertThat(deadline.passed()).as("nobody leads").isFalse();
      clock.sleep(Duration.ofMillis(5));
    }
  }

  @TempDir Path directory;
  private final Map<String, RaftDriver> drivers = new ConcurrentHashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
    replicas.clear();
    Host host = JvmHost.create(2);
    Configuration founders =
        Configurations.founders(List.of(member(11, "a"), member(12, "b"), member(13, "c")));
    for (Member member : founders.getMembersList()) {
      Counter counter = new Counter();
      RaftDriver driver =
          new RaftDriver(
              host,
              new FileDisk(directory.resolve(member.getName())),
              Timing.standard(),
              new RaftDriver.Sizes(64 << 10, 4 << 10),
              member.getId(),
              founders,
              counter,
              new Direct());
      drivers.put(member.getName(), driver);
      replicas.add(new Replica(driver, counter));
    }
    drivers.values().forEach(RaftDriver::start);
  }

  private static Member member(long id, String name) {
    return Member.newBuilder().setId(id).setName(name).build();
  }

  @AfterEach
  void stop() {
    drivers.values().forEach(RaftDriver::close);
  }

  @Test
  void commandsAreAppliedOnceInOneOrderEverywhere() throws Exception {
    Set<Long> sums = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      sums.add(onLeader(log -> log.propose(add(1), soon())).getValue());
    }
    assertThat(sums).hasSize(50);
    long total = sums.stream().mapToLong(Long::longValue).max().orElseThrow();
    for (Replica replica : replicas) {
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
            Replica here = replicas.stream().filter(r -> r.log == log).findFirst().orElseThrow();
            assertThat(here.counter.sum()).isGreaterThanOrEqualTo(acknowledged);
            return true;
          });
    }
  }

  @Test
  void whoDoesNotLeadRefuses() throws Exception {
    onLeader(log -> log.propose(add(1), soon()));
    for (Replica replica : replicas) {
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
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY));
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
    replicas.getFirst().log.describe(status);
    return status.getSnapshots();
  }

  /** What a restart replays counts, or a member that often restarts replays ever more. */
  @Test
  void aMemberThatOftenRestartsTakesSnapshotsToo() throws Exception {
    for (int restart = 0; restart < 6; restart++) {
      for (int i = 0; i < 30; i++) { // about a quarter of what makes a snapshot due
        onLeader(log -> log.propose(add(1), soon()));
      }
      stop();
      start();
    }
    Deadline deadline = soon();
    SnapshotStore snapshots = new SnapshotStore(new FileDisk(directory.resolve("a")));
    while (snapshots.newest().isEmpty()) {
      assertThat(deadline.passed()).as("no snapshot was taken").isFalse();
      clock.sleep(Duration.ofMillis(5));
    }
  }

  private final class Direct implements Transport {
    @Override
    public void send(String toName, Message message) {
      RaftDriver to = drivers.get(toName);
      if (to != null) {
        String from = Long.toString(message.from());
        to.receive(MessageCodec.decode(MessageCodec.encode(message, "")), from);
      }
    }

    @Override
    public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes)
        throws IOException, InterruptedException {
      return drivers.get(toName).receiveChunk(chunk, bytes);
    }
  }
}
