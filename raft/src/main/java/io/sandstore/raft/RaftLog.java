package io.sandstore.raft;

import io.sandstore.wire.SnapshotMeta;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The log as the core sees it: terms of everything since the snapshot, recent entries in memory,
 * older ones fetched from disk when a follower needs them.
 */
final class RaftLog {

  /** Reads entries that memory no longer has. They are on disk by construction. */
  @FunctionalInterface
  interface Cold {
    List<Entry> read(long from, long to, int bytesMax);
  }

  private static final long CACHE_BYTES_MAX = 8 << 20;

  private final Cold cold;

  /** Entries with consecutive indices; those before {@code head} are gone. */
  private final ArrayList<Entry> cache = new ArrayList<>();

  private int head;
  private long cacheBytes;

  /** First index of each run of equal terms; the run of the snapshot's last entry comes first. */
  private final TreeMap<Long, Long> termStarts = new TreeMap<>();

  private long snapshotIndex;
  private long lastIndex;

  RaftLog(Cold cold, SnapshotMeta base) {
    this.cold = cold;
    reset(base.getIndex(), base.getTerm());
  }

  /** Forgets everything: the state up to this index came as a snapshot. */
  void reset(long index, long term) {
    cache.clear();
    head = 0;
    cacheBytes = 0;
    termStarts.clear();
    termStarts.put(index, term);
    snapshotIndex = index;
    lastIndex = index;
  }

  /** First index that is an entry here rather than part of the snapshot. */
  long firstIndex() {
    return snapshotIndex + 1;
  }

  long lastIndex() {
    return lastIndex;
  }

  long lastTerm() {
    return termStarts.lastEntry().getValue();
  }

  boolean hasTerm(long index) {
    return index >= snapshotIndex && index <= lastIndex;
  }

  long term(long index) {
    if (!hasTerm(index)) {
      throw new IllegalStateException(
          "no entry %d in [%d, %d]".formatted(index, snapshotIndex, lastIndex));
    }
    return termStarts.floorEntry(index).getValue();
  }

  /** First index known here of the run of equal terms that an entry is in. */
  long termStart(long index) {
    return termStarts.floorKey(index);
  }

  boolean matches(long index, long term) {
    return hasTerm(index) && term(index) == term;
  }

  /**
   * Last index not after {@code index} whose term is at most {@code term}; one before the snapshot
   * if there is none here.
   */
  long lastIndexOfTermAtMost(long index, long term) {
    long candidate = Math.min(index, lastIndex);
    Map.Entry<Long, Long> run = termStarts.floorEntry(candidate);
    while (run != null && run.getValue() > term) {
      candidate = run.getKey() - 1;
      run = termStarts.floorEntry(candidate);
    }
    return run == null ? Math.min(candidate, snapshotIndex - 1) : candidate;
  }

  void append(Entry entry) {
    if (entry.index() != lastIndex + 1 || entry.term() < lastTerm()) {
      throw new IllegalStateException("entry " + entry + " after " + lastTerm() + ":" + lastIndex);
    }
    if (entry.term() != lastTerm()) {
      termStarts.put(entry.index(), entry.term());
    }
    lastIndex = entry.index();
    cache.add(entry);
    cacheBytes += entry.bytes();
  }

  void truncateFrom(long index) {
    while (cache.size() > head && cache.getLast().index() >= index) {
      cacheBytes -= cache.removeLast().bytes();
    }
    termStarts.tailMap(index, true).clear();
    lastIndex = index - 1;
  }

  /** Drops entries up to an index that a snapshot covers. */
  void compactTo(long index) {
    if (index <= snapshotIndex) {
      return;
    }
    long term = term(index);
    termStarts.headMap(index, true).clear();
    termStarts.put(index, term);
    snapshotIndex = index;
    evictWhile(index, 0);
  }

  /** Lets go of cached entries that are durable, once there are too many. */
  void evict(long durableIndex) {
    evictWhile(durableIndex, CACHE_BYTES_MAX);
  }

  private void evictWhile(long index, long bytes) {
    while (cacheBytes > bytes && head < cache.size() && cache.get(head).index() <= index) {
      cacheBytes -= cache.get(head).bytes();
      head++;
    }
    if (head > cache.size() / 2) {
      cache.subList(0, head).clear();
      head = 0;
    }
  }

  /** Entries from {@code from} to {@code to}, both included, cut at a size; at least one. */
  List<Entry> entries(long from, long to, int bytesMax) {
    if (from > to) {
      return List.of();
    }
    long cached = lastIndex - (cache.size() - head) + 1;
    if (from < cached) {
      return cold.read(from, Math.min(to, cached - 1), bytesMax);
    }
    List<Entry> found = new ArrayList<>();
    long bytes = 0;
    for (long index = from; index <= to; index++) {
      Entry entry = cache.get(head + (int) (index - cached));
      if (bytes > 0 && bytes + entry.bytes() > bytesMax) {
        break;
      }
      found.add(entry);
      bytes += entry.bytes();
    }
    return found;
  }
}
