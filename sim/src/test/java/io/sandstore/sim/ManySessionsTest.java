package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.OpenSession;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Nobody is kept out by the sessions of others. */
class ManySessionsTest {

  @Test
  void aClientThatClosesLeavesNoSession() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          for (int i = 0; i < 200; i++) {
            try (SandstoreClient client = CalmCluster.client(host)) {
              client.mkdir("/d" + i, 0755);
            }
          }
          assertThat(cluster.inspect(cluster.primary(host)).namespace().sessionCount()).isZero();
        });
  }

  @Test
  void oneConnectionOpensSixtyFourSessionsAtOnceAndThenOneAMinute() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          RpcClient greedy = new RpcClient(host, "sandstore-0:9070", Hello::getDefaultInstance);
          for (int i = 1; i <= 64; i++) {
            open(greedy, host, i);
          }
          assertThatThrownBy(() -> open(greedy, host, 65))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
          RpcClient another = new RpcClient(host, "sandstore-0:9070", Hello::getDefaultInstance);
          open(another, host, 66);
          host.clock().sleep(Duration.ofMinutes(1));
          open(greedy, host, 67);
          assertThatThrownBy(() -> open(greedy, host, 68)).isInstanceOf(PosixException.class);
          greedy.close();
          another.close();
        });
  }

  private static void open(RpcClient peer, Host host, long nonce)
      throws IOException, InterruptedException {
    Command open =
        Command.newBuilder().setOpenSession(OpenSession.newBuilder().setNonce(nonce)).build();
    Header.Builder request = Header.newBuilder().setMutate(Mutate.newBuilder().setCommand(open));
    try (Frame answer = peer.call(request, host.clock().deadline(Duration.ofSeconds(10)))) {
      assertThat(answer.header().getOutcome().hasFault()).isFalse();
    }
  }
}
