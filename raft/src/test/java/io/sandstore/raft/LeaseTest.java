package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** 6.4.1: while a lease is believed anywhere, nobody else may become leader. */
class LeaseTest extends CoreFixture {

  private static final long LIFE = 7;

  private RaftCore confirmedLeader() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 1, 0), now);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 1, 0, 0, 1, 0), now);
    leader.receive(new Message.HeartbeatReply(3, 1, 2, 1, LIFE), now);
    drain(leader);
    assertThat(leader.leaseUntil()).isGreaterThan(now);
    return leader;
  }

  private void beat(RaftCore leader, long... echoes) {
    now += 100 * MILLI;
    leader.tick(now);
    long round = round(drain(leader));
    for (long id : echoes) {
      leader.receive(new Message.HeartbeatReply(id, 1, 2, round, LIFE), now);
    }
    drain(leader);
  }

  private static long round(List<Message> sent) {
    return sent.stream()
        .filter(Message.Heartbeat.class::isInstance)
        .mapToLong(m -> ((Message.Heartbeat) m).round())
        .max()
        .orElse(0);
  }

  /** The offer may still come, and the votes it leads to do not ask for the lease. */
  @Test
  void thereIsNoLeaseWhileAnOfferOfLeadershipIsOnItsWay() {
    RaftCore leader = confirmedLeader();
    leader.transferTo(3, now);
    assertThat(drain(leader)).anyMatch(Message.TimeoutNow.class::isInstance);
    for (int i = 0; i < 20; i++) {
      beat(leader, 2); // 3 is silent; the transfer is given up after 700 ms
    }
    assertThat(leader.propose(List.of(new byte[1]), now)).as("given up").isPositive();
    assertThat(leader.leaseUntil()).isEqualTo(Long.MIN_VALUE);
    beat(leader, 2, 3); // now 3 knows of a later round
    assertThat(leader.leaseUntil()).isGreaterThan(now);
  }

  /** The same message minutes later: the leader goes on, and so does its lease. */
  @Test
  void anOfferOfLeadershipThatComesLateIsIgnored() {
    RaftCore core = core(2, 0);
    core.receive(new Message.Heartbeat(2, 1, 2, 0, 5), now);
    long life = ((Message.HeartbeatReply) drain(core).getFirst()).life();
    core.receive(new Message.Heartbeat(2, 1, 2, 0, 6), now);
    drain(core);
    core.receive(new Message.TimeoutNow(2, 1, 2, 5, life), now);
    assertThat(core.role()).as("6 is heard of").isEqualTo(RaftCore.Role.FOLLOWER);
    core.receive(new Message.TimeoutNow(2, 1, 2, 6, life ^ 1), now);
    assertThat(core.role()).as("to an earlier process").isEqualTo(RaftCore.Role.FOLLOWER);
    core.receive(new Message.TimeoutNow(2, 1, 2, 6, life), now);
    assertThat(core.role()).isEqualTo(RaftCore.Role.CANDIDATE);
  }

  /** 3.10 with 4.1: it would put another entry, and a force, before the offer. */
  @Test
  void membersDoNotChangeDuringATransfer() {
    RaftCore leader = confirmedLeader();
    leader.transferTo(3, now);
    drain(leader);
    assertThat(leader.mayChangeMembers()).isFalse();
  }

  /** An idle cluster: all have the same log, the dead one too. */
  @Test
  void leadershipIsOfferedToWhoWasHeardOf() {
    RaftCore leader = confirmedLeader();
    for (int i = 0; i < 20; i++) {
      beat(leader, 3);
    }
    assertThat(leader.successor(now)).isEqualTo(3);
    leader.transferTo(2, now);
    assertThat(leader.propose(List.of(new byte[1]), now)).as("2 is dead").isPositive();
  }

  /** Reads that wait together need one round of heartbeats, not one each. */
  @Test
  void readsWithoutALeaseShareARound() {
    RaftCore leader = confirmedLeader();
    now += ELECTION - MILLI;
    for (int id = 1; id <= 100; id++) {
      leader.read(id, now);
    }
    leader.tick(now);
    assertThat(drain(leader).stream().filter(Message.Heartbeat.class::isInstance)).hasSize(2);
  }

  /** One that asks to join by the leader's own name must not throw the leader out. */
  @Test
  void aLeaderIsAlive() {
    assertThat(confirmedLeader().isAlive(1, now)).isTrue();
  }

  /** With a short log, a member that never answered is within every bound. */
  @Test
  void aMemberThatNeverAnsweredHasNotCaughtUp() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 1, 0), now);
    drain(leader);
    assertThat(leader.hasCaughtUp(2, 64, now)).isTrue();
    assertThat(leader.hasCaughtUp(3, 64, now)).isFalse();
  }
}
