package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.block.HolderMask;
import io.sandstore.wire.Batch;
import io.sandstore.wire.CloseSession;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Location;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import org.junit.jupiter.api.Test;

/** What becomes of clients when there are as many as there can be. */
class SessionsTest {

  private static final int MAX = Sessions.SESSIONS_MAX;

  private final Namespace namespace =
      new Namespace(new NamespaceModelTest.Memory(), new HolderMask());
  private long realMs = 1_700_000_000_000L;
  private long index;

  private Outcome apply(Command.Builder command, long elapsedMs) {
    realMs += elapsedMs;
    return namespace
        .apply(
            ++index,
            Batch.newBuilder()
                .setTimeMs(realMs)
                .setElapsedMs(elapsedMs)
                .addCommands(command)
                .build())
        .getFirst();
  }

  private Outcome open(long nonce) {
    return apply(Command.newBuilder().setOpenSession(OpenSession.newBuilder().setNonce(nonce)), 0);
  }

  private Outcome mkdir(long session, long sequence, String path) {
    return apply(
        Command.newBuilder()
            .setSession(session)
            .setSequence(sequence)
            .setAcknowledgedBelow(sequence)
            .setMkdir(Mkdir.newBuilder().setLocation(Location.newBuilder().setPath(path))),
        0);
  }

  private Outcome close(long session, long nonce) {
    return apply(
        Command.newBuilder()
            .setCloseSession(CloseSession.newBuilder().setSession(session).setNonce(nonce)),
        0);
  }

  private static Errno errno(Outcome outcome) {
    return outcome.getFault().getErrno();
  }

  private void pass(long ms) {
    apply(Command.newBuilder(), ms); // an empty command is refused, and time passes
  }

  /** As many as there can be, each of which has done something. */
  private void fill() {
    for (int i = 1; i <= MAX; i++) {
      assertThat(open(i).getValue()).isEqualTo(i);
      assertThat(errno(mkdir(i, 1, "/"))).isEqualTo(Errno.EEXIST);
    }
    assertThat(namespace.sessionCount()).isEqualTo(MAX);
  }

  @Test
  void atTheBoundTheLeastRecentlyUsedIdleSessionsMakeRoom() {
    fill();
    pass(Sessions.IDLE_MS);
    assertThat(errno(mkdir(1, 2, "/used-again"))).isEqualTo(Errno.OK);
    Outcome opened = open(-1);
    assertThat(errno(opened)).isEqualTo(Errno.OK);
    assertThat(errno(mkdir(1, 3, "/still-known"))).isEqualTo(Errno.OK);
    assertThat(errno(mkdir(MAX, 2, "/used-last"))).isEqualTo(Errno.OK);
    assertThat(errno(mkdir(2, 2, "/never"))).isEqualTo(Errno.SESSION_EXPIRED);
    assertThat(namespace.sessionCount()).isBetween(MAX / 2, MAX);
    for (int i = 2; i <= MAX; i++) {
      assertThat(errno(open(-i))).isEqualTo(Errno.OK);
    }
  }

  @Test
  void sessionsThatNeverDidAnythingMakeRoomAtOnce() {
    long mine = open(-7).getValue();
    assertThat(errno(mkdir(mine, 1, "/mine"))).isEqualTo(Errno.OK);
    for (int i = 1; i <= 3 * MAX; i++) {
      assertThat(errno(open(i))).isEqualTo(Errno.OK);
    }
    assertThat(namespace.sessionCount()).isLessThanOrEqualTo(MAX);
    assertThat(errno(mkdir(mine, 2, "/mine/too"))).isEqualTo(Errno.OK);
  }

  /** Else a request that was applied, and whose answer got lost, could be applied once more. */
  @Test
  void whoWasActiveWithinTheLastMinuteIsNotForgottenForANewOne() {
    fill();
    pass(Sessions.IDLE_MS - 1);
    assertThat(errno(open(-1))).isEqualTo(Errno.EAGAIN);
    pass(1);
    assertThat(errno(open(-1))).isEqualTo(Errno.OK);
  }

  @Test
  void aSessionThatIsClosedIsGoneWithAllItsAnswers() {
    long session = open(5).getValue();
    long other = open(6).getValue();
    mkdir(session, 1, "/a");
    mkdir(other, 1, "/b");
    assertThat(errno(close(session, 6))).as("somebody else's").isEqualTo(Errno.OK);
    assertThat(namespace.sessionCount()).isEqualTo(2);
    assertThat(errno(close(session, 5))).isEqualTo(Errno.OK);
    assertThat(errno(close(session, 5))).as("closed twice").isEqualTo(Errno.OK);
    assertThat(namespace.sessionCount()).isEqualTo(1);
    assertThat(errno(mkdir(session, 2, "/c"))).isEqualTo(Errno.SESSION_EXPIRED);
    namespace.forEachOutcome((id, sequence, outcome) -> assertThat(id).isEqualTo(other));
  }
}
