package io.sandstore.replication;

import io.sandstore.wire.Batch;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/**
 * What the log drives. Called by one thread, in the order of the log, on every member alike: the
 * same entries must lead to the same state and the same outcomes.
 */
public interface StateMachine {

  /** Applies commands; one outcome for each. */
  List<Outcome> apply(long index, Batch batch);

  /** The members from here on. */
  void configure(Configuration configuration);

  /** Starts over from a snapshot that another call of {@link Frozen#writeTo} wrote. */
  void restore(InputStream snapshot) throws IOException;

  /**
   * Makes durable what applied entries left outside of snapshots. Other threads apply.
   *
   * @throws io.sandstore.host.NoRoomException if some of it waits for room on the disk
   */
  void force() throws IOException;

  /** Captures the state as it is now, cheaply: it is written out while more is applied. */
  Frozen freeze();

  /** The state at one moment. */
  interface Frozen extends AutoCloseable {

    /**
     * Writes it all, and makes durable whatever lives outside the snapshot. Other threads apply.
     */
    void writeTo(OutputStream out) throws IOException;

    @Override
    void close();
  }
}
