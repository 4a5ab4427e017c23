package io.sandstore.raft;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.host.NoRoomException;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.Elapsed;
import io.sandstore.replication.Route;
import io.sandstore.replication.StateMachine;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs {@link RaftCore}: one thread takes events in batches, carries out what the core wants, and
 * hands committed entries to the {@link Applier}. Proposals that wait together become one entry,
 * and everything of one round becomes durable by one force.
 *
 * <p>A failure on this thread, of the disk above all, halts the process: the members that are left
 * know how to go on, and this one must not answer for what it may not have kept.
 */
public final class RaftDriver implements CommandLog {

  private static final Logger log = LoggerFactory.getLogger(RaftDriver.class);
  private static final int INBOX_MAX = 8192;
  private static final int NAMES_MAX = 1024;
  private static final int BATCH_COMMANDS_MAX = 512;
  private static final int BATCH_BYTES_MAX = 1 << 20;

  /** A member so many entries behind what is known to be committed does not stand for election. */
  private static final long LEAD_LAG_MAX = 64;

  /** A learner this close to the leader's log becomes a voter. */
  private static final long PROMOTION_LAG_MAX = 64;

  /** A member further behind what it knows to be committed answers no reads. */
  private static final long READ_LAG_MAX = 64;

  /** A member this far behind the log is not ready. */
  private static final long READY_LAG_MAX = 1000;

  /** Before a snapshot whose stream broke off is sent again. */
  private static final Duration STREAM_PAUSE = Duration.ofMillis(200);

  private static final Duration RENEWAL_LIMIT = Duration.ofMinutes(5);

  /** For what a snapshot that came shows to be committed to be applied here. */
  private static final Duration INSTALL_LIMIT = Duration.ofMinutes(2);

  /** How long a snapshot waits for room for blocks that only the log has, and how often it asks. */
  private static final Duration ROOM_LIMIT = Duration.ofSeconds(60);

  private static final Duration ROOM_PAUSE = Duration.ofSeconds(1);
  private static final String REMOVED = "raft/removed";

  /**
   * Sizes.
   *
   * @param segmentBytes one file of the log; an entry must fit into a quarter of it
   * @param snapshotBytes log applied since the last snapshot that makes another one due
   */
  public record Sizes(int segmentBytes, long snapshotBytes) {

    private static final long ENTRIES_KEPT_MAX = 4096;
    private static final int ENTRY_BYTES = 512;
    private static final int PIECE_BYTES_MAX = 1 << 20;

    /** What a snapshot is sent in: small snapshots too come in several pieces. */
    int pieceBytes() {
      return Math.clamp(snapshotBytes / 16, 512, PIECE_BYTES_MAX);
    }

    /** Log that compaction leaves, at most, for a living member that still needs it. */
    long logBytesMax() {
      return 4 * snapshotBytes;
    }

    /** Kept behind a snapshot, so that a short absence does not take a snapshot to mend. */
    long entriesKept() {
      return Math.min(ENTRIES_KEPT_MAX, snapshotBytes / ENTRY_BYTES);
    }

    public static Sizes standard() {
      return new Sizes(16 << 20, 64L << 20);
    }
  }

  private sealed interface Event {}

  private record Proposal(Command command, CompletableFuture<Outcome> outcome, long askedNanos)
      implements Event {}

  private record Received(Message message) implements Event {}

  private record Task(String name, Action action) implements Event {}

  private interface Action {
    void run(long nowNanos) throws IOException;
  }

  /** Proposals of one entry, answered when the entry with this index and term is applied. */
  record Pending(
      long term, List<CompletableFuture<Outcome>> outcomes, long askedNanos, long proposedNanos) {}

