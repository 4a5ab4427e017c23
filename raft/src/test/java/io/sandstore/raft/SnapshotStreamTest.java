package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When a leader begins to send a snapshot, and what a member makes of one. */
class SnapshotStreamTest extends CoreFixture {

  /** The follower acknowledges what still came in the meantime: no reason for another stream. */
  @Test
  void anAcknowledgementDuringASnapshotBeginsNoOther() {
    RaftCore leader = leaderThatSendsASnapshot();
    List<Long> streams = new ArrayList<>();
    for (int index = 1; index < 8; index++) {
      leader.receive(new Message.AppendReply(2, 1, 2, true, index, 0, 0, 1, 0), now);
      streams.addAll(leader.ready(true).snapshotsFor());
    }
    assertThat(streams).isEmpty();
  }

  private RaftCore leaderThatSendsASnapshot() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 1, 0, 0, 1, 0), now);
    for (int i = 0; i < 20; i++) {
      leader.propose(List.of(new byte[1]), now);
    }
    drain(leader);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 21, 0, 0, 1, 0), now);
    drain(leader);
    leader.compactTo(20);
    leader.receive(new Message.AppendReply(2, 1, 2, false, 1, 0, 0, 1, 0), now);
    leader.receive(new Message.HeartbeatReply(2, 1, 2, 1, 7), now);
    assertThat(leader.ready(true).snapshotsFor()).containsExactly(2L);
    return leader;
  }

  /** Figure 13 of the paper, rule 6: entries behind the snapshot may be the only ones there are. */
  @Test
  void whatWasAcknowledgedBehindASnapshotStays() {
    RaftCore core = core(1, 0, entry(1, 1), entry(1, 2), entry(1, 3), entry(1, 4), entry(1, 5));
    core.install(2, 1, 3, 1, THREE, now);
    drain(core);
    assertThat(core.lastIndex()).isEqualTo(5);
    assertThat(core.commit()).isEqualTo(3);
  }
}
