package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Clock;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Command;
import io.sandstore.wire.Create;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Location;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Write;
import io.sandstore.wire.WriteBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is written slowly is as safe as what is written fast. */
class SlowWriterTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  @Test
  void aFileWrittenOverTwelveMinutesHasEveryLine() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          byte[] first = new byte[80 << 10]; // a block that leaves, and the beginning of another
          byte[] line = "a line\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
          try (SandstoreClient client = CalmCluster.client(host)) {
            try (SandFile file = client.open("/slow", CREATE, 0644)) {
              file.write(ByteBuffer.wrap(first));
              for (int i = 0; i < 74; i++) {
                host.clock().sleep(Duration.ofSeconds(10));
                file.write(ByteBuffer.wrap(line));
              }
            }
            assertThat(client.stat("/slow").size()).isEqualTo(first.length + 74 * line.length);
          }
        });
  }

  @Test
  void whatWasShippedIsSeenByOthersWithinSecondsAndInOrder() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          try (SandstoreClient client = CalmCluster.client(host);
              SandFile file = client.open("/slow", CREATE, 0644)) {
            file.write(ByteBuffer.wrap(new byte[(2 * 64 << 10) + 100]));
            assertThat(client.stat("/slow").size()).isZero();
            host.clock().sleep(Duration.ofSeconds(15));
            assertThat(client.stat("/slow").size()).isEqualTo(2 * 64 << 10);
          }
        });
  }

  @Test
  void anErrorOfTheAgedFlushIsToldByTheNextWriteFsyncAndClose() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          try (SandstoreClient client = CalmCluster.client(host);
              SandstoreClient other = CalmCluster.client(host)) {
            SandFile file = client.open("/slow", CREATE, 0644);
            file.write(ByteBuffer.wrap(new byte[64 << 10]));
            cluster.names().forEach(cluster::kill);
            host.clock().sleep(Duration.ofMinutes(2));
            cluster.names().forEach(cluster::start);
            assertThatThrownBy(() -> file.write(ByteBuffer.wrap(new byte[1])))
                .hasMessageContaining("earlier data was not written");
            assertThatThrownBy(file::fsync).hasMessageContaining("earlier data was not written");
            assertThatThrownBy(file::close).hasMessageContaining("earlier data was not written");
            assertThat(other.stat("/slow").size()).isIn(0L, 64L << 10);
          }
        });
  }

  @Test
  void aBlockThatALivingClientHoldsIsNotCollected() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          Raw raw = new Raw(host);
          long inode = raw.create("/held");
          WriteBlockReply held = raw.block();
          for (int i = 0; i < 100; i++) {
            raw.mutate(
                Command.newBuilder()
                    .setRetainOrphans(
                        RetainOrphans.newBuilder().setHolder(7).setLowestBlock(held.getBlock())));
            host.clock().sleep(LIMIT);
          }
          assertThat(raw.name(inode, held).getFault().getErrno()).isEqualTo(Errno.OK);
          assertThat(raw.attributesSize(inode)).isEqualTo(100);
          raw.close();
        });
  }

  @Test
  void theHoldOfADeadClientEndsAndItsLateWriteIsRefusedForGood() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          Raw raw = new Raw(host);
          long inode = raw.create("/held");
          WriteBlockReply held = raw.block();
          raw.mutate(
              Command.newBuilder()
                  .setRetainOrphans(
                      RetainOrphans.newBuilder().setHolder(7).setLowestBlock(held.getBlock())));
          host.clock().sleep(Duration.ofMinutes(15));
          assertThat(raw.name(inode, held).getFault().getErrno()).isEqualTo(Errno.ESTALE);
          assertThat(cluster.inspections())
              .allMatch(node -> node.namespace().blockFloor() > held.getBlock());
          raw.close();
        });
  }

  /** A client that says exactly what a test wants said. */
  private static final class Raw {
    private final Clock clock;
    private final RpcClient peer;

    Raw(Host host) {
      this.clock = host.clock();
      this.peer = new RpcClient(host, "sandstore-0:9070", Hello::getDefaultInstance);
    }

    Outcome mutate(Command.Builder command) throws IOException, InterruptedException {
      Header.Builder request =
          Header.newBuilder().setMutate(Mutate.newBuilder().setCommand(command));
      try (Frame answer = peer.call(request, clock.deadline(LIMIT))) {
        return answer.header().getOutcome();
      }
    }

    long create(String path) throws IOException, InterruptedException {
      Create create = Create.newBuilder().setLocation(Location.newBuilder().setPath(path)).build();
      return mutate(Command.newBuilder().setCreate(create)).getAttributes().getInode();
    }

    WriteBlockReply block() throws IOException, InterruptedException {
      Header.Builder request = Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance());
      try (Frame answer =
          peer.call(
              peer.bulkLane(), request, ByteBuffer.wrap(new byte[100]), clock.deadline(LIMIT))) {
        return answer.header().getWriteBlockReply();
      }
    }

    /** Makes a block part of a file. */
    Outcome name(long inode, WriteBlockReply block) throws IOException, InterruptedException {
      NewExtent extent =
          NewExtent.newBuilder()
              .setBlock(block.getBlock())
              .setLength(100)
              .setWhere(block.getWhere())
              .build();
      return mutate(
          Command.newBuilder().setWrite(Write.newBuilder().setInode(inode).addExtents(extent)));
    }

    long attributesSize(long inode) throws IOException, InterruptedException {
      return mutate(Command.newBuilder().setWrite(Write.newBuilder().setInode(inode)))
          .getAttributes()
          .getSize();
    }

    void close() {
      peer.close();
    }
  }
}
