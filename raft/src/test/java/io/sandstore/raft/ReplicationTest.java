package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a leader sends whom, and what it believes of the answers. */
class ReplicationTest extends CoreFixture {

  /**
   * etcd#1207: all that was on its way behind a lost append is refused, which says it only once.
   */
  @Test
  void oneLostAppendIsSentAgainOnceHoweverMuchWasOnItsWay() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 1, 0), now);
    drain(leader);
    List<Message.Append> onTheWay = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      leader.propose(List.of(new byte[1000]), now);
      onTheWay.addAll(appends(drain(leader), 2));
    }
    assertThat(onTheWay).hasSize(40);
    List<Message.Append> again = new ArrayList<>();
    for (Message.Append behind : onTheWay.subList(1, 40)) { // the first one was lost
      leader.receive(
          new Message.AppendReply(
              2, 1, 2, false, behind.previousIndex(), 1, 2, 1, behind.sequence()),
          now);
      again.addAll(appends(drain(leader), 2));
    }
    assertThat(again.stream().mapToInt(a -> a.entries().size()).sum()).isLessThanOrEqualTo(40);
  }

  /** A refusal that took its time must not undo what was agreed on since. */
  @Test
  void aRefusalThatComesLateChangesNothing() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 1, 0), now);
    for (int i = 0; i < 10; i++) {
      leader.propose(List.of(new byte[1]), now);
    }
    drain(leader);
    leader.receive(new Message.AppendReply(2, 1, 2, true, 11, 0, 0, 1, 0), now);
    drain(leader);
    leader.compactTo(9);
    leader.receive(new Message.AppendReply(2, 1, 2, false, 3, 1, 2, 1, 2), now);
    Ready ready = leader.ready(true);
    assertThat(ready.snapshotsFor()).isEmpty();
    assertThat(leader.matches()).containsEntry(2L, 11L);
  }

  /** Reading the log from disk holds up everything else a leader does. */
  @Test
  void whatIsOnItsWayToAMemberIsBounded() {
    RaftCore leader = leader();
    drain(leader);
    leader.receive(new Message.AppendReply(3, 1, 2, true, 1, 0, 0, 1, 0), now);
    drain(leader);
    for (int i = 0; i < 100; i++) {
      leader.propose(List.of(new byte[1 << 20]), now);
      drain(leader);
    }
    leader.receive(new Message.AppendReply(2, 1, 2, true, 1, 0, 0, 1, 0), now);
    long bytes =
        appends(drain(leader), 2).stream()
            .flatMap(a -> a.entries().stream())
            .mapToLong(Entry::bytes)
            .sum();
    assertThat(bytes).isBetween(1L, 5L << 20);
  }

  private static List<Message.Append> appends(List<Message> sent, long to) {
    return sent.stream()
        .filter(m -> m instanceof Message.Append a && a.to() == to && !a.entries().isEmpty())
        .map(Message.Append.class::cast)
        .toList();
  }
}