  /**
   * A member's part in the protocol.
   *
   * @param leader name of the leader, empty if none is known
   * @param termStart for the leader: index of the first entry of its own term
   * @param snapshots taken here by this process
   * @param snapshotsDamaged found damaged here when they were to be sent, and replaced
   * @param behind for the leader: how many entries each other member is behind its log
   */
  public record View(
      String role,
      long term,
      String leader,
      boolean leading,
      long termStart,
      long firstIndex,
      long lastIndex,
      long commitIndex,
      long appliedIndex,
      Configuration members,
      long snapshots,
      long snapshotsDamaged,
      Map<String, Long> behind) {

    View withApplied(long index) {
      return new View(
          role,
          term,
          leader,
          leading,
          termStart,
          firstIndex,
          lastIndex,
          commitIndex,
          index,
          members,
          snapshots,
          snapshotsDamaged,
          behind);
    }

    boolean serves() {
      return leading && termStart <= appliedIndex;
    }

    List<String> notReady() {
      List<String> reasons = new ArrayList<>();
      if (leader.isEmpty()) {
        reasons.add("no primary is known");
      }
      if (role.equals("LEARNER")) {
        reasons.add("a learner: does not vote yet");
      }
      long lag = commitIndex - appliedIndex;
      if (lag > READY_LAG_MAX) {
        reasons.add(lag + " entries behind the log");
      }
      if (leading && !serves()) {
        reasons.add("the primary, but it has not applied the log yet");
      }
      return reasons;
    }
  }

  private record Lease(long untilNanos, long readableFrom, long term) {
    static final Lease NONE = new Lease(Long.MIN_VALUE, 0, 0);
  }

  private final Host host;
  private final Clock clock;
  private final Disk disk;
  private final long self;
  private final Transport transport;
  private final Sizes sizes;
  private final LogReserve reserve;
  private final LogStore store;
  private final StateMachine machine;
  private final SnapshotStore snapshots;
  private final SnapshotReceiver receiver;
  private final SnapshotSender sender;
  private final AtomicLong snapshotsDamaged = new AtomicLong();
  private final RaftCore core;
  private final Applier applier;
  private final Mailbox<Event> inbox;
  private final Elapsed elapsed = new Elapsed();
  private final Map<Long, Pending> pending = new ConcurrentHashMap<>();
  private final Map<Long, CompletableFuture<Long>> barriers = new ConcurrentHashMap<>();

  /** Names of members that wrote to us: a new one does not have them in its configuration yet. */
  private final Map<Long, String> names = new ConcurrentHashMap<>();

  private final AtomicLong nextBarrier = new AtomicLong();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();
  private volatile Lease lease = Lease.NONE;
  private volatile View view;
  private volatile boolean running = true;
  private volatile boolean applyWithheld;
  private volatile boolean readsEverywhere;

  /** A whole snapshot is here that is to take the log's place. */
  private final AtomicBoolean installing = new AtomicBoolean();

  /**
   * Recovers a member from its disk. Nothing runs yet.
   *
   * @param founders the members before the first entry of the log
   * @throws CorruptLogException if the disk lost what this member may have promised, or nobody
   *     counts on that any more: it was removed
   */
  public RaftDriver(
      Host host,
      Disk disk,
      Timing timing,
      Sizes sizes,
      long self,
      Configuration founders,
      StateMachine machine,
      Transport transport)
      throws IOException {
    this.host = host;
    this.clock = host.clock();
    this.disk = disk;
    this.machine = machine;
    this.self = self;
    this.transport = transport;
    this.sizes = sizes;
    if (disk.exists(REMOVED)) {
      throw new CorruptLogException("this member was removed from the cluster");
    }
    this.snapshots = new SnapshotStore(disk);
    snapshots.removeUnfinished();
    this.inbox = new Mailbox<>(clock, INBOX_MAX);

    SnapshotMeta base = SnapshotMeta.newBuilder().setConfiguration(founders).build();
    Optional<SnapshotStore.Stored> stored = snapshots.newest();
    machine.configure(founders);
    if (stored.isPresent()) {
      try (SnapshotStore.Reader reader = snapshots.read(stored.get().path())) {
        base = reader.meta();
        machine.configure(base.getConfiguration());
        machine.restore(reader);
      }
      snapshots.removeOlder(); // only now it is known that the newest can be read
    }
    this.reserve = new LogReserve(host, disk, sizes.segmentBytes());
    Recovery recovery = new Recovery(base, (from, to, max) -> store().read(from, to, max));
    this.store = recovery.open(reserve, host.random(), sizes.segmentBytes());
    this.core =
        new RaftCore(
            self,
            timing,
            host.random(),
            recovery.state(store.hardState()),
            recovery.log,
            recovery.membership,
            clock.nanos());
    this.receiver = new SnapshotReceiver(disk, snapshots);
    this.sender =
        new SnapshotSender(snapshots, transport, this::renewSnapshot, self, sizes.pieceBytes());
    this.applier =
        new Applier(
            host,
            machine,
            snapshots,
            new SnapshotTurns(sizes.snapshotBytes(), self),
            base,
            pending,
            this::compact,
            this::moreRoom);
    host.telemetry().queue("log requests", inbox::size);
    host.telemetry().queue("apply", applier::waiting);
    this.view = look();
    log.info(
        "member {} recovered: term {}, log {} to {}, snapshot at {}",
        Long.toHexString(self),
        core.term(),
        core.firstIndex(),
        core.lastIndex(),
        base.getIndex());
  }

