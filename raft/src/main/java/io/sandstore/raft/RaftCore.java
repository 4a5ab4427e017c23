package io.sandstore.raft;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
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

  private static final int APPEND_BYTES_MAX = 1 << 20;
  private static final int APPLY_BYTES_MAX = 8 << 20;

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
  private long handedOut;
  private long durable;
  private long electionAt;
  private long heardLeaderAt;

  // Candidates.
  private final Set<Long> granted = new HashSet<>();
  private final Set<Long> refused = new HashSet<>();

  // Leaders.
  private final Map<Long, Progress> peers = new TreeMap<>();
  private long heartbeatAt;
  private long round;
  private final TreeMap<Long, Long> roundSentAt = new TreeMap<>();
  private long termStart;
  private long transferTo;
  private long transferUntil;
  private final TreeMap<Long, List<Long>> readsByRound = new TreeMap<>();
  private final List<Long> earlyReads = new ArrayList<>();

  // What the next Ready will say.
  private boolean hardStateChanged;
  private List<Entry> toAppend = new ArrayList<>();
  private List<Message> now = new ArrayList<>();
  private List<Message> afterSync = new ArrayList<>();
  private List<Long> snapshotsFor = new ArrayList<>();
  private List<Ready.Read> reads = new ArrayList<>();
  private List<Long> failedReads = new ArrayList<>();

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
    this.commit = log.firstIndex() - 1;
    this.handedOut = commit;
    this.durable = log.lastIndex();
    this.heardLeaderAt = nowNanos;
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

  long termStart() {
    return termStart;
  }

  /** True if a change of members may be proposed: the last one and an entry of ours committed. */
  boolean mayChangeMembers() {
    return role == Role.LEADER && membership.index() <= commit && commit >= termStart;
  }

  /** Entries that a member lacks, or a large number if it is not followed. */
  long lag(long id) {
    Progress peer = peers.get(id);
    return peer == null ? Long.MAX_VALUE : log.lastIndex() - peer.match;
  }

  /** True if a member answered this leader within the last election time. */
  boolean isAlive(long id, long nowNanos) {
    return heardSince(id, nowNanos - timing.electionNanos());
  }

  /** Until when no other leader can exist, so that this one may answer reads by itself (6.4.1). */
  long leaseUntil() {
    if (role != Role.LEADER || commit < termStart || transferTo != 0) {
      return Long.MIN_VALUE;
    }
    long confirmed = membership.quorumValue(id -> id == self ? Long.MAX_VALUE : sentAt(id));
    if (confirmed == Long.MAX_VALUE) {
      return Long.MAX_VALUE; // a cluster of one
    }
    return confirmed == Long.MIN_VALUE ? Long.MIN_VALUE : confirmed + timing.leaseNanos();
  }

  private long sentAt(long id) {
    Progress peer = peers.get(id);
    // Of a member that has been silent for long, the round is not on record any more.
    Map.Entry<Long, Long> heard = peer == null ? null : roundSentAt.floorEntry(peer.heardRound);
    return heard == null ? Long.MIN_VALUE : heard.getValue();
  }

  /** When {@link #tick} has something to do at the latest. */
  long wakeAt() {
    return role == Role.LEADER ? Math.min(heartbeatAt, electionAt) : electionAt;
  }

  // --- Events ---

  void tick(long nowNanos) {
    if (role == Role.LEADER) {
      tickLeader(nowNanos);
    } else if (nowNanos - electionAt >= 0) {
      resetElection(nowNanos);
      if (membership.isVoter(self)) {
        campaign(Role.PRE_CANDIDATE, false, nowNanos);
      } else {
        leader = 0;
      }
    }
  }

  private void tickLeader(long nowNanos) {
    if (transferTo != 0 && nowNanos - transferUntil >= 0) {
      transferTo = 0;
    }
    if (nowNanos - electionAt >= 0) {
      electionAt = nowNanos + timing.electionNanos();
      long since = nowNanos - timing.electionNanos();
      if (!membership.quorum(id -> id == self || heardSince(id, since))) {
        becomeFollower(term, 0, nowNanos);
        return;
      }
    }
    if (nowNanos - heartbeatAt >= 0) {
      broadcastHeartbeat(nowNanos);
    }
  }

  private boolean heardSince(long id, long since) {
    Progress peer = peers.get(id);
    return peer != null && peer.heardAtNanos - since >= 0;
  }

  /**
   * Appends to the log if this is the leader and no transfer of leadership is under way.
   *
   * @return the index of the first entry, or 0 if refused
   */
  long propose(List<byte[]> commands, long nowNanos) {
    if (role != Role.LEADER || transferTo != 0) {
      return 0;
    }
    long first = log.lastIndex() + 1;
    for (byte[] data : commands) {
      appendOwn(Entry.Kind.COMMANDS, data);
    }
    broadcastAppends();
    return first;
  }

  /** Proposes new members; the caller has asked {@link #mayChangeMembers}. 0 if refused. */
  long proposeConfiguration(Configuration configuration, long nowNanos) {
    if (!mayChangeMembers()) {
      return 0;
    }
    appendOwn(Entry.Kind.CONFIGURATION, configuration.toByteArray());
    membership.put(log.lastIndex(), configuration);
    syncPeers(nowNanos);
    broadcastAppends();
    return log.lastIndex();
  }

  /** Asks for a read barrier; its id comes back in a later Ready, reached or failed. */
  void read(long id, long nowNanos) {
    if (role != Role.LEADER) {
      failedReads.add(id);
    } else if (commit < termStart) {
      earlyReads.add(id);
    } else if (leaseUntil() > nowNanos) {
      reads.add(new Ready.Read(id, commit));
    } else {
      readsByRound.computeIfAbsent(round + 1, r -> new ArrayList<>()).add(id);
      broadcastHeartbeat(nowNanos);
      confirmReads();
    }
  }

  /** Starts to hand leadership over; new proposals are refused until it happened or failed. */
  void transferTo(long id, long nowNanos) {
    if (role != Role.LEADER || id == self || !membership.isVoter(id)) {
      return;
    }
    transferTo = id;
    transferUntil = nowNanos + timing.electionNanos();
    offerLeadership();
  }

  /** The voter whose log is closest to ours, or 0 if there is no other. */
  long mostCaughtUp() {
    long best = 0;
    for (long id : membership.voters()) {
      Progress peer = peers.get(id);
      if (id != self && peer != null && (best == 0 || peer.match > lookup(best).match)) {
        best = id;
      }
    }
    return best;
  }

  private Progress lookup(long id) {
    Progress peer = peers.get(id);
    if (peer == null) {
      throw new IllegalStateException("no progress of " + id);
    }
    return peer;
  }

  private void offerLeadership() {
    Progress peer = peers.get(transferTo);
    if (peer != null && peer.match == log.lastIndex()) {
      now.add(new Message.TimeoutNow(self, transferTo, term));
    }
  }

  /** A snapshot left for a member, or could not. */
  void snapshotSent(long id, long index, boolean arrived) {
    Progress peer = peers.get(id);
    if (peer == null || peer.state != Progress.State.SNAPSHOT) {
      return;
    }
    if (arrived) {
      peer.accepted(index);
    } else {
      peer.probeFrom(peer.match + 1);
    }
  }

  /**
   * Takes a snapshot that a leader sent and that is durable here.
   *
   * @return false if it is of no use: older than what we have, or from a former leader
   */
  boolean install(
      long from, long leaderTerm, long index, long indexTerm, Configuration members, long at) {
    if (leaderTerm < term || index <= commit) {
      return false;
    }
    becomeFollower(leaderTerm, from, at);
    heardLeaderAt = at;
    log.reset(index, indexTerm);
    membership.reset(index, members);
    toAppend.clear();
    commit = index;
    handedOut = index;
    durable = index;
    return true;
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
    if (role == Role.LEADER) {
      advanceCommit(nowNanos);
    }
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
    }
  }

  private void onPreVote(Message.PreVote m, long at) {
    boolean yes = m.term() > term && !leaderIsAlive(at) && upToDate(m.lastIndex(), m.lastTerm());
    now.add(new Message.PreVoteReply(self, m.from(), yes ? m.term() : term, yes));
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
        hardStateChanged = true;
      }
      resetElection(at);
    }
    afterSync.add(new Message.VoteReply(self, m.from(), term, yes));
  }

  /** True while some leader may hold a lease that rests on our not voting. */
  private boolean leaderIsAlive(long at) {
    return role == Role.LEADER || at - heardLeaderAt < timing.electionNanos();
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
  private boolean follow(Message m, long at) {
    if (m.term() < term) {
      return false;
    }
    if (m.term() > term || role != Role.FOLLOWER || leader != m.from()) {
      becomeFollower(m.term(), m.from(), at);
    }
    heardLeaderAt = at;
    resetElection(at);
    return true;
  }

  private void onAppend(Message.Append m, long at) {
    if (!follow(m, at)) {
      now.add(new Message.AppendReply(self, m.from(), term, false, 0, 0, 0, 0));
      return;
    }
    long previous = m.previousIndex();
    long lastNew = previous + m.entries().size();
    if (previous < commit && lastNew <= commit) {
      // Old news: what is committed here matches every leader's log.
      afterSync.add(appendReply(m, true, commit, 0, 0));
      return;
    }
    if (previous >= commit && !log.matches(previous, m.previousTerm())) {
      long hint = log.lastIndexOfTermAtMost(Math.min(previous, log.lastIndex()), m.previousTerm());
      hint = Math.max(hint, commit);
      now.add(appendReply(m, false, previous, hint, log.term(hint)));
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
    commitTo(Math.min(m.commit(), lastNew));
    afterSync.add(appendReply(m, true, lastNew, 0, 0));
  }

  private Message.AppendReply appendReply(
      Message.Append m, boolean accepted, long index, long hint, long hintTerm) {
    return new Message.AppendReply(
        self, m.from(), term, accepted, index, hint, hintTerm, m.round());
  }

  private void onHeartbeat(Message.Heartbeat m, long at) {
    if (!follow(m, at)) {
      now.add(new Message.AppendReply(self, m.from(), term, false, 0, 0, 0, 0));
      return;
    }
    commitTo(Math.min(m.commit(), log.lastIndex()));
    now.add(new Message.HeartbeatReply(self, m.from(), term, m.round()));
  }

  private void onTimeoutNow(Message.TimeoutNow m, long at) {
    if (m.term() == term && role == Role.FOLLOWER && membership.isVoter(self)) {
      campaign(Role.CANDIDATE, true, at);
    }
  }

  private void onAppendReply(Message.AppendReply m, long at) {
    Progress peer = acknowledged(m, m.round(), at);
    if (peer == null) {
      return;
    }
    if (m.accepted()) {
      boolean full = !peer.maySend();
      if (peer.accepted(m.index())) {
        advanceCommit(at);
        if (m.from() == transferTo) {
          offerLeadership();
        }
      }
      if (full || peer.next <= log.lastIndex()) {
        sendAppends(m.from(), peer);
      }
    } else if (m.index() > 0) { // 0 only says that a former leader's term was over
      // At or below its match: the member lost what it had acknowledged. What is committed stays
      // so, but it must be sent again, or the member would be behind for ever without a word.
      peer.match = Math.min(peer.match, Math.min(m.hint(), m.index() - 1));
      // Skip whole terms that cannot match, instead of stepping back entry by entry (3.5).
      long meet = log.lastIndexOfTermAtMost(Math.min(m.hint(), log.lastIndex()), m.hintTerm());
      peer.probeFrom(meet + 1);
      sendAppends(m.from(), peer);
    }
  }

  private void onHeartbeatReply(Message.HeartbeatReply m, long at) {
    Progress peer = acknowledged(m, m.round(), at);
    if (peer != null) {
      peer.heartbeatAnswered();
      if (peer.match < log.lastIndex()) {
        sendAppend(m.from(), peer, true); // an empty one finds out what got lost
      }
      confirmReads();
    }
  }

  /** Notes that a follower accepts this leader; null if there is nothing to note. */
  private @Nullable Progress acknowledged(Message m, long echoed, long at) {
    if (m.term() > term) {
      becomeFollower(m.term(), 0, at);
      return null;
    }
    Progress peer = peers.get(m.from());
    if (role != Role.LEADER || m.term() < term || peer == null) {
      return null;
    }
    peer.heardAtNanos = at;
    if (echoed <= round) {
      peer.heardRound = Math.max(peer.heardRound, echoed);
    }
    return peer;
  }

  // --- Transitions ---

  private void becomeFollower(long newTerm, long newLeader, long at) {
    if (newTerm > term) {
      term = newTerm;
      vote = 0;
      hardStateChanged = true;
    }
    if (role == Role.LEADER) {
      failReads();
    }
    role = Role.FOLLOWER;
    leader = newLeader;
    transferTo = 0;
    peers.clear();
    resetElection(at);
  }

  private void campaign(Role candidacy, boolean transfer, long at) {
    role = candidacy;
    leader = 0;
    granted.clear();
    refused.clear();
    granted.add(self);
    if (candidacy == Role.CANDIDATE) {
      term++;
      vote = self;
      hardStateChanged = true;
    }
    resetElection(at);
    for (long id : membership.voters()) {
      if (id == self) {
        continue;
      }
      if (candidacy == Role.PRE_CANDIDATE) {
        now.add(new Message.PreVote(self, id, term + 1, log.lastIndex(), log.lastTerm()));
      } else {
        afterSync.add(new Message.Vote(self, id, term, log.lastIndex(), log.lastTerm(), transfer));
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

  private void becomeLeader(long at) {
    role = Role.LEADER;
    leader = self;
    peers.clear();
    roundSentAt.clear();
    round = 0;
    roundSentAt.put(0L, Long.MIN_VALUE);
    transferTo = 0;
    electionAt = at + timing.electionNanos();
    syncPeers(at);
    appendOwn(Entry.Kind.NOOP, new byte[0]);
    termStart = log.lastIndex();
    broadcastHeartbeat(at);
    broadcastAppends();
  }

  /** Follows exactly the members of the newest configuration. */
  private void syncPeers(long at) {
    Set<Long> others = new HashSet<>(membership.all());
    others.remove(self);
    peers.keySet().retainAll(others);
    for (long id : membership.all()) {
      if (id != self) {
        peers.computeIfAbsent(id, i -> new Progress(log.lastIndex() + 1, at));
      }
    }
  }

  private void resetElection(long at) {
    electionAt = at + timing.electionNanos() + random.nextLong(timing.electionNanos());
  }

  private void failReads() {
    failedReads.addAll(earlyReads);
    earlyReads.clear();
    readsByRound.values().forEach(failedReads::addAll);
    readsByRound.clear();
  }

  // --- The log ---

  private void appendOwn(Entry.Kind kind, byte[] data) {
    append(new Entry(term, log.lastIndex() + 1, kind, data));
  }

  private void append(Entry entry) {
    log.append(entry);
    toAppend.add(entry);
    if (entry.kind() == Entry.Kind.CONFIGURATION && role != Role.LEADER) {
      membership.put(entry.index(), Configurations.parse(entry));
    }
  }

  private void truncateFrom(long index) {
    if (index <= commit) {
      throw new IllegalStateException("truncation of committed entry " + index);
    }
    log.truncateFrom(index);
    membership.truncateFrom(index);
    durable = Math.min(durable, index - 1);
    toAppend.removeIf(entry -> entry.index() >= index);
  }

  private void commitTo(long index) {
    commit = Math.max(commit, index);
  }

  /** Only entries of the leader's own term are committed by counting (3.6.2). */
  private void advanceCommit(long at) {
    long index = membership.quorumValue(id -> id == self ? durable : match(id));
    if (index <= commit || log.term(index) != term) {
      return;
    }
    boolean first = commit < termStart;
    commit = index;
    if (first) {
      List<Long> waiting = List.copyOf(earlyReads);
      earlyReads.clear();
      waiting.forEach(id -> read(id, at));
    }
    if (commit >= membership.index() && !membership.isVoter(self)) {
      becomeFollower(term, 0, at); // removed from the cluster by its own hand (4.2.2)
    }
  }

  /** What each other member is known to have of the leader's log; empty elsewhere. */
  public Map<Long, Long> matches() {
    Map<Long, Long> matches = new TreeMap<>();
    if (role == Role.LEADER) {
      peers.forEach((id, peer) -> matches.put(id, peer.match));
    }
    return matches;
  }

  private long match(long id) {
    Progress peer = peers.get(id);
    return peer == null ? 0 : peer.match;
  }

  // --- Sending ---

  private void broadcastHeartbeat(long at) {
    heartbeatAt = at + timing.heartbeatNanos();
    round++;
    roundSentAt.put(round, at);
    while (roundSentAt.size() > 128) {
      roundSentAt.remove(roundSentAt.firstKey());
      roundSentAt.put(roundSentAt.firstKey(), Long.MIN_VALUE); // too old to found a lease on
    }
    for (var peer : peers.entrySet()) {
      long known = Math.min(commit, peer.getValue().match);
      now.add(new Message.Heartbeat(self, peer.getKey(), term, known, round));
    }
  }

  private void broadcastAppends() {
    peers.forEach(this::sendAppends);
  }

  private void sendAppends(long id, Progress peer) {
    while (peer.maySend() && peer.next <= log.lastIndex()) {
      if (!sendAppend(id, peer, false)) {
        return;
      }
    }
  }

  private boolean sendAppend(long id, Progress peer, boolean evenEmpty) {
    if (!peer.maySend()) {
      return false;
    }
    if (peer.next < log.firstIndex()) {
      peer.become(Progress.State.SNAPSHOT);
      snapshotsFor.add(id);
      return false;
    }
    long previous = peer.next - 1;
    List<Entry> entries = log.entries(peer.next, log.lastIndex(), APPEND_BYTES_MAX);
    if (entries.isEmpty() && !evenEmpty) {
      return false;
    }
    now.add(
        new Message.Append(self, id, term, previous, log.term(previous), entries, commit, round));
    peer.sent(previous + entries.size(), !entries.isEmpty());
    return true;
  }

  private void confirmReads() {
    while (!readsByRound.isEmpty()) {
      long wanted = readsByRound.firstKey();
      if (!membership.quorum(id -> id == self || lookupRound(id) >= wanted)) {
        return;
      }
      for (long id : readsByRound.pollFirstEntry().getValue()) {
        reads.add(new Ready.Read(id, commit));
      }
    }
  }

  private long lookupRound(long id) {
    Progress peer = peers.get(id);
    return peer == null ? -1 : peer.heardRound;
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
    Ready ready =
        new Ready(
            now,
            hardStateChanged
                ? Optional.of(HardState.newBuilder().setTerm(term).setVote(vote).build())
                : Optional.empty(),
            toAppend,
            afterSync,
            committed,
            snapshotsFor,
            reads,
            failedReads);
    now = new ArrayList<>();
    hardStateChanged = false;
    toAppend = new ArrayList<>();
    afterSync = new ArrayList<>();
    snapshotsFor = new ArrayList<>();
    reads = new ArrayList<>();
    failedReads = new ArrayList<>();
    return ready;
  }

  /** True if {@link #ready} would say anything. */
  boolean hasReady(boolean mayApply) {
    return hardStateChanged
        || !toAppend.isEmpty()
        || !now.isEmpty()
        || !afterSync.isEmpty()
        || !snapshotsFor.isEmpty()
        || !reads.isEmpty()
        || !failedReads.isEmpty()
        || (mayApply && Math.min(commit, durable) > handedOut);
  }
}
