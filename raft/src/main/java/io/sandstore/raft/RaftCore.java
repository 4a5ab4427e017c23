package io.sandstore.raft;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The Raft protocol as a pure state machine: events and the time go in, {@link Ready} comes out. It
 * does no I/O and has no thread, clock or randomness of its own; one thread calls it.
 *
 * <p>Roles:
 *
 * <pre>
 *   FOLLOWER      -- no leader for an election time -->        PRE_CANDIDATE
 *   PRE_CANDIDATE -- a majority would vote -->                 CANDIDATE (term + 1)
 *   CANDIDATE     -- a majority voted -->                      LEADER
 *   any           -- a message of a higher term -->            FOLLOWER
 *   CANDIDATE     -- an append of its own term -->             FOLLOWER
 *   LEADER        -- no majority heard for an election time --> FOLLOWER (6.2)
 *   FOLLOWER      -- TimeoutNow from its leader -->            CANDIDATE (3.10)
 * </pre>
 */
public final class RaftCore {

  /** What a member is at the moment. */
  public enum Role {
    FOLLOWER,
    PRE_CANDIDATE,
    CANDIDATE,
    LEADER
  }

  private static final int APPLY_BYTES_MAX = 8 << 20;

  /** So many entries may be committed before the log is told. */
  private static final long COMMIT_UNTOLD_MAX = 64;

  private final long self;
  private final Timing timing;
  private final RandomGenerator random;
  private final RaftLog log;
  private final Membership membership;

  private long term;
  private long vote;
  private Role role = Role.FOLLOWER;
  private long leader;
  private long commit;

  /** The commit that went to the log with the last hard state. */
  private long commitTold;

  private long handedOut;
  private long durable;
  private boolean behind;
  private long electionAt;
  private long heardLeaderAt;

  /** The newest round of this term's leader that was heard of here. */
  private long heardRound;

  /** Tells this process from earlier ones of the same member. */
  private final long life;

  /** As far as this log is known to be that of this term's leader. */
  private long matched;

  /** What this term's leader said to be committed, in its own log. */
  private long committedThere;

  // Candidates.
  private final Set<Long> granted = new HashSet<>();
  private final Set<Long> refused = new HashSet<>();

  /** Null unless this member leads. */
  private @Nullable Leadership leading;

  /** Members to which this one sends a snapshot, whoever leads by now. */
  private final Set<Long> streams = new HashSet<>();

  private final Outbox out = new Outbox();

  /** Those that wait for a leader's word. */
  private final FollowerReads reads;

  /**
   * @param log everything that is durable here
   * @param nowNanos counts as having just heard from a leader: before the crash we may have, and
   *     its lease then still rests on our not voting
   */
  RaftCore(
      long self,
      Timing timing,
      RandomGenerator random,
      HardState hardState,
      RaftLog log,
      Membership membership,
      long nowNanos) {
    this.self = self;
    this.timing = timing;
    this.random = random;
    this.term = hardState.getTerm();
    this.vote = hardState.getVote();
    this.log = log;
    this.membership = membership;
    this.handedOut = log.firstIndex() - 1;
    this.commit = Math.max(handedOut, Math.min(hardState.getCommit(), log.lastIndex()));
    this.commitTold = commit;
    this.durable = log.lastIndex();
    this.heardLeaderAt = nowNanos;
    this.life = random.nextLong() | 1;
    this.reads = new FollowerReads(self, timing, out, life);
    resetElection(nowNanos);
  }

  // --- What the driver asks ---

  public Role role() {
    return role;
  }

  public long term() {
    return term;
  }

  /** The leader of this term as far as known, or 0. */
  public long leader() {
    return leader;
  }

  public long commit() {
    return commit;
  }

  public long lastIndex() {
    return log.lastIndex();
  }

  public long firstIndex() {
    return log.firstIndex();
  }

  public Configuration configuration() {
    return membership.configuration();
  }

  /** The members as of an index, with the entry that made them so. */
  Configuration configurationAt(long index) {
    return membership.at(index);
  }

