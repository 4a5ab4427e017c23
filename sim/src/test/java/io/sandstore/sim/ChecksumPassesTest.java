package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** How often each byte of a block goes through a checksum, by process. One more is a choice. */
class ChecksumPassesTest {

  private static final int BLOCK = 4 << 20;
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
}
