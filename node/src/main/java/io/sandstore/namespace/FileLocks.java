package io.sandstore.namespace;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongPredicate;

/**
 * The locks of one file, and those who wait for one, in the order in which they came. Immutable.
 *
 * <p>An owner has at most one lock on the whole file (flock), and on each byte at most one of
 * ranges (fcntl); the two kinds do not see each other. Ranges of an owner that touch and are of one
 * type are one lock, as POSIX has it.
 */
record FileLocks(List<Held> held, List<Waiter> waiters) {

  static final FileLocks NONE = new FileLocks(List.of(), List.of());

  /**
   * Who has a lock: one open file of one client.
   *
   * @param id of the client's choice
   */
  record Owner(long session, long id) implements Comparable<Owner> {
    @Override
    public int compareTo(Owner other) {
      int bySession = Long.compare(session, other.session);
      return bySession != 0 ? bySession : Long.compare(id, other.id);
    }
  }

  /**
   * A lock that somebody has or wants.
   *
   * @param whole of the file as such (flock); else of a range of it
   * @param end last byte; {@link Long#MAX_VALUE}: whatever there will be
   */
  record Held(Owner owner, boolean whole, boolean shared, long start, long end) {

    static Held whole(Owner owner, boolean shared) {
      return new Held(owner, true, shared, 0, Long.MAX_VALUE);
    }

    /** True if the two cannot be held at the same time. */
    boolean conflicts(Held other) {
      return !owner.equals(other.owner)
          && whole == other.whole
          && !(shared && other.shared)
          && overlaps(other);
    }

    boolean overlaps(Held other) {
      return start <= other.end && other.start <= end;
    }

    private boolean touches(Held other) {
      boolean behind = other.end != Long.MAX_VALUE && start == other.end + 1;
      boolean before = end != Long.MAX_VALUE && other.start == end + 1;
      return overlaps(other) || behind || before;
    }

    private Held between(long newStart, long newEnd) {
      return new Held(owner, whole, shared, newStart, newEnd);
    }
  }

  /**
   * One that waits.
   *
   * @param ticket by which its client knows it, of the client's choice
   */
  record Waiter(Held wanted, long ticket) {}

  boolean isEmpty() {
    return held.isEmpty() && waiters.isEmpty();
  }

  int size() {
    return held.size() + waiters.size();
  }

  /** Locks and waits of an owner. */
  int countOf(Owner owner) {
    long count =
        held.stream().filter(one -> one.owner.equals(owner)).count()
            + waiters.stream().filter(one -> one.wanted.owner.equals(owner)).count();
    return (int) count;
  }

  boolean isHeldAgainst(Held wanted) {
    return held.stream().anyMatch(wanted::conflicts);
  }

  /** With a lock that conflicts with none: it takes the place of what the owner had there. */
  FileLocks with(Held granted) {
    List<Held> after = new ArrayList<>(held.size() + 1);
    Held merged = granted;
    for (Held one : held) {
      if (!one.owner.equals(granted.owner) || one.whole != granted.whole) {
        after.add(one);
      } else if (one.shared == granted.shared && one.touches(granted)) {
        merged = merged.between(Math.min(merged.start, one.start), Math.max(merged.end, one.end));
      } else {
        carve(one, granted, after);
      }
    }
    after.add(merged);
    return new FileLocks(List.copyOf(after), waiters);
  }

  /** Without what this owner has in a range; {@code range} says which, and of which kind. */
  FileLocks without(Held range) {
    List<Held> after = new ArrayList<>(held.size() + 1);
    for (Held one : held) {
      if (one.owner.equals(range.owner) && one.whole == range.whole) {
        carve(one, range, after);
      } else {
        after.add(one);
      }
    }
    return new FileLocks(List.copyOf(after), waiters);
  }

  private static void carve(Held one, Held range, List<Held> rest) {
    if (!one.overlaps(range)) {
      rest.add(one);
      return;
    }
    if (one.start < range.start) {
      rest.add(one.between(one.start, range.start - 1));
    }
    if (one.end > range.end) {
      rest.add(one.between(range.end + 1, one.end));
    }
  }

  FileLocks withWaiter(Waiter waiter) {
    List<Waiter> after = new ArrayList<>(waiters);
    after.add(waiter);
    return new FileLocks(held, List.copyOf(after));
  }

  FileLocks withoutWaiter(Waiter waiter) {
    return new FileLocks(held, waiters.stream().filter(one -> !one.equals(waiter)).toList());
  }

  /** Without anything of a session, or of one owner of it. */
  FileLocks withoutThoseOf(long session, LongPredicate ids) {
    return new FileLocks(
        held.stream().filter(one -> !isOf(one.owner, session, ids)).toList(),
        waiters.stream().filter(one -> !isOf(one.wanted.owner, session, ids)).toList());
  }

  private static boolean isOf(Owner owner, long session, LongPredicate ids) {
    return owner.session == session && ids.test(owner.id);
  }
}
