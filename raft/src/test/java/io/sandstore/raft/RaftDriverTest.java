package io.sandstore.raft;

import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Three Raft members on real disks and threads; messages are handed over directly. */
class RaftDriverTest extends CommandLogContract {

  @TempDir Path directory;
  private final Map<String, RaftDriver> drivers = new ConcurrentHashMap<>();
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeEach
  void start() throws IOException {
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

  private final class Direct implements Transport {
    @Override
    public void send(String toName, Message message) {
      RaftDriver to = drivers.get(toName);
      if (to != null) {
        String from = Long.toString(message.from());
        to.receive(MessageCodec.decode(MessageCodec.encode(message)), from);
      }
    }

    @Override
    public void sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes) throws IOException {
      drivers.get(toName).receiveChunk(chunk, bytes);
    }
  }
}