  long termAt(long index) {
    return log.term(index);
  }

  /** Index of the first entry of the present leadership; 0 if this member does not lead. */
  long termStart() {
    return leading == null ? 0 : leading.termStart;
  }

  /**
   * What a restart must find. The commit only as far as its entries are durable: a torn write could
   * leave it behind with the entries that they replace.
   */
  HardState hardState() {
    return HardState.newBuilder()
        .setTerm(term)
        .setVote(vote)
        .setCommit(Math.min(commit, durable))
        .build();
  }

  /**
   * True if a change of members may be proposed: the last one and an entry of ours are committed
   * (4.1), and leadership is not about to go elsewhere.
   */
  boolean mayChangeMembers() {
    return leading != null
        && membership.index() <= commit
        && commit >= leading.termStart
        && !leading.isTransferring();
  }

  /** True if a member gets entries as they come and lacks at most so many. */
  boolean hasCaughtUp(long id, long lagMax, long nowNanos) {
    return leading != null && leading.hasCaughtUp(id, lagMax, nowNanos);
  }

  /** True if this is the leader or a member that answered it within the last election time. */
  boolean isAlive(long id, long nowNanos) {
    return leading != null && leading.isAlive(id, nowNanos);
  }

  /** Until when no other leader can exist, so that this one may answer reads by itself (6.4.1). */
  long leaseUntil() {
    return leading == null ? Long.MIN_VALUE : leading.leaseUntil();
  }

  /** What each other member is known to have of the leader's log; empty elsewhere. */
  public Map<Long, Long> matches() {
    return leading == null ? Map.of() : leading.replication.matches();
  }

  /** How far the log may be compacted without taking from a living member what it needs next. */
  long dispensable(long nowNanos) {
    return leading == null
        ? Long.MAX_VALUE
        : leading.replication.dispensable(nowNanos - timing.electionNanos());
  }

  /** When {@link #tick} has something to do at the latest. */
  long wakeAt() {
    return leading == null ? Math.min(electionAt, reads.wakeAt()) : leading.wakeAt();
  }

  // --- Events ---

  /**
   * Tells whether the state machine is far behind what is known to be committed, as after a
   * restart: such a member votes and follows, but does not stand for election, because it could not
   * serve.
   */
  void behind(boolean is) {
    behind = is;
  }

  /** To be called after the events of a moment, and at {@link #wakeAt}. */
  void tick(long nowNanos) {
    if (leading != null) {
      if (!leading.tick(nowNanos)) {
        becomeFollower(term, 0, nowNanos);
      }
    } else if (nowNanos - electionAt >= 0) {
      resetElection(nowNanos);
      if (membership.isVoter(self) && !behind) {
        campaign(Role.PRE_CANDIDATE, false, nowNanos);
      } else {
        leader = 0;
        reads.fail();
        askWhetherStillAMember();
      }
    } else {
      reads.tick(leader, term, nowNanos);
    }
  }

  /** Who does not vote asks too: a leader that dropped it from its members says so. */
  private void askWhetherStillAMember() {
    if (membership.newestWith(self) >= 0) {
      otherVoters().forEach(this::askForPreVote);
    }
  }

  /**
   * Appends to the log if this is the leader and no transfer of leadership is under way.
   *
   * @return the index of the first entry, or 0 if refused
   */
  long propose(List<byte[]> commands, long nowNanos) {
    if (leading == null || leading.isTransferring()) {
      return 0;
    }
    long first = log.lastIndex() + 1;
    for (byte[] data : commands) {
      appendOwn(Entry.Kind.COMMANDS, data);
    }
    leading.replication.sendAppends();
    return first;
  }

  /** Proposes new members; the caller has asked {@link #mayChangeMembers}. 0 if refused. */
  long proposeConfiguration(Configuration configuration, long nowNanos) {
    if (leading == null || !mayChangeMembers()) {
      return 0;
    }
    appendOwn(Entry.Kind.CONFIGURATION, configuration.toByteArray());
    membership.put(log.lastIndex(), configuration);
    leading.replication.followMembers(nowNanos);
    leading.replication.sendAppends();
    return log.lastIndex();
  }

