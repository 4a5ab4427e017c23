package io.sandstore.namespace;

import io.sandstore.namespace.FileLocks.Held;
import io.sandstore.namespace.FileLocks.Owner;
import io.sandstore.namespace.FileLocks.Waiter;
import io.sandstore.wire.Answer;
import io.sandstore.wire.CancelLock;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.ExpireLocks;
import io.sandstore.wire.FileLock;
import io.sandstore.wire.FileLocksRecord;
import io.sandstore.wire.GetLock;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.LockState;
import io.sandstore.wire.Outcome;
import java.util.List;
import java.util.stream.Stream;

/** Commands and questions about locks, between the wire and {@link Locks}. */
final class LockCommands {

  private static final int ANSWERED_MAX = 1000;

  private final Namespace namespace;

  LockCommands(Namespace namespace) {
    this.namespace = namespace;
  }

  Outcome lock(Command command) {
    LockFile op = command.getLockFile();
    if (!namespace.tree.open(op.getInode()).isRegular()) {
      throw new Refused(Errno.EINVAL, "only regular files have locks");
    }
    Owner owner = new Owner(command.getSession(), op.getOwner());
    Held wanted =
        op.getWhole()
            ? Held.whole(owner, op.getShared())
            : new Held(
                owner, false, op.getShared(), op.getStart(), end(op.getStart(), op.getLength()));
    Locks locks = namespace.locks;
    LockState state =
        switch (op.getHow()) {
          case TRY -> state(locks.attempt(op.getInode(), wanted));
          case WAIT -> state(locks.request(op.getInode(), wanted, op.getTicket()));
          case UNLOCK -> {
            locks.unlock(op.getInode(), wanted);
            yield LockState.LOCK_NONE;
          }
          case RELEASE -> {
            locks.release(op.getInode(), owner);
            yield LockState.LOCK_NONE;
          }
          case UNRECOGNIZED -> throw new Refused(Errno.EPROTO, "a command of another release");
        };
    return outcome(state, locks.of(op.getInode()).countOf(owner));
  }

  private static LockState state(Locks.Result result) {
    return switch (result) {
      case GRANTED -> LockState.LOCK_GRANTED;
      case QUEUED -> LockState.LOCK_QUEUED;
      case REFUSED -> LockState.LOCK_REFUSED;
    };
  }

  private static Outcome outcome(LockState state, int left) {
    return Outcome.newBuilder().setLock(state).setValue(left).build();
  }

  Outcome cancel(Command command) {
    CancelLock op = command.getCancelLock();
    Owner owner = new Owner(command.getSession(), op.getOwner());
    boolean waited = namespace.locks.cancel(op.getInode(), command.getSession(), op.getTicket());
    return outcome(
        waited ? LockState.LOCK_NONE : LockState.LOCK_GRANTED,
        namespace.locks.of(op.getInode()).countOf(owner));
  }

  Outcome expire(ExpireLocks op) {
    namespace.sessions.expire(op.getUnusedSinceMs(), namespace.locks::isUsedBy);
    return Outcome.getDefaultInstance();
  }

  Answer answer(GetLock op) {
    namespace.tree.open(op.getInode());
    if (op.getTicket() == 0) {
      return holders(op);
    }
    if (namespace.sessions.sessions.get(op.getSession()) == null) {
      throw new Refused(Errno.SESSION_EXPIRED, "session " + op.getSession() + " is not known");
    }
    boolean waits = namespace.locks.isWaiting(op.getInode(), op.getSession(), op.getTicket());
    return Answer.newBuilder()
        .setLock(waits ? LockState.LOCK_QUEUED : LockState.LOCK_GRANTED)
        .build();
  }

  private Answer holders(GetLock op) {
    if (isNoRange(op.getStart(), op.getLength())) {
      throw new Refused(Errno.EINVAL, "not a range of a file");
    }
    Held range =
        new Held(new Owner(0, 0), false, false, op.getStart(), end(op.getStart(), op.getLength()));
    List<FileLock> found =
        all(namespace.locks.of(op.getInode()), range).limit(ANSWERED_MAX + 1L).toList();
    return Answer.newBuilder()
        .addAllLocks(found.subList(0, Math.min(ANSWERED_MAX, found.size())))
        .setMore(found.size() > ANSWERED_MAX)
        .build();
  }

  private static Stream<FileLock> all(FileLocks locks, Held range) {
    return Stream.concat(
        locks.held().stream().filter(range::overlaps).map(one -> message(one).build()),
        locks.waiters().stream()
            .filter(waiter -> range.overlaps(waiter.wanted()))
            .map(LockCommands::message));
  }

  private static FileLock message(Waiter waiter) {
    return message(waiter.wanted()).setWaiting(true).setTicket(waiter.ticket()).build();
  }

  private static FileLock.Builder message(Held one) {
    return FileLock.newBuilder()
        .setSession(one.owner().session())
        .setOwner(one.owner().id())
        .setWhole(one.whole())
        .setShared(one.shared())
        .setStart(one.start())
        .setLength(one.end() == Long.MAX_VALUE ? 0 : one.end() - one.start() + 1);
  }

  /** What a snapshot says of a file. */
  static FileLocksRecord record(long inode, FileLocks locks) {
    FileLocksRecord.Builder record = FileLocksRecord.newBuilder().setInode(inode);
    locks.held().forEach(one -> record.addLocks(message(one)));
    locks.waiters().forEach(waiter -> record.addLocks(message(waiter)));
    return record.build();
  }

  static FileLocks of(FileLocksRecord record) {
    return new FileLocks(
        record.getLocksList().stream()
            .filter(l -> !l.getWaiting())
            .map(LockCommands::held)
            .toList(),
        record.getLocksList().stream()
            .filter(FileLock::getWaiting)
            .map(lock -> new Waiter(held(lock), lock.getTicket()))
            .toList());
  }

  private static Held held(FileLock lock) {
    return new Held(
        new Owner(lock.getSession(), lock.getOwner()),
        lock.getWhole(),
        lock.getShared(),
        lock.getStart(),
        end(lock.getStart(), lock.getLength()));
  }

  private static long end(long start, long length) {
    return length == 0 ? Long.MAX_VALUE : start + length - 1;
  }

  /** True of what is negative somewhere, or has its last byte beyond {@link Long#MAX_VALUE}. */
  static boolean isNoRange(long start, long length) {
    return start < 0 || length < 0 || (length > 0 && start > Long.MAX_VALUE - (length - 1));
  }
}
