package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Frame;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Query;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Any node is a correct entry, whoever leads. */
class RouterTest {

  private static final Duration LONG = Duration.ofSeconds(20);

  private final SimCluster cluster = new SimCluster(1);

  private static Header.Builder lookup(String path, boolean forwarded) {
    Lookup lookup = Lookup.newBuilder().setLocation(Location.newBuilder().setPath(path)).build();
    return Header.newBuilder()
        .setAsk(
            Ask.newBuilder()
                .setQuery(Query.newBuilder().setLookup(lookup))
                .setForwarded(forwarded));
  }

  /** One request to one node: nobody tries again but the node. Only nodes pass requests on. */
  private Answer ask(String node, Header.Builder request, Duration limit)
      throws IOException, InterruptedException {
    String from = request.getAsk().getForwarded() ? other(node) : "";
    try (RpcClient link = cluster.link(node, from);
        Frame answer = link.call(request, cluster.deadline(limit))) {
      return answer.header().getAnswer();
    }
  }

  private String follower(String primary) {
    return other(primary);
  }

  private static String other(String node) {
    return SimCluster.NAMES.stream().filter(name -> !name.equals(node)).findFirst().orElseThrow();
  }

  @Test
  void everyNodeAnswersForWhatThePrimaryKnows() {
    cluster.inClient(() -> cluster.client.mkdir("/d", 0755));
    cluster.awaitWhole();
    cluster.inClient(
        () -> {
          for (String name : SimCluster.NAMES) {
            assertThat(ask(name, lookup("/d", false), LONG).hasAttributes()).isTrue();
            assertThat(ask(name, lookup("/e", false), LONG).getFault().getErrno())
                .isEqualTo(Errno.ENOENT);
          }
        });
  }

  @Test
  void aRequestWaitsAtItsNodeUntilSomebodyLeads() {
    String primary = cluster.primary();
    cluster.kill(primary);
    cluster.inClient(
        () ->
            assertThat(ask(follower(primary), lookup("/", false), LONG).hasAttributes()).isTrue());
  }

  /** Else two nodes that take each other for the primary would send it back and forth. */
  @Test
  void whatWasForwardedIsNotForwardedAgain() {
    String primary = cluster.primary();
    cluster.inClient(
        () -> {
          assertThatThrownBy(() -> ask(follower(primary), lookup("/", true), LONG))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY));
          assertThat(ask(primary, lookup("/", true), LONG).hasAttributes()).isTrue();
        });
  }

  @Test
  void aNodeWithoutAPrimarySaysSoInTime() {
    String primary = cluster.primary();
    String alone = follower(primary);
    SimCluster.NAMES.forEach(
        other -> {
          cluster.network.cut(alone, other);
          cluster.network.cut(other, alone);
        });
    cluster.inClient(
        () -> {
          cluster.sleep(Duration.ofSeconds(5));
          assertThatThrownBy(() -> ask(alone, lookup("/", false), Duration.ofSeconds(2)))
              .isInstanceOf(IOException.class);
          assertThat(ask(primary, lookup("/", false), LONG).hasAttributes()).isTrue();
        });
  }
}