  /** Asks for a read barrier; its id comes back in a later Ready, reached or failed. */
  void read(long id, long nowNanos) {
    if (leading == null) {
      out.failRead(id);
    } else {
      leading.read(new Rounds.Reader(self, id), nowNanos);
    }
  }

  /** Likewise, but a follower asks its leader; {@link #tick} sends what was asked for together. */
  void readAnywhere(long id, long nowNanos) {
    if (leading == null && role == Role.FOLLOWER && leader != 0) {
      reads.read(id);
    } else {
      read(id, nowNanos);
    }
  }

  /**
   * Starts to hand leadership over, if that member gets entries as they come and answered within an
   * election time; new proposals are refused until it leads, or for an election time.
   */
  void transferTo(long id, long nowNanos) {
    if (leading != null && id != self) {
      leading.transferTo(id, nowNanos);
    }
  }

  /** The living voter whose log is closest to ours, or 0 if there is no other. */
  long successor(long nowNanos) {
    return leading == null ? 0 : leading.successor(nowNanos);
  }

  /** The stream of a snapshot ended: it arrived up to an index, or broke off. */
  void snapshotSent(long id, long index, boolean arrived) {
    streams.remove(id);
    if (leading != null) {
      leading.replication.snapshotEnded(id, index, arrived);
    }
  }

  /** What became of a snapshot that came from a leader. */
  enum Install {
    /** It is from a former leader. */
    REFUSED,
    /** The log has what it covers, which is now known to be committed: nothing else changes. */
    KNOWN,
    /** It takes the place of the whole log. */
    RESET
  }

  /**
   * Takes a snapshot that a leader sent and that is durable here. As in figure 13 of the paper,
   * rule 6: a log that has its last entry has all of them, and keeps those behind it, which may
   * have been acknowledged.
   */
  Install install(
      long from, long leaderTerm, long index, long indexTerm, Configuration members, long at) {
    if (leaderTerm < term || (leaderTerm == term && leading != null)) {
      out.now(new Message.AppendReply(self, from, term, false, 0, 0, 0, 0, 0));
      return Install.REFUSED;
    }
    becomeFollower(leaderTerm, from, at);
    heardLeaderAt = at;
    boolean known = index <= commit || log.matches(index, indexTerm);
    if (known) {
      commitTo(index);
    } else {
      log.reset(index, indexTerm);
      membership.reset(index, members);
      out.truncateFrom(0);
      commit = index;
      handedOut = index;
      durable = index;
    }
    out.afterSync(new Message.AppendReply(self, from, term, true, commit, 0, 0, 0, 0));
    return known ? Install.KNOWN : Install.RESET;
  }

  /**
   * Learns from a snapshot, whoever sent it, which entries of this log are committed: those that it
   * covers too.
   *
   * @return what is known to be committed
   */
  long commitAsIn(Terms snapshot) {
    commitTo(snapshot.sharedWith(log));
    return commit;
  }

  /** Drops entries that a durable snapshot covers. */
  void compactTo(long index) {
    log.compactTo(index);
    membership.compactTo(index);
  }

  /** Everything of the last Ready that had to be is durable. */
  void synced(long nowNanos) {
    durable = log.lastIndex();
    log.evict(durable);
    advanceCommit(nowNanos);
  }

  // --- Messages ---

  void receive(Message message, long nowNanos) {
    if (message.to() != self || message.from() == self) {
      return;
    }
    switch (message) {
      case Message.PreVote m -> onPreVote(m, nowNanos);
      case Message.PreVoteReply m -> onPreVoteReply(m, nowNanos);
      case Message.Vote m -> onVote(m, nowNanos);
      case Message.VoteReply m -> onVoteReply(m, nowNanos);
      case Message.Append m -> onAppend(m, nowNanos);
      case Message.AppendReply m -> onAppendReply(m, nowNanos);
      case Message.Heartbeat m -> onHeartbeat(m, nowNanos);
      case Message.HeartbeatReply m -> onHeartbeatReply(m, nowNanos);
      case Message.TimeoutNow m -> onTimeoutNow(m, nowNanos);
      case Message.Removed m -> onRemoved(m);
      case Message.ReadIndex m -> onReadIndex(m, nowNanos);
      case Message.ReadIndexReply m -> onReadIndexReply(m, nowNanos);
    }
  }

