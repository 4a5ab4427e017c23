package io.sandstore.chain;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Who may answer reads, and who is suspected. A member answers while <em>every</em> other member of
 * its view granted it a lease: a view without it begins to act only when the leases have run out
 * that its own members granted (see {@link ChainCore}).
 *
 * <p>A lease begins when the heartbeat was sent that it answers, and is used for less than it was
 * promised for, so that clocks may run apart; they need not agree on anything.
 */
final class Leases {

  private static final long NEVER = Long.MIN_VALUE;

  /** Heartbeats whose time is remembered: answers to older ones come too late anyway. */
  private static final int BEATS = 64;

  private static final class Peer {
    /** Until when it granted this member a lease. */
    long lease = NEVER;

    /** When the last of our heartbeats that it heard was sent. */
    long heardUsAt;

    /** Its last heartbeat. */
    long beat;

    long beatAt;
  }

  private final Timing timing;
  private final Map<Long, Peer> peers = new HashMap<>();

  /** Until when a member, of whatever view, may rely on this one. */
  private final Map<Long, Long> promised = new HashMap<>();

  private final long[] sentAt = new long[BEATS];
  private long beats;

  Leases(Timing timing) {
    this.timing = timing;
  }

  /** A new view: leases begin anew, promises stay. */
  void begin(ChainView view, long self, long now) {
    peers.clear();
    promised.values().removeIf(until -> until <= now);
    for (ChainView.Link link : view.chain()) {
      if (link.id() != self) {
        Peer peer = new Peer();
        peer.heardUsAt = now + timing.leaseNanos(); // it may not have heard of the view yet
        peers.put(link.id(), peer);
      }
    }
  }

  /** Number of the heartbeat that is sent now. */
  long beat(long now) {
    beats++;
    sentAt[(int) (beats % BEATS)] = now;
    return beats;
  }

  void heard(Message.Beat beat, long now) {
    Peer peer = peers.get(beat.from());
    if (peer == null) {
      return;
    }
    if (beat.beat() > peer.beat) {
      peer.beat = beat.beat();
      peer.beatAt = now;
    }
    if (beat.echo() > beats - BEATS && beat.echo() > 0 && beat.echo() <= beats) {
      long sent = sentAt[(int) (beat.echo() % BEATS)];
      peer.heardUsAt = Math.max(peer.heardUsAt, sent);
      if (beat.grant()) {
        peer.lease = Math.max(peer.lease, sent + timing.usableNanos());
      }
    }
  }

  /** True if it has never been heard in this view. */
  boolean isNew(long id) {
    Peer peer = peers.get(id);
    return peer != null && peer.beat == 0;
  }

  /** What to answer to a member's heartbeats: the last one's number. */
  long echo(long id) {
    Peer peer = peers.get(id);
    return peer == null ? 0 : peer.beat;
  }

  /** The last heartbeat of a member is answered with a lease. */
  void grant(long id) {
    Peer peer = peers.get(id);
    if (peer != null && peer.beat > 0) {
      promised.merge(id, peer.beatAt + timing.leaseNanos(), Math::max);
    }
  }

  /** A member does not rely on this one any more. */
  void released(long id) {
    promised.remove(id);
  }

  /** Until when all the others let this member read. */
  long until() {
    return peers.values().stream().mapToLong(peer -> peer.lease).min().orElse(Long.MAX_VALUE);
  }

  boolean suspects(long id, long now) {
    Peer peer = peers.get(id);
    return peer != null && now > peer.heardUsAt + timing.leaseNanos();
  }

  /** Until when one of these may rely on this member. */
  long promisedTo(List<Long> ids) {
    return ids.stream().mapToLong(id -> promised.getOrDefault(id, NEVER)).max().orElse(NEVER);
  }

  /** Until when somebody may who is not in this view. */
  long promisedOutside(ChainView view) {
    return promisedTo(promised.keySet().stream().filter(id -> !view.has(id)).toList());
  }
}
