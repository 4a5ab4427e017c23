package io.sandstore.raft;

import io.sandstore.replication.Traffic;
import io.sandstore.wire.Header;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Members reach each other as nodes do.
 *
 * @param self name of this node
 */
public record TrafficTransport(String self, Traffic traffic) implements Transport {

  @Override
  public void send(String toName, Message message) {
    RaftMessage wire = MessageCodec.encode(message).toBuilder().setFromName(self).build();
    traffic.cast(toName, Header.newBuilder().setRaft(wire).build());
  }

  @Override
  public void heard(String fromName) {
    traffic.heard(fromName);
  }

  @Override
  public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes)
      throws IOException, InterruptedException {
    int length = bytes.remaining();
    Header answer = traffic.call(toName, Header.newBuilder().setSnapshotChunk(chunk), bytes);
    return answer.hasSnapshotChunk()
        ? answer.getSnapshotChunk().getOffset()
        : chunk.getOffset() + length; // a release that does not say
  }
}