  private void onPreVote(Message.PreVote m, long at) {
    if (isRemoved(m.from())) {
      out.now(new Message.Removed(self, m.from(), term, membership.index()));
      return;
    }
    boolean yes = m.term() > term && !leaderIsAlive(at) && upToDate(m.lastIndex(), m.lastTerm());
    out.now(new Message.PreVoteReply(self, m.from(), yes ? m.term() : term, yes));
  }

  /** True if this leader knows that a sender is no member: the newest members are committed. */
  private boolean isRemoved(long id) {
    return leading != null
        && commit >= leading.termStart
        && membership.index() <= commit
        && !membership.isMember(id);
  }

  /** Nobody comes back under an id: a later configuration without us is the end. */
  private void onRemoved(Message.Removed m) {
    long newest = membership.newestWith(self);
    out.removed |= newest >= 0 && m.index() > newest;
  }

  private void onPreVoteReply(Message.PreVoteReply m, long at) {
    if (!m.granted() && m.term() > term) {
      becomeFollower(m.term(), 0, at);
    } else if (role == Role.PRE_CANDIDATE && m.term() == term + 1) {
      granted.add(m.from());
      if (membership.quorum(granted::contains)) {
        campaign(Role.CANDIDATE, false, at);
      }
    }
  }

  private void onVote(Message.Vote m, long at) {
    if (m.term() > term && leaderIsAlive(at) && !m.transfer()) {
      return; // its term must not disturb a leader that works (4.2.3)
    }
    if (m.term() > term) {
      becomeFollower(m.term(), 0, at);
    }
    boolean yes =
        m.term() == term
            && (vote == 0 || vote == m.from())
            && leader == 0
            && upToDate(m.lastIndex(), m.lastTerm());
    if (yes) {
      if (vote == 0) {
        vote = m.from();
        out.hardStateChanged = true;
      }
      resetElection(at);
    }
    out.afterSync(new Message.VoteReply(self, m.from(), term, yes));
  }

  /** True while some leader may hold a lease that rests on our not voting. */
  private boolean leaderIsAlive(long at) {
    return leading != null || at - heardLeaderAt < timing.electionNanos();
  }

  private boolean upToDate(long lastIndex, long lastTerm) {
    return lastTerm > log.lastTerm()
        || (lastTerm == log.lastTerm() && lastIndex >= log.lastIndex());
  }

  private void onVoteReply(Message.VoteReply m, long at) {
    if (m.term() > term) {
      becomeFollower(m.term(), 0, at);
    } else if (role == Role.CANDIDATE && m.term() == term) {
      (m.granted() ? granted : refused).add(m.from());
      if (membership.quorum(granted::contains)) {
        becomeLeader(at);
      } else if (membership.quorum(refused::contains)) {
        becomeFollower(term, 0, at);
      }
    }
  }

  /** Follows the sender of an append or heartbeat; false if it is not the leader any more. */
  private boolean follow(Message m, long round, long at) {
    if (m.term() < term) {
      out.now(new Message.AppendReply(self, m.from(), term, false, 0, 0, 0, 0, 0));
      return false;
    }
    if (m.term() > term || role != Role.FOLLOWER || leader != m.from()) {
      becomeFollower(m.term(), m.from(), at);
    }
    heardLeaderAt = at;
    heardRound = Math.max(heardRound, round);
    resetElection(at);
    return true;
  }

