package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Write;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** O_APPEND: what one call wrote stays together, and the handle knows where it went. */
class AppendTest {

  private static final Set<OpenFlag> APPEND =
      EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT, OpenFlag.O_APPEND);
  private static final int BLOCK_BYTES = 64 << 10;

  private StandIn cluster;
  private SandstoreClient client;

  @BeforeEach
  void start() throws Exception {
    cluster = new StandIn(1);
    client =
        new SandstoreClient(
            JvmHost.create(16), ClientConfig.of(cluster.seeds()).withBlockBytes(BLOCK_BYTES));
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    cluster.close();
  }

  private static byte[] random(int bytes) {
    byte[] all = new byte[bytes];
    new Random(bytes).nextBytes(all);
    return all;
  }

  private static int length(Write write) {
    return write.getInlineData().size()
        + write.getExtentsList().stream().mapToInt(NewExtent::getLength).sum();
  }

  @Test
  void aRecordNeverSpansTwoCommands() throws Exception {
    int record = 60_000; // no multiple of a block
    byte[] all = random(20 * record);
    try (SandFile file = client.open("/log", APPEND, 0644)) {
      for (int at = 0; at < all.length; at += record) {
        assertThat(file.write(ByteBuffer.wrap(all, at, record))).isEqualTo(record);
      }
    }
    assertThat(cluster.writes()).hasSizeGreaterThan(1);
    assertThat(cluster.writes()).allSatisfy(write -> assertThat(length(write) % record).isZero());
    assertThat(cluster.content("/log")).isEqualTo(all);
  }

  @Test
  void aRecordOfManyBlocksIsOneCommand() throws Exception {
    byte[] record = random(20 * BLOCK_BYTES + 1);
    try (SandFile file = client.open("/log", APPEND, 0644)) {
      file.write(ByteBuffer.wrap(new byte[100]));
      file.write(ByteBuffer.wrap(record));
      file.write(ByteBuffer.wrap(new byte[100]));
    }
    assertThat(cluster.writes())
        .anySatisfy(write -> assertThat(length(write)).isGreaterThanOrEqualTo(record.length));
    byte[] content = cluster.content("/log");
    assertThat(content).hasSize(record.length + 200);
    assertThat(Arrays.copyOfRange(content, 100, 100 + record.length)).isEqualTo(record);
  }

  @Test
  void thePositionIsTheEndOfWhatWasAppended() throws Exception {
    try (SandFile file = client.open("/log", APPEND, 0644)) {
      file.write(ByteBuffer.wrap(new byte[10]));
      cluster.append("/log", new byte[50]); // before ours is there
      file.fsync();
      cluster.append("/log", new byte[7]); // behind ours
      assertThat(file.position()).isEqualTo(60);
      ByteBuffer rest = ByteBuffer.allocate(100);
      assertThat(file.read(rest)).isEqualTo(7);
      assertThat(file.position()).isEqualTo(67);
    }
  }

  @Test
  void thePositionIsKnownBeforeAFlush() throws Exception {
    try (SandFile file = client.open("/log", APPEND, 0644)) {
      cluster.append("/log", new byte[50]);
      file.write(ByteBuffer.wrap(new byte[10]));
      assertThat(file.position()).isEqualTo(60);
      file.write(ByteBuffer.wrap(new byte[10]));
      file.seek(5);
      assertThat(file.position()).isEqualTo(5);
      assertThat(file.read(ByteBuffer.allocate(100))).isEqualTo(65);
    }
  }

  @Test
  void aWriteAtAnOffsetAppendsAndLeavesThePosition() throws Exception {
    try (SandFile file = client.open("/log", APPEND, 0644)) {
      file.write(ByteBuffer.wrap(new byte[10]));
      file.write(ByteBuffer.wrap(new byte[5]), 2);
      assertThat(file.stat().size()).isEqualTo(15);
      assertThat(file.position()).isEqualTo(10);
    }
  }
}
