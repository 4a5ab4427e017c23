package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.Header;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One node of three takes connections and requests and says nothing more. */
class SilentNodeTest {

  private static final int BLOCK_BYTES = 64 << 10;
  private static final int BLOCKS = 24;
  private static final String SILENT = "node-1";

  private final byte[] content = new byte[BLOCKS * BLOCK_BYTES];
  private final CountDownLatch wakesUp = new CountDownLatch(1);
  private final AtomicInteger reads = new AtomicInteger();
  private final AtomicInteger writes = new AtomicInteger();
  private StandIn cluster;
  private SandstoreClient client;

  @BeforeEach
  void start() throws Exception {
    new Random(1).nextBytes(content);
    cluster = new StandIn(3);
    client =
        new SandstoreClient(
            JvmHost.create(16), ClientConfig.of(cluster.seeds()).withBlockBytes(BLOCK_BYTES));
  }

  @AfterEach
  void stop() throws Exception {
    wakesUp.countDown();
    client.close();
    cluster.close();
  }

  private void write() throws Exception {
    try (SandFile file = client.open("/file", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0)) {
      file.write(ByteBuffer.wrap(content));
    }
  }

  private byte[] read(int atOnce) throws Exception {
    ByteBuffer all = ByteBuffer.allocate(content.length);
    try (SandFile file = client.open("/file", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      while (all.hasRemaining()) {
        ByteBuffer some = all.slice(all.position(), Math.min(atOnce, all.remaining()));
        all.position(all.position() + file.read(some));
      }
    }
    return all.array();
  }

  private void silence() {
    silence(SILENT);
  }

  private void silence(String silent) {
    cluster.before(
        (node, request) -> {
          if (node.equals(silent)) {
            if (request.getBodyCase() == Header.BodyCase.READ_BLOCK) {
              reads.incrementAndGet();
            } else if (request.getBodyCase() == Header.BodyCase.WRITE_BLOCK) {
              writes.incrementAndGet();
            }
            wakesUp.await();
          }
        });
  }

  @Test
  void aSilentHolderIsAskedForOneBlockAndNotForEach() throws Exception {
    write();
    silence();
    assertThat(read(content.length)).isEqualTo(content);
    assertThat(reads.get()).isLessThanOrEqualTo(1);
  }

  @Test
  void aSilentHolderIsAskedForWhatIsOnItsWayAndNotForMore() throws Exception {
    write();
    silence();
    assertThat(read(BLOCK_BYTES / 2)).isEqualTo(content); // in order: read ahead of
    assertThat(reads.get()).isLessThanOrEqualTo(8);
  }

  @Test
  void aSilentNodeIsSentWhatIsOnItsWayAndNotMore() throws Exception {
    silence();
    write();
    assertThat(cluster.content("/file")).isEqualTo(content);
    assertThat(writes.get()).isLessThanOrEqualTo(4);
  }

  @Test
  void aNodeThatLeftAQuestionUnansweredIsSentNoBlocks() throws Exception {
    write(); // over links that stay open
    silence("node-0"); // whom the next question goes to
    write();
    assertThat(cluster.content("/file")).isEqualTo(content);
    assertThat(writes.get()).isZero();
  }

  @Test
  void aNodeThatIsBackIsAskedAgain() throws Exception {
    write();
    silence();
    while (reads.get() == 0) {
      read(content.length);
    }
    wakesUp.countDown();
    int before = reads.get();
    while (reads.get() == before) {
      assertThat(read(content.length)).isEqualTo(content);
    }
  }
}