  /** True if a disk has a log, whatever is in it. */
  public static boolean hasLog(Disk disk) throws IOException {
    return LogStore.exists(disk, LogStore.DIRECTORY);
  }

  private LogStore store() {
    return store;
  }

  @Override
  public void start() {
    host.threads().startDedicated("raft", this::run);
    applier.start();
  }

  @Override
  public void close() {
    running = false;
    inbox.put(new Task("stop", at -> {}));
    try {
      clock.await(ended, Duration.ofSeconds(5));
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      log.warn("the log did not stop in time");
    }
    applier.close();
  }

  // --- The thread ---

  private void run() {
    try {
      while (running) {
        long wait = Math.max(0, core.wakeAt() - clock.nanos());
        round(inbox.take(Duration.ofNanos(wait)));
      }
      store.close();
    } catch (IOException | RuntimeException e) {
      if (running) {
        host.halt().halt("the log cannot be kept: " + e.getMessage(), e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lease = Lease.NONE;
      ended.complete(true);
    }
  }

  private void round(List<Event> events) throws IOException {
    long at = clock.nanos();
    List<Proposal> proposals = new ArrayList<>();
    for (Event event : events) {
      switch (event) {
        case Proposal proposal -> proposals.add(proposal);
        case Received(Message message) -> core.receive(message, at);
        case Task task -> task.action.run(at);
      }
    }
    propose(proposals, at);
    core.behind(core.commit() - applier.applied() > LEAD_LAG_MAX);
    core.tick(at);
    promoteLearner(at);
    boolean mayApply = applier.hasRoom();
    while (core.hasReady(mayApply)) {
      carryOut(core.ready(mayApply));
      mayApply = applier.hasRoom();
    }
    applyWithheld = !mayApply;
    receiver.dropUpTo(core.commit());
    publish();
  }

  private void propose(List<Proposal> proposals, long at) {
    List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
    Batch.Builder batch = Batch.newBuilder();
    int bytes = 0;
    long asked = proposals.isEmpty() ? at : proposals.getFirst().askedNanos;
    for (Proposal proposal : proposals) {
      int size = proposal.command.getSerializedSize();
      if (!outcomes.isEmpty()
          && (outcomes.size() >= BATCH_COMMANDS_MAX || bytes + size > BATCH_BYTES_MAX)) {
        propose(batch, outcomes, asked, at);
        asked = proposal.askedNanos;
        outcomes = new ArrayList<>();
        batch = Batch.newBuilder();
        bytes = 0;
      }
      batch.addCommands(proposal.command);
      outcomes.add(proposal.outcome);
      bytes += size;
    }
    if (!outcomes.isEmpty()) {
      propose(batch, outcomes, asked, at);
    }
  }

  private void propose(
      Batch.Builder batch, List<CompletableFuture<Outcome>> outcomes, long askedNanos, long at) {
    long sinceLast = elapsed.millis(core.term(), applier.appliedBatchNanos(), at);
    byte[] data = batch.setTimeMs(clock.millis()).setElapsedMs(sinceLast).build().toByteArray();
    long index = core.propose(List.of(data), at);
    if (index == 0) {
      outcomes.forEach(outcome -> outcome.completeExceptionally(notLeader()));
    } else {
      pending.put(index, new Pending(core.term(), outcomes, askedNanos, at));
    }
  }

  private void carryOut(Ready ready) throws IOException {
    publishLease(); // a message below may end it
    ready.now().forEach(this::send);
    if (ready.mustSync()) {
      long before = clock.nanos();
      store.append(ready.hardState(), ready.append());
      long bytes = ready.append().stream().mapToLong(Entry::bytes).sum();
      host.telemetry().logged(ready.append().size(), bytes, clock.nanos() - before);
    }
    core.synced(clock.nanos());
    ready.afterSync().forEach(this::send);
    if (!ready.committed().isEmpty()) {
      applier.apply(ready.committed());
    }
    ready.snapshotsFor().forEach(this::sendSnapshot);
    for (Ready.Read read : ready.reads()) {
      complete(read.id(), read.index());
    }
    for (long id : ready.failedReads()) {
      CompletableFuture<Long> barrier = barriers.remove(id);
      if (barrier != null) {
        barrier.completeExceptionally(notLeader());
      }
    }
    if (ready.removed()) {
      leaveForGood();
    }
  }

  /**
   * Nobody counts on this member any more, and it must not answer as if somebody did. The mark
   * makes the next start come back as a new member.
   */
  private void leaveForGood() throws IOException {
    try (DiskFile mark = disk.open(REMOVED, true)) {
      mark.force();
    }
    disk.forceDirectory("raft");
    running = false;
    String why = "this member was removed from the cluster; started again, it joins as a new one";
    host.halt().halt(why, new CorruptLogException(why));
  }

  private void complete(long barrier, long index) {
    CompletableFuture<Long> waiting = barriers.remove(barrier);
    if (waiting != null) {
      waiting.complete(index);
    }
  }

  private void send(Message message) {
    Configurations.byId(core.configuration(), message.to())
        .map(Member::getName)
        .or(() -> Optional.ofNullable(names.get(message.to())))
        .ifPresent(name -> transport.send(name, message));
  }

  private void publishLease() {
    lease = new Lease(core.leaseUntil(), core.termStart(), core.term());
  }

  private void publish() {
    publishLease();
    View before = view;
    view = look();
    if (!before.role().equals(view.role())) {
      host.telemetry().role(view.role());
    }
    if (!before.role().equals(view.role()) || !before.leader().equals(view.leader())) {
      log.info(
          "term {}: {}, primary {} (was {}, primary {})",
          view.term(),
          view.role(),
          view.leader().isEmpty() ? "unknown" : view.leader(),
          before.role(),
          before.leader().isEmpty() ? "unknown" : before.leader());
    }
  }

  /**
   * From now on every member answers reads that has what is committed: those that do not lead ask
   * who does. To be called before {@link #start}.
   */
  public RaftDriver readingEverywhere() {
    readsEverywhere = true;
    return this;
  }

  /** In the words of all logs where they have one. */
  private static String role(RaftCore.Role role, boolean learner) {
    return switch (role) {
      case LEADER -> CommandLog.PRIMARY;
      case FOLLOWER -> learner ? "LEARNER" : role.name();
      case PRE_CANDIDATE, CANDIDATE -> role.name();
    };
  }

  private View look() {
    Configuration members = core.configuration();
    boolean learner = Configurations.byId(members, self).map(Member::getLearner).orElse(true);
    return new View(
        role(core.role(), learner),
        core.term(),
        Configurations.byId(members, core.leader()).map(Member::getName).orElse(""),
        core.role() == RaftCore.Role.LEADER,
        core.termStart(),
        core.firstIndex(),
        core.lastIndex(),
        core.commit(),
        applier.applied(),
        members,
        applier.snapshotsTaken(),
        snapshotsDamaged.get(),
        behind(members));
  }

  private Map<String, Long> behind(Configuration members) {
    Map<String, Long> behind = new TreeMap<>();
    core.matches()
        .forEach(
            (id, match) ->
                Configurations.byId(members, id)
                    .ifPresent(m -> behind.put(m.getName(), core.lastIndex() - match)));
    return behind;
  }

  private void moreRoom() {
    if (applyWithheld) {
      inbox.put(new Task("apply more", at -> {}));
    }
  }

  // --- Snapshots ---

  /** Called when a snapshot at this index is durable. */
  private void compact(long index) throws IOException {
    reserve.refill();
    inbox.put(
        new Task(
            "compact",
            at -> {
              boolean room = store.bytes() < sizes.logBytesMax();
              long spared = room ? core.dispensable(at) : Long.MAX_VALUE;
              core.compactTo(Math.max(0, Math.min(index - sizes.entriesKept(), spared)));
              store.compactTo(core.firstIndex() - 1);
            }));
  }

  private void sendSnapshot(long to) {
    String name = Configurations.byId(core.configuration(), to).map(Member::getName).orElse("");
    long term = core.term();
    host.threads()
        .start(
            "snapshot to " + name,
            () -> {
              long index = stream(name, to, term);
              inbox.put(new Task("sent", at -> core.snapshotSent(to, index, index > 0)));
            });
  }

  /** Index of the snapshot that a member has now, or 0 after a pause if it has none. */
  private long stream(String name, long to, long term) {
    try {
      return sender.send(name, to, term, () -> running && view.term() == term);
    } catch (IOException | RuntimeException e) {
      log.info("snapshot to {} broke off: {}", name, e.getMessage());
      pause();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  private void pause() {
    try {
      clock.sleep(STREAM_PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Our own snapshot is damaged: it is of no use to anybody, ourselves included. */
  private void renewSnapshot(String why) throws IOException, InterruptedException {
    snapshotsDamaged.incrementAndGet();
    log.error("a snapshot of our own is damaged, taking a new one: {}", why);
    try {
      clock.await(applier.snapshotNow(), RENEWAL_LIMIT);
    } catch (TimeoutException | ExecutionException e) {
      throw new LostException("no new snapshot in time", e);
    }
  }

  /**
   * Stores a piece of a leader's snapshot; the last one is answered when nothing is lost any more
   * if the snapshot takes the log's place.
   *
   * @return where the sender should go on
   * @throws PosixException if it does not continue what came before, or the last one is worked on
   */
  public long receiveChunk(SnapshotChunk chunk, ByteBuffer bytes)
      throws IOException, InterruptedException {
    if (chunk.getTo() != self) {
      throw new PosixException(Errno.MISMATCH, "snapshot for another incarnation");
    }
    if (installing.get()) {
      throw busy("a snapshot is being installed");
    }
    SnapshotReceiver.Received received = receiver.accept(chunk, bytes);
    if (received.whole().isPresent()) {
      SnapshotMeta meta = received.whole().get();
      long kept = prepareInstall(meta);
      inbox.put(
          new Task("install", at -> install(chunk.getFrom(), chunk.getTerm(), meta, kept, at)));
    }
    return received.next();
  }

  private long prepareInstall(SnapshotMeta meta) throws IOException, InterruptedException {
    installing.set(true);
    try {
      return keepWhatOnlyTheLogHas(meta);
    } catch (IOException | InterruptedException e) {
      receiver.discard(meta.getIndex());
      throw e;
    } finally {
      installing.set(false);
    }
  }

  /**
   * This member may have acknowledged entries that the snapshot covers, and be one of the few that
   * have the blocks which came with them. They leave the log for the disk before it is dropped.
   *
   * @return the last entry of which that is true
   */
  private long keepWhatOnlyTheLogHas(SnapshotMeta meta) throws IOException, InterruptedException {
    CompletableFuture<Long> committed = new CompletableFuture<>();
    Terms terms = new Terms(meta);
    inbox.put(new Task("a snapshot's terms", at -> committed.complete(core.commitAsIn(terms))));
    Deadline deadline = clock.deadline(INSTALL_LIMIT);
    long kept = await(committed, deadline);
    applier.await(kept, deadline);
    Deadline room = clock.deadline(ROOM_LIMIT);
    while (!forced(room.passed())) {
      clock.sleep(ROOM_PAUSE);
    }
    return kept;
  }

  /**
   * Makes durable what was applied.
   *
   * @param anyway without room for all of it too: only what the snapshot says can make some
   */
  private boolean forced(boolean anyway) {
    try {
      machine.force();
      return true;
    } catch (NoRoomException e) {
      if (anyway) {
        log.warn("the snapshot takes the place of blocks that are here only: {}", e.getMessage());
      }
      return anyway;
    } catch (IOException e) {
      host.halt().halt("blocks cannot be made durable: " + e.getMessage(), e);
      throw new IllegalStateException("the process was halted", e);
    }
  }

  private void install(long from, long term, SnapshotMeta meta, long kept, long at)
      throws IOException {
    while (core.hasReady(true)) {
      carryOut(core.ready(true));
    }
    if (core.commit() > kept && core.commit() < meta.getIndex()) {
      // Of what came meanwhile nothing is durable yet: the log may do, or the snapshot comes again.
      receiver.discard(meta.getIndex());
      return;
    }
    RaftCore.Install outcome =
        core.install(from, term, meta.getIndex(), meta.getTerm(), meta.getConfiguration(), at);
    if (outcome != RaftCore.Install.RESET) {
      receiver.discard(meta.getIndex());
      return;
    }
    log.info("installing the primary's snapshot at {}", meta.getIndex());
    receiver.publish(meta.getIndex());
    store.reset(core.hardState(), meta.getIndex());
    LostException lost = new LostException("another primary's snapshot took the place");
    pending.values().forEach(p -> p.outcomes().forEach(o -> o.completeExceptionally(lost)));
    pending.clear();
    applier.restore(meta);
  }

  // --- Members ---

  private void promoteLearner(long at) {
    if (!core.mayChangeMembers()) {
      return;
    }
    for (Member member : core.configuration().getMembersList()) {
      if (member.getLearner() && core.hasCaughtUp(member.getId(), PROMOTION_LAG_MAX, at)) {
        log.info("{} has caught up and becomes a voter", member.getName());
        core.proposeConfiguration(
            Configurations.promoted(core.configuration(), member.getId()), at);
        return;
      }
    }
  }

  @Override
  public void join(String name, long id, Deadline deadline)
      throws IOException, InterruptedException {
    CompletableFuture<Boolean> joined = new CompletableFuture<>();
    enqueue(new Task("join", at -> join(name, id, joined, at)));
    await(joined, deadline);
  }

  private void join(String name, long id, CompletableFuture<Boolean> joined, long at) {
    Configuration members = core.configuration();
    Optional<Member> former = Configurations.byName(members, name);
    if (core.role() != RaftCore.Role.LEADER) {
      joined.completeExceptionally(notLeader());
    } else if (!core.mayChangeMembers()) {
      joined.completeExceptionally(busy("another change of members is under way"));
    } else if (former.isPresent() && former.get().getId() == id) {
      joined.complete(true);
    } else if (former.isPresent() && core.isAlive(former.get().getId(), at)) {
      joined.completeExceptionally(busy(name + " is alive under another identity"));
    } else if (former.isPresent()) {
      log.info("{} lost its disk: removing its former member", name);
      core.proposeConfiguration(Configurations.without(members, former.get().getId()), at);
      joined.completeExceptionally(busy("removing the former member " + name));
    } else {
      log.info("{} joins as a new member", name);
      core.proposeConfiguration(Configurations.withLearner(members, id, name), at);
      joined.completeExceptionally(busy("adding " + name));
    }
  }

  /** Hands leadership over; returns once this node does not lead any more. */
  @Override
  public void stepAside(String to, Deadline deadline) throws IOException, InterruptedException {
    while (view.leading()) {
      if (deadline.passed()) {
        throw new PosixException(Errno.ETIMEDOUT, "nobody took over in time");
      }
      enqueue(
          new Task(
              "transfer",
              at -> {
                long target =
                    Configurations.byName(core.configuration(), to)
                        .map(Member::getId)
                        .orElseGet(() -> core.successor(at));
                core.transferTo(target, at);
              }));
      clock.sleep(Duration.ofMillis(20));
    }
  }

  // --- Callers ---

  @Override
  public Outcome propose(Command command, Deadline deadline)
      throws IOException, InterruptedException {
    CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    enqueue(new Proposal(command, outcome, clock.nanos()));
    return await(outcome, deadline);
  }

  @Override
  public boolean mayReadAlone() {
    return mayReadAlone(lease);
  }

  private boolean mayReadAlone(Lease now) {
    // Order matters: the lease holds at this moment, so everything acknowledged before it was
    // acknowledged by this leader, after applying it, or is before the first entry of its term.
    return now.untilNanos > clock.nanos() && applier.applied() >= now.readableFrom;
  }

  /**
   * Tells a follower what is applied here, if this member may read alone: without its thread, which
   * would be woken for each such question. False if the question must be put to the core.
   */
  private boolean answers(Message.ReadIndex m, String from) {
    Lease now = lease;
    if (m.to() != self || m.term() != now.term || !mayReadAlone(now)) {
      return false;
    }
    long index = applier.applied();
    transport.send(from, new Message.ReadIndexReply(self, m.from(), m.term(), m.question(), index));
    return true;
  }

  @Override
  public void readBarrier(Deadline deadline) throws IOException, InterruptedException {
    if (mayReadAlone()) {
      return;
    }
    long id = nextBarrier.incrementAndGet();
    CompletableFuture<Long> reached = new CompletableFuture<>();
    barriers.put(id, reached);
    try {
      enqueue(new Task("read", at -> read(id, at)));
      applier.await(await(reached, deadline), deadline);
    } finally {
      barriers.remove(id);
    }
  }

  private void read(long id, long at) {
    if (readsEverywhere) {
      core.readAnywhere(id, at);
    } else {
      core.read(id, at);
    }
  }

  @Override
  public Route commands() {
    View now = view;
    if (now.leading()) {
      return new Route.Here();
    }
    return now.leader().isEmpty() ? new Route.Nobody("no primary") : new Route.At(now.leader());
  }

  /** The leader alone knows that there is nothing newer; a voter that follows it may ask it. */
  @Override
  public Route queries() {
    View now = view;
    boolean follows = now.role().equals(RaftCore.Role.FOLLOWER.name()) && !now.leader().isEmpty();
    boolean isClose = now.commitIndex() - applier.applied() <= READ_LAG_MAX;
    return readsEverywhere && follows && isClose ? new Route.Here() : commands();
  }

  @Override
  public boolean coordinates() {
    return view.leading();
  }

  /** This member's part in the protocol, as of a moment ago. */
  public View view() {
    return view.withApplied(applier.applied());
  }

  @Override
  public Standing standing() {
    View now = view();
    return new Standing(
        now.role(),
        now.term(),
        now.lastIndex(),
        now.appliedIndex(),
        now.members(),
        now.serves(),
        now.notReady());
  }

  @Override
  public void describe(NodeStatus.Builder status) {
    View now = view();
    status
        .setRole(now.role())
        .setTerm(now.term())
        .setPrimary(now.leader())
        .setCommitIndex(now.commitIndex())
        .setAppliedIndex(now.appliedIndex())
        .setLastIndex(now.lastIndex())
        .setFirstIndex(now.firstIndex())
        .addAllMembers(now.members().getMembersList())
        .setSnapshots(now.snapshots())
        .setSnapshotsDamaged(now.snapshotsDamaged())
        .putAllBehind(now.behind());
  }

  @Override
  public void receive(String from, ByteString message) {
    receive(MessageCodec.decode(message), from);
  }

  @Override
  public ByteString handle(ByteString request, ByteBuffer payload)
      throws IOException, InterruptedException {
    SnapshotChunk chunk;
    try {
      chunk = SnapshotChunk.parseFrom(request);
    } catch (InvalidProtocolBufferException e) {
      throw new PosixException(Errno.EPROTO, "not a piece of a snapshot: " + e.getMessage());
    }
    long next = receiveChunk(chunk, payload);
    return SnapshotChunk.newBuilder().setOffset(next).build().toByteString();
  }

  /** Takes a message from another member; drops it when too much waits already. */
  public void receive(Message message, String fromName) {
    if (message instanceof Message.ReadIndex m && answers(m, fromName)) {
      return;
    }
    if (names.size() < NAMES_MAX) {
      names.put(message.from(), fromName);
    }
    if (!inbox.offer(new Received(message))) {
      host.telemetry().rejected("log messages");
    }
  }

  private void enqueue(Event event) throws PosixException {
    if (!running) {
      throw notLeader();
    }
    if (!inbox.offer(event)) {
      host.telemetry().rejected("log requests");
      throw busy("too many requests wait at this node");
    }
  }

  private <T> T await(CompletableFuture<T> future, Deadline deadline)
      throws IOException, InterruptedException {
    try {
      return clock.await(future, deadline.left());
    } catch (ExecutionException e) {
      if (e.getCause() instanceof PosixException refused) {
        throw PosixException.of(refused.fault());
      }
      throw new LostException("not applied while this node was the primary; retry", e);
    } catch (TimeoutException e) {
      throw new LostException("no majority answered in time", e);
    }
  }

  private static PosixException notLeader() {
    return new PosixException(Errno.NOT_PRIMARY, "this node is not the primary");
  }

  private static PosixException busy(String why) {
    return new PosixException(Errno.EAGAIN, why);
  }

  static Batch parse(Entry entry) {
    try {
      return Batch.parseFrom(entry.data());
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("malformed commands in entry " + entry, e);
    }
  }
}
