package io.sandstore.raft;

import java.util.ArrayDeque;

/**
 * What a leader knows of one other member.
 *
 * <pre>
 *   PROBE     -- accepted -->   REPLICATE   entries are pipelined
 *   REPLICATE -- rejected -->   PROBE       one append at a time finds where the logs meet
 *   PROBE     -- log gone -->   SNAPSHOT    nothing is sent until the snapshot arrived
 *   SNAPSHOT  -- arrived  -->   REPLICATE;  -- failed --> PROBE
 * </pre>
 */
final class Progress {

  enum State {
    PROBE,
    REPLICATE,
    SNAPSHOT
  }

  private static final int IN_FLIGHT_MAX = 64;

  State state = State.PROBE;
  long match;
  long next;

  /** A probe is out; the next heartbeat's answer allows another. */
  boolean probing;

  /** When the newest round that this member echoed was sent. */
  long heardRound;

  long heardAtNanos;

  /** Last indices of appends on their way. */
  private final ArrayDeque<Long> inFlight = new ArrayDeque<>();

  Progress(long next, long nowNanos) {
    this.next = next;
    this.heardAtNanos = nowNanos;
  }

  boolean maySend() {
    return switch (state) {
      case PROBE -> !probing;
      case REPLICATE -> inFlight.size() < IN_FLIGHT_MAX;
      case SNAPSHOT -> false;
    };
  }

  void sent(long lastIndex, boolean anyEntries) {
    if (state == State.PROBE) {
      probing = true;
    } else if (anyEntries) {
      next = lastIndex + 1;
      inFlight.addLast(lastIndex);
    }
  }

  /** True if this is news. */
  boolean accepted(long index) {
    while (!inFlight.isEmpty() && inFlight.getFirst() <= index) {
      inFlight.removeFirst();
    }
    probing = false;
    boolean news = index > match;
    match = Math.max(match, index);
    next = Math.max(next, match + 1);
    if (state == State.PROBE || (state == State.SNAPSHOT && news)) {
      become(State.REPLICATE);
    }
    return news;
  }

  void probeFrom(long index) {
    become(State.PROBE);
    next = Math.max(match + 1, index);
  }

  void become(State next) {
    state = next;
    probing = false;
    inFlight.clear();
    if (next == State.REPLICATE) {
      this.next = match + 1;
    }
  }

  /** Heartbeats are answered in order with appends: what was lost must be sent again. */
  void heartbeatAnswered() {
    probing = false;
    if (state == State.REPLICATE && inFlight.size() == IN_FLIGHT_MAX) {
      inFlight.removeFirst();
    }
  }
}
