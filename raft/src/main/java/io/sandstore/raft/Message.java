package io.sandstore.raft;

import java.util.List;

/** What members say to each other. {@code from} and {@code to} are incarnations, not names. */
public sealed interface Message {

  long from();

  long to();

  long term();

  /** Would you vote for me in {@code term}? Changes nothing at the receiver (9.6). */
  record PreVote(long from, long to, long term, long lastIndex, long lastTerm) implements Message {}

  record PreVoteReply(long from, long to, long term, boolean granted) implements Message {}

  /**
   * @param transfer the leader itself asked for this election (3.10), so its lease does not count
   */
  record Vote(long from, long to, long term, long lastIndex, long lastTerm, boolean transfer)
      implements Message {}

  record VoteReply(long from, long to, long term, boolean granted) implements Message {}

  /**
   * Entries that follow (previousIndex, previousTerm).
   *
   * @param round the leader's latest heartbeat round; echoed, it proves leadership at its start
   */
  record Append(
      long from,
      long to,
      long term,
      long previousIndex,
      long previousTerm,
      List<Entry> entries,
      long commit,
      long round)
      implements Message {
    public Append {
      entries = List.copyOf(entries);
    }
  }

  /**
   * @param index if accepted, the last index known to match; if rejected, the index that did not
   * @param hint if rejected, where the follower's log might match
   * @param hintTerm the follower's term at {@code hint}
   */
  record AppendReply(
      long from,
      long to,
      long term,
      boolean accepted,
      long index,
      long hint,
      long hintTerm,
      long round)
      implements Message {}

  /**
   * @param commit never beyond what this follower is known to hold
   */
  record Heartbeat(long from, long to, long term, long commit, long round) implements Message {}

  record HeartbeatReply(long from, long to, long term, long round) implements Message {}

  /** The leader wants the receiver to stand for election at once (3.10). */
  record TimeoutNow(long from, long to, long term) implements Message {}
}
