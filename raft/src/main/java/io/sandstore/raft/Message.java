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
   * @param sequence counts the appends of a leader; echoed, it says which one an answer is to
   */
  record Append(
      long from,
      long to,
      long term,
      long previousIndex,
      long previousTerm,
      List<Entry> entries,
      long commit,
      long round,
      long sequence)
      implements Message {
    public Append {
      entries = List.copyOf(entries);
    }
  }

  /**
   * @param index if accepted, the last index known to match; if rejected, the index that did not
   * @param hint if rejected, where the follower's log might match
   * @param hintTerm the follower's term at {@code hint}
   * @param sequence of the append; 0 if it answers none, or from a release without it
   */
  record AppendReply(
      long from,
      long to,
      long term,
      boolean accepted,
      long index,
      long hint,
      long hintTerm,
      long round,
      long sequence)
      implements Message {}

  /**
   * @param commit never beyond what this follower is known to hold
   */
  record Heartbeat(long from, long to, long term, long commit, long round) implements Message {}

  /**
   * @param life tells the processes of a member apart; 0 from a release without it
   */
  record HeartbeatReply(long from, long to, long term, long round, long life) implements Message {}

  /**
   * The leader wants the receiver to stand for election at once (3.10). The offer is over once the
   * receiver has heard of a later round, or is another process.
   *
   * @param round the leader's latest one
   * @param life of the receiver; 0 from a release whose offers are never over
   */
  record TimeoutNow(long from, long to, long term, long round, long life) implements Message {}

  /**
   * The receiver is no member any more.
   *
   * @param index of the committed configuration that is without it
   */
  record Removed(long from, long to, long term, long index) implements Message {}

  /**
   * What is committed by now? A follower's reads wait for the answer (6.4).
   *
   * @param question tells this one from all others that any process asked
   */
  record ReadIndex(long from, long to, long term, long question) implements Message {}

  /**
   * @param index all that was acknowledged before the question is at or before it
   */
  record ReadIndexReply(long from, long to, long term, long question, long index)
      implements Message {}
}
