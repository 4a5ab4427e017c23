package io.sandstore.raft;

import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;

/** How members reach each other. */
public interface Transport {

  /** Sends a message if it can; never blocks, never fails, may lose it. */
  void send(String toName, Message message);

  /**
   * Sends a piece of a snapshot and waits until it is stored.
   *
   * @return where the receiver wants to go on
   * @throws IOException if it refused the piece or did not answer for 10 s
   */
  long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes)
      throws IOException, InterruptedException;
}