  private void onAppend(Message.Append m, long at) {
    if (!follow(m, m.round(), at)) {
      return;
    }
    long previous = m.previousIndex();
    long lastNew = previous + m.entries().size();
    if (previous < commit && lastNew <= commit) {
      // Old news: what is committed here matches every leader's log.
      out.afterSync(appendReply(m, true, commit, 0, 0));
      return;
    }
    if (previous >= commit && !log.matches(previous, m.previousTerm())) {
      long hint = log.lastIndexOfTermAtMost(Math.min(previous, log.lastIndex()), m.previousTerm());
      hint = Math.max(hint, commit);
      out.now(appendReply(m, false, previous, hint, log.term(hint)));
      return;
    }
    for (Entry entry : m.entries()) {
      if (entry.index() > commit && !log.matches(entry.index(), entry.term())) {
        if (entry.index() <= log.lastIndex()) {
          truncateFrom(entry.index());
        }
        append(entry);
      }
    }
    matched = Math.max(matched, lastNew);
    commitTo(Math.min(Math.max(m.commit(), committedThere), lastNew));
    out.afterSync(appendReply(m, true, lastNew, 0, 0));
  }

  private Message.AppendReply appendReply(
      Message.Append m, boolean accepted, long index, long hint, long hintTerm) {
    return new Message.AppendReply(
        self, m.from(), term, accepted, index, hint, hintTerm, m.round(), m.sequence());
  }

  private void onHeartbeat(Message.Heartbeat m, long at) {
    if (!follow(m, m.round(), at)) {
      return;
    }
    commitTo(Math.min(m.commit(), log.lastIndex()));
    out.now(new Message.HeartbeatReply(self, m.from(), term, m.round(), life));
  }

  /** Who asks in another term hears of the leader of this one soon enough. */
  private void onReadIndex(Message.ReadIndex m, long at) {
    if (leading != null && m.term() == term) {
      leading.read(new Rounds.Reader(m.from(), m.question()), at);
    }
  }

  private void onReadIndexReply(Message.ReadIndexReply m, long at) {
    if (leading == null && m.term() == term && m.from() == leader) {
      committedThere = Math.max(committedThere, m.index());
      commitTo(Math.min(m.index(), matched)); // sooner than the next heartbeat says so
      reads.answered(m, at);
    }
  }

  private void onTimeoutNow(Message.TimeoutNow m, long at) {
    boolean expires = m.life() != 0;
    boolean valid = !expires || (m.life() == life && m.round() >= heardRound);
    if (m.term() == term
        && role == Role.FOLLOWER
        && leader == m.from()
        && membership.isVoter(self)
        && !behind
        && valid) {
      campaign(Role.CANDIDATE, true, at);
    }
  }

  private void onAppendReply(Message.AppendReply m, long at) {
    if (isForLeader(m, m.round(), at) && leading != null && leading.answered(m)) {
      advanceCommit(at);
    }
  }

  private void onHeartbeatReply(Message.HeartbeatReply m, long at) {
    if (isForLeader(m, m.round(), at) && leading != null) {
      leading.answered(m);
    }
  }

  /** Notes that a follower accepts this leader; false if there is nothing more to note. */
  private boolean isForLeader(Message m, long echoed, long at) {
    if (m.term() > term) {
      becomeFollower(m.term(), 0, at);
      return false;
    }
    if (leading == null || m.term() < term) {
      return false;
    }
    leading.heard(m.from(), echoed, at);
    return true;
  }

  // --- Transitions ---

  private void becomeFollower(long newTerm, long newLeader, long at) {
    if (newTerm > term || newLeader != leader) {
      reads.fail();
    }
    if (newTerm > term) {
      begin(newTerm, 0);
    }
    if (leading != null) {
      leading.failReads();
      leading = null;
    }
    role = Role.FOLLOWER;
    leader = newLeader;
    resetElection(at);
  }

  private void begin(long newTerm, long newVote) {
    term = newTerm;
    vote = newVote;
    heardRound = 0;
    matched = 0;
    committedThere = 0;
    out.hardStateChanged = true;
  }

