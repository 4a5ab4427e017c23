package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sandstore.client.SandstoreClient;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.WriteBlock;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * How often a request changes threads, by process: a thread begins, or one that waited (for a
 * message, an answer, a lock, a turn) goes on. One more is a choice.
 */
class HandOversTest {

  private static final int BLOCK = 1 << 20;
  private static final int TIMES = 50;

  private final CalmCluster cluster =
      new CalmCluster(Map.of("SANDSTORE_SCRUB_MS", "1000000", "SANDSTORE_COLLECT_S", "100000"));

  private interface Operation {
    void run(int time) throws Exception;
  }

  /** Of one operation, on average: in the client, in the primary, in the two others together. */
  private Map<String, Double> handOvers(Host host, Operation operation) throws Exception {
    for (int i = 0; i < 10; i++) {
      operation.run(TIMES + i); // connections are open then
    }
    cluster.hurryMessages();
    Map<String, Long> before = counts(host);
    for (int i = 0; i < TIMES; i++) {
      operation.run(i);
    }
    Map<String, Double> each = new TreeMap<>();
    counts(host).forEach((who, count) -> each.put(who, (count - before.get(who)) * 1.0 / TIMES));
    return each;
  }

  private Map<String, Long> counts(Host host) throws InterruptedException {
    String primary = cluster.primary(host);
    Map<String, Long> counts = new TreeMap<>();
    counts.put("client", cluster.handOvers("client"));
    for (String name : cluster.names()) {
      counts.merge(name.equals(primary) ? "primary" : "others", cluster.handOvers(name), Long::sum);
    }
    return counts;
  }

  private static void assertCounts(
      Map<String, Double> counts, double client, double primary, double others) {
    // Ids of blocks come from the log, some thousand at once.
    assertThat(counts.get("client")).as("client, of %s", counts).isCloseTo(client, within(0.5));
    assertThat(counts.get("primary")).as("primary, of %s", counts).isCloseTo(primary, within(0.5));
    assertThat(counts.get("others")).as("others, of %s", counts).isCloseTo(others, within(0.5));
  }

  private void with(Operations operations) throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            operations.run(host, client);
          }
        });
  }

  private interface Operations {
    void run(Host host, SandstoreClient client) throws Exception;
  }

  @Test
  void aStatIsReadFromTheLinkAndAnsweredByOneThreadMore() throws Exception {
    with(
        (host, client) -> {
          client.mkdir("/asked", 0755);
          assertCounts(handOvers(host, time -> client.stat("/asked")), 2, 2, 0);
        });
  }

  @Test
  void aNewNameTakesEightInThePrimaryAndTwoInEachOther() throws Exception {
    with(
        (host, client) ->
            assertCounts(handOvers(host, time -> client.mkdir("/new" + time, 0755)), 2, 8, 4));
  }

  /** With the client's sums, to a node that keeps a copy itself. */
  @Test
  void aBlockOfAMebibyteIsSentToTheTwoOthersByAThreadEach() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String address = cluster.primary(host) + ":9070";
          RpcClient node = new RpcClient(host, address, Hello::getDefaultInstance);
          ByteBuffer content = ByteBuffer.allocate(BLOCK);
          ChunkSums sums = ChunkSums.of(content, Telemetry.NONE);
          Operation write =
              time -> {
                Header.Builder request =
                    Header.newBuilder()
                        .setWriteBlock(WriteBlock.getDefaultInstance())
                        .setChunkBytes(sums.chunkBytes())
                        .addAllChunkCrcs(sums.crcs());
                Deadline deadline = host.clock().deadline(Duration.ofSeconds(30));
                node.call(node.bulkLane(), request, content.duplicate(), deadline).close();
              };
          assertCounts(handOvers(host, write), 2, 11, 4);
          node.close();
        });
  }
}
