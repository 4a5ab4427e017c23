package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.ChunkSums;
import io.sandstore.host.Crc32c;
import io.sandstore.host.Frame;
import io.sandstore.host.Telemetry;
import io.sandstore.wire.Header;
import io.sandstore.wire.StoreBlock;
import io.sandstore.wire.WriteBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What checks a payload, between this release and itself and the one before. */
class PayloadsTest {

  private static final int LENGTH = 200_001;

  private final ByteBuffer payload = ByteBuffer.allocate(LENGTH);
  private long summed;
  private final Telemetry telemetry =
      new Telemetry.None() {
        @Override
        public void summed(int bytes) {
          summed += bytes;
        }
      };

  PayloadsTest() {
    new Random(5).nextBytes(payload.array());
  }

  private Header.Builder write() {
    ChunkSums sums = ChunkSums.of(payload, Telemetry.NONE);
    return Header.newBuilder()
        .setWriteBlock(
            WriteBlock.newBuilder().setChunkBytes(sums.chunkBytes()).addAllChunkCrcs(sums.crcs()));
  }

  private Header.Builder store() {
    WriteBlock sums = write().getWriteBlock();
    return Header.newBuilder()
        .setStoreBlock(
            StoreBlock.newBuilder()
                .setBlock(5)
                .setChunkBytes(sums.getChunkBytes())
                .addAllChunkCrcs(sums.getChunkCrcsList()));
  }

  private void flip() {
    payload.put(LENGTH / 2, (byte) ~payload.get(LENGTH / 2));
  }

  private Frame sealed(Header.Builder header) {
    return Frame.of(Payloads.seal(header, payload, telemetry).build(), payload);
  }

  @Test
  void whatTheReleaseBeforeChecksIsSentWithoutAPassOverTheBytes() {
    for (Header.Builder header : List.of(write(), store())) {
      assertThat(sealed(header).header().getPayloadCrc())
          .isEqualTo(Crc32c.of(payload, Telemetry.NONE));
    }
    assertThat(summed).isZero();
  }

  @Test
  void whatTheReleaseBeforeSendsIsCheckedAsThatDoes() throws IOException {
    Header.Builder header = Header.newBuilder().setStoreBlock(StoreBlock.newBuilder().setBlock(5));
    Frame frame = sealed(header);
    summed = 0;
    Payloads.verify(frame, "before", telemetry);
    assertThat(summed).isEqualTo(LENGTH);
    flip();
    assertThatThrownBy(() -> Payloads.verify(frame, "before", telemetry))
        .isInstanceOf(DamagedException.class);
  }

  @Test
  void aReceiverMakesOnePass() throws IOException {
    for (Header.Builder header : List.of(write(), store())) {
      summed = 0;
      Payloads.verify(sealed(header), "client", telemetry);
      assertThat(summed).isEqualTo(LENGTH);
    }
  }

  @Test
  void whatChangedOnTheWireIsRefused() {
    for (Header.Builder header : List.of(write(), store())) {
      Frame frame = sealed(header);
      flip();
      assertThatThrownBy(() -> Payloads.verify(frame, "client", telemetry))
          .isInstanceOf(DamagedException.class);
      flip();
    }
  }

  /** A sum over what the sender has now would say that all is well. */
  @Test
  void whatChangedInTheMemoryOfANodeBeforeItPassedItOnIsRefused() {
    for (Header.Builder header : List.of(write(), store())) {
      flip();
      Frame frame = sealed(header);
      assertThatThrownBy(() -> Payloads.verify(frame, "node", telemetry))
          .isInstanceOf(DamagedException.class);
      flip();
    }
  }
}
