package io.sandstore.chain;

import com.google.protobuf.ByteString;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A chain of {@link ChainCore}s under one seed: messages are delayed, lost, doubled and reordered,
 * links are cut, clocks run apart, processes stand still, end and are replaced by new ones, the
 * record cannot be reached, its answers are lost, or what was asked of it happens late. After every
 * event the invariants of the paper, of leases and of reads are checked.
 *
 * <p>The one thing that is spared: of every view that is the newest, or may become so by what was
 * asked already, one member stays alive. More is not promised.
 */
final class ChainCoreSimulation {

  private static final Timing TIMING = Timing.standard();
  private static final long MILLI = 1_000_000;
  private static final String CLUSTER = "c";

  /** What went wrong, with the seed that shows it. */
  static final class InvariantViolation extends AssertionError {
    private static final long serialVersionUID = 1;

    InvariantViolation(long seed, String what) {
      super("seed " + seed + ": " + what);
    }
  }

  private record Event(long at, long order, Runnable action) {}

  /** One process. */
  private final class Node {
    final long id;
    final String name;
    final ChainCore core;
    final List<Entry> applied = new ArrayList<>();
    final Map<Long, Long> readFloors = new HashMap<>();

    /** Indices at which it proposed something for a client that still waits. */
    final Map<Long, ByteString> proposed = new HashMap<>();

    final double clockRate = 1 + (random.nextDouble() - 0.5) * clockSpread;
    boolean up = true;
    long pausedUntil;
    long wakes;

    /** It may be gone any moment. */
    boolean leaves;

    Node(long id, String name) {
      this.id = id;
      this.name = name;
      this.core = new ChainCore(id, name, CLUSTER, TIMING, clock());
    }

    long clock() {
      return (long) (now * clockRate);
    }

    /** Lets it do something, now or when it goes on. */
    void act(Consumer<ChainCore> action) {
      if (!up) {
        return;
      }
      if (now < pausedUntil) {
        at(pausedUntil, () -> act(action));
        return;
      }
      action.accept(core);
      core.tick(clock());
      settle();
      long number = ++wakes;
      at(
          Math.max(now, (long) Math.ceil(core.wakeAt() / clockRate)),
          () -> {
            if (wakes == number) {
              act(c -> {});
            }
          });
    }

    private void settle() {
      List<Output> outputs = core.ready();
      while (!outputs.isEmpty() && up) {
        outputs.forEach(this::carryOut);
        outputs = core.ready();
      }
      check();
    }

    private void carryOut(Output output) {
      if (core.inStep() && core.view().tail() == id) {
        tailCommitted = Math.max(tailCommitted, core.commit());
      }
      switch (output) {
        case Output.Send(Message message) -> send(message);
        case Output.Commit(List<Entry> entries) -> entries.forEach(this::apply);
        case Output.ReadView() -> record.read(this);
        case Output.Swap(ChainView next) -> record.swap(this, next);
        case Output.Copy(long to, long index) -> copy(to, index);
        case Output.Read(long id, long index) -> answerRead(id, index);
        case Output.ReadFailed(long id) -> readFloors.remove(id);
        case Output.Stop(String why) -> end(this);
      }
    }

    private void apply(Entry entry) {
      require(entry.index() == applied.size() + 1, () -> "InOrder: " + name + " gap at " + entry);
      applied.add(entry);
      Entry other = agreed.putIfAbsent(entry.index(), entry);
      require(
          other == null || other.equals(entry),
          () -> "ReplicasEqual: %s applied %s, another %s".formatted(name, entry, other));
      ByteString request = proposed.remove(entry.index());
      if (request != null && request.equals(entry.data())) {
        acknowledge(request, entry.index());
      }
    }

    /** Applied once: what a request led to is what its first entry did. */
    private void acknowledge(ByteString request, long index) {
      long outcome =
          applied.stream().filter(e -> e.data().equals(request)).findFirst().orElseThrow().index();
      Long other = outcomes.putIfAbsent(request, outcome);
      require(other == null || other == outcome, "OneOutcome: " + other + " and " + outcome);
      visible = Math.max(visible, index);
      acknowledged++;
    }

