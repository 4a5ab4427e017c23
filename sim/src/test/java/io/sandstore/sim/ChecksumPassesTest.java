package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.StoreBlock;
import io.sandstore.wire.WriteBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** How often each byte of a block goes through a checksum, by process. One more is a choice. */
class ChecksumPassesTest {

  private static final int BLOCK = 4 << 20;
  private static final Hello NODE = Hello.newBuilder().setFrom("sandstore-1").build();
  private static final Set<OpenFlag> CREATE = Set.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> READ = Set.of(OpenFlag.O_RDONLY);

  /** Bytes that went through a checksum. */
  private final Map<String, Long> summed = new TreeMap<>();

  private final CalmCluster cluster =
      new CalmCluster(
          Map.of("SANDSTORE_SCRUB_MS", "1000000"), // which reads, too
          name ->
              new Telemetry.None() {
                @Override
                public void summed(int bytes) {
                  summed.merge(name, (long) bytes, Long::sum);
                }
              });

  private static SandstoreClient client(Host host) {
    return new SandstoreClient(host, ClientConfig.of(CalmCluster.seeds()).withBlockBytes(BLOCK));
  }

  private static byte[] content() {
    byte[] content = new byte[BLOCK];
    new Random(1).nextBytes(content);
    return content;
  }

  private static void write(SandstoreClient client) throws Exception {
    try (SandFile file = client.open("/block", CREATE, 0644)) {
      file.write(ByteBuffer.wrap(content()));
    }
  }

  private static ByteBuffer read(SandstoreClient client) throws Exception {
    try (SandFile file = client.open("/block", READ, 0)) {
      ByteBuffer all = ByteBuffer.allocate(BLOCK);
      while (all.hasRemaining() && file.read(all) >= 0) {
        // On.
      }
      return all.flip();
    }
  }

  /** Of one block. */
  private Map<String, Long> passes() {
    Map<String, Long> passes = new TreeMap<>();
    summed.forEach((name, bytes) -> passes.put(name, (bytes + BLOCK / 2) / BLOCK));
    return passes;
  }

  @Test
  void theWriterSumsABlockOnceAndEachHolderChecksItOnce() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = client(host)) {
            write(client);
            assertThat(passes())
                .isEqualTo(
                    Map.of("client", 1L, "sandstore-0", 1L, "sandstore-1", 1L, "sandstore-2", 1L));
          }
        });
  }

  @Test
  void onlyTheReaderChecksABlock() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = client(host)) {
            write(client);
            summed.clear();
            assertThat(read(client)).isEqualTo(ByteBuffer.wrap(content()));
            assertThat(passes()).isEqualTo(Map.of("client", 1L));
          }
        });
  }

  /** As the client and the nodes of the release before send it: the nodes make the sums. */
  @Test
  void aBlockWithoutChecksumsIsStoredAndReadAlike() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          ByteBuffer content = ByteBuffer.wrap(content());
          Deadline deadline = host.clock().deadline(Duration.ofSeconds(30));
          Header.Builder write = Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance());
          Header.Builder store =
              Header.newBuilder()
                  .setBlockCall(StoreBlock.newBuilder().setBlock(1L << 40).build().toByteString());
          RpcClient node = new RpcClient(host, "sandstore-0:9070", Hello::getDefaultInstance);
          long block;
          try (Frame answer = node.call(node.bulkLane(), write, content.duplicate(), deadline)) {
            block = answer.header().getWriteBlockReply().getBlock();
          }
          RpcClient asNode = new RpcClient(host, "sandstore-0:9070", () -> NODE);
          asNode.call(asNode.bulkLane(), store, content.duplicate(), deadline).close();
          asNode.close();
          for (long id : List.of(block, 1L << 40)) {
            try (Frame answer = readChunks(node, id, deadline)) {
              assertThat(answer.payload()).isEqualTo(content);
              assertThat(answer.header().getReadBlockReply().getChunkCrcsList())
                  .isEqualTo(ChunkSums.of(content, Telemetry.NONE).crcs());
            }
          }
          node.close();
        });
  }

  private static Frame readChunks(RpcClient node, long block, Deadline deadline)
      throws IOException, InterruptedException {
    Header.Builder read =
        Header.newBuilder()
            .setReadBlock(
                ReadBlock.newBuilder().setBlock(block).setLength(BLOCK).setUnchecked(true));
    return node.call(node.bulkLane(), read, Frame.NO_PAYLOAD, deadline);
  }

  /** The sums are the client's, so that no node can take damaged bytes for whole ones. */
  @Test
  void aBlockThatChangedAfterTheClientSummedItIsRefusedByTheFirstNode() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          ByteBuffer content = ByteBuffer.wrap(content());
          ChunkSums sums = ChunkSums.of(content, Telemetry.NONE);
          content.put(BLOCK - 1, (byte) ~content.get(BLOCK - 1));
          Header.Builder write =
              Header.newBuilder()
                  .setWriteBlock(WriteBlock.getDefaultInstance())
                  .setChunkBytes(sums.chunkBytes())
                  .addAllChunkCrcs(sums.crcs());
          Deadline deadline = host.clock().deadline(Duration.ofSeconds(30));
          RpcClient node = new RpcClient(host, "sandstore-0:9070", Hello::getDefaultInstance);
          assertThatThrownBy(() -> node.call(node.bulkLane(), write, content, deadline))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN))
              .hasMessageContaining("is damaged");
          assertThat(passes()).isEqualTo(Map.of("sandstore-0", 1L));
          node.close();
        });
  }

  /** The sums that it checks by, and stores, are the client's: from the other's disk. */
  @Test
  void aNodeThatLacksABlockChecksItOnceAndTheOneThatHasItDoesNot() throws Exception {
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          cluster.kill("sandstore-2");
          try (SandstoreClient client = client(host)) {
            write(client);
          }
          summed.clear();
          cluster.start("sandstore-2");
          cluster.awaitAll(host);
          while (cluster.inspect("sandstore-2").blocks().health().blocks() == 0) {
            host.clock().sleep(Duration.ofMillis(50));
          }
          assertThat(passes()).isEqualTo(Map.of("sandstore-2", 1L));
        });
  }
}
