package io.sandstore.raft;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/** What a leader sends to each other member so that their logs become its own (3.5, 10.2.1). */
final class Replication {

  private static final int APPEND_BYTES_MAX = 1 << 20;

  private final long self;
  private final long term;
  private final RaftLog log;
  private final Membership membership;
  private final LongSupplier commit;
  private final Rounds rounds;
  private final Outbox out;

  /** Members to which a snapshot is on its way; a stream of an earlier term counts too. */
  private final Set<Long> streams;

  private final Map<Long, Progress> peers = new TreeMap<>();
  private long nextSequence = 1;

  Replication(
      long self,
      long term,
      RaftLog log,
      Membership membership,
      LongSupplier commit,
      Rounds rounds,
      Outbox out,
      Set<Long> streams) {
    this.self = self;
    this.term = term;
    this.log = log;
    this.membership = membership;
    this.commit = commit;
    this.rounds = rounds;
    this.out = out;
    this.streams = streams;
  }

  /** Follows exactly the members of the newest configuration. */
  void followMembers(long at) {
    Set<Long> others = new HashSet<>(membership.all());
    others.remove(self);
    peers.keySet().retainAll(others);
    for (long id : others) {
      peers.computeIfAbsent(id, i -> new Progress(log.lastIndex() + 1, nextSequence, at));
    }
  }

  Optional<Progress> of(long id) {
    return Optional.ofNullable(peers.get(id));
  }

  /** What a member is known to have of this log. */
  long match(long id) {
    return of(id).map(peer -> peer.match).orElse(0L);
  }

  /** What each other member is known to have. */
  Map<Long, Long> matches() {
    Map<Long, Long> matches = new TreeMap<>();
    peers.forEach((id, peer) -> matches.put(id, peer.match));
    return matches;
  }

  /** True if a member answered since then. */
  boolean heardSince(long id, long since) {
    return of(id).map(peer -> peer.heardAtNanos - since >= 0).orElse(false);
  }

  /** True if a member gets entries as they come, and answered since then. */
  boolean isFollowing(long id, long since) {
    return heardSince(id, since)
        && of(id).map(peer -> peer.state == Progress.State.REPLICATE).orElse(false);
  }

  /**
   * How far the log may go without taking what a member needs next: one that gets a snapshot, or
   * that answered since then.
   */
  long dispensable(long since) {
    long least = Long.MAX_VALUE;
    for (var peer : peers.entrySet()) {
      if (streams.contains(peer.getKey())) {
        return log.firstIndex() - 1;
      }
      if (peer.getValue().heardAtNanos - since >= 0) {
        least = Math.min(least, peer.getValue().match);
      }
    }
    return least;
  }

  // --- Answers ---

  /** Returns true if the member has more than was known. */
  boolean answered(Message.AppendReply m) {
    Progress peer = peers.get(m.from());
    if (peer == null) {
      return false;
    }
    if (m.accepted()) {
      return accepted(m, peer);
    }
    boolean aboutAnAppend = m.index() > 0; // 0 only says that a former leader's term was over
    if (aboutAnAppend && !peer.isStale(m)) {
      // Skip whole terms that cannot match, instead of stepping back entry by entry (3.5).
      long meet = log.lastIndexOfTermAtMost(Math.min(m.hint(), log.lastIndex()), m.hintTerm());
      peer.rejected(m, meet);
      sendAppends(m.from(), peer);
    }
    return false;
  }

  private boolean accepted(Message.AppendReply m, Progress peer) {
    boolean waited = !peer.maySend();
    boolean news = peer.accepted(Math.min(m.index(), log.lastIndex()), m.sequence());
    if (peer.state == Progress.State.SNAPSHOT && peer.next >= log.firstIndex()) {
      peer.become(Progress.State.REPLICATE);
    }
    if (waited || peer.next <= log.lastIndex()) {
      sendAppends(m.from(), peer);
    }
    return news;
  }

  void heartbeatAnswered(Message.HeartbeatReply m) {
    Progress peer = peers.get(m.from());
    if (peer != null) {
      peer.life = m.life();
      peer.heartbeatAnswered();
      if (peer.match < log.lastIndex()) {
        sendAppend(m.from(), peer, true); // an empty one finds out what got lost
      }
    }
  }

  /** The stream of a snapshot ended: it arrived up to an index, or did not. */
  void snapshotEnded(long id, long index, boolean arrived) {
    Progress peer = peers.get(id);
    if (peer != null && peer.state == Progress.State.SNAPSHOT) {
      // Whether it was of use there, the next append finds out.
      peer.probeFrom(arrived ? index + 1 : peer.match + 1);
      sendAppends(id, peer);
    }
  }

  // --- Sending ---

  void sendHeartbeats() {
    for (var peer : peers.entrySet()) {
      long known = Math.min(commit.getAsLong(), peer.getValue().match);
      out.now(new Message.Heartbeat(self, peer.getKey(), term, known, rounds.current()));
    }
  }

  void sendAppends() {
    peers.forEach(this::sendAppends);
  }

  private void sendAppends(long id, Progress peer) {
    while (peer.next <= log.lastIndex() && sendAppend(id, peer, false)) {
      // Until the pipeline is full.
    }
  }

  private boolean sendAppend(long id, Progress peer, boolean evenEmpty) {
    if (!peer.maySend()) {
      return false;
    }
    if (peer.next < log.firstIndex()) {
      peer.become(Progress.State.SNAPSHOT);
      if (streams.add(id)) { // one at a time (etcd#1962)
        out.snapshotFor(id);
      }
      return false;
    }
    long previous = peer.next - 1;
    List<Entry> entries = log.entries(peer.next, log.lastIndex(), APPEND_BYTES_MAX);
    if (entries.isEmpty() && !evenEmpty) {
      return false;
    }
    out.now(
        new Message.Append(
            self,
            id,
            term,
            previous,
            log.term(previous),
            entries,
            commit.getAsLong(),
            rounds.current(),
            nextSequence));
    int bytes = entries.stream().mapToInt(Entry::bytes).sum();
    peer.sent(nextSequence++, previous + entries.size(), bytes);
    return true;
  }
}
