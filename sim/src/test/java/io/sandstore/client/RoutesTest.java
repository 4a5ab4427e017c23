package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.rpc.Addresses;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcClient;
import io.sandstore.rpc.RpcServer;
import io.sandstore.sim.Simulated;
import io.sandstore.wire.Done;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.NodeAddresses;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which of the addresses that a greeting names a client uses. */
class RoutesTest {

  /** Greets, and does nothing else. */
  private record Node(HelloReply greeting) implements RpcServer.Handler, RpcServer.Requests {
    @Override
    public HelloReply hello(Caller caller, Hello hello) {
      return greeting;
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      return this;
    }

    @Override
    public Reply handle(Header request, ByteBuffer payload, Deadline deadline) {
      return Reply.of(Header.newBuilder().setDone(Done.getDefaultInstance()));
    }

    @Override
    public void receive(Header message) {}
  }

  private static void serve(Host host, String address, String name, String cluster)
      throws Exception {
    new RpcServer(
        host,
        address,
        new Node(HelloReply.newBuilder().setName(name).setClusterId(cluster).build()));
  }

  private static NodeAddresses node(String name, String... addresses) {
    return NodeAddresses.newBuilder().setName(name).addAllAddresses(List.of(addresses)).build();
  }

  private static List<String> addresses(Routes routes) {
    return routes.peers().stream().map(RpcClient::address).toList();
  }

  private static void seek(Host host, Routes routes, NodeAddresses... nodes) throws Exception {
    routes.heard(HelloReply.newBuilder().setClusterId("c").addAllNodes(List.of(nodes)).build());
    host.clock().sleep(Duration.ofMinutes(2));
    routes.seek();
    host.clock().sleep(Duration.ofMinutes(5));
  }

  private static Routes routes(Host host) {
    return new Routes(host, ClientConfig.of("a:1"), Hello::getDefaultInstance);
  }

  @Test
  void onlyAnAddressAtWhichThatNodeOfThatClusterAnswersIsUsed() throws Exception {
    Simulated.run(
        host -> {
          serve(host, "b:1", "b", "another");
          serve(host, "b:2", "x", "c");
          serve(host, "b:3", "b", "c");
          serve(host, "d:1", "d", "another");
          Routes routes = routes(host);
          seek(
              host,
              routes,
              node("a", "a:1"),
              node("b", "b:1", "nobody:1", "b:2", "b:3"),
              node("d", "d:1", "", "nonsense", "d:0"));
          assertThat(addresses(routes)).containsExactly("a:1", "b:3");
          routes.close();
        });
  }

  @Test
  void whoIsNamedNoMoreIsForgottenAndWhoMovedIsFoundAgain() throws Exception {
    Simulated.run(
        host -> {
          serve(host, "b:1", "b", "c");
          serve(host, "d:1", "d", "c");
          Routes routes = routes(host);
          seek(host, routes, node("b", "b:1"), node("d", "d:1"));
          assertThat(addresses(routes)).containsExactly("a:1", "b:1", "d:1");
          seek(host, routes, node("d", "d:2", "d:1"));
          assertThat(addresses(routes)).containsExactly("a:1", "d:1");

          RpcClient moved = routes.peers().getLast();
          serve(host, "d:3", "d", "c");
          routes.heard(
              HelloReply.newBuilder().setClusterId("c").addNodes(node("d", "d:3")).build());
          host.clock().sleep(Duration.ofMinutes(2));
          moved.failed();
          routes.seek();
          host.clock().sleep(Duration.ofMillis(100));
          assertThat(addresses(routes)).containsExactly("a:1", "d:3");
          routes.close();
        });
  }

  @Test
  void aSeedThatHadNoClusterWhenItGreetedIsAskedAgain() throws Exception {
    Simulated.run(
        host -> {
          HelloReply now =
              HelloReply.newBuilder()
                  .setName("a")
                  .setClusterId("c")
                  .addNodes(node("b", "b:1"))
                  .build();
          new RpcServer(host, "a:1", new Node(now));
          serve(host, "b:1", "b", "c");
          Routes routes = routes(host);
          routes.heard(now.toBuilder().clearClusterId().build());
          routes.seek();
          host.clock().sleep(Duration.ofSeconds(1));
          assertThat(addresses(routes)).containsExactly("a:1", "b:1");
          routes.close();
        });
  }

  @Test
  void whenALearnedNodeFailsASeedIsAskedWhereItIsNow() throws Exception {
    Simulated.run(
        host -> {
          HelloReply moved =
              HelloReply.newBuilder()
                  .setName("a")
                  .setClusterId("c")
                  .addNodes(node("b", "b:2"))
                  .build();
          new RpcServer(host, "a:1", new Node(moved));
          serve(host, "b:1", "b", "c");
          serve(host, "b:2", "b", "c");
          Routes routes = routes(host);
          seek(host, routes, node("b", "b:1"));
          assertThat(addresses(routes)).containsExactly("a:1", "b:1");
          RpcClient gone = routes.peers().getLast();
          gone.failed();
          routes.failed(gone);
          routes.seek();
          host.clock().sleep(Duration.ofMillis(100));
          assertThat(addresses(routes)).containsExactly("a:1", "b:2");
          routes.close();
        });
  }

  @Test
  void ofAnotherClusterOnlySeedsStay() throws Exception {
    Simulated.run(
        host -> {
          serve(host, "b:1", "b", "c");
          Routes routes = routes(host);
          seek(host, routes, node("b", "b:1"));
          assertThat(routes.forget(routes.peers().getFirst())).isFalse();
          assertThat(routes.forget(routes.peers().getLast())).isTrue();
          assertThat(addresses(routes)).containsExactly("a:1");
          routes.close();
        });
  }

  @Test
  void aGreetingThatNamesTooManyIsReadSoFar() throws Exception {
    Simulated.run(
        host -> {
          NodeAddresses[] nodes = new NodeAddresses[1000];
          for (int i = 0; i < nodes.length; i++) {
            serve(host, "n" + i + ":1", "n" + i, "c");
            nodes[i] = node("n" + i, "n" + i + ":1");
          }
          Routes routes = routes(host);
          seek(host, routes, nodes);
          assertThat(routes.peers()).hasSize(1 + Addresses.NODES_MAX);
          routes.close();
        });
  }
}
