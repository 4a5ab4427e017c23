package io.sandstore.replication;

import java.io.IOException;
import java.util.List;

/** Where the namespace puts what is not its own: the bytes of small writes, and garbage. */
public interface BlockSink {

  /**
   * Takes a small block from the log, readable at once. It need not be durable: the log has it
   * until {@link #force} returned.
   */
  void stage(long block, byte[] data);

  /**
   * Writes what was staged to disk. What there is no room for stays staged: the log has it, and no
   * snapshot takes its place before {@link #force} returned.
   */
  void writeStaged() throws IOException;

  /** These blocks are garbage. */
  void release(List<Long> blocks);

  /**
   * Makes all staged blocks durable.
   *
   * @throws io.sandstore.host.NoRoomException if there is no room for some of them
   */
  void force() throws IOException;

  /** The namespace came from a snapshot: what it says is here may not be. */
  void restored();
}
