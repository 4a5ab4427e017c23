package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.sandstore.host.Crc32c;
import io.sandstore.host.Frame;
import io.sandstore.host.Telemetry;
import io.sandstore.wire.Header;
import io.sandstore.wire.ReadBlockReply;
import io.sandstore.wire.WriteBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/**
 * The sums beside payloads, of all of it or of the chunks of a block: between this release and
 * itself and the one before.
 */
class PayloadsTest {

  private static final int CHUNK = 100;
  private static final int LENGTH = 250;

  private final byte[] bytes = new byte[LENGTH];
  private long summed;
  private final Telemetry telemetry =
      new Telemetry.None() {
        @Override
        public void summed(int bytes) {
          summed += bytes;
        }
      };

  /** What a block travels with. */
  private final List<Supplier<Header.Builder>> blocks =
      List.of(
          () -> Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance()),
          () -> Header.newBuilder().setBlockCall(ByteString.copyFromUtf8("the plane's own")));

  PayloadsTest() {
    new Random(1).nextBytes(bytes);
  }

  private ByteBuffer payload() {
    return ByteBuffer.wrap(bytes.clone());
  }

  private Frame sealed(Header.Builder header) {
    ByteBuffer payload = payload();
    return Frame.of(Payloads.seal(header, payload, telemetry).build(), payload);
  }

  private Frame sealed() {
    return sealed(Header.newBuilder());
  }

  private List<Integer> sums() {
    List<Integer> sums = new ArrayList<>();
    for (int at = 0; at < LENGTH; at += CHUNK) {
      ByteBuffer chunk = ByteBuffer.wrap(bytes, at, Math.min(CHUNK, LENGTH - at));
      sums.add(Crc32c.of(chunk, Telemetry.NONE));
    }
    return sums;
  }

  /** Every header that chunks' sums may come with: those of requests, and that of an answer. */
  private List<Header.Builder> chunked(int chunkBytes, List<Integer> sums) {
    List<Header.Builder> headers = new ArrayList<>();
    for (Supplier<Header.Builder> block : blocks) {
      headers.add(block.get().setChunkBytes(chunkBytes).addAllChunkCrcs(sums));
    }
    headers.add(
        Header.newBuilder()
            .setReadBlockReply(
                ReadBlockReply.newBuilder().setChunkBytes(chunkBytes).addAllChunkCrcs(sums)));
    return headers;
  }

  private void verify(Frame frame) throws IOException {
    Payloads.verify(frame, "n-1", telemetry);
  }

  private void refused(Frame frame) {
    assertThatThrownBy(() -> verify(frame))
        .isInstanceOf(DamagedException.class)
        .hasMessage("payload from n-1 is damaged");
  }

  @Test
  void everyBitOfAPayloadIsChecked() throws Exception {
    verify(sealed());
    for (int bit = 0; bit < 8 * LENGTH; bit++) {
      Frame frame = sealed();
      byte[] payload = frame.payload().array();
      payload[bit / 8] ^= (byte) (1 << bit % 8);
      refused(frame);
    }
  }

  @Test
  void aPayloadThatIsLongerOrShorterThanItsSumSaysIsRefused() {
    Frame frame = sealed();
    frame.payload().limit(LENGTH - 1);
    refused(frame);
    refused(Frame.of(frame.header().toBuilder().clearPayloadCrc().build(), frame.payload()));
  }

  @Test
  void whatHasNoPayloadHasNoSum() throws Exception {
    Header header = Payloads.seal(Header.newBuilder(), Frame.NO_PAYLOAD, telemetry).build();
    assertThat(header.getPayloadCrc()).isZero();
    verify(Frame.of(header));
  }

  @Test
  void theCallersBufferIsLeftAsItWas() throws Exception {
    List<Header.Builder> headers = chunked(CHUNK, sums());
    headers.add(Header.newBuilder());
    for (Header.Builder header : headers) {
      Frame frame = sealed(header);
      verify(frame);
      assertThat(frame.payload().position()).isZero();
      assertThat(frame.payload().remaining()).isEqualTo(LENGTH);
    }
  }

  @Test
  void everyBitOfAChunkIsChecked() throws Exception {
    for (Header.Builder header : chunked(CHUNK, sums())) {
      verify(sealed(header));
      for (int bit = 0; bit < 8 * LENGTH; bit++) {
        Frame frame = sealed(header);
        byte[] payload = frame.payload().array();
        payload[bit / 8] ^= (byte) (1 << bit % 8);
        refused(frame);
      }
    }
  }

  /** From the wire: neither too many sums nor too few, and no size that never ends. */
  @Test
  void sumsThatDoNotFitThePayloadAreRefused() {
    List<Integer> sums = sums();
    List<Integer> more = new ArrayList<>(sums);
    more.add(0);
    List<Header.Builder> headers = new ArrayList<>();
    headers.addAll(chunked(CHUNK, sums.subList(0, 2)));
    headers.addAll(chunked(CHUNK, more));
    headers.addAll(chunked(CHUNK, List.of()));
    headers.addAll(chunked(-1, sums));
    headers.addAll(chunked(Integer.MIN_VALUE, sums));
    headers.addAll(chunked(Integer.MAX_VALUE, sums));
    headers.addAll(chunked(50, sums));
    for (Header.Builder header : headers) {
      refused(sealed(header));
    }
  }

  @Test
  void whatTheReleaseBeforeChecksIsSentWithoutAPassOverTheBytes() {
    for (Header.Builder header : chunked(CHUNK, sums())) {
      assertThat(sealed(header).header().getPayloadCrc())
          .isEqualTo(Crc32c.of(payload(), Telemetry.NONE));
    }
    assertThat(summed).isZero();
  }

  @Test
  void whatTheReleaseBeforeSendsIsCheckedAsThatDoes() throws IOException {
    for (Supplier<Header.Builder> block : blocks) {
      Frame frame = sealed(block.get());
      summed = 0;
      verify(frame);
      assertThat(summed).isEqualTo(LENGTH);
      frame.payload().array()[LENGTH / 2] ^= 1;
      refused(frame);
    }
  }

  @Test
  void aReceiverMakesOnePass() throws IOException {
    for (Header.Builder header : chunked(CHUNK, sums())) {
      summed = 0;
      verify(sealed(header));
      assertThat(summed).isEqualTo(LENGTH);
    }
  }

  /** A sum over what the sender has now would say that all is well. */
  @Test
  void whatChangedInTheMemoryOfANodeBeforeItPassedItOnIsRefused() {
    List<Header.Builder> headers = chunked(CHUNK, sums());
    bytes[LENGTH / 2] ^= 1;
    for (Header.Builder header : headers) {
      refused(sealed(header));
    }
  }
}
