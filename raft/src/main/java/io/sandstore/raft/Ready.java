package io.sandstore.raft;

import io.sandstore.wire.HardState;
import java.util.List;
import java.util.Optional;

/**
 * What the core wants done, in this order: send {@code now}; make {@code hardState} and {@code
 * append} durable together; only then send {@code afterSync}; apply {@code committed}. As in
 * etcd/raft, a leader's entries may travel while its own disk is still writing (10.2.1).
 *
 * @param append to be written to the log, replacing everything from the first one's index on
 * @param snapshotsFor members whose next entry the log no longer has
 * @param reads barriers that were reached: (id, index that must be applied first)
 * @param failedReads barriers that will never be reached here
 * @param removed this member is none any more, and never will be again
 */
public record Ready(
    List<Message> now,
    Optional<HardState> hardState,
    List<Entry> append,
    List<Message> afterSync,
    List<Entry> committed,
    List<Long> snapshotsFor,
    List<Read> reads,
    List<Long> failedReads,
    boolean removed) {

  /** A read barrier that was reached. */
  public record Read(long id, long index) {}

  public boolean mustSync() {
    return hardState.isPresent() || !append.isEmpty();
  }
}