    private void answerRead(long id, long index) {
      Long floor = readFloors.remove(id);
      if (floor == null) {
        return;
      }
      require(applied.size() >= index, () -> name + " never gets " + index + " for a read");
      require(
          index >= floor,
          () ->
              "LinearizableRead: %s shows %d after %d%s".formatted(name, index, floor, describe()));
      require(
          index <= tailCommitted,
          () ->
              "NothingUncommittedIsRead: %s shows %d of %d".formatted(name, index, tailCommitted));
      visible = Math.max(visible, index);
      reads++;
    }

    private void copy(long to, long index) {
      List<Entry> state = List.copyOf(applied);
      require(state.size() == index, () -> name + " copies another state than it says");
      at(
          now + random.nextLong((chance(0.2) ? 5000 : 100) * MILLI),
          () -> {
            Node joins = nodes.get(to);
            if (joins != null && (healed || (!isCut(this.id, to) && !chance(0.2)))) {
              joins.act(
                  c -> {
                    if (c.wantsCopy(index)) {
                      joins.applied.clear();
                      joins.applied.addAll(state);
                      c.copied(index);
                    }
                  });
            }
            act(c -> c.copySent(to));
          });
    }
  }

  /** The record that all agree on. */
  private final class Register {
    ChainView value = ChainView.none(CLUSTER);
    final List<ChainView> underWay = new ArrayList<>();
    final Set<Long> away = new HashSet<>();

    private boolean lost(Node node) {
      return !healed && (away.contains(node.id) || chance(lossRate));
    }

    private long delay() {
      return random.nextLong((!healed && chance(0.1) ? 3000 : 20) * MILLI);
    }

    void read(Node node) {
      boolean fails = lost(node);
      at(
          now + delay(),
          () -> {
            ChainView read = value;
            at(
                now + delay(),
                () ->
                    node.act(
                        c -> {
                          if (fails) {
                            c.viewFailed();
                          } else {
                            c.view(read, node.clock());
                          }
                        }));
          });
    }

    void swap(Node node, ChainView next) {
      boolean lost = lost(node);
      boolean arrives = !lost || (!away.contains(node.id) && chance(0.5));
      underWay.add(next);
      at(
          now + delay(),
          () -> {
            underWay.remove(next);
            if (arrives && value.version() == next.version()) {
              value =
                  new ChainView(
                      next.version() + 1,
                      next.cluster(),
                      next.generation(),
                      next.epoch(),
                      next.chain());
              views++;
            }
            ChainView read = value;
            at(
                now + delay(),
                () ->
                    node.act(
                        c -> {
                          if (lost) {
                            c.swapFailed();
                          } else {
                            c.swapped(read, node.clock());
                          }
                        }));
            check();
          });
    }
  }

  private final long seed;
  private final Random random;
  private final double lossRate;
  private final long mischiefNanos;
  private final double clockSpread;
  private final long maxDelayNanos;
  private final int size;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(
          (a, b) -> a.at != b.at ? Long.compare(a.at, b.at) : Long.compare(a.order, b.order));
  private final Map<Long, Node> nodes = new TreeMap<>();
  private final TreeMap<Long, Entry> agreed = new TreeMap<>();
  private final Map<ByteString, Long> outcomes = new HashMap<>();
  private final Set<String> cut = new HashSet<>();
  private final Register record = new Register();
  private final List<ByteString> waiting = new ArrayList<>();
  private long now = MILLI;
  private long order;
  private long nextId = 1;
  private long nextRead = 1;
  private long nextRequest = 1;
  private boolean healed;

  /** The last index that a client knows of: by an acknowledgement or by a read. */
  private long visible;

  private long tailCommitted;
  int views;
  int acknowledged;
  int reads;

