package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.block.HolderMask;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Batch;
import io.sandstore.wire.CancelLock;
import io.sandstore.wire.CloseSession;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.Errno;
import io.sandstore.wire.ExpireLocks;
import io.sandstore.wire.ExpireSessions;
import io.sandstore.wire.FileLock;
import io.sandstore.wire.GetLock;
import io.sandstore.wire.KeepSession;
import io.sandstore.wire.Location;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.LockState;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Unlink;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Locks as a part of the replicated state. */
class LockCommandsTest {

  private static final long FILE = 2;
  private static final LockFile EXCLUSIVE =
      LockFile.newBuilder().setInode(FILE).setOwner(1).setStart(10).setLength(10).build();

  private final Namespace namespace = prepared(FeatureLevel.LOCKS);
  private long sequence = 1;

  /** A file, a directory, and the sessions 1 to 3. */
  private static Namespace prepared(FeatureLevel level) {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.LOCKS,
            level,
            Optional.empty());
    namespace.configure(
        Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
    Batch.Builder batch =
        Batch.newBuilder()
            .setTimeMs(1000)
            .addCommands(Command.newBuilder().setCreate(Create.newBuilder().setLocation(at("/f"))))
            .addCommands(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/d"))));
    for (int nonce = 1; nonce <= 3; nonce++) {
      batch.addCommands(
          Command.newBuilder().setOpenSession(OpenSession.newBuilder().setNonce(nonce)));
    }
    assertThat(namespace.apply(1, batch.build())).noneMatch(Outcome::hasFault);
    return namespace;
  }

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private Outcome apply(Command command, long elapsedMs) {
    Batch batch = Batch.newBuilder().setElapsedMs(elapsedMs).addCommands(command).build();
    return namespace.apply(2, batch).getFirst();
  }

  private Command of(long session, Command.Builder command) {
    return command.setSession(session).setSequence(sequence++).build();
  }

  private LockState lock(long session, LockFile.Builder op) {
    Outcome outcome = apply(of(session, Command.newBuilder().setLockFile(op)), 0);
    assertThat(outcome.getFault().getErrno()).isEqualTo(Errno.OK);
    return outcome.getLock();
  }

  private LockState attempt(long session) {
    return lock(session, EXCLUSIVE.toBuilder());
  }

  private LockState request(long session, long ticket) {
    return lock(session, EXCLUSIVE.toBuilder().setHow(LockFile.How.WAIT).setTicket(ticket));
  }

  private Answer ask(GetLock.Builder op) {
    return namespace.ask(Query.newBuilder().setGetLock(op.setInode(FILE)).build());
  }

  private LockState waiting(long session, long ticket) {
    return ask(GetLock.newBuilder().setSession(session).setTicket(ticket)).getLock();
  }

  @Test
  void aRequestThatComesTwiceIsAnsweredAsBefore() {
    assertThat(attempt(1)).isEqualTo(LockState.LOCK_GRANTED);
    Command request =
        of(2, Command.newBuilder().setLockFile(EXCLUSIVE.toBuilder().setHow(LockFile.How.WAIT)));
    Outcome first = apply(request, 0);
    assertThat(first.getLock()).isEqualTo(LockState.LOCK_QUEUED);
    assertThat(first.getValue()).isEqualTo(1);
    long before = namespace.digest();
    assertThat(apply(request, 0)).isEqualTo(first);
    assertThat(namespace.digest()).isEqualTo(before);
  }

  @Test
  void itIsSaidHowManyAreLeft() {
    attempt(1);
    Command middle =
        of(
            1,
            Command.newBuilder()
                .setLockFile(
                    EXCLUSIVE.toBuilder().setHow(LockFile.How.UNLOCK).setStart(12).setLength(2)));
    assertThat(apply(middle, 0).getValue()).isEqualTo(2);
    Command all =
        of(1, Command.newBuilder().setLockFile(EXCLUSIVE.toBuilder().setHow(LockFile.How.RELEASE)));
    assertThat(apply(all, 0).getValue()).isZero();
  }

  @Test
  void locksGoWithTheirSessionHoweverItEnds() {
    CloseSession close = CloseSession.newBuilder().setSession(1).setNonce(1).build();
    Command[] ends = {
      Command.newBuilder().setCloseSession(close).build(),
      Command.newBuilder()
          .setExpireSessions(ExpireSessions.newBuilder().setUnusedSinceMs(1005))
          .build(),
      Command.newBuilder().setExpireLocks(ExpireLocks.newBuilder().setUnusedSinceMs(1005)).build()
    };
    for (Command end : ends) {
      LockCommandsTest test = new LockCommandsTest();
      test.attempt(1);
      test.apply(Command.getDefaultInstance(), 10);
      assertThat(test.request(2, 9)).isEqualTo(LockState.LOCK_QUEUED);
      CompletableFuture<Boolean> waitEnds = test.namespace.waitEnds(FILE, 2, 9);
      assertThat(waitEnds).isNotDone();
      test.apply(end, 0);
      assertThat(waitEnds).isDone();
      assertThat(test.waiting(2, 9)).isEqualTo(LockState.LOCK_GRANTED);
      assertThat(test.attempt(2)).isEqualTo(LockState.LOCK_GRANTED);
      assertThat(test.ask(GetLock.newBuilder().setSession(1).setTicket(1)).getFault().getErrno())
          .isEqualTo(Errno.SESSION_EXPIRED);
    }
  }

  @Test
  void onlySessionsWithLocksThatSayNothingExpireForTheirSake() {
    attempt(1);
    Command wait =
        of(
            2,
            Command.newBuilder()
                .setLockFile(EXCLUSIVE.toBuilder().setHow(LockFile.How.WAIT).setTicket(5)));
    apply(wait, 0);
    long now = namespace.ageMs();
    apply(of(1, Command.newBuilder().setKeepSession(KeepSession.getDefaultInstance())), 10);
    assertThat(namespace.anyLockUnusedSince(now)).isFalse();
    assertThat(namespace.anyLockUnusedSince(now + 1)).isTrue();
    assertThat(namespace.sessionCount()).isEqualTo(3);
    ExpireLocks expire = ExpireLocks.newBuilder().setUnusedSinceMs(now + 1).build();
    apply(Command.newBuilder().setExpireLocks(expire).build(), 0);
    assertThat(namespace.sessionCount()).isEqualTo(2);
    assertThat(ask(GetLock.newBuilder()).getLocksList())
        .extracting(FileLock::getSession)
        .containsExactly(1L);
  }

  @Test
  void oneThatCancelsTooLateHasTheLock() {
    attempt(1);
    request(2, 5);
    request(3, 6);
    CancelLock.Builder cancel = CancelLock.newBuilder().setInode(FILE).setOwner(1);
    assertThat(apply(of(3, Command.newBuilder().setCancelLock(cancel.setTicket(6))), 0).getLock())
        .isEqualTo(LockState.LOCK_NONE);
    lock(1, EXCLUSIVE.toBuilder().setHow(LockFile.How.RELEASE));
    Outcome late = apply(of(2, Command.newBuilder().setCancelLock(cancel.setTicket(5))), 0);
    assertThat(late.getLock()).isEqualTo(LockState.LOCK_GRANTED);
    assertThat(late.getValue()).isEqualTo(1);
  }

  @Test
  void aRemovedFileKeepsItsLocksUntilNobodyHasItOpen() {
    attempt(1);
    request(2, 5);
    Unlink unlink = Unlink.newBuilder().setLocation(at("/f")).build();
    apply(Command.newBuilder().setUnlink(unlink).build(), 0);
    RetainOrphans retain = RetainOrphans.newBuilder().addInodes(FILE).build();
    apply(Command.newBuilder().setRetainOrphans(retain).build(), 50);
    apply(reap(namespace.ageMs()), 0);
    assertThat(attempt(3)).isEqualTo(LockState.LOCK_REFUSED);
    CompletableFuture<Boolean> ends = namespace.waitEnds(FILE, 2, 5);
    apply(reap(namespace.ageMs() + 1), 0);
    assertThat(ends).isDone();
    assertThat(namespace.locks.files.live).isEmpty();
    Outcome gone = apply(of(3, Command.newBuilder().setLockFile(EXCLUSIVE)), 0);
    assertThat(gone.getFault().getErrno()).isEqualTo(Errno.ESTALE);
  }

  private static Command reap(long before) {
    return Command.newBuilder()
        .setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(before))
        .build();
  }

