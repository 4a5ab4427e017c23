package io.sandstore.raft;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.host.NoRoomException;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.StateMachine;
import io.sandstore.rpc.LostException;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives the {@link StateMachine} with committed entries, on a thread of its own, or, when that has
 * nothing to do and they are few, on the log's, which saves waking another one. Takes snapshots:
 * frozen between two entries, written out by another thread.
 */
final class Applier {

  private static final Logger log = LoggerFactory.getLogger(Applier.class);

  /** With more than this waiting, no more is taken: it lies in the log, not in memory. */
  private static final long WAITING_BYTES_MAX = 4 << 20;

  /** Entries up to this size are applied at once if nothing waits. */
  private static final long AT_ONCE_BYTES_MAX = 4096;

  /** How long to wait before a snapshot that found no room is tried again. */
  private static final Duration POSTPONED = Duration.ofSeconds(30);

  /** Is told the index of a snapshot that is durable. */
  @FunctionalInterface
  interface OnSnapshot {
    void taken(long index) throws IOException;
  }

  private sealed interface Work {}

  private record Entries(List<Entry> entries) implements Work {}

  private record Restore(SnapshotMeta meta) implements Work {}

  private record TakeSnapshot() implements Work {}

  private record Stop() implements Work {}

  private final Host host;
  private final StateMachine machine;
  private final SnapshotStore snapshots;
  private final SnapshotTurns turns;
  private final Map<Long, RaftDriver.Pending> pending;
  private final OnSnapshot onSnapshot;
  private final Runnable onRoom;
  private final Mailbox<Work> inbox;

  /** Work that was given to the thread and is not done. Only the log's thread gives some. */
  private final AtomicInteger undone = new AtomicInteger();

  /** Bytes of entries that were given to the thread and are not applied. */
  private final AtomicLong waitingBytes = new AtomicLong();

  private final AtomicLong taken = new AtomicLong();
  private volatile CompletableFuture<Boolean> nextSnapshot = new CompletableFuture<>();
  private final TreeMap<Long, CompletableFuture<Boolean>> waiting = new TreeMap<>();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();
  private Configuration configuration;
  private Terms terms;

  /** Position in the log: bytes of all entries that there were, on every member the same. */
  private long logBytes;

  /** Where the last snapshot was taken; what a restart replays counts again. */
  private long snapshotAt;

  /** A snapshot is wanted, wherever its place would be. */
  private boolean snapshotWanted;

  /** The last snapshot found no room; the log keeps what it would have covered. */
  private volatile boolean postponed;

  private volatile long postponedUntilNanos;

  private volatile long applied;

  /** When the last batch was applied. */
  private volatile long appliedBatchNanos;

  private volatile boolean snapshotting;
  private volatile boolean running = true;

  Applier(
      Host host,
      StateMachine machine,
      SnapshotStore snapshots,
      SnapshotTurns turns,
      SnapshotMeta base,
      Map<Long, RaftDriver.Pending> pending,
      OnSnapshot onSnapshot,
      Runnable onRoom) {
    this.host = host;
    this.machine = machine;
    this.snapshots = snapshots;
    this.turns = turns;
    this.pending = pending;
    this.onSnapshot = onSnapshot;
    this.onRoom = onRoom;
    this.inbox = new Mailbox<>(host.clock(), Integer.MAX_VALUE);
    this.configuration = base.getConfiguration();
    this.terms = new Terms(base);
    this.applied = base.getIndex();
    this.logBytes = base.getLogBytes();
    this.snapshotAt = logBytes;
    this.appliedBatchNanos = host.clock().nanos();
  }

  void start() {
    host.threads().startDedicated("apply", this::run);
  }

  void close() {
    running = false;
    put(new Stop());
    try {
      host.clock().await(ended, Duration.ofSeconds(5));
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      log.warn("the state machine did not stop in time");
    }
  }

  boolean hasRoom() {
    return waitingBytes.get() < WAITING_BYTES_MAX;
  }

  /** Rounds of committed entries that wait. */
  int waiting() {
    return inbox.size();
  }

  /** Applies committed entries, now or soon. Called by the log's thread. */
  void apply(List<Entry> committed) {
    long bytes = committed.stream().mapToLong(Entry::bytes).sum();
    if (bytes <= AT_ONCE_BYTES_MAX && undone.get() == 0) {
      applyAll(committed);
    } else {
      waitingBytes.addAndGet(bytes);
      put(new Entries(committed));
    }
  }

  void restore(SnapshotMeta meta) {
    put(new Restore(meta));
  }

  /** Takes a snapshot even if none is due; done when one is durable that was not before. */
  CompletableFuture<Boolean> snapshotNow() {
    CompletableFuture<Boolean> next = nextSnapshot;
    put(new TakeSnapshot());
    return next;
  }

  private void put(Work work) {
    undone.incrementAndGet();
    inbox.put(work);
  }

  long applied() {
    return applied;
  }

  /** When the last batch was applied here, or this process began; of the monotonic clock. */
  long appliedBatchNanos() {
    return appliedBatchNanos;
  }

  long snapshotsTaken() {
    return taken.get();
  }

  /** Waits until an index is applied. */
  void await(long index, Deadline deadline) throws LostException, InterruptedException {
    if (applied >= index) {
      return;
    }
    CompletableFuture<Boolean> reached;
    synchronized (waiting) {
      reached = waiting.computeIfAbsent(index, i -> new CompletableFuture<>());
    }
    if (applied >= index) {
      return;
    }
    try {
      host.clock().await(reached, deadline.left());
    } catch (TimeoutException | ExecutionException e) {
      throw new LostException("this node is behind the log", e);
    }
  }

