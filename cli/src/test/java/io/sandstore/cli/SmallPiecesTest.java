package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files written in small pieces, on real processes. {@code -Dpieces.appends=30000
 * -Dpieces.overwrites=10000 -Dpieces.merged=false} prints the figures of a release that does not
 * merge.
 */
@Tag("slow")
class SmallPiecesTest {

  private static final int APPENDS = Integer.getInteger("pieces.appends", 2000);
  private static final int OVERWRITES = Integer.getInteger("pieces.overwrites", 500);
  private static final boolean MERGED =
      Boolean.parseBoolean(System.getProperty("pieces.merged", "true"));
  private static final int READS = 200;
  private final Random random = new Random(1);

  @Test
  void smallPiecesBecomeFewFilesAndAreReadAsFast(@TempDir Path directory) throws Exception {
    Map<String, String> settings =
        Map.of("SANDSTORE_SNAPSHOT_MB", "64", "SANDSTORE_SEGMENT_MB", "16");
    try (TestCluster cluster = new TestCluster(directory, settings);
        SandstoreClient client = cluster.client()) {
      Path disk = directory.resolve(cluster.nodes.names().getFirst());
      byte[] log = append(client);
      figures("appended", client, disk, "/log", log);
      byte[] db = overwrite(client);
      figures("overwritten", client, disk, "/db", db);
      if (MERGED) {
        FaultsTest.await(() -> blocks(disk) <= 40);
        figures("appended, merged", client, disk, "/log", log);
        figures("overwritten, merged", client, disk, "/db", db);
      }
    }
  }

  private byte[] append(SandstoreClient client) throws IOException {
    byte[] bytes = TestCluster.content(1, APPENDS * 100);
    long begin = System.nanoTime();
    EnumSet<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_APPEND);
    try (SandFile file = client.open("/log", flags, 0644)) {
      for (int at = 0; at < bytes.length; at += 100) {
        file.write(ByteBuffer.wrap(bytes, at, 100));
        file.fsync();
      }
    }
    System.out.printf("%d appends of 100 B: %.1f s%n", APPENDS, seconds(begin));
    return bytes;
  }

  private byte[] overwrite(SandstoreClient client) throws IOException {
    byte[] bytes = TestCluster.content(2, 10 << 20);
    TestCluster.write(client, "/db", bytes);
    long begin = System.nanoTime();
    try (SandFile file = client.open("/db", EnumSet.of(OpenFlag.O_WRONLY), 0)) {
      for (int i = 0; i < OVERWRITES; i++) {
        int at = random.nextInt(bytes.length);
        bytes[at]++;
        file.write(ByteBuffer.wrap(bytes, at, 1), at);
        file.fsync();
      }
    }
    System.out.printf("%d overwrites of 1 B: %.1f s%n", OVERWRITES, seconds(begin));
    return bytes;
  }

  private void figures(String what, SandstoreClient client, Path disk, String path, byte[] expected)
      throws Exception {
    long begin = System.nanoTime();
    assertThat(TestCluster.read(client, path)).isEqualTo(expected);
    double rate = expected.length / 1e6 / seconds(begin);
    begin = System.nanoTime();
    try (SandFile file = client.open(path, TestCluster.READ, 0)) {
      for (int i = 0; i < READS; i++) {
        file.read(ByteBuffer.allocate(4096), random.nextInt(expected.length - 4096));
      }
    }
    System.out.printf(
        "%s: %d files and %s KiB on a disk, read at %.1f MB/s, %.2f ms a read of 4 KiB%n",
        what, blocks(disk), kilobytes(disk), rate, seconds(begin) * 1000 / READS);
  }

  private static double seconds(long begin) {
    return (System.nanoTime() - begin) / 1e9;
  }

  private static long blocks(Path disk) throws IOException {
    return TestCluster.files(disk).stream().filter(f -> f.toString().contains("/blocks/")).count();
  }

  private static String kilobytes(Path disk) throws Exception {
    Process du = new ProcessBuilder("du", "-sk", "--exclude=raft", disk.toString()).start();
    String said = new String(du.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return said.split("\\s", 2)[0];
  }
}
