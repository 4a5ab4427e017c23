package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** A client knows one node at first, and the others by what that one says. */
class LearnedRoutesTest {

  private static SandstoreClient at(Host host, String seed) {
    return new SandstoreClient(
        host, ClientConfig.of(seed + ":9070").withBlockBytes(64 << 10).withInlineBytes(4 << 10));
  }

  /** Who gets the client's commands, from now on. */
  private static Set<String> asked(CalmCluster cluster) {
    Set<String> asked = new TreeSet<>();
    cluster.observe(
        sent -> {
          if (sent.from().name.equals("client") && sent.header().hasMutate()) {
            asked.add(sent.to().name);
          }
        });
    return asked;
  }

  private static String follower(CalmCluster cluster, Host host) throws InterruptedException {
    String primary = cluster.primary(host);
    return cluster.names().stream().filter(n -> !n.equals(primary)).findFirst().orElseThrow();
  }

  @Test
  void aClientWithOneSeedAsksTheOthersAndGoesOnWithoutIt() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String seed = follower(cluster, host);
          try (SandstoreClient client = at(host, seed)) {
            client.mkdir("/a", 0755);
            host.clock().sleep(Duration.ofSeconds(1));
            client.mkdir("/b", 0755);
            Set<String> asked = asked(cluster);
            client.mkdir("/c", 0755);
            assertThat(asked).containsExactly(cluster.primary(host));
            cluster.kill(seed);
            cluster.kill(cluster.primary(host));
            cluster.start(seed.equals("sandstore-0") ? "sandstore-1" : "sandstore-0");
            cluster.start(seed.equals("sandstore-2") ? "sandstore-1" : "sandstore-2");
            client.mkdir("/d", 0755);
          }
        });
  }

  @Test
  void aClientThatReachesNoOtherStaysWithItsSeedUntilItDoes() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String seed = follower(cluster, host);
          cluster.names().stream().filter(n -> !n.equals(seed)).forEach(cluster::cutOff);
          try (SandstoreClient client = at(host, seed)) {
            Set<String> asked = asked(cluster);
            for (int i = 0; i < 50; i++) {
              long begin = host.clock().nanos();
              client.mkdir("/d" + i, 0755);
              assertThat(Duration.ofNanos(host.clock().nanos() - begin))
                  .isLessThan(Duration.ofMillis(500));
              host.clock().sleep(Duration.ofSeconds(1));
            }
            assertThat(asked).containsExactly(seed);
            cluster.heal();
            host.clock().sleep(Duration.ofMinutes(2));
            client.mkdir("/seeks", 0755);
            host.clock().sleep(Duration.ofSeconds(5));
            client.mkdir("/follows", 0755);
            asked.clear();
            client.mkdir("/last", 0755);
            assertThat(asked).containsExactly(cluster.primary(host));
          }
        });
  }

  /** As behind one port for all of them: whoever answers there is not who was meant. */
  @Test
  void anAddressForClientsComesFirstAndIsLeftWhereSomebodyElseAnswers() throws Exception {
    CalmCluster cluster =
        new CalmCluster(Map.of("SANDSTORE_CLIENT_ADDRESS", "sandstore-0:9070,nowhere:1"));
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String seed = follower(cluster, host);
          try (SandstoreClient client = at(host, seed)) {
            client.mkdir("/a", 0755);
            host.clock().sleep(Duration.ofSeconds(3));
            client.mkdir("/b", 0755);
            Set<String> asked = asked(cluster);
            client.mkdir("/c", 0755);
            assertThat(asked).containsExactly(cluster.primary(host));
          }
        });
  }

  @Test
  void aClientThatIsToldSoKeepsToItsSeeds() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String seed = follower(cluster, host);
          Set<String> asked = asked(cluster);
          try (SandstoreClient client =
              new SandstoreClient(host, ClientConfig.of(seed + ":9070").withSeedsOnly())) {
            for (int i = 0; i < 5; i++) {
              client.mkdir("/d" + i, 0755);
              host.clock().sleep(Duration.ofSeconds(1));
            }
          }
          assertThat(asked).containsExactly(seed);
        });
  }
}
