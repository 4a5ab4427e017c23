package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Frame;
import io.sandstore.wire.Header;
import io.sandstore.wire.ReadBlockReply;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The sums beside payloads: of all of it, or of the chunks of a block. */
class PayloadsTest {

  private static final int CHUNK = 100;

  private final byte[] bytes = new byte[250];

  PayloadsTest() {
    new Random(1).nextBytes(bytes);
  }

  private Frame sealed() {
    ByteBuffer payload = ByteBuffer.wrap(bytes.clone());
    return Frame.of(Payloads.seal(Header.newBuilder(), payload).build(), payload);
  }

  private Frame chunked(int chunkBytes, List<Integer> sums) {
    ReadBlockReply reply =
        ReadBlockReply.newBuilder().setChunkBytes(chunkBytes).addAllChunkCrcs(sums).build();
    return Frame.of(
        Header.newBuilder().setReadBlockReply(reply).build(), ByteBuffer.wrap(bytes.clone()));
  }

  private List<Integer> sums() {
    List<Integer> sums = new ArrayList<>();
    for (int at = 0; at < bytes.length; at += CHUNK) {
      sums.add(Payloads.crc(ByteBuffer.wrap(bytes, at, Math.min(CHUNK, bytes.length - at))));
    }
    return sums;
  }

  private static void refused(Frame frame) {
    assertThatThrownBy(() -> Payloads.verify(frame, "n-1"))
        .isInstanceOf(DamagedException.class)
        .hasMessage("payload from n-1 is damaged");
  }

  @Test
  void everyBitOfAPayloadIsChecked() throws Exception {
    Payloads.verify(sealed(), "n-1");
    for (int bit = 0; bit < 8 * bytes.length; bit++) {
      Frame frame = sealed();
      byte[] payload = frame.payload().array();
      payload[bit / 8] ^= (byte) (1 << bit % 8);
      refused(frame);
    }
  }

  @Test
  void aPayloadThatIsLongerOrShorterThanItsSumSaysIsRefused() {
    Frame frame = sealed();
    frame.payload().limit(249);
    refused(frame);
    refused(Frame.of(frame.header().toBuilder().clearPayloadCrc().build(), frame.payload()));
  }

  @Test
  void whatHasNoPayloadHasNoSum() throws Exception {
    Header header = Payloads.seal(Header.newBuilder(), Frame.NO_PAYLOAD).build();
    assertThat(header.getPayloadCrc()).isZero();
    Payloads.verify(Frame.of(header), "n-1");
  }

  @Test
  void theCallersBufferIsLeftAsItWas() throws Exception {
    Frame frame = sealed();
    Payloads.verify(frame, "n-1");
    assertThat(frame.payload().position()).isZero();
    assertThat(frame.payload().remaining()).isEqualTo(250);
  }

  @Test
  void everyBitOfAChunkIsChecked() throws Exception {
    Payloads.verify(chunked(CHUNK, sums()), "n-1");
    for (int at = 0; at < bytes.length; at++) {
      Frame frame = chunked(CHUNK, sums());
      byte[] payload = frame.payload().array();
      payload[at] ^= 1;
      refused(frame);
    }
  }

  /** From the wire: neither too many sums nor too few, and no size that never ends. */
  @Test
  void sumsThatDoNotFitThePayloadAreRefused() {
    List<Integer> sums = sums();
    refused(chunked(CHUNK, sums.subList(0, 2)));
    List<Integer> more = new ArrayList<>(sums);
    more.add(0);
    refused(chunked(CHUNK, more));
    refused(chunked(CHUNK, List.of()));
    refused(chunked(-1, sums));
    refused(chunked(Integer.MIN_VALUE, sums));
    refused(chunked(Integer.MAX_VALUE, sums));
    refused(chunked(50, sums));
  }
}
