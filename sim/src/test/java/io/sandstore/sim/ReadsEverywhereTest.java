package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import io.sandstore.wire.Header;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Profile {@code read}: who is asked what, by whom, and what becomes of one that cannot answer. */
class ReadsEverywhereTest {

  private static final int CLIENTS = 60;

  private final CalmCluster cluster =
      new CalmCluster(
          Map.of(
              "SANDSTORE_PROFILE", "read",
              "SANDSTORE_SCRUB_MS", "1000000",
              "SANDSTORE_COLLECT_S", "100000"));

  /** Frames that came to a node since somebody looked, as far as they are of interest. */
  private final Map<String, Integer> asked = new TreeMap<>();

  private void count(Predicate<Header> interesting, String from) {
    asked.clear();
    cluster.observe(
        sent -> {
          if (interesting.test(sent.header()) && sent.from().name.startsWith(from)) {
            asked.merge(sent.to().name, 1, Integer::sum);
          }
        });
  }

  private static Duration time(Host host, Attempt attempt) throws Exception {
    long begin = host.clock().nanos();
    attempt.run();
    return Duration.ofNanos(host.clock().nanos() - begin);
  }

  private interface Attempt {
    void run() throws Exception;
  }

  @Test
  void manyClientsAskAllNodesAlikeAndNoneOfThemPassesAQueryOn() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          List<SandstoreClient> clients = new ArrayList<>();
          for (int i = 0; i < CLIENTS; i++) {
            SandstoreClient client = CalmCluster.client(host);
            client.stat("/");
            clients.add(client);
          }
          host.clock().sleep(Duration.ofSeconds(1)); // they have met all nodes by then
          count(Header::hasAsk, "client");
          for (SandstoreClient client : clients) {
            client.stat("/");
          }
          assertThat(asked).containsOnlyKeys(cluster.names());
          assertThat(asked.values()).allMatch(count -> count >= CLIENTS / 10);
          count(Header::hasAsk, "sandstore");
          for (SandstoreClient client : clients) {
            client.stat("/");
            client.close();
          }
          assertThat(asked).isEmpty();
        });
  }

  @Test
  void commandsGoToThePrimaryAndAreSeenByTheNextQuery() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          for (int i = 0; i < 10; i++) {
            try (SandstoreClient client = CalmCluster.client(host)) {
              client.mkdir("/first" + i, 0755);
              client.stat("/first" + i);
              count(Header::hasMutate, "");
              for (int k = 0; k < 20; k++) {
                client.mkdir("/first" + i + "/" + k, 0755);
                assertThat(client.readdir("/first" + i)).hasSize(k + 1);
              }
              assertThat(asked).containsOnlyKeys(cluster.primary(host));
              assertThat(asked.get(cluster.primary(host))).isEqualTo(20);
            }
          }
        });
  }

  /** It says so in time, and is left alone for a while. */
  @Test
  void aNodeThatHearsOfNoOtherIsLeftAfterASecond() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          List<SandstoreClient> clients = new ArrayList<>();
          for (int i = 0; i < 6; i++) {
            SandstoreClient client = CalmCluster.client(host);
            client.stat("/");
            clients.add(client);
          }
          String alone =
              cluster.names().stream()
                  .filter(name -> !isPrimary(host, name))
                  .findFirst()
                  .orElseThrow();
          cluster.isolate(alone);
          for (SandstoreClient client : clients) {
            assertThat(time(host, () -> client.stat("/"))).isLessThan(Duration.ofMillis(1500));
            for (int i = 0; i < 20; i++) {
              assertThat(time(host, () -> client.stat("/"))).isLessThan(Duration.ofMillis(500));
            }
            client.close();
          }
        });
  }

  private boolean isPrimary(Host host, String name) {
    try {
      return cluster.primary(host).equals(name);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A client that has nobody else to ask is told nothing, rather than what was true before. */
  @Test
  void aNodeThatHearsOfNoOtherAnswersNothing() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String alone =
              cluster.names().stream()
                  .filter(name -> !isPrimary(host, name))
                  .findFirst()
                  .orElseThrow();
          ClientConfig onlyIt =
              ClientConfig.of(alone + ":9070").withSeedsOnly().withTimeout(Duration.ofSeconds(5));
          try (SandstoreClient client = new SandstoreClient(host, onlyIt)) {
            client.stat("/");
            cluster.isolate(alone);
            assertThat(catchThrowable(client)).hasMessageContaining("no answer in time");
            cluster.heal();
            client.stat("/");
          }
        });
  }

  private static Throwable catchThrowable(SandstoreClient client) {
    return org.assertj.core.api.Assertions.catchThrowable(() -> client.stat("/"));
  }
}
