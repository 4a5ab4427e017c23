package io.sandstore.namespace;

import io.sandstore.wire.Change;
import io.sandstore.wire.FileType;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

/**
 * The latest changes of the namespace, for those who watch it. Not part of the replicated state: a
 * member remembers what it applied itself since it started, {@link #KEPT_MAX} changes at most.
 * Positions are the log's, so that a watcher goes on at another member where it was.
 */
final class Changes {

  /** About 1.5 MB. A watcher that falls farther behind must look at everything anew. */
  static final int KEPT_MAX = 16_384;

  /** A place in the log: an entry, and a command in it, counted from 1. */
  record Position(long index, int command) implements Comparable<Position> {
    @Override
    public int compareTo(Position other) {
      int byIndex = Long.compare(index, other.index);
      return byIndex != 0 ? byIndex : Integer.compare(command, other.command);
    }
  }

  /**
   * What changed.
   *
   * @param directory in which a name was added or removed; else 0
   * @param name of what was added or removed; else empty
   */
  record Event(
      Position at, Change.Kind kind, long directory, String name, long inode, FileType type) {

    private boolean repeats(Event other) {
      return kind == Change.Kind.CONTENT && other.kind == kind && other.inode == inode;
    }
  }

  // A ring: those from `first` on, to `end`, not included, each at its number modulo the size.
  private final Event[] kept = new Event[KEPT_MAX];
  private long first;
  private long end;

  /** All that came after it is kept. */
  private Position since = new Position(0, 0);

  private Position now = since;
  private boolean begun;
  private volatile CompletableFuture<Boolean> next = new CompletableFuture<>();

  /** From here on nothing is known of what was before. */
  void forget() {
    Arrays.fill(kept, null);
    first = end;
    begun = false;
  }

  /** A command is about to be applied. */
  void at(long index, int command) {
    now = new Position(index, command);
    if (!begun) {
      begun = true;
      since = new Position(index, 0);
    }
  }

  void added(Keys.Dentry name, Inode inode) {
    keep(Change.Kind.ADDED, name.parent(), name.name(), inode);
  }

  void removed(Keys.Dentry name, Inode inode) {
    keep(Change.Kind.REMOVED, name.parent(), name.name(), inode);
  }

  void content(Inode inode) {
    keep(Change.Kind.CONTENT, 0, "", inode);
  }

  void attributes(Inode inode) {
    keep(Change.Kind.ATTRIBUTES, 0, "", inode);
  }

  private void keep(Change.Kind kind, long directory, String name, Inode inode) {
    Event event = new Event(now, kind, directory, name, inode.id(), inode.type());
    if (first < end && event.repeats(number(end - 1))) {
      end--; // a file that is being written says so once
    } else if (end - first == KEPT_MAX) {
      since = number(first++).at;
    }
    kept[(int) (end++ % KEPT_MAX)] = event;
  }

  private Event number(long number) {
    return kept[(int) (number % KEPT_MAX)];
  }

  /** A batch was applied. */
  void tell() {
    if (first < end && number(end - 1).at.index() == now.index()) {
      CompletableFuture<Boolean> told = next;
      next = new CompletableFuture<>();
      told.complete(true);
    }
  }

  /** Completed when something has changed after this call. */
  CompletableFuture<Boolean> next() {
    return next;
  }

  /** The latest command that was applied. */
  Position now() {
    return now;
  }

  /** False until something was applied: there is no position to go on from. */
  boolean hasBegun() {
    return begun;
  }

  /** True if all that came after a position is kept. */
  boolean knowsAllAfter(Position position) {
    return begun && position.compareTo(since) >= 0 && position.compareTo(now) <= 0;
  }

  /**
   * Goes through what came after a position, in order.
   *
   * @param takes false ends it, before the event
   */
  void forEachAfter(Position position, Predicate<Event> takes) {
    long low = first;
    for (long high = end; low < high; ) {
      long middle = (low + high) / 2;
      if (number(middle).at.compareTo(position) > 0) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    while (low < end && takes.test(number(low))) {
      low++;
    }
  }
}
