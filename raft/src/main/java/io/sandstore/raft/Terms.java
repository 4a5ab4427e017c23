package io.sandstore.raft;

import io.sandstore.wire.SnapshotMeta;
import io.sandstore.wire.TermStart;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Of which term each entry was that the state machine has: where terms began, the newest of them. A
 * snapshot carries it, so that a member whose log ends before the snapshot can tell which of its
 * entries are committed.
 */
final class Terms {

  static final int MAX = 1_000;

  /** The first entry of each run of equal terms. */
  private final TreeMap<Long, Long> starts = new TreeMap<>();

  private long last;

  /** Those of a snapshot; of one that has none, its last entry's. */
  Terms(SnapshotMeta meta) {
    meta.getTermsList().forEach(start -> starts.put(start.getIndex(), start.getTerm()));
    add(meta.getIndex(), meta.getTerm());
  }

  /** The next entry was applied. */
  void add(long index, long term) {
    last = index;
    if (starts.isEmpty() || starts.lastEntry().getValue() != term) {
      starts.put(index, term);
    }
    if (starts.size() > MAX) {
      starts.pollFirstEntry();
    }
  }

  /** Index of the last entry. */
  long last() {
    return last;
  }

  /** Term of the last entry. */
  long lastTerm() {
    return starts.lastEntry().getValue();
  }

  List<TermStart> starts() {
    return starts.entrySet().stream()
        .map(s -> TermStart.newBuilder().setIndex(s.getKey()).setTerm(s.getValue()).build())
        .toList();
  }

  /**
   * The last entry that a log has in common with this one, 0 if none is known: an index and a term
   * name one entry and all before it (Log Matching, figure 3 of the paper).
   */
  long sharedWith(RaftLog log) {
    long candidate = Math.min(last, log.lastIndex());
    while (candidate >= log.firstIndex()) {
      Map.Entry<Long, Long> run = starts.floorEntry(candidate);
      if (run == null) {
        return 0;
      }
      if (run.getValue() == log.term(candidate)) {
        return candidate;
      }
      candidate = Math.max(run.getKey(), log.termStart(candidate)) - 1;
    }
    return 0;
  }
}
