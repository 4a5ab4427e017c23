package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.node.Inspection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Small pieces of files become few larger ones, and nobody can tell. */
class MergeTest {

  private static final Set<OpenFlag> APPEND =
      EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_APPEND);
  private static final int APPENDS = 2000;
  private static final int RECORD = 100;

  private final SimCluster cluster = new SimCluster(1);
  private final Random random = new Random(1);

  private byte[] read(String path, int step) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(1 << 20);
    try (SandFile file = cluster.client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer part = ByteBuffer.allocate(step);
      while (file.read(part) >= 0) {
        all.put(part.flip());
        part.clear();
        if (step < 1 << 16) {
          cluster.sleep(Duration.ofMillis(20)); // so that the file is merged under its reader
        }
      }
    }
    return Arrays.copyOf(all.array(), all.position());
  }

  private long blocksOfEach() {
    return cluster.inspections().stream()
        .mapToLong(i -> i.blocks().health().blocks())
        .max()
        .orElseThrow();
  }

  private boolean merged(long blocks) {
    return blocksOfEach() <= blocks && cluster.whole();
  }

  private void awaitMerged(long blocks) {
    boolean done = cluster.world.run(Duration.ofMinutes(3).toNanos(), () -> merged(blocks));
    assertThat(done).as("%d blocks on each disk, not %d", blocks, blocksOfEach()).isTrue();
  }

  private byte[] appendSmall() throws IOException {
    byte[] bytes = new byte[APPENDS * RECORD];
    random.nextBytes(bytes);
    try (SandFile file = cluster.client.open("/log", APPEND, 0644)) {
      for (int at = 0; at < bytes.length; at += RECORD) {
        file.write(ByteBuffer.wrap(bytes, at, RECORD));
        file.fsync();
      }
    }
    return bytes;
  }

  @Test
  void manySmallAppendsBecomeFewBlocks() {
    byte[][] bytes = new byte[1][];
    FileStat[] before = new FileStat[1];
    cluster.inClient(
        () -> {
          bytes[0] = appendSmall();
          before[0] = cluster.client.stat("/log");
        });
    cluster.inClient(() -> assertThat(read("/log", 1000)).isEqualTo(bytes[0]));
    awaitMerged(10);
    SimCluster.NAMES.forEach(name -> cluster.restart(name, false));
    cluster.inClient(
        () -> {
          assertThat(read("/log", 1 << 16)).isEqualTo(bytes[0]);
          assertThat(cluster.client.stat("/log")).isEqualTo(before[0]);
        });
    cluster.awaitWhole();
  }

  @Test
  void manySmallOverwritesBecomeFewBlocks() {
    byte[] bytes = new byte[500_000];
    random.nextBytes(bytes);
    cluster.inClient(
        () -> {
          try (SandFile file =
              cluster.client.open("/db", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644)) {
            file.write(ByteBuffer.wrap(bytes));
            file.fsync();
            for (int i = 0; i < 1500; i++) {
              int at = random.nextInt(bytes.length);
              bytes[at]++;
              file.write(ByteBuffer.wrap(bytes, at, 1), at);
              file.fsync();
            }
          }
        });
    awaitMerged(10);
    cluster.inClient(() -> assertThat(read("/db", 1 << 16)).isEqualTo(bytes));
  }

  /** What is merged, with the file changing under it all the time, is what it would be without. */
  @Test
  void writersAreNotDisturbed() {
    byte[] bytes = new byte[20_000];
    cluster.inClient(
        () -> {
          try (SandFile file =
              cluster.client.open("/hot", EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT), 0644)) {
            for (int i = 0; i < 1500; i++) {
              int length = 1 + random.nextInt(20);
              int at = random.nextInt(bytes.length - length);
              byte[] part = new byte[length];
              random.nextBytes(part);
              System.arraycopy(part, 0, bytes, at, length);
              file.write(ByteBuffer.wrap(part), at);
              file.fsync();
              if (i % 300 == 0) {
                cluster.sleep(Duration.ofMillis(1500));
                assertThat(read("/hot", 1 << 16))
                    .isEqualTo(Arrays.copyOf(bytes, (int) file.stat().size()));
              }
            }
          }
        });
    assertThat(cluster.inspections().stream().mapToLong(Inspection::mergedPieces).sum())
        .isPositive();
    awaitMerged(10);
    cluster.inClient(
        () ->
            assertThat(read("/hot", 1 << 16))
                .isEqualTo(Arrays.copyOf(bytes, (int) cluster.client.stat("/hot").size())));
  }
}
