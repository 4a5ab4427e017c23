package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three Raft members on real disks and threads; messages are handed over directly. */
class RaftDriverTest extends CommandLogContract {

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

  @Override
  List<Replica> replicas() {
    return replicas;
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
