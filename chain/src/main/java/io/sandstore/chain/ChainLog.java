package io.sandstore.chain;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Elapsed;
import io.sandstore.replication.Route;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.replication.Traffic;
import io.sandstore.replication.Views;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Identity;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs {@link ChainCore}: one thread takes events in batches, carries out what the core wants and
 * applies what is committed. Proposals that wait together become one entry. Nothing is kept on
 * disk: a process that ends is gone, and the one after it joins as a new member.
 */
public final class ChainLog implements CommandLog {

  private static final Logger log = LoggerFactory.getLogger(ChainLog.class);
  private static final int INBOX_MAX = 8192;
  private static final int NAMES_MAX = 1024;
  private static final int BATCH_COMMANDS_MAX = 512;
  private static final int BATCH_BYTES_MAX = 1 << 20;

  /** Of entries that not all members have: more of them are refused. */
  private static final long PENDING_BYTES_MAX = 64L << 20;

  private static final Duration PAUSE = Duration.ofMillis(20);
  private static final Duration LEAVE_LIMIT = Duration.ofSeconds(2);

  private sealed interface Event {}

  private record Proposal(Command command, CompletableFuture<Outcome> outcome, long askedNanos)
      implements Event {}

  private record Received(Message message) implements Event {}

  private record Task(LongConsumer action) implements Event {}

  private record Pending(
      List<CompletableFuture<Outcome>> outcomes, long askedNanos, long proposedNanos) {}

  /** What other threads see of it. */
  private record Shown(
      ChainCore.Role role,
      ChainView view,
      boolean inStep,
      boolean leads,
      boolean clean,
      long readableUntil,
      long commit,
      long last,
      long applied,
      Configuration members,
      List<String> suspected) {}

  private final Host host;
  private final Clock clock;
  private final long self;
  private final String name;
  private final Identity identity;
  private final StateMachine machine;
  private final Traffic traffic;
  private final Views views;
  private final ChainCore core;
  private final Copies copies;
  private final Mailbox<Event> inbox;
  private final Elapsed elapsed = new Elapsed();
  private final Map<Long, Pending> pending = new HashMap<>();
  private final Map<Long, CompletableFuture<Boolean>> barriers = new ConcurrentHashMap<>();
  private final Map<Long, String> names = new ConcurrentHashMap<>();
  private final AtomicLong nextBarrier = new AtomicLong();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();
  private Configuration members;
  private long applied;
  private long appliedBatchNanos;

  /** The epoch whose members the head has put in the log. */
  private long configuredEpoch;

  private volatile Shown shown;
  private volatile String trouble = "";
  private volatile boolean running = true;
  private volatile boolean closing;

  /**
   * A member that knows nothing yet. Nothing runs.
   *
   * @param copyBytesMax largest state that it takes from another one
   * @throws IOException if there is nothing to agree by
   */
  public ChainLog(Site site, Timing timing, long copyBytesMax, StateMachine machine)
      throws IOException {
    Optional<String> lacks = site.views().lacks();
    if (lacks.isPresent()) {
      throw new IOException("a chain's members agree by a record, and " + lacks.get());
    }
    this.host = site.host();
    this.clock = host.clock();
    this.self = site.memberId();
    this.name = site.name();
    this.identity = site.identity();
    this.machine = machine;
    this.traffic = site.traffic();
    this.views = site.views();
    this.members = identity.getFounders();
    this.core = new ChainCore(self, name, identity.getClusterId(), timing, clock.nanos());
    this.copies = new Copies(self, traffic, copyBytesMax);
    this.inbox = new Mailbox<>(clock, INBOX_MAX);
    this.appliedBatchNanos = clock.nanos();
    machine.configure(members);
    core.admit(Members.admissible(members));
    host.telemetry().queue("log requests", inbox::size);
    this.shown = look();
  }

  @Override
  public void start() {
    host.threads().startDedicated("chain", this::run);
  }

  // --- The thread ---

