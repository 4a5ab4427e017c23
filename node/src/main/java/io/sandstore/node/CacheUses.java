package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.wire.CacheUse;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * When files were read last, and which are open, as far as this node knows: approximately, in fixed
 * memory. Each file has two slots of a table, which others share; a use is noted in both, and the
 * older of the two counts, as the smallest counter does in a count-min sketch (Cormode and
 * Muthukrishnan, 2005). So a file may pass for used more lately than it was, never for less: with
 * 20,000 others that were read since, one in fourteen does.
 *
 * <p>What nobody said here is not known: a node that just started takes files by their dates.
 */
final class CacheUses {

  /** Of one kind in one message; more of them are not told. */
  static final int TOLD_MAX = 4096;

  private static final int SLOTS = 1 << 17;

  /** Clients say every 10 s which files they have open. */
  private static final int OPEN_SECONDS = 30;

  private final Clock clock;
  private final long began;
  private volatile @Nullable Tables tables;

  private record Tables(Table reads, Table opens) {}

  CacheUses(Clock clock) {
    this.clock = clock;
    this.began = clock.nanos();
  }

  /** There is a cache: from now on uses are noted. */
  void begin() {
    if (tables == null) {
      tables = new Tables(new Table(), new Table());
    }
  }

  /** Seconds from the start on, counted from 1; 0: never. */
  private int now() {
    return (int) ((clock.nanos() - began) / 1_000_000_000L) + 1;
  }

  private static final class Table {
    private final AtomicIntegerArray slots = new AtomicIntegerArray(SLOTS);
    private Set<Long> untold = new HashSet<>();

    void note(long inode, int now) {
      slots.set(first(inode), now);
      slots.set(second(inode), now);
    }

    int last(long inode) {
      return Math.min(slots.get(first(inode)), slots.get(second(inode)));
    }

    synchronized void toTell(long inode) {
      if (untold.size() < TOLD_MAX) {
        untold.add(inode);
      }
    }

    synchronized Set<Long> takeUntold() {
      Set<Long> taken = untold;
      untold = new HashSet<>();
      return taken;
    }

    private static int first(long inode) {
      return (int) (mixed(inode) & (SLOTS - 1));
    }

    private static int second(long inode) {
      return (int) (mixed(inode) >>> 32 & (SLOTS - 1));
    }

    /** The finalizer of SplitMix64. */
    private static long mixed(long value) {
      long z = value * 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      return z ^ (z >>> 31);
    }
  }

  /** A client asked here where a file's bytes are. */
  void read(long inode) {
    Tables all = tables;
    if (all != null) {
      all.reads.note(inode, now());
      all.reads.toTell(inode);
    }
  }

  /** A client said here that it has files open. */
  void open(List<Long> inodes) {
    Tables all = tables;
    if (all != null) {
      for (long inode : inodes) {
        all.opens.note(inode, now());
        all.opens.toTell(inode);
      }
    }
  }

  /** Another node says what it saw. */
  void heard(CacheUse use) {
    Tables all = tables;
    if (all != null) {
      use.getReadList().stream().limit(TOLD_MAX).forEach(file -> all.reads.note(file, now()));
      use.getOpenList().stream().limit(TOLD_MAX).forEach(file -> all.opens.note(file, now()));
    }
  }

  /** What was seen here since the last call, or a part of it. */
  CacheUse take() {
    Tables all = tables;
    return all == null
        ? CacheUse.getDefaultInstance()
        : CacheUse.newBuilder()
            .addAllRead(all.reads.takeUntold())
            .addAllOpen(all.opens.takeUntold())
            .build();
  }

  boolean isOpen(long inode) {
    Tables all = tables;
    int last = all == null ? 0 : all.opens.last(inode);
    return last > 0 && now() - last < OPEN_SECONDS;
  }

  /** How long ago a file was read; as long as it can be, if nobody said so here. */
  long idleMs(long inode) {
    Tables all = tables;
    int last = all == null ? 0 : all.reads.last(inode);
    return last == 0 ? Long.MAX_VALUE : (now() - last) * 1000L;
  }
}
