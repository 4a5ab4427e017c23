package io.sandstore.raft;

import io.sandstore.wire.HardState;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the next {@link Ready} will say, as it comes together. */
final class Outbox {

  boolean hardStateChanged;
  boolean removed;
  private List<Message> now = new ArrayList<>();
  private List<Message> afterSync = new ArrayList<>();
  private List<Entry> append = new ArrayList<>();
  private List<Long> snapshotsFor = new ArrayList<>();
  private List<Ready.Read> reads = new ArrayList<>();
  private List<Long> failedReads = new ArrayList<>();

  void now(Message message) {
    now.add(message);
  }

  void afterSync(Message message) {
    afterSync.add(message);
  }

  void append(Entry entry) {
    append.add(entry);
  }

  boolean appends() {
    return !append.isEmpty();
  }

  /** Entries from here on are not wanted any more. */
  void truncateFrom(long index) {
    append.removeIf(entry -> entry.index() >= index);
  }

  void snapshotFor(long id) {
    snapshotsFor.add(id);
  }

  void read(long id, long index) {
    reads.add(new Ready.Read(id, index));
  }

  void failRead(long id) {
    failedReads.add(id);
  }

  boolean isEmpty() {
    return !hardStateChanged
        && !removed
        && append.isEmpty()
        && now.isEmpty()
        && afterSync.isEmpty()
        && snapshotsFor.isEmpty()
        && reads.isEmpty()
        && failedReads.isEmpty();
  }

  Ready take(HardState state, List<Entry> committed) {
    Ready ready =
        new Ready(
            now,
            hardStateChanged ? Optional.of(state) : Optional.empty(),
            append,
            afterSync,
            committed,
            snapshotsFor,
            reads,
            failedReads,
            removed);
    now = new ArrayList<>();
    afterSync = new ArrayList<>();
    append = new ArrayList<>();
    snapshotsFor = new ArrayList<>();
    reads = new ArrayList<>();
    failedReads = new ArrayList<>();
    hardStateChanged = false;
    removed = false;
    return ready;
  }
}
