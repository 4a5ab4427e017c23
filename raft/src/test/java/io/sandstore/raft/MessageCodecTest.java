package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.sandstore.replication.Traffic;
import io.sandstore.wire.Header;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.SnapshotChunk;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What members say, to each other and to those of the release before. */
class MessageCodecTest {

  /** By the release that had these messages in the header itself. */
  private static final String APPEND =
      "82023a0805100b180c20052804300338024009620b08041005180122036f6e65620b08051006180122037477"
          + "6f6a0b73616e6473746f72652d31a00107";

  private static final String CHUNK = "08038a0218080b100c18052028280430643801a001ac02ad0178563412";
  private static final String CHUNK_ANSWER = "08038a020330c801";

  private static Header header(String hex) throws Exception {
    return Header.parseFrom(HexFormat.of().parseHex(hex));
  }

  private static Entry entry(long term, long index, String data) {
    return new Entry(term, index, Entry.Kind.COMMANDS, data.getBytes(StandardCharsets.US_ASCII));
  }

  private static Message.Append append(List<Entry> entries) {
    return new Message.Append(11, 12, 5, 4, 3, entries, 2, 9, 7);
  }

  @Test
  void aMessageIsWhatTheReleaseBeforeSendsAndReads() throws Exception {
    Header old = header(APPEND);
    ByteString now =
        MessageCodec.encode(append(List.of(entry(4, 5, "one"), entry(5, 6, "two"))), "sandstore-1");
    assertThat(RaftMessage.parseFrom(now)).isEqualTo(RaftMessage.parseFrom(old.getLogCast()));
    assertThat(Header.newBuilder().setLogCast(now).build().getSerializedSize())
        .isEqualTo(old.getSerializedSize());
    assertThat(MessageCodec.decode(old.getLogCast()).toString())
        .isEqualTo(MessageCodec.decode(now).toString());
  }

  @Test
  void entriesOfAnySizeComeAsTheyWent() {
    List<Entry> entries =
        List.of(entry(1, 5, ""), entry(1, 6, "x".repeat(127)), entry(2, 7, "y".repeat(300_000)));
    Message.Append decoded =
        (Message.Append) MessageCodec.decode(MessageCodec.encode(append(entries), "n"));
    assertThat(decoded.entries()).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(decoded.entries().get(i).data()).isEqualTo(entries.get(i).data());
      assertThat(decoded.entries().get(i).term()).isEqualTo(entries.get(i).term());
      assertThat(decoded.entries().get(i).index()).isEqualTo(entries.get(i).index());
    }
  }

  @Test
  void whatIsNoMessageIsRefused() {
    ByteString whole = MessageCodec.encode(append(List.of(entry(4, 5, "one"))), "n");
    for (int length = 1; length < whole.size() - 1; length++) {
      ByteString cut = whole.substring(0, length);
      try {
        MessageCodec.decode(cut);
      } catch (IllegalArgumentException e) {
        continue;
      }
      assertThat(length).as("a cut between fields may be taken").isLessThan(whole.size());
    }
    assertThatThrownBy(() -> MessageCodec.decode(ByteString.copyFromUtf8("nonsense")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> MessageCodec.decode(ByteString.EMPTY))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** Answers as told. */
  private record Told(Optional<ByteString> answer) implements Traffic {
    @Override
    public void cast(String to, ByteString message) {}

    @Override
    public Optional<ByteString> call(String to, ByteString request, ByteBuffer payload) {
      return answer;
    }
  }

  @Test
  void aPieceOfASnapshotGoesOnWhereTheReceiverSays() throws Exception {
    SnapshotChunk chunk = SnapshotChunk.parseFrom(header(CHUNK).getLogCall());
    assertThat(chunk.getOffset()).isEqualTo(100);
    assertThat(chunk.getCrc()).isEqualTo(0x12345678);
    ByteBuffer bytes = ByteBuffer.allocate(50);
    ByteString says = header(CHUNK_ANSWER).getLogCall();
    assertThat(new TrafficTransport("a", new Told(Optional.of(says))).sendChunk("b", chunk, bytes))
        .isEqualTo(200);
    assertThat(
            new TrafficTransport("a", new Told(Optional.of(ByteString.EMPTY)))
                .sendChunk("b", chunk, bytes))
        .as("from the beginning")
        .isZero();
    assertThat(new TrafficTransport("a", new Told(Optional.empty())).sendChunk("b", chunk, bytes))
        .as("a release that only says that it is done")
        .isEqualTo(150);
  }
}
