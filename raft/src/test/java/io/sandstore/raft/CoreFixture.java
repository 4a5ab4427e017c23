package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotMeta;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Member 1 of three, alone on a bench: what a test hands it is all that it hears. */
abstract class CoreFixture {

  static final long MILLI = 1_000_000;
  static final Timing TIMING = Timing.standard();
  static final long ELECTION = TIMING.electionNanos();

  static final Configuration THREE =
      Configurations.founders(List.of(member(1), member(2), member(3)));

  static Member member(long id) {
    return Member.newBuilder().setId(id).setName("n" + id).build();
  }

  long now = MILLI;

  RaftCore core(long term, long vote, Entry... entries) {
    SnapshotMeta base = SnapshotMeta.newBuilder().setConfiguration(THREE).build();
    RaftLog log = new RaftLog(this::cold, base);
    for (Entry entry : entries) {
      log.append(entry);
    }
    HardState state = HardState.newBuilder().setTerm(term).setVote(vote).build();
    return new RaftCore(1, TIMING, new Random(1), state, log, new Membership(0, THREE), now);
  }

  /** What memory has let go of: the tests' entries are large, or none. */
  private List<Entry> cold(long from, long to, int bytesMax) {
    return List.of(new Entry(2, from, Entry.Kind.COMMANDS, new byte[1 << 20]));
  }

  static Entry entry(long term, long index) {
    return new Entry(term, index, Entry.Kind.COMMANDS, new byte[] {(byte) index});
  }

  List<Message> drain(RaftCore core) {
    List<Message> sent = new ArrayList<>();
    while (core.hasReady(true)) {
      Ready ready = core.ready(true);
      sent.addAll(ready.now());
      core.synced(now);
      sent.addAll(ready.afterSync());
    }
    return sent;
  }

  RaftCore leader() {
    RaftCore core = core(1, 0);
    now += 3 * ELECTION;
    core.tick(now);
    drain(core);
    core.receive(new Message.PreVoteReply(2, 1, 2, true), now);
    drain(core);
    core.receive(new Message.VoteReply(2, 1, 2, true), now);
    assertThat(core.role()).isEqualTo(RaftCore.Role.LEADER);
    return core;
  }
}
