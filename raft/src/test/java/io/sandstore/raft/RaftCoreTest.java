package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.replication.Configurations;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The protocol's rules one by one; sections are of Ongaro's thesis. */
class RaftCoreTest extends CoreFixture {

  /** 3.4: at most one vote a term, and it is durable before it is given. */
  @Test
  void aVoteIsGivenOnceATermAndOnlyAfterItIsDurable() {
    RaftCore core = core(1, 0);
    now += 3 * ELECTION;
    core.receive(new Message.Vote(2, 1, 2, 0, 0, false), now);
    Ready ready = core.ready(true);
    assertThat(ready.hardState()).hasValueSatisfying(s -> assertThat(s.getVote()).isEqualTo(2));
    assertThat(ready.now()).isEmpty();
    assertThat(ready.afterSync()).containsExactly(new Message.VoteReply(1, 2, 2, true));
    core.receive(new Message.Vote(3, 1, 2, 0, 0, false), now);
    assertThat(drain(core)).containsExactly(new Message.VoteReply(1, 3, 2, false));
  }

  /** 3.6.1: no vote for a candidate whose log lacks what ours has. */
  @Test
  void aCandidateWithAnOlderLogGetsNoVote() {
    RaftCore core = core(3, 0, entry(2, 1), entry(3, 2));
    now += 3 * ELECTION;
    core.receive(new Message.Vote(2, 1, 4, 5, 2, false), now);
    assertThat(drain(core)).containsExactly(new Message.VoteReply(1, 2, 4, false));
    core.receive(new Message.Vote(3, 1, 4, 2, 3, false), now);
    assertThat(drain(core)).containsExactly(new Message.VoteReply(1, 3, 4, true));
  }

  /** 4.2.3 and 6.4.1: who heard from a leader just now votes for nobody else, whatever the term. */
  @Test
  void aLivingLeaderIsNotDisturbed() {
    RaftCore core = core(1, 0);
    core.receive(new Message.Heartbeat(2, 1, 1, 0, 1), now);
    drain(core);
    core.receive(new Message.Vote(3, 1, 9, 100, 8, false), now + ELECTION / 2);
    core.receive(new Message.PreVote(3, 1, 9, 100, 8), now + ELECTION / 2);
    assertThat(drain(core)).containsExactly(new Message.PreVoteReply(1, 3, 1, false));
    assertThat(core.term()).isEqualTo(1);
  }

  /** A restart must not forget that a leader may hold a lease by our word. */
  @Test
  void afterARestartNobodyGetsAVoteForAnElectionTime() {
    RaftCore core = core(1, 0);
    core.receive(new Message.Vote(3, 1, 2, 0, 0, false), now + ELECTION - 1);
    assertThat(drain(core)).isEmpty();
    core.receive(new Message.Vote(3, 1, 2, 0, 0, false), now + ELECTION);
    assertThat(drain(core)).containsExactly(new Message.VoteReply(1, 3, 2, true));
  }

  /** 9.6: pre-votes change no term. */
  @Test
  void aMemberThatCannotWinDoesNotRaiseTheTerm() {
    RaftCore core = core(1, 0);
    for (int i = 0; i < 10; i++) {
      now += 3 * ELECTION;
      core.tick(now);
      drain(core);
    }
    assertThat(core.role()).isEqualTo(RaftCore.Role.PRE_CANDIDATE);
    assertThat(core.term()).isEqualTo(1);
  }

  /** 3.5: conflicting entries go, matching ones stay. */
  @Test
  void conflictingEntriesAreReplaced() {
    RaftCore core = core(2, 0, entry(1, 1), entry(1, 2), entry(1, 3));
    core.receive(new Message.Append(2, 1, 2, 1, 1, List.of(entry(2, 2)), 0, 1, 1), now);
    Ready ready = core.ready(true);
    assertThat(ready.append()).containsExactly(entry(2, 2));
    assertThat(core.lastIndex()).isEqualTo(2);
    assertThat(ready.now()).isEmpty();
    assertThat(ready.afterSync())
        .containsExactly(new Message.AppendReply(1, 2, 2, true, 2, 0, 0, 1, 1));
  }

  /** 3.5: a gap is refused, with a hint that skips whole terms. */
  @Test
  void aGapIsRefusedWithAHint() {
    RaftCore core = core(2, 0, entry(1, 1), entry(2, 2), entry(2, 3));
    core.receive(new Message.Append(2, 1, 3, 3, 1, List.of(), 0, 1, 1), now);
    assertThat(drain(core)).containsExactly(new Message.AppendReply(1, 2, 3, false, 3, 1, 1, 1, 1));
  }

  /** An entry that a first leader never replicated must not be committed by a heartbeat. */
  @Test
  void aHeartbeatCommitsOnlyWhatIsKnownToMatch() {
    RaftCore leader = leader();
    for (Message message : drain(leader)) {
      if (message instanceof Message.Heartbeat heartbeat) {
        assertThat(heartbeat.commit()).isZero();
      }
    }
  }

  /** 3.6.2: an old term's entry is not committed by counting copies. */
  @Test
  void entriesOfAnEarlierTermAreCommittedOnlyWithOneOfThisTerm() {
    RaftCore core = core(1, 0, entry(1, 1));
    now += 3 * ELECTION;
    core.tick(now);
    drain(core);
    core.receive(new Message.PreVoteReply(2, 1, 2, true), now);
    drain(core);
    core.receive(new Message.VoteReply(2, 1, 2, true), now);
    drain(core);
    core.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    drain(core);
    assertThat(core.commit()).isZero();
    core.receive(new Message.AppendReply(2, 1, 2, true, 2, 0, 0, 0, 0), now);
    drain(core);
    assertThat(core.commit()).isEqualTo(2);
  }

