package io.sandstore.rpc;

import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.wire.Header;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a request, to which the server adds what it needs before its header is built, once.
 *
 * @param payload as in {@link Frame}
 * @param region as in {@link Frame}
 * @param release gives the payload's memory back; called once
 */
public record Reply(
    Header.Builder header, ByteBuffer payload, @Nullable FileRegion region, Runnable release)
    implements AutoCloseable {

  /** Without a payload. */
  public static Reply of(Header.Builder header) {
    return new Reply(header, Frame.NO_PAYLOAD, null, () -> {});
  }

  /** A frame that is there already, and ends with this. */
  public static Reply of(Frame frame) {
    return new Reply(frame.header().toBuilder(), frame.payload(), frame.region(), frame.release());
  }

  @Override
  public void close() {
    release.run();
  }
}
