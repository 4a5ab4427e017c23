package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Files that share blocks, through a real client. */
class CopyRangeTest {

  private static SandFile open(SandstoreClient client, String path) throws IOException {
    return client.open(path, EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT), 0644);
  }

  private static byte[] content(SandstoreClient client, String path) throws IOException {
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate((int) file.stat().size());
      while (all.hasRemaining() && file.read(all) > 0) {
        // goes on
      }
      return all.array();
    }
  }

  @Test
  void aCopyIsWhatTheFileWasAndOutlivesItWhateverBecomesOfEither() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          byte[] bytes = new byte[300_000];
          new Random(1).nextBytes(bytes);
          try (SandstoreClient client = CalmCluster.client(host)) {
            try (SandFile from = open(client, "/from");
                SandFile to = open(client, "/to")) {
              from.write(ByteBuffer.wrap(bytes)); // not flushed: a copy has it all the same
              assertThat(to.copyFrom(from, 0, 0, Long.MAX_VALUE)).isEqualTo(bytes.length);
              assertThat(to.copyFrom(from, bytes.length, 0, 10)).isZero();
              from.write(ByteBuffer.wrap(new byte[100_000]), 50_000);
              from.fsync();
            }
            assertThat(content(client, "/to")).isEqualTo(bytes);
            client.unlink("/from");
            host.clock().sleep(Duration.ofMinutes(10)); // the blocks of the first are collected
            cluster.restartAll();
            cluster.awaitAll(host);
            assertThat(content(client, "/to")).isEqualTo(bytes);
            try (SandFile to = open(client, "/to")) {
              assertThat(to.copyFrom(to, 0, bytes.length, bytes.length)).isEqualTo(bytes.length);
              assertThatThrownBy(() -> to.copyFrom(to, 0, 10, 20)).hasMessageContaining("overlap");
            }
            byte[] twice = Arrays.copyOf(bytes, 2 * bytes.length);
            System.arraycopy(bytes, 0, twice, bytes.length, bytes.length);
            assertThat(content(client, "/to")).isEqualTo(twice);
          }
        });
  }
}
