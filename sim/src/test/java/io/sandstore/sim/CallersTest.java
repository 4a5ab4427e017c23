package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.node.Inspection;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Adopt;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Join;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.Probe;
import io.sandstore.wire.Query;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.StatFs;
import io.sandstore.wire.StatusRequest;
import io.sandstore.wire.StepAside;
import io.sandstore.wire.StoreBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Who calls is who greeted: nobody else gets what only nodes, or only operators, may ask. */
class CallersTest {

  private static final Hello CLIENT = Hello.getDefaultInstance();
  private static final Hello OPERATOR = Hello.newBuilder().setOperator(true).build();
  private static final long BLOCK = 1L << 40;

  private static Hello node(String name) {
    return Hello.newBuilder().setFrom(name).build();
  }

  private static RpcClient to(Host host, String name, Hello hello) {
    return new RpcClient(host, name + ":9070", () -> hello);
  }

  private static Frame ask(Host host, RpcClient peer, Header.Builder request)
      throws IOException, InterruptedException {
    ByteBuffer payload =
        request.hasBlockCall() ? ByteBuffer.wrap(new byte[] {1, 2, 3}) : Frame.NO_PAYLOAD;
    return peer.call(
        RpcClient.CONTROL, request.clone(), payload, host.clock().deadline(Duration.ofSeconds(5)));
  }

