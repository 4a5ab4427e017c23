package io.sandstore.rpc;

import io.sandstore.host.ChunkSums;
import io.sandstore.host.Crc32c;
import io.sandstore.host.Frame;
import io.sandstore.host.Telemetry;
import io.sandstore.wire.Header;
import io.sandstore.wire.HeaderOrBuilder;
import io.sandstore.wire.ReadBlockReply;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * The checksum that travels beside every payload: the sender's over all of it, or those of a
 * block's chunks, as the client that wrote it made them.
 */
public final class Payloads {

  private Payloads() {}

  /** The checksums of a payload's chunks, as a header says; empty: it has none. */
  public static Optional<ChunkSums> sums(HeaderOrBuilder header) {
    ReadBlockReply reply = header.getReadBlockReply();
    ChunkSums sums =
        header.hasReadBlockReply() // where the release before has and looks for them
            ? new ChunkSums(reply.getChunkBytes(), reply.getChunkCrcsList())
            : new ChunkSums(header.getChunkBytes(), header.getChunkCrcsList());
    return sums.chunkBytes() == 0 ? Optional.empty() : Optional.of(sums);
  }

  /** Without a pass over the bytes where the chunks' checksums say what theirs is. */
  static Header.Builder seal(Header.Builder header, ByteBuffer payload, Telemetry telemetry) {
    int length = payload.remaining();
    return length == 0
        ? header
        : header.setPayloadCrc(
            sums(header)
                .filter(sums -> sums.fit(length))
                .map(sums -> sums.whole(length))
                .orElseGet(() -> Crc32c.of(payload, telemetry)));
  }

  /** One pass. */
  static void verify(Frame frame, String remote, Telemetry telemetry) throws DamagedException {
    ByteBuffer payload = frame.payload();
    if (!payload.hasRemaining()) {
      return;
    }
    boolean whole =
        sums(frame.header())
            .map(sums -> sums.match(payload, telemetry))
            .orElseGet(() -> Crc32c.of(payload, telemetry) == frame.header().getPayloadCrc());
    if (!whole) {
      throw new DamagedException("payload from " + remote + " is damaged");
    }
  }
}
