package io.sandstore.raft;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A leader's rounds of heartbeats, and what it proves that a majority echoed one: that nobody else
 * led when it was sent (6.4), and that nobody will for most of an election time (6.4.1).
 *
 * <p>The second only holds while every vote asks for that time. Those for a member that was offered
 * leadership do not (3.10), so the lease is withheld from the offer on, until the member echoed a
 * later round: it then knows the offer for an old one, however late it comes.
 */
final class Rounds {

  /** Rounds whose time is known; an older echo founds no lease. */
  private static final int ON_RECORD_MAX = 128;

  private final long self;
  private final Timing timing;
  private final Membership membership;

  private long round;
  private final TreeMap<Long, Long> sentAt = new TreeMap<>();
  private final Map<Long, Long> echoed = new HashMap<>();

  /** The round during which a member was last offered leadership, and may still act on it. */
  private final Map<Long, Long> offers = new HashMap<>();

  private List<Reader> waiting = new ArrayList<>();
  private final TreeMap<Long, List<Reader>> readsByRound = new TreeMap<>();

  /** A read that waits, of this member or another one. */
  record Reader(long member, long id) {}

  Rounds(long self, Timing timing, Membership membership) {
    this.self = self;
    this.timing = timing;
    this.membership = membership;
  }

  long current() {
    return round;
  }

  /** Begins a round, which serves the reads that wait. */
  long begin(long at) {
    round++;
    sentAt.put(round, at);
    while (sentAt.size() > ON_RECORD_MAX) {
      sentAt.remove(sentAt.firstKey());
    }
    if (!waiting.isEmpty()) {
      readsByRound.put(round, waiting);
      waiting = new ArrayList<>();
    }
    return round;
  }

  /** A member followed this leader when it heard of a round. */
  void echo(long id, long heard) {
    if (heard > round) {
      return; // nobody can have heard of it
    }
    echoed.merge(id, heard, Math::max);
    Long offered = offers.get(id);
    if (offered != null && heard > offered) {
      offers.remove(id);
    }
  }

  private long echoed(long id) {
    return echoed.getOrDefault(id, 0L);
  }

  /**
   * A member was told to stand for election.
   *
   * @param expires false if its release takes the offer however late it comes
   */
  void offered(long id, boolean expires) {
    offers.put(id, expires ? round : Long.MAX_VALUE);
  }

  /** True if a member may still act on an offer. */
  boolean isOffered(long id) {
    return offers.containsKey(id);
  }

  /** Until when nobody else can be elected; the least value if that is not known. */
  long leaseUntil() {
    if (!offers.isEmpty()) {
      return Long.MIN_VALUE;
    }
    long confirmed = membership.quorumValue(id -> id == self ? Long.MAX_VALUE : echoedSentAt(id));
    if (confirmed == Long.MAX_VALUE) {
      return Long.MAX_VALUE; // a cluster of one
    }
    return confirmed == Long.MIN_VALUE ? Long.MIN_VALUE : confirmed + timing.leaseNanos();
  }

  /** When the newest round that a member echoed was sent; the least value if that is long ago. */
  private long echoedSentAt(long id) {
    Map.Entry<Long, Long> known = sentAt.floorEntry(echoed(id));
    return known == null ? Long.MIN_VALUE : known.getValue();
  }

  // --- Reads ---

  /** Takes a read that needs the proof of a round that begins after it came. */
  void read(Reader reader) {
    waiting.add(reader);
  }

  /**
   * True if a round should begin for those that wait. One at a time: what comes meanwhile shares
   * the next.
   */
  boolean isWanted() {
    return !waiting.isEmpty() && readsByRound.isEmpty();
  }

  /** Reads that were proven since the last call. */
  List<Reader> confirmed() {
    List<Reader> confirmed = new ArrayList<>();
    while (!readsByRound.isEmpty()
        && membership.quorum(id -> id == self || echoed(id) >= readsByRound.firstKey())) {
      confirmed.addAll(readsByRound.pollFirstEntry().getValue());
    }
    return confirmed;
  }

  /** All reads that wait for anything. */
  List<Reader> abandoned() {
    List<Reader> all = new ArrayList<>(waiting);
    readsByRound.values().forEach(all::addAll);
    return all;
  }
}
