package io.sandstore.raft;

import java.util.ArrayDeque;

/**
 * What a leader knows of one other member.
 *
 * <pre>
 *   PROBE     -- accepted -->   REPLICATE   entries are pipelined
 *   REPLICATE -- rejected -->   PROBE       one append at a time finds where the logs meet
 *   PROBE     -- log gone -->   SNAPSHOT    nothing is sent until the stream ended,
 *   SNAPSHOT  -- ended -->      PROBE       well or not,
 *   SNAPSHOT  -- accepted -->   REPLICATE   or what is in the log is enough after all
 * </pre>
 *
 * <p>Appends are numbered and answers say which one they are to. Of what was on its way when one
 * got lost, all is rejected, and any of it may come late: only the answer to an append that was
 * sent knowing what is known now is news.
 */
final class Progress {

  enum State {
    PROBE,
    REPLICATE,
    SNAPSHOT
  }

  private static final int IN_FLIGHT_MAX = 64;

  /** One append may go beyond. It is also what catching up reads from disk at once. */
  private static final int IN_FLIGHT_BYTES_MAX = 4 << 20;

  /** Of a member that sent no answer to a heartbeat yet. */
  static final long UNHEARD = -1;

  State state = State.PROBE;
  long match;
  long next;

  /** A probe is out; the next heartbeat's answer allows another. */
  private boolean probing;

  long heardAtNanos;

  /** The process that answers heartbeats; 0 for a release that does not say. */
  long life = UNHEARD;

  private record InFlight(long lastIndex, int bytes) {}

  private final ArrayDeque<InFlight> inFlight = new ArrayDeque<>();
  private int inFlightBytes;

  /** The next append's number, which leaders count over all members. */
  private long sequence;

  /** From this append on they were sent in the present state... */
  private long stateSince;

  /** ...knowing {@code match}... */
  private long matchSince;

  /** ...and after the member was last found to have lost what it had acknowledged. */
  private long lossSince;

  Progress(long next, long nextSequence, long nowNanos) {
    this.next = next;
    this.sequence = nextSequence;
    this.stateSince = nextSequence;
    this.heardAtNanos = nowNanos;
  }

  boolean maySend() {
    return switch (state) {
      case PROBE -> !probing;
      case REPLICATE -> !isFull();
      case SNAPSHOT -> false;
    };
  }

  private boolean isFull() {
    return inFlight.size() >= IN_FLIGHT_MAX || inFlightBytes >= IN_FLIGHT_BYTES_MAX;
  }

  /** An append with a number left; {@code lastIndex} is its previous index if it has no entries. */
  void sent(long number, long lastIndex, int bytes) {
    sequence = number + 1;
    if (state == State.PROBE) {
      probing = true;
    } else if (lastIndex >= next) {
      next = lastIndex + 1;
      inFlight.addLast(new InFlight(lastIndex, bytes));
      inFlightBytes += bytes;
    }
  }

  /**
   * Everything up to an index is durable there.
   *
   * @param number of the append, 0 if unknown
   * @return true if this is news
   */
  boolean accepted(long index, long number) {
    if (number != 0 && number < lossSince) {
      return false;
    }
    while (!inFlight.isEmpty() && inFlight.getFirst().lastIndex <= index) {
      inFlightBytes -= inFlight.removeFirst().bytes;
    }
    boolean news = index > match;
    if (news) {
      match = index;
      matchSince = sequence;
    }
    next = Math.max(next, match + 1);
    if (state == State.PROBE && (news || number == 0 || number >= stateSince)) {
      become(State.REPLICATE);
    }
    return news;
  }

  /**
   * True if a rejection says nothing new: it is to an append that was sent before this member's
   * state, or what it is known to have, changed (etcd#1207).
   */
  boolean isStale(Message.AppendReply rejection) {
    long index = rejection.index();
    long number = rejection.sequence();
    if (state == State.SNAPSHOT) {
      return true;
    }
    if (number == 0) { // an earlier release: all there is to go by is the index
      return state == State.PROBE ? index != next - 1 : index <= match;
    }
    return number < (index <= match ? Math.max(stateSince, matchSince) : stateSince);
  }

  /**
   * A rejection that is not stale. If the member has less than {@code match}, it lost what it had
   * acknowledged: what is committed stays so, but it must be sent again, or the member would be
   * behind for ever without a word.
   *
   * @param meet where the logs may meet
   */
  void rejected(Message.AppendReply rejection, long meet) {
    long has = Math.min(rejection.hint(), rejection.index() - 1);
    boolean knowing = rejection.sequence() == 0 || rejection.sequence() >= matchSince;
    if (knowing && has < match) {
      match = has;
      lossSince = sequence;
    }
    probeFrom(meet + 1);
  }

  void probeFrom(long index) {
    become(State.PROBE);
    next = Math.max(match + 1, index);
  }

  void become(State next) {
    state = next;
    stateSince = sequence;
    probing = false;
    inFlight.clear();
    inFlightBytes = 0;
    if (next == State.REPLICATE) {
      this.next = match + 1;
    }
  }

  /** Heartbeats are answered in order with appends: what was lost must be sent again. */
  void heartbeatAnswered() {
    probing = false;
    if (state == State.REPLICATE && isFull()) {
      inFlightBytes -= inFlight.removeFirst().bytes;
    }
  }
}
