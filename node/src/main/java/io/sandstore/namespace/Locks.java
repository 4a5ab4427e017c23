package io.sandstore.namespace;

import io.sandstore.namespace.FileLocks.Held;
import io.sandstore.namespace.FileLocks.Owner;
import io.sandstore.namespace.FileLocks.Waiter;
import io.sandstore.wire.Errno;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Advisory locks of files. They belong to sessions and go with them.
 *
 * <p>Who asks and does not wait gets a lock if nobody holds one against it, as on Linux. Who waits
 * comes behind all that wait already for something that conflicts, so that nobody is overtaken by
 * others that wait. A request that would wait for one that waits, in the end, for the same owner is
 * refused (EDEADLK); if only others that wait are in its way, it is granted instead. So there is
 * never a circle among those that wait, and the first of them goes on when its holders are gone. An
 * owner waits for one lock at a time.
 *
 * <p>Bounds, beyond which ENOLCK is the answer: {@link #FILE_MAX} locks of a file, {@link
 * #WAITERS_MAX} that wait for one, {@link #SESSION_MAX} locks and waits of a session. A lock that
 * was waited for may exceed the first and the last by two, for what is left at its sides of one of
 * the other type.
 */
final class Locks {

  /** Locks of one file. */
  static final int FILE_MAX = 4096;

  /** Requests that wait for locks of one file. */
  static final int WAITERS_MAX = 256;

  /** Locks and waits of one session: one for each file that a client may have open. */
  static final int SESSION_MAX = 65_536;

  /** Locks and waits that are looked at to find a circle; a request that takes more is refused. */
  static final int SEARCH_MAX = 1_000_000;

  /** What a request came to. */
  enum Result {
    GRANTED,
    /** It waits. */
    QUEUED,
    /** Somebody has a lock against it, and it does not wait. */
    REFUSED
  }

  final FrozenMap<Long, FileLocks> files = new FrozenMap<>(Weights::locks);

  // What follows from the files.

  /** Locks and waits of a session on a file. */
  private final TreeMap<Keys.Request, Integer> uses = new TreeMap<>();

  private final Map<Long, Integer> ofSession = new HashMap<>();

  /** The file that an owner waits for a lock of. */
  private final Map<Owner, Long> waits = new HashMap<>();

  /** Waits that ended since they were taken: by (session, ticket). */
  private List<Keys.Request> ended = new ArrayList<>();

  FileLocks of(long inode) {
    FileLocks found = files.get(inode);
    return found == null ? FileLocks.NONE : found;
  }

  /** Asks for a lock, and does not wait. */
  Result attempt(long inode, Held wanted) {
    FileLocks before = of(inode);
    if (hasExactly(before, wanted)) {
      return Result.GRANTED;
    }
    FileLocks file = converting(before, wanted);
    if (file.isHeldAgainst(wanted)) {
      replace(inode, before, file);
      return Result.REFUSED;
    }
    replace(inode, before, bounded(before, file.with(wanted), wanted.owner()));
    return Result.GRANTED;
  }

  /**
   * Asks for a lock, and waits for it if need be.
   *
   * @throws Refused EDEADLK, ENOLCK; EINVAL if the owner waits already
   */
  Result request(long inode, Held wanted, long ticket) {
    if (waits.containsKey(wanted.owner())) {
      throw new Refused(Errno.EINVAL, "this owner waits for a lock already");
    }
    FileLocks before = of(inode);
    if (hasExactly(before, wanted)) {
      return Result.GRANTED;
    }
    FileLocks file = converting(before, wanted);
    boolean held = file.isHeldAgainst(wanted);
    boolean behind = file.waiters().stream().anyMatch(w -> wanted.conflicts(w.wanted()));
    boolean circle = (held || behind) && closesCircle(file, wanted);
    if (held && circle) {
      throw new Refused(Errno.EDEADLK, "whoever has this lock waits for its owner");
    }
    if (!held && (!behind || circle)) {
      replace(inode, before, bounded(before, file.with(wanted), wanted.owner()));
      return Result.GRANTED;
    }
    if (file.waiters().size() >= WAITERS_MAX) {
      throw new Refused(Errno.ENOLCK, WAITERS_MAX + " wait for locks of this file already");
    }
    Waiter waiter = new Waiter(wanted, ticket);
    replace(inode, before, bounded(before, file.withWaiter(waiter), wanted.owner()));
    return Result.QUEUED;
  }

  private static boolean hasExactly(FileLocks file, Held wanted) {
    return wanted.whole() && file.held().contains(wanted);
  }

  /** As on Linux, a lock of the whole file that is to be of another type is dropped first. */
  private static FileLocks converting(FileLocks file, Held wanted) {
    return wanted.whole() ? file.without(wanted) : file;
  }

  private FileLocks bounded(FileLocks before, FileLocks after, Owner owner) {
    int more = after.size() - before.size();
    if (more > 0 && after.held().size() > Math.max(FILE_MAX, before.held().size())) {
      throw new Refused(Errno.ENOLCK, "a file has at most " + FILE_MAX + " locks");
    }
    if (more > 0 && ofSession.getOrDefault(owner.session(), 0) + more > SESSION_MAX) {
      throw new Refused(Errno.ENOLCK, "a client has at most " + SESSION_MAX + " locks");
    }
    return after;
  }

  /**
   * Gives up what the owner has in a range.
   *
   * @throws Refused ENOLCK if the rest would be one lock too many
   */
  void unlock(long inode, Held range) {
    FileLocks before = of(inode);
    replace(inode, before, bounded(before, before.without(range), range.owner()));
  }

  /** Gives up all that an owner has or waits for of a file. */
  void release(long inode, Owner owner) {
    FileLocks before = of(inode);
    replace(inode, before, before.withoutThoseOf(owner.session(), id -> id == owner.id()));
  }

  /** A client does not wait any longer; false if it did not. */
  boolean cancel(long inode, long session, long ticket) {
    FileLocks before = of(inode);
    Optional<Waiter> waiter = waiter(before, session, ticket);
    waiter.ifPresent(w -> replace(inode, before, before.withoutWaiter(w)));
    return waiter.isPresent();
  }

  boolean isWaiting(long inode, long session, long ticket) {
    return waiter(of(inode), session, ticket).isPresent();
  }

  private static Optional<Waiter> waiter(FileLocks file, long session, long ticket) {
    return file.waiters().stream()
        .filter(w -> w.ticket() == ticket && w.wanted().owner().session() == session)
        .findFirst();
  }

  /** A session ended. */
  void endSession(long session) {
    List<Long> inodes =
        uses
            .subMap(new Keys.Request(session, 0), new Keys.Request(session, Long.MAX_VALUE))
            .keySet()
            .stream()
            .map(Keys.Request::sequence)
            .toList();
    for (long inode : inodes) {
      FileLocks before = of(inode);
      replace(inode, before, before.withoutThoseOf(session, id -> true));
    }
  }

  /** A file is gone, and nobody has it open. */
  void removeFile(long inode) {
    replace(inode, of(inode), FileLocks.NONE);
  }

  /** Sessions that have locks or wait for one. */
  Set<Long> sessions() {
    return ofSession.keySet();
  }

  boolean isUsedBy(long session) {
    return ofSession.containsKey(session);
  }

  /** Those that waited and do not any more, since this was asked. */
  List<Keys.Request> takeEnded() {
    List<Keys.Request> taken = ended;
    ended = new ArrayList<>();
    return taken;
  }

  // --- Those that wait ---

  private void replace(long inode, FileLocks before, FileLocks after) {
    if (before.equals(after)) {
      return;
    }
    FileLocks settled = grant(after);
    if (settled.isEmpty()) {
      files.remove(inode);
    } else {
      files.put(inode, settled);
    }
    index(inode, before, settled);
  }

  /** Gives those that wait what nobody is in the way of any more, in their order. */
  private static FileLocks grant(FileLocks file) {
    FileLocks now = file;
    boolean granted = true;
    while (granted) { // again, since what is granted may be less than its owner had there
      granted = false;
      List<Held> ahead = new ArrayList<>();
      for (Waiter waiter : now.waiters()) {
        Held wanted = waiter.wanted();
        if (now.isHeldAgainst(wanted) || ahead.stream().anyMatch(wanted::conflicts)) {
          ahead.add(wanted);
        } else {
          now = now.withoutWaiter(waiter).with(wanted);
          granted = true;
        }
      }
    }
    return now;
  }

  /** True if those whom this request would wait for wait for its owner, in the end. */
  private boolean closesCircle(FileLocks file, Held wanted) {
    Set<Owner> seen = new LinkedHashSet<>();
    ArrayDeque<Owner> next = new ArrayDeque<>();
    int looked = add(inTheWay(file, wanted, file.waiters().size()), seen, next);
    while (!next.isEmpty()) {
      Owner owner = next.removeFirst();
      if (owner.equals(wanted.owner())) {
        return true;
      }
      Long inode = waits.get(owner);
      if (inode == null) {
        continue;
      }
      FileLocks other = of(inode);
      int place = 0;
      while (!other.waiters().get(place).wanted().owner().equals(owner)) {
        place++;
      }
      Held waited = other.waiters().get(place).wanted();
      looked += other.held().size() + place;
      if (looked > SEARCH_MAX) {
        throw new Refused(Errno.ENOLCK, "too many wait for one another to find a deadlock");
      }
      add(inTheWay(other, waited, place), seen, next);
    }
    return false;
  }

  private static int add(Set<Owner> owners, Set<Owner> seen, ArrayDeque<Owner> next) {
    owners.stream().filter(seen::add).forEach(next::addLast);
    return owners.size();
  }

  /** Holders, and those that wait before a place in the queue. */
  private static Set<Owner> inTheWay(FileLocks file, Held wanted, int place) {
    Set<Owner> owners = new LinkedHashSet<>();
    file.held().stream().filter(wanted::conflicts).forEach(one -> owners.add(one.owner()));
    file.waiters().stream()
        .limit(place)
        .filter(w -> wanted.conflicts(w.wanted()))
        .forEach(w -> owners.add(w.wanted().owner()));
    return owners;
  }

  // --- What follows from the files ---

  private void index(long inode, FileLocks before, FileLocks after) {
    Map<Long, Integer> change = new TreeMap<>();
    count(before, -1, change);
    count(after, 1, change);
    change.forEach(
        (session, more) -> {
          if (more != 0) {
            uses.merge(new Keys.Request(session, inode), more, Locks::sum);
            ofSession.merge(session, more, Locks::sum);
          }
        });
    Set<Waiter> still = new HashSet<>(after.waiters());
    for (Waiter waiter : before.waiters()) {
      if (!still.contains(waiter)) {
        waits.remove(waiter.wanted().owner());
        ended.add(new Keys.Request(waiter.wanted().owner().session(), waiter.ticket()));
      }
    }
    after.waiters().forEach(waiter -> waits.put(waiter.wanted().owner(), inode));
  }

  private static void count(FileLocks file, int sign, Map<Long, Integer> change) {
    file.held().forEach(one -> change.merge(one.owner().session(), sign, Integer::sum));
    file.waiters().forEach(w -> change.merge(w.wanted().owner().session(), sign, Integer::sum));
  }

  private static @Nullable Integer sum(Integer a, Integer b) {
    return a + b == 0 ? null : (Integer) (a + b);
  }

  /** Of a snapshot. */
  void load(long inode, FileLocks locks) {
    files.put(inode, locks);
    index(inode, FileLocks.NONE, locks);
  }

  void clear() {
    for (Map.Entry<Long, FileLocks> file : files.live.entrySet()) {
      index(file.getKey(), file.getValue(), FileLocks.NONE);
    }
    files.clear();
  }
}
