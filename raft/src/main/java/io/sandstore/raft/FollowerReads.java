package io.sandstore.raft;

import java.util.ArrayList;
import java.util.List;

/**
 * Reads at a member that does not lead (the thesis, 6.4): it asks the leader what is committed, and
 * answers when that is applied here. One question at a time: what comes while it is on its way
 * shares the next. One that gets no answer is asked again on behalf of all that wait; what waited
 * for an election time fails, and whoever reads asks elsewhere.
 */
final class FollowerReads {

  /** As many may wait; a reader that gave up is not known here, and waits on. */
  static final int WAITING_MAX = 8192;

  private final long self;
  private final Timing timing;
  private final Outbox out;

  /** The newest question. No other process of this member ever asked it. */
  private long question;

  private List<Long> asked = new ArrayList<>();
  private List<Long> waiting = new ArrayList<>();
  private long askAgainAt;
  private long failAt;

  /**
   * @param life tells this process from earlier ones, to which late answers may be on their way
   */
  FollowerReads(long self, Timing timing, Outbox out, long life) {
    this.self = self;
    this.timing = timing;
    this.out = out;
    this.question = life;
  }

  void read(long id) {
    if (asked.size() + waiting.size() >= WAITING_MAX) {
      out.failRead(id);
    } else {
      waiting.add(id);
    }
  }

  long wakeAt() {
    return asked.isEmpty() ? Long.MAX_VALUE : askAgainAt;
  }

  /** Asks what is to be asked now. */
  void tick(long leader, long term, long at) {
    if (!asked.isEmpty() && at - failAt >= 0) {
      asked.forEach(out::failRead);
      asked.clear();
    }
    boolean again = !asked.isEmpty() && at - askAgainAt >= 0;
    if (!again && (!asked.isEmpty() || waiting.isEmpty())) {
      return;
    }
    if (asked.isEmpty()) {
      failAt = at + timing.electionNanos();
    }
    asked.addAll(waiting);
    waiting = new ArrayList<>();
    question++;
    askAgainAt = at + timing.heartbeatNanos();
    out.now(new Message.ReadIndex(self, leader, term, question));
  }

  /** The leader of this term answered; what waits is asked next. */
  void answered(Message.ReadIndexReply m, long at) {
    if (asked.isEmpty() || m.question() != question) {
      return; // to a question of before, which says nothing of what was acknowledged since
    }
    asked.forEach(id -> out.read(id, m.index()));
    asked = new ArrayList<>();
    tick(m.from(), m.term(), at);
  }

  /** There is no such leader any more. */
  void fail() {
    asked.forEach(out::failRead);
    waiting.forEach(out::failRead);
    asked.clear();
    waiting.clear();
  }
}
