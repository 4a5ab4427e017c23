package io.sandstore.replication;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/** Carries one log's messages to the same log on other nodes, and reads none of them. */
public interface Traffic {

  /** Sends and forgets; may lose it. Called by one thread. */
  void cast(String to, ByteString message);

  /**
   * Sends and waits for the answer, at most 10 s.
   *
   * @return empty from a release that says no more than that it is done
   */
  Optional<ByteString> call(String to, ByteString request, ByteBuffer payload)
      throws IOException, InterruptedException;
}