  @Test
  void aDirectoryHasNone() {
    Outcome outcome =
        apply(of(1, Command.newBuilder().setLockFile(EXCLUSIVE.toBuilder().setInode(3))), 0);
    assertThat(outcome.getFault().getErrno()).isEqualTo(Errno.EINVAL);
  }

  @Test
  void belowTheirLevelThereAreNone() {
    Namespace below = prepared(FeatureLevel.POSIX);
    Command command =
        Command.newBuilder().setSession(1).setSequence(1).setLockFile(EXCLUSIVE).build();
    assertThat(below.tooEarly(command)).isPresent();
    Outcome outcome = below.apply(2, Batch.newBuilder().addCommands(command).build()).getFirst();
    assertThat(outcome.getFault().getErrno()).isEqualTo(Errno.EPROTO);
    assertThat(below.locks.files.live).isEmpty();
  }

  @Test
  void whoHasWhatIsToldByRange() {
    attempt(1);
    request(2, 5);
    LockFile.Builder whole = LockFile.newBuilder().setInode(FILE).setOwner(4).setWhole(true);
    lock(3, whole.setShared(true));
    lock(3, EXCLUSIVE.toBuilder().setStart(100).setLength(0));
    assertThat(ask(GetLock.newBuilder()).getLocksCount()).isEqualTo(4);
    assertThat(ask(GetLock.newBuilder().setStart(20).setLength(80)).getLocksList())
        .containsExactly(
            FileLock.newBuilder().setSession(3).setOwner(4).setWhole(true).setShared(true).build());
    assertThat(ask(GetLock.newBuilder().setStart(200).setLength(1)).getLocksList())
        .contains(FileLock.newBuilder().setSession(3).setOwner(1).setStart(100).build());
    assertThat(ask(GetLock.newBuilder().setStart(-1)).getFault().getErrno())
        .isEqualTo(Errno.EINVAL);
  }

