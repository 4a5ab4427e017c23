package io.sandstore.raft;

import io.sandstore.host.Disk;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.wire.HardState;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.util.random.RandomGenerator;

/**
 * Puts together what a member's disk gives back: the state as of its newest snapshot, and the log
 * behind it.
 *
 * <p>A snapshot becomes durable before the log follows it, and the process may have ended in
 * between. The entry at the snapshot's index then tells what the log is worth (figure 13, rule 6):
 * if it has the snapshot's term, the entries behind it continue the snapshot; if it has another one
 * or is not there, an installed snapshot replaces the whole log, and that is finished here.
 */
final class Recovery {

  /** How the log meets the snapshot. */
  private enum Joint {
    /** No entry yet. */
    EMPTY,
    /** It ends before the snapshot does. */
    SHORT,
    /** It continues the snapshot. */
    CONTINUES,
    /** It has another entry in the place of the snapshot's last one. */
    DIVERGES
  }

  final SnapshotMeta base;
  final RaftLog log;
  final Membership membership;
  private Joint joint = Joint.EMPTY;
  private long missing;

  /**
   * @param base of the snapshot, or of the state before the first entry
   * @param cold reads entries that memory no longer has
   */
  Recovery(SnapshotMeta base, RaftLog.Cold cold) {
    this.base = base;
    this.log = new RaftLog(cold, base);
    this.membership = new Membership(base.getIndex(), base.getConfiguration());
  }

  /**
   * Reads the log, and finishes what a crash interrupted.
   *
   * @throws CorruptLogException if the disk lost what this member may have promised
   */
  LogStore open(Disk disk, RandomGenerator random, int segmentBytes) throws IOException {
    if (base.getIndex() > 0 && !LogStore.exists(disk, LogStore.DIRECTORY)) {
      throw new CorruptLogException("there is a snapshot, but the log is gone");
    }
    LogStore store = LogStore.open(disk, random, segmentBytes, this::accept);
    try {
      check(store.beginsBehind());
      if (joint == Joint.SHORT || joint == Joint.DIVERGES) {
        store.reset(state(store.hardState()), base.getIndex());
      }
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
    return store;
  }

  /** Takes an entry of the log, in the order of writing. */
  void accept(Entry entry) {
    long behind = entry.index() - base.getIndex();
    if (behind <= 0) {
      truncateFrom(base.getIndex() + 1);
      joint = behind < 0 ? Joint.SHORT : jointAt(entry.term());
      return;
    }
    if (joint == Joint.DIVERGES) {
      return;
    }
    if (entry.index() > log.lastIndex() + 1) {
      missing = missing == 0 ? entry.index() - 1 : missing;
      return;
    }
    joint = Joint.CONTINUES;
    truncateFrom(entry.index());
    log.append(entry);
    log.evict(entry.index());
    if (entry.kind() == Entry.Kind.CONFIGURATION) {
      membership.put(entry.index(), entry.configuration());
    }
  }

  private Joint jointAt(long term) {
    return term == base.getTerm() ? Joint.CONTINUES : Joint.DIVERGES;
  }

  private void truncateFrom(long index) {
    if (index <= log.lastIndex()) {
      log.truncateFrom(index);
      membership.truncateFrom(index);
    }
  }

  private void check(long beginsBehind) throws CorruptLogException {
    if (missing > 0) {
      throw new CorruptLogException(
          "entries %d to %d are gone: neither in the log nor in a snapshot"
              .formatted(log.lastIndex() + 1, missing));
    }
    if (beginsBehind > base.getIndex()) {
      throw new CorruptLogException(
          "the log begins behind a snapshot at %d, which is gone".formatted(beginsBehind));
    }
  }

  /** Of the first term that this member can be in: it may have known of it by the snapshot only. */
  HardState state(HardState durable) {
    return durable.getTerm() >= log.lastTerm()
        ? durable
        : HardState.newBuilder().setTerm(log.lastTerm()).build();
  }
}