  /**
   * 10.2.1: followers may hear of entries before they are durable here, but they do not count here.
   */
  @Test
  void theLeaderSendsBeforeItsOwnDiskIsDone() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    drain(leader);
    leader.propose(List.of(new byte[] {1}), now);
    Ready ready = leader.ready(true);
    assertThat(ready.now()).anyMatch(m -> m instanceof Message.Append a && a.entries().size() == 1);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 2, 0, 0, 0, 0), now);
    assertThat(leader.commit()).as("one durable copy of three").isEqualTo(1);
    leader.synced(now);
    assertThat(leader.commit()).isEqualTo(2);
  }

  /** 6.4: a read needs a proof of leadership that is younger than the read. */
  @Test
  void aReadWithoutALeaseWaitsForARound() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    drain(leader);
    now += ELECTION - MILLI; // the lease, if any, is over
    leader.read(77, now);
    leader.tick(now);
    Ready ready = leader.ready(true);
    assertThat(ready.reads()).isEmpty();
    long round =
        ready.now().stream()
            .filter(Message.Heartbeat.class::isInstance)
            .mapToLong(m -> ((Message.Heartbeat) m).round())
            .max()
            .orElseThrow();
    leader.receive(new Message.HeartbeatReply(2, 1, 2, round - 1, 7), now);
    assertThat(leader.ready(true).reads()).isEmpty();
    leader.receive(new Message.HeartbeatReply(2, 1, 2, round, 7), now);
    assertThat(leader.ready(true).reads()).containsExactly(new Ready.Read(77, 1));
  }

  /** 6.2: a leader that reaches no majority steps down. */
  @Test
  void aLeaderWithoutAMajorityStepsDown() {
    RaftCore leader = leader();
    drain(leader);
    now += 3 * ELECTION;
    leader.tick(now);
    assertThat(leader.role()).isEqualTo(RaftCore.Role.FOLLOWER);
  }

  /** 3.10: the successor must have everything, and meanwhile nothing new is taken. */
  @Test
  void leadershipGoesToACaughtUpMemberOnly() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 1, 0, 0, 1, 0), now);
    leader.receive(new Message.HeartbeatReply(3, 1, 2, 1, 7), now);
    leader.propose(List.of(new byte[1]), now);
    leader.transferTo(3, now);
    assertThat(leader.propose(List.of(new byte[1]), now)).isZero();
    assertThat(drain(leader)).noneMatch(Message.TimeoutNow.class::isInstance);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 2, 0, 0, 1, 0), now);
    assertThat(drain(leader)).contains(new Message.TimeoutNow(1, 3, 2, 1, 7));
    assertThat(leader.leaseUntil()).isEqualTo(Long.MIN_VALUE);
  }

  /** 4.1: one change at a time, and not before an entry of this term is committed. */
  @Test
  void membersChangeOneAtATime() {
    RaftCore leader = leader();
    drain(leader);
    assertThat(leader.mayChangeMembers()).isFalse();
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    drain(leader);
    assertThat(leader.proposeConfiguration(Configurations.without(THREE, 3), now)).isEqualTo(2);
    assertThat(leader.proposeConfiguration(THREE, now)).isZero();
  }

  /**
   * A member that was silent for longer than rounds are on record must cost no more than its vote.
   */
  @Test
  void aLongSilentMemberDoesNotBreakTheLease() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    leader.receive(new Message.HeartbeatReply(3, 1, 2, 1, 7), now);
    for (int i = 0; i < 300; i++) {
      now += 100 * MILLI;
      leader.tick(now);
      long round =
          drain(leader).stream()
              .filter(Message.Heartbeat.class::isInstance)
              .mapToLong(m -> ((Message.Heartbeat) m).round())
              .max()
              .orElse(0);
      leader.receive(new Message.HeartbeatReply(2, 1, 2, round, 7), now);
      drain(leader);
    }
    assertThat(leader.role()).isEqualTo(RaftCore.Role.LEADER);
    assertThat(leader.leaseUntil()).isGreaterThan(now);
  }

  /** A last record that was damaged after it was acknowledged looks like a torn one. */
  @Test
  void aMemberThatLostAcknowledgedEntriesGetsThemAgain() {
    RaftCore leader = leader();
    drain(leader);
    leader.propose(List.of(new byte[] {1}), now);
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 2, 0, 0, 0, 0), now);
    drain(leader);
    leader.propose(List.of(new byte[] {2}), now);
    long sequence =
        drain(leader).stream()
            .filter(m -> m instanceof Message.Append a && a.to() == 2)
            .mapToLong(m -> ((Message.Append) m).sequence())
            .max()
            .orElseThrow();
    leader.receive(new Message.AppendReply(2, 1, 2, false, 2, 1, 2, 0, sequence), now);
    assertThat(drain(leader))
        .anyMatch(
            m ->
                m instanceof Message.Append a
                    && a.to() == 2
                    && a.previousIndex() == 1
                    && a.entries().size() == 2);
    assertThat(leader.commit()).isEqualTo(2);
  }

  /** It answers a former leader's message, and may arrive when its term has a leader of its own. */
  @Test
  void aReplyThatOnlySaysATermWasOverIsNoRejection() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 0, 0), now);
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, false, 0, 0, 0, 0, 0), now);
    assertThat(drain(leader)).noneMatch(Message.Append.class::isInstance);
    assertThat(leader.matches()).containsEntry(2L, 1L);
  }
}
