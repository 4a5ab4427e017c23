package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.Host;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.Header;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Readers of files that others overwrite meanwhile, and of very long ones. */
class ReadTest {

  private static final int BLOCK_BYTES = 64 << 10;
  private static final int BLOCKS = 8;
  private static final Duration LIMIT = Duration.ofSeconds(8);

  private final byte[] content = new byte[BLOCKS * BLOCK_BYTES];
  private StandIn.LeapingClock clock;
  private StandIn cluster;
  private SandstoreClient client;

  @BeforeEach
  void start() throws Exception {
    new Random(1).nextBytes(content);
    cluster = new StandIn(1);
    Host host = JvmHost.create(16);
    clock = new StandIn.LeapingClock(host.clock());
    client =
        new SandstoreClient(
            StandIn.with(host, clock),
            ClientConfig.of(cluster.seeds()).withBlockBytes(BLOCK_BYTES).withTimeout(LIMIT));
    try (SandFile file =
        client.open("/hot", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644)) {
      file.write(ByteBuffer.wrap(content));
    }
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    cluster.close();
  }

  /** Overwrites the file at every n-th request for a block, before it is answered. */
  private void overwriteAtEvery(int nth) {
    AtomicInteger asked = new AtomicInteger();
    cluster.before(
        (node, request) -> {
          if (request.getBodyCase() == Header.BodyCase.READ_BLOCK
              && asked.incrementAndGet() % nth == 0) {
            cluster.overwrite("/hot");
          }
        });
  }

  @Test
  void aReadEndsBehindWhatItCopiedWhenTheRestIsGone() throws Exception {
    overwriteAtEvery(4);
    try (SandFile file = client.open("/hot", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate(content.length);
      assertThat(file.read(all)).isEqualTo(3 * BLOCK_BYTES);
      assertThat(all.position()).isEqualTo(3 * BLOCK_BYTES);
    }
  }

  @Test
  void aReaderGetsThroughAFileThatIsOverwrittenAllTheTime() throws Exception {
    overwriteAtEvery(2);
    try (SandFile file = client.open("/hot", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate(content.length);
      int reads = 0;
      while (all.hasRemaining()) {
        assertThat(file.read(all)).isPositive();
        assertThat(++reads).isLessThanOrEqualTo(2 * BLOCKS);
      }
      assertThat(all.array()).isEqualTo(content);
    }
  }

  private void readInOrder(SandFile file) throws Exception {
    for (int i = 0; i < 2; i++) {
      assertThat(file.read(ByteBuffer.allocate(1000))).isEqualTo(1000);
    }
  }

  @Test
  void aReaderGivesBackWhatItReadAhead() throws Exception {
    try (SandFile first = client.open("/hot", EnumSet.of(OpenFlag.O_RDONLY), 0);
        SandFile second = client.open("/hot", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      readInOrder(first);
      assertThat(first.aheadHeld()).isEqualTo(BLOCKS); // all that there is
      readInOrder(second);
      assertThat(second.aheadHeld()).isEqualTo(BLOCKS / 2); // its share
      clock.leap(ReadAhead.IDLE_AFTER);
      readInOrder(second);
      assertThat(first.aheadHeld()).isZero();
      assertThat(second.aheadHeld()).isEqualTo(BLOCKS);
    }
  }

  @Test
  void aLongReadMayTakeLongerThanOneBlockMay() throws Exception {
    Duration each = LIMIT.multipliedBy(2).dividedBy(BLOCKS); // all blocks: twice the limit
    cluster.before(
        (node, request) -> {
          if (request.getBodyCase() == Header.BodyCase.READ_BLOCK) {
            clock.leap(each);
          }
        });
    try (SandFile file = client.open("/hot", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate(content.length);
      assertThat(file.read(all)).isEqualTo(content.length);
      assertThat(all.array()).isEqualTo(content);
    }
  }

  @Test
  void theNextHoleIsFoundBehindMorePiecesThanOneAnswerHas() throws Exception {
    cluster.answerInPages(3);
    try (SandFile file = client.open("/hot", EnumSet.of(OpenFlag.O_RDWR), 0)) {
      assertThat(file.seekHole(0)).isEqualTo(content.length);
      file.write(ByteBuffer.wrap(content), 2L * content.length);
      assertThat(file.seekHole(0)).isEqualTo(content.length); // with what is pending
      assertThat(file.seekData(content.length)).isEqualTo(2L * content.length);
      assertThat(file.seekHole(2L * content.length + 1)).isEqualTo(3L * content.length);
    }
  }
}
