package io.sandstore.replication;

import com.google.protobuf.ByteString;
import io.sandstore.host.Deadline;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A replicated, linearizable log of commands. What replicates it is the profile's choice; nothing
 * above this port knows.
 */
public interface CommandLog extends Closeable {

  /** The role of the one member that orders commands, of whatever log. */
  String PRIMARY = "PRIMARY";

  /** Begins to take part. */
  void start();

  /**
   * Replicates a command, applies it and returns its outcome.
   *
   * @throws io.sandstore.rpc.PosixException NOT_PRIMARY if this node cannot propose now (the
   *     command was not taken), EAGAIN if too many wait already
   * @throws io.sandstore.rpc.LostException if the outcome is unknown: retry under the same id
   */
  Outcome propose(Command command, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Returns once the local state reflects every command that was acknowledged anywhere before the
   * call.
   *
   * @throws io.sandstore.rpc.PosixException NOT_PRIMARY if this node cannot know
   */
  void readBarrier(Deadline deadline) throws IOException, InterruptedException;

  /**
   * True while this member may answer reads without asking anybody, as {@link #readBarrier} then
   * does: nobody can have ordered a command that it does not know.
   */
  boolean mayReadAlone();

  /** Where commands are proposed. */
  Route commands();

  /** Where queries are answered. */
  Route queries();

  /** True if this member sees to what one member has to see to. */
  boolean coordinates();

  /** Where this member stands, as of a moment ago. */
  Standing standing();

  /** Fills in what a node's status says of its log. */
  void describe(NodeStatus.Builder status);

  /**
   * Puts a new incarnation in the place of its name's former one. Proposed where commands are.
   *
   * @throws io.sandstore.rpc.PosixException NOT_PRIMARY, or EAGAIN while another change is under
   *     way
   */
  void join(String name, long id, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Gives what this member does for the others to a named one, or to the one that is best prepared
   * if the name is empty; returns once it is done.
   */
  void stepAside(String to, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Takes a message from another node's log.
   *
   * @param from that node's name
   * @throws IllegalArgumentException if it is malformed
   */
  void receive(String from, ByteString message);

  /**
   * Answers a request of another node's log.
   *
   * @throws io.sandstore.rpc.PosixException EPROTO if it is malformed
   */
  ByteString handle(ByteString request, ByteBuffer payload)
      throws IOException, InterruptedException;

  /**
   * A member's view of the log.
   *
   * @param role {@link #PRIMARY} of who orders commands; else in a word of the log's own
   * @param epoch counts changes of who orders commands
   * @param lastIndex of what is in this member's log
   * @param appliedIndex of what its state reflects
   * @param serves true if it orders commands and its state reflects all that were ordered before
   * @param notReady why this member should not be counted on; empty: it may
   */
  record Standing(
      String role,
      long epoch,
      long lastIndex,
      long appliedIndex,
      Configuration members,
      boolean serves,
      List<String> notReady) {}
}
