package io.sandstore.host;

import io.sandstore.wire.Header;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A message: a header and, for file data, raw bytes beside it.
 *
 * @param payload position 0 to limit are the bytes; empty if there are none
 * @param region to be sent in the payload's place; null in frames that were received
 * @param release gives the payload's memory back; called once
 */
public record Frame(
    Header header, ByteBuffer payload, @Nullable FileRegion region, Runnable release)
    implements AutoCloseable {

  /** Longest header: a batch of log entries is cut to fit. */
  public static final int HEADER_BYTES_MAX = 4 << 20;

  /** Longest payload: one block. */
  public static final int PAYLOAD_BYTES_MAX = 4 << 20;

  public static final ByteBuffer NO_PAYLOAD = ByteBuffer.allocate(0).asReadOnlyBuffer();

  public Frame(Header header, ByteBuffer payload, Runnable release) {
    this(header, payload, null, release);
  }

  public static Frame of(Header header) {
    return new Frame(header, NO_PAYLOAD, () -> {});
  }

  /** A frame whose payload belongs to someone else, who outlives the sending. */
  public static Frame of(Header header, ByteBuffer payload) {
    return new Frame(header, payload, () -> {});
  }

  /** Bytes beside the header. */
  public int payloadBytes() {
    FileRegion part = region;
    return part == null ? payload.remaining() : part.length();
  }

  @Override
  public void close() {
    release.run();
  }
}
