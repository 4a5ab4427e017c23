package io.sandstore.raft;

import io.sandstore.host.Deadline;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.util.Map;

/**
 * A replicated, linearizable log of commands. What replicates it is the profile's choice; nothing
 * above this port knows.
 */
public interface CommandLog {

  /**
   * Replicates a command, applies it and returns its outcome.
   *
   * @throws io.sandstore.rpc.PosixException NOT_LEADER if this node cannot propose now (the command
   *     was not taken), EAGAIN if too many wait already
   * @throws io.sandstore.rpc.LostException if the outcome is unknown: retry under the same id
   */
  Outcome propose(Command command, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Returns once the local state reflects every command that was acknowledged anywhere before the
   * call.
   *
   * @throws io.sandstore.rpc.PosixException NOT_LEADER if this node cannot know
   */
  void readBarrier(Deadline deadline) throws IOException, InterruptedException;

  /**
   * True while this member may answer reads by itself, as {@link #readBarrier} then does: no other
   * one can have begun to lead.
   */
  boolean mayReadAlone();

  /** Where this member stands, as of a moment ago. */
  Standing standing();

  /**
   * Puts a new incarnation in the place of its name's former one.
   *
   * @throws io.sandstore.rpc.PosixException NOT_LEADER, or EAGAIN while another change is under way
   */
  void join(String name, long id, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Hands leadership over, to a named member or to the most caught-up one; returns once this node
   * does not lead any more.
   */
  void transferLeadership(String to, Deadline deadline) throws IOException, InterruptedException;

  /**
   * A member's view of the log.
   *
   * @param leader name of the leader, empty if none is known
   * @param termStart for the leader: index of the first entry of its own term
   * @param snapshots taken here by this process
   * @param snapshotsDamaged found damaged here when they were to be sent, and replaced
   * @param behind for the leader: how many entries each other member is behind its log
   */
  record Standing(
      String role,
      long term,
      String leader,
      boolean leading,
      long termStart,
      long firstIndex,
      long lastIndex,
      long commitIndex,
      long appliedIndex,
      Configuration members,
      long snapshots,
      long snapshotsDamaged,
      Map<String, Long> behind) {

    Standing withApplied(long index) {
      return new Standing(
          role,
          term,
          leader,
          leading,
          termStart,
          firstIndex,
          lastIndex,
          commitIndex,
          index,
          members,
          snapshots,
          snapshotsDamaged,
          behind);
    }
  }
}