  private static void assertRefused(Host host, RpcClient peer, Header.Builder request) {
    assertThatThrownBy(() -> ask(host, peer, request).close())
        .as(request.toString())
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPROTO));
  }

  private static Header.Builder mutate(Command.Builder command, boolean forwarded) {
    return Header.newBuilder()
        .setMutate(Mutate.newBuilder().setCommand(command).setForwarded(forwarded));
  }

  /** Everything that only nodes ask. */
  private static List<Header.Builder> ofNodes(CalmCluster cluster, String target) {
    Mkdir.Builder mkdir = Mkdir.newBuilder();
    mkdir.getLocationBuilder().setPath("/forwarded");
    return List.of(
        Header.newBuilder()
            .setBlockCall(StoreBlock.newBuilder().setBlock(BLOCK).build().toByteString()),
        Header.newBuilder()
            .setLogCall(
                SnapshotChunk.newBuilder()
                    .setTo(cluster.inspect(target).memberId())
                    .build()
                    .toByteString()),
        Header.newBuilder().setProbe(Probe.getDefaultInstance()),
        Header.newBuilder().setAdopt(Adopt.newBuilder().setClusterId("mine")),
        Header.newBuilder().setJoin(Join.newBuilder().setName("sandstore-1").setMemberId(666)),
        Header.newBuilder()
            .setJoin(Join.newBuilder().setName("sandstore-1").setMemberId(666).setForwarded(true)),
        Header.newBuilder().setReadBlock(ReadBlock.newBuilder().setBlock(BLOCK).setLocal(true)),
        Header.newBuilder()
            .setAsk(
                Ask.newBuilder()
                    .setQuery(Query.newBuilder().setStatFs(StatFs.getDefaultInstance()))
                    .setForwarded(true)),
        mutate(Command.newBuilder().setMkdir(mkdir), true),
        mutate(
            Command.newBuilder().setAllocateBlocks(AllocateBlocks.newBuilder().setCount(1)),
            false));
  }

  private static Header.Builder heartbeat(CalmCluster cluster, String from, String to) {
    RaftMessage message =
        RaftMessage.newBuilder()
            .setType(RaftMessage.Type.HEARTBEAT)
            .setFrom(cluster.inspect(from).memberId())
            .setTo(cluster.inspect(to).memberId())
            .setTerm(1000)
            .build();
    return Header.newBuilder().setLogCast(message.toByteString());
  }

  @Test
  void neitherClientsNorOperatorsAreTakenForNodes() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          Configuration members = cluster.inspect("sandstore-0").namespace().configuration();
          for (String target : cluster.names()) {
            for (Hello hello : List.of(CLIENT, OPERATOR)) {
              RpcClient peer = to(host, target, hello);
              for (Header.Builder request : ofNodes(cluster, target)) {
                assertRefused(host, peer, request);
              }
              peer.close();
            }
          }
          host.clock().sleep(Duration.ofSeconds(5));
          for (Inspection member : cluster.inspections()) {
            assertThat(member.blocks().has(BLOCK)).isFalse();
            assertThat(member.namespace().configuration()).isEqualTo(members);
          }
          try (SandstoreClient client = CalmCluster.client(host)) {
            assertThat(client.readdir("/")).isEmpty();
          }
        });
  }

  @Test
  void aNodeMayAskWhatNodesAsk() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          RpcClient peer = to(host, "sandstore-0", node("sandstore-1"));
          for (Header.Builder request : ofNodes(cluster, "sandstore-0")) {
            try {
              ask(host, peer, request).close();
            } catch (PosixException e) {
              assertThat(e.errno()).as(request.toString()).isNotEqualTo(Errno.EPROTO);
            }
          }
          peer.close();
        });
  }

  @Test
  void onlyANodesMessageGetsToTheLogAndOnlyToTheOneItIsFor() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String primary = cluster.primary(host);
          String target =
              cluster.names().stream().filter(n -> !n.equals(primary)).findFirst().get();
          long epoch = cluster.inspect(target).epoch();
          Header.Builder message = heartbeat(cluster, primary, target);
          for (Hello hello : List.of(CLIENT, OPERATOR)) {
            RpcClient peer = to(host, target, hello);
            peer.cast(RpcClient.LOG, message.build());
            assertRefused(host, peer, message);
            peer.close();
          }
          RpcClient peer = to(host, target, node(primary));
          peer.cast(RpcClient.LOG, message.clone().setLog(1).build());
          peer.cast(
              RpcClient.LOG,
              Header.newBuilder().setLogCast(ByteString.copyFromUtf8("nonsense")).build());
          peer.cast(
              RpcClient.LOG, Header.newBuilder().setProbe(Probe.getDefaultInstance()).build());
          host.clock().sleep(Duration.ofSeconds(3));
          assertThat(cluster.inspect(target).epoch()).isEqualTo(epoch);

          peer.cast(RpcClient.LOG, message.build());
          host.clock().sleep(Duration.ofSeconds(1));
          assertThat(cluster.inspect(target).epoch()).isGreaterThanOrEqualTo(1000);
          peer.close();
        });
  }

  @Test
  void aRequestForALogThatThisNodeDoesNotHaveIsRefused() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          RpcClient peer = to(host, "sandstore-0", node("sandstore-1"));
          for (Header.Builder request : ofNodes(cluster, "sandstore-0")) {
            assertRefused(host, peer, request.setLog(1));
            assertRefused(host, peer, request.setLog(-1));
          }
          peer.close();
        });
  }

  @Test
  void onlyOperatorsTellANodeToStepAside() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String primary = cluster.primary(host);
          Header.Builder move = Header.newBuilder().setStepAside(StepAside.getDefaultInstance());
          RpcClient client = to(host, primary, CLIENT);
          assertRefused(host, client, move);
          client.close();
          RpcClient other = to(host, primary, node("sandstore-" + (primary.endsWith("0") ? 1 : 0)));
          assertRefused(host, other, move);
          other.close();
          assertThat(cluster.primary(host)).isEqualTo(primary);
          RpcClient operator = to(host, primary, OPERATOR);
          ask(host, operator, move).close();
          operator.close();
          assertThat(cluster.inspect(primary).coordinates()).isFalse();
        });
  }

  @Test
  void aNodeThatIsOnNoListOrHasThisOnesNameIsNotLetIn() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          Header.Builder status =
              Header.newBuilder().setStatusRequest(StatusRequest.getDefaultInstance());
          for (String name : List.of("sandstore-9", "sandstore-0")) {
            RpcClient peer = to(host, "sandstore-0", node(name));
            assertThatThrownBy(() -> ask(host, peer, status).close())
                .isInstanceOf(PosixException.class)
                .hasMessageContaining(name);
            peer.close();
          }
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
          }
        });
  }
}