  private void run() {
    try {
      while (running) {
        long wait = Math.max(0, core.wakeAt() - clock.nanos());
        round(inbox.take(Duration.ofNanos(wait)));
      }
    } catch (IOException | RuntimeException e) {
      if (running) {
        host.halt().halt("the chain cannot go on here: " + e.getMessage(), e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      running = false;
      giveUp();
      ended.complete(true);
    }
  }

  private void giveUp() {
    shown =
        new Shown(
            ChainCore.Role.OUT,
            core.view(),
            false,
            false,
            false,
            Long.MIN_VALUE,
            core.commit(),
            core.last(),
            applied,
            members,
            List.of());
    LostException lost = new LostException("this member is in the chain no more");
    pending.values().forEach(p -> p.outcomes.forEach(o -> o.completeExceptionally(lost)));
    pending.clear();
    barriers.values().forEach(barrier -> barrier.completeExceptionally(lost));
  }

  private void round(List<Event> events) throws IOException {
    long at = clock.nanos();
    List<Proposal> proposals = new ArrayList<>();
    for (Event event : events) {
      switch (event) {
        case Proposal proposal -> proposals.add(proposal);
        case Received(Message message) -> core.receive(message, at);
        case Task(LongConsumer action) -> action.accept(at);
      }
    }
    configure();
    propose(proposals, at);
    core.tick(at);
    List<Output> outputs = core.ready();
    while (!outputs.isEmpty() && running) {
      show(); // what is sent below may make old what is readable here
      for (Output output : outputs) {
        carryOut(output);
      }
      configure();
      outputs = core.ready();
    }
    show();
  }

  private void carryOut(Output output) throws IOException {
    switch (output) {
      case Output.Send(Message message) -> send(message);
      case Output.Commit(List<Entry> entries) -> {
        for (Entry entry : entries) {
          apply(entry);
        }
      }
      case Output.ReadView() -> beside("read the chain's record", this::readRecord);
      case Output.Swap(ChainView next) -> beside("change the chain's record", () -> swap(next));
      case Output.Copy(long to, long index) -> copy(to, index);
      case Output.Read(long id, long index) -> {
        CompletableFuture<Boolean> barrier = barriers.remove(id);
        if (barrier != null) {
          barrier.complete(applied >= index);
        }
      }
      case Output.ReadFailed(long id) -> {
        CompletableFuture<Boolean> barrier = barriers.remove(id);
        if (barrier != null) {
          barrier.completeExceptionally(
              new PosixException(Errno.NOT_PRIMARY, "this member has no leases of the others"));
        }
      }
      case Output.Stop(String why) -> {
        running = false;
        if (!closing) {
          String whole = "this member is in the chain no more: " + why;
          host.halt().halt(whole, new IOException(whole));
        }
      }
    }
  }

  private void send(Message message) {
    ChainView view = core.view();
    int position = view.position(message.to());
    String to =
        position >= 0
            ? view.chain().get(position).name()
            : names.getOrDefault(
                message.to(),
                Configurations.byId(members, message.to()).map(Member::getName).orElse(""));
    if (!to.isEmpty()) {
      traffic.cast(to, MessageCodec.encode(message));
    }
  }

  private void beside(String task, Runnable action) {
    host.threads().start(task, action);
  }

  private void apply(Entry entry) throws IOException {
    long began = clock.nanos();
    switch (entry.kind()) {
      case CONFIGURATION -> {
        members = Configuration.parseFrom(entry.data());
        machine.configure(members);
        core.admit(Members.admissible(members));
      }
      case COMMANDS -> {
        List<Outcome> outcomes = machine.apply(entry.index(), Batch.parseFrom(entry.data()));
        appliedBatchNanos = clock.nanos();
        Pending proposed = pending.remove(entry.index());
        if (proposed != null) {
          for (int i = 0; i < outcomes.size(); i++) {
            proposed.outcomes.get(i).complete(outcomes.get(i));
          }
          host.telemetry()
              .committed(
                  outcomes.size(),
                  proposed.proposedNanos - proposed.askedNanos,
                  began - proposed.proposedNanos,
                  clock.nanos() - began);
        }
      }
    }
    applied = entry.index();
  }

  private void show() {
    Shown before = shown;
    shown = look();
    if (before.role != shown.role) {
      host.telemetry().role(role(shown.role));
    }
    if (before.view.epoch() != shown.view.epoch()) {
      log.info(
          "epoch {} of the chain: {} of {}",
          shown.view.epoch(),
          role(shown.role),
          shown.view.chain().stream().map(ChainView.Link::name).toList());
    }
  }

  private Shown look() {
    return new Shown(
        core.role(),
        core.view(),
        core.inStep(),
        core.leads(),
        core.isClean() && applied == core.commit(),
        core.readableUntil(),
        core.commit(),
        core.last(),
        applied,
        members,
        core.suspected());
  }

  /** In the words of all logs where they have one. */
  private static String role(ChainCore.Role role) {
    return role == ChainCore.Role.HEAD ? PRIMARY : role.name();
  }

  // --- The record ---

  private void readRecord() {
    try {
      Optional<ChainView> found = found(views.read(ChainView.RECORD));
      trouble = "";
      if (found.isPresent()) {
        tell(at -> core.view(found.get(), at));
        return;
      }
      trouble = views.place(ChainView.RECORD) + " is not there";
    } catch (IOException | IllegalArgumentException e) {
      trouble = "the chain's record cannot be read: " + e.getMessage();
    }
    tell(at -> core.viewFailed());
  }

  /** The record, which the founders of a cluster begin. */
  private Optional<ChainView> found(Views.View record) throws IOException {
    Optional<ChainView> found = ChainView.of(record);
    boolean ours = found.filter(v -> v.cluster().equals(identity.getClusterId())).isPresent();
    boolean begun = core.view().epoch() > 0;
    if (ours || begun || Configurations.byId(identity.getFounders(), self).isEmpty()) {
      return found;
    }
    ChainView before = found.orElse(ChainView.none(identity.getClusterId()));
    ChainView first =
        new ChainView(
            record.version(),
            identity.getClusterId(),
            before.generation() + 1,
            before.epoch() + 1,
            identity.getFounders().getMembersList().stream()
                .map(member -> new ChainView.Link(member.getId(), member.getName()))
                .toList());
    return ChainView.of(views.compareAndSet(ChainView.RECORD, record.version(), first.fields()));
  }

  private void swap(ChainView next) {
    try {
      Optional<ChainView> now =
          ChainView.of(views.compareAndSet(ChainView.RECORD, next.version(), next.fields()));
      trouble = "";
      if (now.isPresent()) {
        tell(at -> core.swapped(now.get(), at));
        return;
      }
    } catch (IOException | IllegalArgumentException e) {
      trouble = "the chain's record cannot be changed: " + e.getMessage();
      log.info("{}", trouble);
    }
    tell(at -> core.swapFailed());
  }

  private void tell(LongConsumer action) {
    inbox.put(new Task(action));
  }

  // --- Proposals ---

  private void propose(List<Proposal> proposals, long at) {
    int from = 0;
    while (from < proposals.size()) {
      Batch.Builder batch = Batch.newBuilder();
      List<CompletableFuture<Outcome>> outcomes = new ArrayList<>();
      long askedNanos = proposals.get(from).askedNanos;
      long bytes = 0;
      while (from < proposals.size() && outcomes.size() < BATCH_COMMANDS_MAX) {
        Proposal proposal = proposals.get(from);
        bytes += proposal.command.getSerializedSize();
        if (!outcomes.isEmpty() && bytes > BATCH_BYTES_MAX) {
          break;
        }
        batch.addCommands(proposal.command);
        outcomes.add(proposal.outcome);
        from++;
      }
      propose(batch, outcomes, askedNanos, at);
    }
  }

  private void propose(
      Batch.Builder batch, List<CompletableFuture<Outcome>> outcomes, long askedNanos, long at) {
    Optional<PosixException> refusal = Optional.empty();
    if (!core.leads()) {
      refusal = Optional.of(notPrimary());
    } else if (core.keptBytes() > PENDING_BYTES_MAX) {
      refusal = Optional.of(busy("too much is on its way down the chain"));
    }
    if (refusal.isPresent()) {
      PosixException refused = refusal.get();
      outcomes.forEach(outcome -> outcome.completeExceptionally(refused));
      return;
    }
    long sinceLast = elapsed.millis(core.view().epoch(), appliedBatchNanos, at);
    Batch timed = batch.setTimeMs(clock.millis()).setElapsedMs(sinceLast).build();
    pending.put(core.last() + 1, new Pending(outcomes, askedNanos, at));
    core.propose(Entry.Kind.COMMANDS, timed.toByteString());
  }

  /** The first entry of a view says who its members are, if they are others than before. */
  private void configure() {
    if (core.leads() && configuredEpoch != core.view().epoch()) {
      configuredEpoch = core.view().epoch();
      Configuration before = latestMembers();
      Configuration now = Members.in(core.view(), before);
      if (!now.equals(before)) {
        core.propose(Entry.Kind.CONFIGURATION, now.toByteString());
      }
    }
  }

  private Configuration latestMembers() {
    Configuration latest = members;
    for (Entry entry : core.pending()) {
      if (entry.kind() == Entry.Kind.CONFIGURATION) {
        try {
          latest = Configuration.parseFrom(entry.data());
        } catch (InvalidProtocolBufferException e) {
          throw new IllegalStateException("malformed members in entry " + entry, e);
        }
      }
    }
    return latest;
  }

  // --- Members ---

  @Override
  public void join(String joins, long id, Deadline deadline)
      throws IOException, InterruptedException {
    CompletableFuture<Boolean> joined = new CompletableFuture<>();
    enqueue(new Task(at -> join(joins, id, joined)));
    await(joined, deadline);
  }

  private void join(String joins, long id, CompletableFuture<Boolean> joined) {
    Configuration latest = latestMembers();
    Optional<ChainView.Link> former =
        core.view().chain().stream().filter(link -> link.name().equals(joins)).findFirst();
    if (!core.leads()) {
      joined.completeExceptionally(notPrimary());
    } else if (Configurations.byId(members, id).isPresent()) {
      joined.complete(true);
    } else if (Configurations.byId(latest, id).isPresent()) {
      joined.completeExceptionally(busy("adding " + joins));
    } else if (former.isPresent()) {
      joined.completeExceptionally(
          busy(
              joins + " is in the chain under another identity: it is left out when it is silent"));
    } else if (latest.getMembersCount() >= ChainView.MEMBERS_MAX) {
      joined.completeExceptionally(
          new PosixException(
              Errno.EINVAL, "a chain has at most " + ChainView.MEMBERS_MAX + " members"));
    } else {
      log.info("{} joins as a new member", joins);
      core.propose(Entry.Kind.CONFIGURATION, Members.with(latest, id, joins).toByteString());
      joined.completeExceptionally(busy("adding " + joins));
    }
  }

  private void copy(long to, long index) {
    StateMachine.Frozen state = machine.freeze();
    Configuration then = members;
    String joins = Configurations.byId(then, to).map(Member::getName).orElse("");
    beside(
        "copy to " + joins,
        () -> {
          try (state) {
            copies.send(joins, to, index, state, then);
          } catch (IOException e) {
            log.info("the copy to {} broke off: {}", joins, e.getMessage());
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          } finally {
            tell(at -> core.copySent(to));
          }
        });
  }

  @Override
  public ByteString handle(ByteString request, ByteBuffer payload) throws IOException {
    Optional<Copies.Whole> whole = copies.receive(request, payload);
    whole.ifPresent(copy -> tell(at -> restore(copy)));
    return ByteString.EMPTY;
  }

  private void restore(Copies.Whole copy) {
    if (!core.wantsCopy(copy.index())) {
      return;
    }
    try (var state = copy.open()) {
      members = copy.members();
      machine.configure(members);
      machine.restore(state);
    } catch (IOException e) {
      throw new IllegalStateException("the tail's state cannot be read: " + e.getMessage(), e);
    }
    applied = copy.index();
    appliedBatchNanos = clock.nanos();
    core.admit(Members.admissible(members));
    core.copied(copy.index());
    log.info("the tail's state at {} was copied", copy.index());
  }

  @Override
  public void stepAside(String to, Deadline deadline) throws IOException, InterruptedException {
    while (coordinates()) {
      if (deadline.passed()) {
        tell(at -> core.stay());
        throw new PosixException(Errno.ETIMEDOUT, "nobody took over in time");
      }
      enqueue(
          new Task(
              at ->
                  core.stepAside(
                      core.view().chain().stream()
                          .filter(link -> link.name().equals(to))
                          .mapToLong(ChainView.Link::id)
                          .findFirst()
                          .orElse(0),
                      at)));
      clock.sleep(PAUSE);
    }
  }

  /** Leaves the chain, if others are in it and can be asked in time. */
  @Override
  public void close() {
    closing = true;
    Deadline limit = clock.deadline(LEAVE_LIMIT);
    try {
      while (running && shown.view.chain().size() > 1 && shown.view.has(self) && !limit.passed()) {
        tell(core::leave);
        clock.sleep(PAUSE);
      }
      running = false;
      tell(at -> {});
      clock.await(ended, LEAVE_LIMIT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      log.warn("the log did not stop in time");
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
    // Order matters: what is shown was so when its leases held.
    Shown now = shown;
    return now.clean && now.readableUntil > clock.nanos();
  }

  @Override
  public void readBarrier(Deadline deadline) throws IOException, InterruptedException {
    if (mayReadAlone()) {
      return;
    }
    long id = nextBarrier.incrementAndGet();
    CompletableFuture<Boolean> reached = new CompletableFuture<>();
    barriers.put(id, reached);
    try {
      enqueue(new Task(at -> core.read(id, at)));
      if (!await(reached, deadline)) {
        throw new IllegalStateException("a read before what it should show was applied");
      }
    } finally {
      barriers.remove(id);
    }
  }

  @Override
  public Route commands() {
    Shown now = shown;
    if (now.leads) {
      return new Route.Here();
    }
    String head = head(now);
    return head.isEmpty() || head.equals(name)
        ? new Route.Nobody("the chain has no head that is in step")
        : new Route.At(head);
  }

  private static String head(Shown now) {
    return now.view.chain().isEmpty() || now.role == ChainCore.Role.OUT
        ? ""
        : now.view.chain().getFirst().name();
  }

  /** Every member answers while it has the leases for it. */
  @Override
  public Route queries() {
    Shown now = shown;
    if (now.readableUntil > clock.nanos()) {
      return new Route.Here();
    }
    String head = head(now);
    return head.isEmpty() || now.role != ChainCore.Role.JOINING
        ? new Route.Nobody("this member has no leases of the others")
        : new Route.At(head);
  }

  @Override
  public boolean coordinates() {
    return shown.role == ChainCore.Role.HEAD;
  }

  @Override
  public Standing standing() {
    Shown now = shown;
    return new Standing(
        role(now.role),
        now.view.epoch(),
        now.last,
        now.applied,
        now.members,
        now.leads && now.applied == now.commit,
        notReady(now));
  }

  private List<String> notReady(Shown now) {
    List<String> reasons = new ArrayList<>();
    if (now.role == ChainCore.Role.JOINING) {
      reasons.add("joining: not in the chain yet");
    } else if (!now.inStep) {
      reasons.add("not in step with the chain yet");
    } else if (now.readableUntil <= clock.nanos()) {
      reasons.add(
          "no leases of all the others"
              + (now.suspected.isEmpty() ? "" : "; silent: ")
              + String.join(", ", now.suspected));
    }
    if (!trouble.isEmpty() && !reasons.isEmpty()) {
      reasons.add(trouble);
    }
    return reasons;
  }

  @Override
  public void describe(NodeStatus.Builder status) {
    Shown now = shown;
    status
        .setRole(role(now.role))
        .setTerm(now.view.epoch())
        .setPrimary(head(now))
        .setCommitIndex(now.commit)
        .setAppliedIndex(now.applied)
        .setLastIndex(now.last)
        .addAllMembers(now.members.getMembersList());
  }

  @Override
  public void receive(String from, ByteString bytes) {
    Message message = MessageCodec.decode(bytes);
    if (names.size() < NAMES_MAX) {
      names.put(message.from(), from);
    }
    if (!inbox.offer(new Received(message))) {
      host.telemetry().rejected("log messages");
    }
  }

  private void enqueue(Event event) throws PosixException {
    if (!running || closing) {
      throw notPrimary();
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
      throw new LostException("not applied while this node was in the chain; retry", e);
    } catch (TimeoutException e) {
      throw new LostException("the chain did not answer in time", e);
    }
  }

  private static PosixException notPrimary() {
    return new PosixException(Errno.NOT_PRIMARY, "this node is not the primary");
  }

  private static PosixException busy(String why) {
    return new PosixException(Errno.EAGAIN, why);
  }
}