  private void run() {
    try {
      while (running) {
        for (Work work : inbox.take(Duration.ofSeconds(60))) {
          switch (work) {
            case Entries(List<Entry> entries) -> {
              applyAll(entries);
              waitingBytes.addAndGet(-entries.stream().mapToLong(Entry::bytes).sum());
            }
            case Restore(SnapshotMeta meta) -> restoreFrom(meta);
            case TakeSnapshot now -> {
              snapshotWanted = true;
              snapshotIfDue();
            }
            case Stop stop -> running = false;
          }
          undone.decrementAndGet();
          onRoom.run();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | RuntimeException e) {
      host.halt().halt("the log cannot be applied: " + e.getMessage(), e);
    } finally {
      ended.complete(true);
    }
  }

  private void applyAll(List<Entry> entries) {
    entries.forEach(this::apply);
    wake();
    snapshotIfDue();
  }

  private void apply(Entry entry) {
    RaftDriver.@Nullable Pending proposed = pending.remove(entry.index());
    if (entry.index() <= applied) { // a snapshot had it
      if (proposed != null) {
        LostException lost = new LostException("a snapshot took the entry's place");
        proposed.outcomes().forEach(outcome -> outcome.completeExceptionally(lost));
      }
      return;
    }
    boolean ours = proposed != null && proposed.term() == entry.term();
    switch (entry.kind()) {
      case NOOP -> {}
      case CONFIGURATION -> {
        configuration = entry.configuration();
        machine.configure(configuration);
      }
      case COMMANDS -> {
        long began = host.clock().nanos();
        appliedBatchNanos = began;
        Batch batch = RaftDriver.parse(entry);
        List<Outcome> outcomes = machine.apply(entry.index(), batch);
        applied = entry.index();
        if (proposed != null && ours) {
          for (int i = 0; i < outcomes.size(); i++) {
            proposed.outcomes().get(i).complete(outcomes.get(i));
          }
          host.telemetry()
              .committed(
                  outcomes.size(),
                  proposed.proposedNanos() - proposed.askedNanos(),
                  began - proposed.proposedNanos(),
                  host.clock().nanos() - began);
        }
      }
    }
    applied = entry.index();
    terms.add(entry.index(), entry.term());
    logBytes += entry.bytes();
    if (proposed != null && !ours) {
      LostException lost = new LostException("another leader's entry took the place");
      proposed.outcomes().forEach(outcome -> outcome.completeExceptionally(lost));
    }
  }

  /**
   * Starts over from an installed snapshot, or from a newer one that took its place meanwhile: then
   * what waits is applied as far as that one does not have it.
   */
  private void restoreFrom(SnapshotMeta installed) throws IOException {
    if (installed.getIndex() <= applied) {
      return;
    }
    SnapshotStore.Stored stored = snapshots.newest().orElseThrow();
    try (SnapshotStore.Reader reader = snapshots.read(stored.path())) {
      SnapshotMeta meta = reader.meta();
      if (meta.getIndex() < installed.getIndex()) {
        throw new CorruptLogException("the snapshot at " + installed.getIndex() + " is gone");
      }
      configuration = meta.getConfiguration();
      machine.configure(configuration);
      machine.restore(reader);
      applied = meta.getIndex();
      terms = new Terms(meta);
      logBytes = meta.getLogBytes();
      snapshotAt = logBytes;
    }
    wake();
  }

  private void wake() {
    synchronized (waiting) {
      while (!waiting.isEmpty() && waiting.firstKey() <= applied) {
        waiting.pollFirstEntry().getValue().complete(true);
      }
    }
  }

  private void snapshotIfDue() {
    if (snapshotting || !snapshotDue()) {
      return;
    }
    snapshotting = true;
    snapshotAt = logBytes;
    snapshotWanted = false;
    SnapshotMeta meta =
        SnapshotMeta.newBuilder()
            .setIndex(applied)
            .setTerm(terms.lastTerm())
            .addAllTerms(terms.starts())
            .setConfiguration(configuration)
            .setLogBytes(logBytes)
            .build();
    StateMachine.Frozen frozen = machine.freeze();
    host.threads().start("snapshot", () -> write(meta, frozen));
  }

  private boolean snapshotDue() {
    return postponed
        ? host.clock().nanos() - postponedUntilNanos >= 0
        : snapshotWanted || turns.isDue(snapshotAt, logBytes, configuration);
  }

  private void write(SnapshotMeta meta, StateMachine.Frozen frozen) {
    String temporary = SnapshotStore.temporary("own");
    try {
      try (frozen;
          SnapshotStore.Writer writer = snapshots.write(temporary, meta)) {
        frozen.writeTo(new Paced(writer, host.clock()));
        writer.finish();
        snapshots.publish(temporary, meta.getIndex());
      } catch (NoRoomException e) {
        log.warn("the snapshot at {} is postponed: {}", meta.getIndex(), e.getMessage());
        postponedUntilNanos = host.clock().nanos() + POSTPONED.toNanos();
        postponed = true;
        snapshots.discard(temporary);
        return;
      }
      postponed = false;
      taken.incrementAndGet();
      CompletableFuture<Boolean> durable = nextSnapshot;
      nextSnapshot = new CompletableFuture<>();
      durable.complete(true);
      log.info("snapshot at {} is durable", meta.getIndex());
      onSnapshot.taken(meta.getIndex());
    } catch (IOException e) {
      // A force that failed may have lost blocks that only the log still has.
      host.halt().halt("no snapshot can be written: " + e.getMessage(), e);
    } finally {
      snapshotting = false;
    }
  }
}