  private byte[] fixture() throws IOException {
    try (InputStream in = getClass().getResourceAsStream("/formats/namespace-v4-locks")) {
      return in.readAllBytes();
    }
  }

  private static byte[] written(Namespace namespace) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var frozen = namespace.freeze()) {
      frozen.writeTo(out);
    }
    return out.toByteArray();
  }

  /** Of every kind one, and one that waits. */
  private void some() {
    attempt(1);
    lock(1, EXCLUSIVE.toBuilder().setStart(15).setLength(0).setShared(true));
    lock(1, LockFile.newBuilder().setInode(FILE).setOwner(2).setWhole(true));
    request(2, 5);
    request(3, 6);
  }

  @Test
  void aSnapshotHasThem() throws IOException {
    some();
    byte[] bytes = written(namespace);
    assertThat(bytes).isEqualTo(fixture());
    Namespace again = prepared(FeatureLevel.LOCKS);
    CompletableFuture<Boolean> ends = again.waitEnds(FILE, 9, 9);
    again.restore(new ByteArrayInputStream(bytes));
    assertThat(ends).as("whoever listened asks again").isDone();
    assertThat(again.digest()).isEqualTo(namespace.digest());
    assertThat(again.heapBytes()).isEqualTo(namespace.heapBytes());
    assertThat(again.locks.isWaiting(FILE, 3, 6)).isTrue();
    CloseSession close = CloseSession.newBuilder().setSession(1).setNonce(1).build();
    again.apply(
        3, Batch.newBuilder().addCommands(Command.newBuilder().setCloseSession(close)).build());
    assertThat(again.locks.isWaiting(FILE, 2, 5)).isFalse();
    assertThat(again.locks.isWaiting(FILE, 3, 6)).isTrue();
  }

  @Test
  void aSnapshotShowsTheMomentOfFreezing() throws IOException {
    some();
    byte[] expected = written(namespace);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var frozen = namespace.freeze()) {
      CloseSession close = CloseSession.newBuilder().setSession(1).setNonce(1).build();
      apply(Command.newBuilder().setCloseSession(close).build(), 0);
      frozen.writeTo(out);
    }
    assertThat(out.toByteArray()).isEqualTo(expected);
  }
}
