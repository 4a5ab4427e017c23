package io.sandstore.raft;

import io.sandstore.raft.Rounds.Reader;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * What a member knows and does for as long as it leads: {@link Replication}, {@link Rounds} of
 * heartbeats and the reads and the lease that rest on them, and handing over (3.10).
 */
final class Leadership {

  final Replication replication;

  /** Index of the first entry of this term. */
  final long termStart;

  private final long self;
  private final long term;
  private final Timing timing;
  private final RaftLog log;
  private final Membership membership;
  private final LongSupplier commit;
  private final Outbox out;
  private final Rounds rounds;
  private final List<Reader> earlyReads = new ArrayList<>();
  private long heartbeatAt;
  private long majorityCheckAt;
  private long transferTo;
  private long transferUntil;

  Leadership(
      long self,
      long term,
      Timing timing,
      RaftLog log,
      Membership membership,
      LongSupplier commit,
      Outbox out,
      Set<Long> streams,
      long at) {
    this.self = self;
    this.term = term;
    this.timing = timing;
    this.log = log;
    this.membership = membership;
    this.commit = commit;
    this.out = out;
    this.rounds = new Rounds(self, timing, membership);
    this.replication = new Replication(self, term, log, membership, commit, rounds, out, streams);
    this.termStart = log.lastIndex() + 1;
    this.majorityCheckAt = at + timing.electionNanos();
    replication.followMembers(at);
  }

  long wakeAt() {
    return Math.min(heartbeatAt, majorityCheckAt);
  }

  /** False if no majority was heard of for an election time: somebody else may lead (6.2). */
  boolean tick(long at) {
    if (isTransferring() && at - transferUntil >= 0) {
      transferTo = 0;
    }
    if (at - majorityCheckAt >= 0) {
      majorityCheckAt = at + timing.electionNanos();
      if (!membership.quorum(id -> isAlive(id, at))) {
        return false;
      }
    }
    if (at - heartbeatAt >= 0 || rounds.isWanted()) {
      beginRound(at);
    }
    return true;
  }

  void beginRound(long at) {
    heartbeatAt = at + timing.heartbeatNanos();
    rounds.begin(at);
    replication.sendHeartbeats();
    confirmReads();
  }

  boolean isAlive(long id, long at) {
    return id == self || replication.heardSince(id, at - timing.electionNanos());
  }

  private boolean isFollowing(long id, long at) {
    return replication.isFollowing(id, at - timing.electionNanos());
  }

  /** True if a member gets entries as they come and lacks few. */
  boolean hasCaughtUp(long id, long lagMax, long at) {
    return isFollowing(id, at) && log.lastIndex() - replication.match(id) <= lagMax;
  }

  // --- Answers ---

  /** A member that is in this term answered. */
  void heard(long id, long echoed, long at) {
    replication
        .of(id)
        .ifPresent(
            peer -> {
              peer.heardAtNanos = at;
              rounds.echo(id, echoed);
              confirmReads();
            });
  }

  /** Returns true if more may be committed now. */
  boolean answered(Message.AppendReply m) {
    boolean news = replication.answered(m);
    if (news && m.from() == transferTo) {
      offerLeadership();
    }
    return news;
  }

  void answered(Message.HeartbeatReply m) {
    replication.heartbeatAnswered(m);
    if (m.from() == transferTo) {
      offerLeadership(); // it still follows: the last offer was lost, or came too late
    }
  }

  // --- Reads ---

  /** Until when no other leader can exist, so that this one may answer reads by itself (6.4.1). */
  long leaseUntil() {
    boolean knowsWhatIsCommitted = commit.getAsLong() >= termStart;
    return knowsWhatIsCommitted && !isTransferring() ? rounds.leaseUntil() : Long.MIN_VALUE;
  }

  void read(Reader reader, long at) {
    if (commit.getAsLong() < termStart) {
      earlyReads.removeIf(early -> early.member() != self && early.member() == reader.member());
      earlyReads.add(reader); // what is committed is not known yet (etcd#7331)
    } else if (leaseUntil() > at) {
      answer(reader);
    } else {
      rounds.read(reader);
    }
  }

  private void answer(Reader reader) {
    long index = commit.getAsLong();
    if (reader.member() == self) {
      out.read(reader.id(), index);
    } else {
      out.now(new Message.ReadIndexReply(self, reader.member(), term, reader.id(), index));
    }
  }

  /** The first entry of this term is committed. */
  void begun(long at) {
    List<Reader> early = List.copyOf(earlyReads);
    earlyReads.clear();
    early.forEach(reader -> read(reader, at));
  }

  private void confirmReads() {
    rounds.confirmed().forEach(this::answer);
  }

  /** Another member hears of it when it hears of another leader. */
  void failReads() {
    earlyReads.forEach(this::fail);
    rounds.abandoned().forEach(this::fail);
  }

  private void fail(Reader reader) {
    if (reader.member() == self) {
      out.failRead(reader.id());
    }
  }

  // --- Handing over ---

  boolean isTransferring() {
    return transferTo != 0;
  }

  /** Begins to hand over to a member that follows; one attempt at a time, for an election time. */
  void transferTo(long id, long at) {
    if (!isTransferring() && membership.isVoter(id) && isFollowing(id, at)) {
      transferTo = id;
      transferUntil = at + timing.electionNanos();
      offerLeadership();
    }
  }

  private void offerLeadership() {
    replication
        .of(transferTo)
        .filter(peer -> peer.match == log.lastIndex() && peer.life != Progress.UNHEARD)
        .ifPresent(
            peer -> {
              rounds.offered(transferTo, peer.life != 0);
              long round = rounds.current();
              out.now(new Message.TimeoutNow(self, transferTo, term, round, peer.life));
            });
  }

  /**
   * The best successor, or 0 if there is none: it was heard of within an election time and lacks
   * least; of equals, one that has let no offer pass, and the one that was heard of last.
   */
  long successor(long at) {
    return membership.voters().stream()
        .filter(id -> id != self && isFollowing(id, at))
        .max(
            Comparator.<Long, Boolean>comparing(id -> !rounds.isOffered(id))
                .thenComparingLong(replication::match)
                .thenComparingLong(id -> replication.of(id).orElseThrow().heardAtNanos - at))
        .orElse(0L);
  }
}
