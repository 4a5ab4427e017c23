package io.sandstore.replication;

import io.sandstore.wire.Header;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Carries messages between nodes for a log. */
public interface Traffic {

  /** Sends and forgets; may lose it. Called by one thread. */
  void cast(String to, Header message);

  /** A message came from there, so that whatever was sent there before is being read. */
  void heard(String from);

  /** Sends and waits for the answer, at most 10 s. */
  Header call(String to, Header.Builder request, ByteBuffer payload)
      throws IOException, InterruptedException;
}
