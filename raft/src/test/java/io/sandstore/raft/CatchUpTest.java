package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.wire.HardState;
import io.sandstore.wire.SnapshotMeta;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A member that starts applies what it knows to be committed before it stands for election. */
class CatchUpTest extends CoreFixture {

  private RaftCore restarted(long commit, int entries) {
    RaftLog log =
        new RaftLog(
            (from, to, max) -> List.of(),
            SnapshotMeta.newBuilder().setConfiguration(THREE).build());
    for (int index = 1; index <= entries; index++) {
      log.append(entry(1, index));
    }
    HardState state = HardState.newBuilder().setTerm(1).setCommit(commit).build();
    return new RaftCore(1, TIMING, new Random(1), state, log, new Membership(0, THREE), now);
  }

  /** Before: nothing was applied until there was a leader, which could not serve meanwhile. */
  @Test
  void whatIsKnownToBeCommittedIsHandedOutAtOnce() {
    RaftCore core = restarted(70, 100);
    List<Entry> committed = core.ready(true).committed();
    assertThat(committed).hasSize(70);
    assertThat(committed.getLast().index()).isEqualTo(70);
  }

  @Test
  void ofWhatTheLogLostNothingCountsAsCommitted() {
    assertThat(restarted(70, 60).commit()).isEqualTo(60);
  }

  @Test
  void whoIsBehindVotesButDoesNotStandForElection() {
    RaftCore core = restarted(70, 100);
    core.behind(true);
    now += 3 * ELECTION;
    core.tick(now);
    assertThat(core.role()).isEqualTo(RaftCore.Role.FOLLOWER);
    core.receive(new Message.Vote(2, 1, 2, 100, 1, false), now);
    assertThat(drain(core)).contains(new Message.VoteReply(1, 2, 2, true));
    core.behind(false);
    now += 3 * ELECTION;
    core.tick(now);
    assertThat(core.role()).isEqualTo(RaftCore.Role.PRE_CANDIDATE);
  }

  private static Message.Append append(long term, long previous, List<Entry> entries, long commit) {
    return new Message.Append(2, 1, term, previous, previous == 0 ? 0 : 1, entries, commit, 1, 1);
  }

  private static List<Entry> entries(long term, int from, int to) {
    List<Entry> entries = new ArrayList<>();
    for (int index = from; index <= to; index++) {
      entries.add(entry(term, index));
    }
    return entries;
  }

  @Test
  void theLogIsToldOfTheCommitNowAndThen() {
    RaftCore core = restarted(0, 0);
    core.receive(append(1, 0, entries(1, 1, 100), 100), now);
    assertThat(core.ready(true).hardState()).as("not durable yet").isEmpty();
    core.synced(now);
    core.receive(append(1, 100, entries(1, 101, 101), 100), now);
    assertThat(core.ready(true).hardState().orElseThrow().getCommit()).isEqualTo(100);
    core.synced(now);
    core.receive(append(1, 101, entries(1, 102, 102), 101), now);
    assertThat(core.ready(true).hardState()).as("not again for one").isEmpty();
  }

  /** A torn write may keep the state and lose the entries; those that they replace stay then. */
  @Test
  void theCommitThatIsToldDoesNotReachIntoWhatIsReplacedWithIt() {
    RaftCore core = restarted(0, 100);
    List<Entry> other = entries(2, 51, 100);
    core.receive(append(2, 50, other, 100), now);
    assertThat(core.commit()).isEqualTo(100);
    assertThat(core.ready(false).hardState().orElseThrow().getCommit()).isEqualTo(50);
  }
}
