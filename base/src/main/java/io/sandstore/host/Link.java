package io.sandstore.host;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A two-way stream of frames. Any thread may send; one thread receives. A link that failed once is
 * of no more use.
 */
public interface Link extends Closeable {

  /** Sends a frame; blocks while the other side does not read. Does not release the frame. */
  void send(Frame frame) throws IOException;

  /** The next frame, to be released by the caller, or null when the other side closed. */
  @Nullable Frame receive() throws IOException;

  /** The other end, for logs. */
  String remote();

  /**
   * True if a frame began to arrive or to leave, and nothing of it moved for this long: what it
   * holds, others wait for.
   */
  default boolean isStuck(Duration limit) {
    return false;
  }

  /** Tells the link that its other end is a node: its payloads are accounted for apart. */
  void markNode();

  @Override
  void close();
}
