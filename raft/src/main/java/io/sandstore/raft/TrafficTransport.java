package io.sandstore.raft;

import com.google.protobuf.ByteString;
import io.sandstore.replication.Traffic;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Members reach each other as nodes do.
 *
 * @param self name of this node
 */
public record TrafficTransport(String self, Traffic traffic) implements Transport {

  @Override
  public void send(String toName, Message message) {
    traffic.cast(toName, MessageCodec.encode(message, self));
  }

  @Override
  public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes)
      throws IOException, InterruptedException {
    int length = bytes.remaining();
    Optional<ByteString> answer = traffic.call(toName, chunk.toByteString(), bytes);
    return answer.isPresent()
        ? SnapshotChunk.parseFrom(answer.get()).getOffset()
        : chunk.getOffset() + length; // a release that does not say
  }
}