  private void campaign(Role candidacy, boolean transfer, long at) {
    role = candidacy;
    leader = 0;
    reads.fail();
    granted.clear();
    refused.clear();
    granted.add(self);
    if (candidacy == Role.CANDIDATE) {
      begin(term + 1, self);
    }
    resetElection(at);
    for (long id : otherVoters()) {
      if (candidacy == Role.PRE_CANDIDATE) {
        askForPreVote(id);
      } else {
        out.afterSync(new Message.Vote(self, id, term, log.lastIndex(), log.lastTerm(), transfer));
      }
    }
    if (membership.quorum(granted::contains)) {
      if (candidacy == Role.PRE_CANDIDATE) {
        campaign(Role.CANDIDATE, false, at);
      } else {
        becomeLeader(at);
      }
    }
  }

  private List<Long> otherVoters() {
    return membership.voters().stream().filter(id -> id != self).toList();
  }

  private void askForPreVote(long id) {
    out.now(new Message.PreVote(self, id, term + 1, log.lastIndex(), log.lastTerm()));
  }

  private void becomeLeader(long at) {
    role = Role.LEADER;
    leader = self;
    leading = new Leadership(self, term, timing, log, membership, this::commit, out, streams, at);
    appendOwn(Entry.Kind.NOOP, new byte[0]);
    leading.beginRound(at);
    leading.replication.sendAppends();
  }

  private void resetElection(long at) {
    electionAt = at + timing.electionNanos() + random.nextLong(timing.electionNanos());
  }

  // --- The log ---

  private void appendOwn(Entry.Kind kind, byte[] data) {
    append(new Entry(term, log.lastIndex() + 1, kind, data));
  }

  private void append(Entry entry) {
    log.append(entry);
    out.append(entry);
    if (entry.kind() == Entry.Kind.CONFIGURATION && leading == null) {
      membership.put(entry.index(), entry.configuration());
    }
  }

  private void truncateFrom(long index) {
    if (index <= commit) {
      throw new IllegalStateException("truncation of committed entry " + index);
    }
    log.truncateFrom(index);
    membership.truncateFrom(index);
    durable = Math.min(durable, index - 1);
    out.truncateFrom(index);
  }

  private void commitTo(long index) {
    if (index <= commit) {
      return;
    }
    boolean changesMembers = membership.index() > commit;
    boolean was = changesMembers && isMemberAt(commit);
    commit = index;
    out.removed |= was && !isMemberAt(index);
  }

  private boolean isMemberAt(long index) {
    return Configurations.byId(membership.at(index), self).isPresent();
  }

  /** Only entries of the leader's own term are committed by counting (3.6.2). */
  private void advanceCommit(long at) {
    if (leading == null) {
      return;
    }
    Replication replication = leading.replication;
    long index = membership.quorumValue(id -> id == self ? durable : replication.match(id));
    if (index <= commit || log.term(index) != term) {
      return;
    }
    boolean first = commit < leading.termStart;
    commitTo(index);
    if (first) {
      leading.begun(at);
    }
    if (commit >= membership.index() && !membership.isVoter(self)) {
      becomeFollower(term, 0, at); // removed from the cluster by its own hand (4.2.2)
    }
  }

  // --- Output ---

  /**
   * Everything that came of the events since the last call. The driver carries it out.
   *
   * @param mayApply false while the state machine is behind and should not be given more
   */
  Ready ready(boolean mayApply) {
    List<Entry> committed =
        mayApply
            ? log.entries(handedOut + 1, Math.min(commit, durable), APPLY_BYTES_MAX)
            : List.of();
    if (!committed.isEmpty()) {
      handedOut = committed.getLast().index();
    }
    HardState state = hardState();
    if (out.appends() && state.getCommit() - commitTold >= COMMIT_UNTOLD_MAX) {
      out.hardStateChanged = true; // the entries are forced anyway
    }
    if (out.hardStateChanged) {
      commitTold = state.getCommit();
    }
    return out.take(state, committed);
  }

  /** True if {@link #ready} would say anything. */
  boolean hasReady(boolean mayApply) {
    return !out.isEmpty() || (mayApply && Math.min(commit, durable) > handedOut);
  }
}