  ChainCoreSimulation(long seed) {
    this.seed = seed;
    this.random = new Random(seed);
    this.size = 2 + random.nextInt(4);
    this.lossRate = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 0.2;
    // Each seed has its own weather: what never happens in one may be common in another.
    this.mischiefNanos = (50L + random.nextInt(2000)) * MILLI;
    this.maxDelayNanos = (1L + random.nextInt(60)) * MILLI;
    this.clockSpread = random.nextInt(3) == 0 ? random.nextDouble() * 0.1 : 0;
    List<ChainView.Link> founders = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      founders.add(new ChainView.Link(nextId, "n" + i));
      nodes.put(nextId, new Node(nextId, "n" + i));
      nextId++;
    }
    record.value = new ChainView(1, CLUSTER, 1, 1, founders);
    tellNames();
    nodes.values().forEach(node -> node.act(c -> {}));
    at(now + 100 * MILLI, this::mischief);
    at(now + 20 * MILLI, this::load);
  }

  private void require(boolean holds, String what) {
    require(holds, () -> what);
  }

  private void require(boolean holds, Supplier<String> what) {
    if (!holds) {
      throw new InvariantViolation(seed, what.get());
    }
  }

  private boolean chance(double p) {
    return random.nextDouble() < p;
  }

  private void at(long when, Runnable action) {
    events.add(new Event(when, order++, action));
  }

  /** Runs a number of events; then heals everything and requires progress. */
  void run(int steps) {
    for (int i = 0; i < steps; i++) {
      step();
    }
    healed = true;
    cut.clear();
    record.away.clear();
    long limit = now + Duration.ofSeconds(120).toNanos();
    while (now < limit && !isWhole()) {
      step();
    }
    require(
        isWhole(), () -> "Liveness: not all are back in 120 s after all faults ended" + describe());
    long goal = visible + 5;
    while (now < limit && !caughtUp(goal)) {
      step();
    }
    require(caughtUp(goal), () -> "Liveness: no progress after all faults ended" + describe());
  }

  private boolean isWhole() {
    return record.value.chain().size() == size
        && record.value.chain().stream().allMatch(link -> nodes.containsKey(link.id()));
  }

  private boolean caughtUp(long index) {
    return visible >= index
        && nodes.values().stream()
            .allMatch(n -> n.applied.size() >= index && n.core.readableUntil() > n.clock());
  }

  private String describe() {
    StringBuilder text = new StringBuilder("\nrecord " + record.value.fields());
    nodes.values().forEach(n -> text.append("\n").append(n.id).append(' ').append(n.core));
    return text.toString();
  }

  private void step() {
    Event event = events.poll();
    now = Math.max(now, event.at);
    event.action.run();
  }

  private boolean isCut(long from, long to) {
    return cut.contains(from + ">" + to);
  }

  private void send(Message message) {
    if (!healed && (chance(lossRate) || isCut(message.from(), message.to()))) {
      return;
    }
    Message copy = MessageCodec.decode(MessageCodec.encode(message));
    int copies = !healed && chance(0.03) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
      long delay = random.nextLong(maxDelayNanos);
      if (!healed && chance(0.03)) {
        delay = random.nextLong(3000 * MILLI);
      }
      at(
          now + delay,
          () -> {
            Node node = nodes.get(message.to());
            if (node != null) {
              node.act(c -> c.receive(copy, node.clock()));
            }
          });
    }
  }

  private void tellNames() {
    Map<Long, String> names = new HashMap<>();
    nodes.values().forEach(node -> names.put(node.id, node.name));
    nodes.values().forEach(node -> node.core.admit(names));
  }

  /** The process is gone; another one comes in its place. */
  private void end(Node node) {
    node.up = false;
    nodes.remove(node.id);
    at(now + random.nextLong((chance(0.1) ? 20_000 : 2_000) * MILLI), () -> start(node.name));
  }

  private void start(String name) {
    Node node = new Node(nextId++, name);
    nodes.put(node.id, node);
    tellNames();
    node.act(c -> {});
  }

  /** True if one of every view that may be the newest is left without it. */
  private boolean mayEnd(Node node) {
    List<ChainView> possible = new ArrayList<>(record.underWay);
    possible.add(record.value);
    return possible.stream()
        .allMatch(
            view ->
                view.chain().stream()
                    .map(link -> nodes.get(link.id()))
                    .anyMatch(other -> other != null && other != node && !other.leaves));
  }

  private Node any() {
    List<Node> all = List.copyOf(nodes.values());
    return all.get(random.nextInt(all.size()));
  }

  private void load() {
    for (Node node : List.copyOf(nodes.values())) {
      if (node.core.leads() && chance(0.8)) {
        node.act(
            c -> {
              ByteString request = request();
              long index = c.propose(Entry.Kind.COMMANDS, request);
              if (index > 0) {
                node.proposed.put(index, request);
              }
            });
      }
      if (chance(0.5)) {
        node.act(
            c -> {
              long id = nextRead++;
              node.readFloors.put(id, visible);
              c.read(id, node.clock());
            });
      }
    }
    at(now + random.nextLong(30 * MILLI), this::load);
  }

  /** A new one, or one that was sent before and may have been applied. */
  private ByteString request() {
    if (!waiting.isEmpty() && chance(0.2)) {
      return waiting.get(random.nextInt(waiting.size()));
    }
    ByteString request = ByteString.copyFromUtf8("r" + nextRequest++);
    waiting.add(request);
    if (waiting.size() > 20) {
      waiting.removeFirst();
    }
    return request;
  }

  private void mischief() {
    if (healed) {
      return;
    }
    Node node = any();
    switch (random.nextInt(12)) {
      case 0, 1, 2 -> {
        if (mayEnd(node)) {
          end(node);
        }
      }
      case 3 -> {
        cut.clear();
        for (Node a : nodes.values()) {
          for (Node b : nodes.values()) {
            if (chance(0.3)) {
              cut.add(a.id + ">" + b.id); // one way
            }
          }
        }
      }
      case 4 -> isolate(node, true);
      case 5 -> isolate(node, false);
      case 6, 7, 8 -> {
        cut.clear();
        record.away.clear();
      }
      case 9 -> node.pausedUntil = now + random.nextLong(3000 * MILLI);
      case 10 -> {
        long to = any().id;
        node.act(c -> c.stepAside(chance(0.5) ? 0 : to, node.clock()));
        at(now + random.nextLong(2000 * MILLI), () -> node.act(ChainCore::stay));
      }
      default -> {
        if (mayEnd(node)) {
          node.leaves = true;
          node.act(c -> c.leave(node.clock()));
          at(now + random.nextLong(2000 * MILLI), () -> node.act(ChainCore::stay));
        } else {
          record.away.add(node.id);
        }
      }
    }
    at(now + random.nextLong(mischiefNanos), this::mischief);
  }

  private void isolate(Node node, boolean fromRecordToo) {
    for (Node other : nodes.values()) {
      cut.add(node.id + ">" + other.id);
      cut.add(other.id + ">" + node.id);
    }
    if (fromRecordToo) {
      record.away.add(node.id);
    }
  }

  // --- Invariants ---

  private void check() {
    for (Node node : nodes.values()) {
      ChainCore core = node.core;
      if (node.up && now >= node.pausedUntil) {
        require(
            core.readableUntil() <= node.clock() || !core.isClean() || core.commit() >= visible,
            () ->
                "LeaseExclusion: " + node.name + " may read alone without " + visible + describe());
      }
    }
    ChainView newest = record.value;
    for (ChainView.Link link : newest.chain()) {
      Node node = nodes.get(link.id());
      if (node == null) {
        continue;
      }
      require(
          node.core.last() >= visible,
          () ->
              "NothingAcknowledgedIsLost: %s lacks %d%s".formatted(node.name, visible, describe()));
      Node before = nodes.get(newest.before(link.id()));
      if (before != null
          && before.core.view().epoch() == newest.epoch()
          && node.core.view().epoch() == newest.epoch()) {
        checkPair(before.core, node.core);
      }
    }
  }

  private void checkPair(ChainCore before, ChainCore core) {
    require(
        core.last() <= before.last(), () -> "UpdatePropagation: a successor has more" + describe());
    require(
        before.first() <= core.last() + 1,
        () -> "InprocessRequests: what a successor lacks is gone" + describe());
    for (long index = Math.max(before.first(), core.first()); index <= core.last(); index++) {
      Entry one = before.entry(index);
      Entry other = core.entry(index);
      require(one.equals(other), () -> "UpdatePropagation: " + one + " and " + other + describe());
    }
  }
}
