package io.sandstore.raft;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotMeta;
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
import java.util.function.Supplier;

/**
 * A cluster of {@link RaftCore}s under one seed: messages are delayed, lost, doubled and reordered,
 * some by minutes; links are cut, clocks run apart, members crash between any two steps and lose
 * what was not synced, logs are compacted, snapshots take their time or break off, leaders that are
 * alone take long tails, members are replaced. After every event the invariants of the paper
 * (figure 3.2 of the thesis), of the lease and of snapshots are checked.
 */
final class RaftSimulation {

  private static final Timing TIMING = Timing.standard();
  private static final long MILLI = 1_000_000;

  /** What went wrong, with the seed that shows it. */
  static final class InvariantViolation extends AssertionError {
    private static final long serialVersionUID = 1;

    InvariantViolation(long seed, String what) {
      super("seed " + seed + ": " + what);
    }
  }

  private record Event(long at, long order, Runnable action) {}

  /** One incarnation: what is on its disk survives a crash, the rest does not. */
  private final class Node {
    final long id;
    final String name;
    HardState hardState = HardState.getDefaultInstance();
    SnapshotMeta snapshot = SnapshotMeta.newBuilder().setConfiguration(founders).build();
    final TreeMap<Long, Entry> disk = new TreeMap<>();
    final List<Entry> applied = new ArrayList<>();
    long appliedIndex;
    Terms terms = new Terms(snapshot);
    RaftCore core;
    boolean up;
    boolean wiped;
    int epoch;

    long promisedTerm;
    long promisedIndex;

    /** Members that a snapshot is on its way to. */
    final Set<Long> streams = new HashSet<>();

    private final double clockRate;

    Node(long id, String name) {
      this.id = id;
      this.name = name;
      this.clockRate = 1 + (random.nextDouble() - 0.5) * clockSpread;
    }

    /** What its clock says. */
    long clock() {
      return (long) (now * clockRate);
    }

    /** The moment at which its clock will say so. */
    private long when(long clock) {
      return clock == Long.MAX_VALUE ? clock : (long) Math.ceil(clock / clockRate);
    }

    void start() {
      RaftLog log =
          new RaftLog(
              (from, to, max) -> List.copyOf(disk.subMap(from, true, to, true).values()), snapshot);
      Membership membership = new Membership(snapshot.getIndex(), snapshot.getConfiguration());
      for (Entry entry : disk.tailMap(snapshot.getIndex(), false).values()) {
        log.append(entry);
        if (entry.kind() == Entry.Kind.CONFIGURATION) {
          membership.put(entry.index(), entry.configuration());
        }
      }
      core =
          new RaftCore(
              id, TIMING, new Random(random.nextLong()), hardState, log, membership, clock());
      appliedIndex = snapshot.getIndex();
      terms = new Terms(snapshot);
      up = true;
      epoch++;
      schedule();
    }

    void crash() {
      up = false;
      epoch++;
      streams.clear();
    }

    void schedule() {
      int current = epoch;
      at(
          Math.max(now, when(core.wakeAt())),
          () -> {
            if (up && epoch == current) {
              core.tick(clock());
              settle();
              schedule();
            }
          });
    }

    void settle() {
      while (up && core.hasReady(true)) {
        Ready ready = core.ready(true);
        ready.now().forEach(RaftSimulation.this::send);
        if (ready.mustSync()) {
          if (!healed && chance(crashRate)) {
            crashed(this); // before the sync: none of it is on disk
            return;
          }
          hardState = ready.hardState().orElse(hardState);
          if (!ready.append().isEmpty()) {
            disk.tailMap(ready.append().getFirst().index(), true).clear();
            ready.append().forEach(e -> disk.put(e.index(), e));
          }
          if (!healed && chance(crashRate)) {
            crashed(this); // after the sync, before anyone hears of it
            return;
          }
        }
        core.synced(clock());
        ready.afterSync().forEach(RaftSimulation.this::send);
        ready.committed().forEach(this::apply);
        ready.snapshotsFor().forEach(to -> sendSnapshot(this, to));
        for (Ready.Read read : ready.reads()) {
          checkRead(this, read);
        }
      }
      check();
    }

    void apply(Entry entry) {
      require(entry.index() == appliedIndex + 1, () -> "StateMachineSafety: gap before " + entry);
      appliedIndex = entry.index();
      terms.add(entry.index(), entry.term());
      Entry other = committed.putIfAbsent(entry.index(), entry);
      committedIn.putIfAbsent(entry.index(), core.term());
      require(
          other == null
              || (other.term() == entry.term()
                  && java.util.Arrays.equals(other.data(), entry.data())),
          () -> "StateMachineSafety: " + name + " applied " + entry + ", another " + other);
    }

    void install(long from, long term, SnapshotMeta meta) {
      core.commitAsIn(new Terms(meta));
      settle();
      if (!up) {
        return;
      }
      checkApplied(meta);
      if (core.install(
              from, term, meta.getIndex(), meta.getTerm(), meta.getConfiguration(), clock())
          == RaftCore.Install.RESET) {
        hardState = core.hardState();
        snapshot = meta;
        disk.clear();
        appliedIndex = meta.getIndex();
        terms = new Terms(meta);
      }
      settle();
    }

    /** What came with these entries may be on few disks, and the log is about to go. */
    private void checkApplied(SnapshotMeta meta) {
      for (Entry entry : disk.headMap(meta.getIndex(), true).values()) {
        Entry agreed = committed.get(entry.index());
        require(
            entry.index() <= appliedIndex
                || agreed == null
                || agreed.term() != entry.term()
                || core.commit() >= meta.getIndex(),
            () -> "KeepsWhatOnlyTheLogHas: " + name + " drops " + entry);
      }
    }

    void compact() {
      if (appliedIndex > snapshot.getIndex()) {
        Entry last = disk.get(appliedIndex);
        snapshot =
            SnapshotMeta.newBuilder()
                .setIndex(appliedIndex)
                .setTerm(last.term())
                .addAllTerms(terms.starts())
                .setConfiguration(core.configurationAt(appliedIndex))
                .build();
        long keep =
            Math.max(core.firstIndex() - 1, appliedIndex - (chance(0.5) ? 0 : random.nextInt(20)));
        core.compactTo(keep);
        disk.headMap(keep, true).clear();
      }
    }
  }

  private final long seed;
  private final Random random;
  private final double crashRate;
  private final double lossRate;
  private final long mischiefNanos;
  private final double clockSpread;
  private final double lateness;
  private final long maxDelayNanos;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(
          (a, b) -> a.at != b.at ? Long.compare(a.at, b.at) : Long.compare(a.order, b.order));
  private final Map<Long, Node> nodes = new HashMap<>();
  private final TreeMap<Long, Entry> committed = new TreeMap<>();

  /** The term of whoever applied an entry first. */
  private final Map<Long, Long> committedIn = new HashMap<>();

  private final Map<Long, Long> leaderOfTerm = new HashMap<>();
  private final Map<Long, Long> readFloor = new HashMap<>();
  private final Set<String> cut = new HashSet<>();
  private final Configuration founders;
  private long now = MILLI;
  private long order;
  private long nextId = 100;
  private long nextRead = 1;
  int elections;

  /** That a follower answered. */
  int reads;

  RaftSimulation(long seed, int members) {
    this.seed = seed;
    this.random = new Random(seed);
    this.crashRate = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 0.05;
    this.lossRate = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 0.2;
    // Each seed has its own weather: what never happens in one may be common in another.
    this.mischiefNanos = (20L + random.nextInt(1000)) * MILLI;
    this.maxDelayNanos = (1L + random.nextInt(100)) * MILLI;
    this.clockSpread = random.nextInt(3) == 0 ? random.nextDouble() * 0.1 : 0;
    this.lateness = random.nextInt(3) == 0 ? 0.002 : 0;
    List<Member> list = new ArrayList<>();
    for (int i = 1; i <= members; i++) {
      list.add(Member.newBuilder().setId(i).setName("n" + i).build());
    }
    founders = Configurations.founders(list);
    for (Member member : list) {
      nodes.put(member.getId(), new Node(member.getId(), member.getName()));
    }
    nodes.values().forEach(Node::start);
    at(now + 50 * MILLI, this::mischief);
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
    for (int i = 0; i < steps && !events.isEmpty(); i++) {
      step();
    }
    healed = true;
    cut.clear();
    for (Node node : List.copyOf(nodes.values())) {
      if (!node.up && !node.wiped) {
        node.start();
      }
    }
    long goal = committed.isEmpty() ? 1 : committed.lastKey() + 5;
    long limit = now + Duration.ofSeconds(60).toNanos();
    while (now < limit && (committed.isEmpty() || committed.lastKey() < goal)) {
      step();
    }
    require(
        !committed.isEmpty() && committed.lastKey() >= goal,
        "Liveness: nothing committed in 60 s after all faults ended" + describe());
    while (now < limit && !caughtUp(goal)) {
      step();
    }
    require(caughtUp(goal), "CaughtUp: not within 60 s after all faults ended" + describe());
  }

  private boolean caughtUp(long index) {
    return nodes.values().stream().allMatch(n -> n.wiped || (n.up && n.appliedIndex >= index));
  }

  private String describe() {
    StringBuilder text = new StringBuilder();
    nodes
        .values()
        .forEach(
            n ->
                text.append("\n")
                    .append(n.name)
                    .append(' ')
                    .append(n.id)
                    .append(n.up ? " up " : " down ")
                    .append(n.wiped ? "wiped " : "")
                    .append(n.core.role())
                    .append(" term ")
                    .append(n.core.term())
                    .append(" leader ")
                    .append(n.core.leader())
                    .append(" log ")
                    .append(n.core.firstIndex())
                    .append("..")
                    .append(n.core.lastIndex())
                    .append(" commit ")
                    .append(n.core.commit())
                    .append(" members ")
                    .append(
                        n.core.configuration().getMembersList().stream()
                            .map(m -> m.getId() + (m.getLearner() ? "L" : ""))
                            .toList()));
    return text.toString();
  }

  private boolean healed;

  private void step() {
    Event event = events.poll();
    now = Math.max(now, event.at);
    event.action.run();
  }

  private void send(Message message) {
    Node sender = nodes.get(message.from());
    if (sender != null && message instanceof Message.AppendReply reply && reply.accepted()) {
      boolean same = sender.promisedTerm == reply.term();
      sender.promisedTerm = reply.term();
      sender.promisedIndex = same ? Math.max(sender.promisedIndex, reply.index()) : reply.index();
    }
    if (!healed && (chance(lossRate) || cut.contains(message.from() + ">" + message.to()))) {
      return;
    }
    Message copy = MessageCodec.decode(MessageCodec.encode(message, ""));
    int copies = !healed && chance(0.02) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
      long delay = random.nextLong(maxDelayNanos);
      boolean offer = message instanceof Message.TimeoutNow;
      if (!healed && chance(offer ? 0.5 : 0.05)) {
        delay = random.nextLong((offer ? 4000 : 2000) * MILLI);
      } else if (!healed && chance(lateness)) {
        delay = random.nextLong(120_000 * MILLI);
      }
      at(
          now + delay,
          () -> {
            Node node = nodes.get(message.to());
            if (node != null && node.up) {
              node.core.receive(copy, node.clock());
              node.core.tick(node.clock());
              node.settle();
              node.schedule();
            }
          });
    }
  }

  /** Takes its time, during which the log goes on, and may break off at any moment. */
  private void sendSnapshot(Node from, long to) {
    require(
        from.streams.add(to), "OneSnapshotStream: " + from.name + " begins a second one to " + to);
    SnapshotMeta meta = from.snapshot;
    long term = from.core.term();
    int epoch = from.epoch;
    at(
        now + random.nextLong(chance(0.2) ? 10_000 * MILLI : 200 * MILLI),
        () -> {
          Node node = nodes.get(to);
          boolean cutOff = cut.contains(from.id + ">" + to);
          boolean arrives = node != null && node.up && (healed || (!cutOff && !chance(0.3)));
          boolean same = from.up && from.epoch == epoch;
          if (arrives && (same || chance(0.5))) {
            node.install(from.id, term, meta);
          }
          if (same) {
            from.streams.remove(to);
            from.core.snapshotSent(to, arrives ? meta.getIndex() : 0, arrives);
            from.settle();
          }
        });
  }

  private void crashed(Node node) {
    node.crash();
    at(
        now
            + (random.nextBoolean()
                ? random.nextLong(50 * MILLI)
                : random.nextLong((chance(0.1) ? 30_000 : 3_000) * MILLI)),
        () -> {
          if (!node.up && !node.wiped) {
            node.start();
          }
        });
  }

  private Node any() {
    List<Node> all = List.copyOf(nodes.values());
    return all.get(random.nextInt(all.size()));
  }

  private void load() {
    for (Node node : nodes.values()) {
      if (node.up && chance(0.3)) {
        read(node);
      }
      if (!node.up || node.core.role() != RaftCore.Role.LEADER) {
        continue;
      }
      if (chance(0.8)) {
        byte[] data = new byte[8];
        random.nextBytes(data);
        node.core.propose(List.of(data), node.clock());
      }
      for (Member member : node.core.configuration().getMembersList()) {
        if (member.getLearner()
            && node.core.hasCaughtUp(member.getId(), 5, node.clock())
            && node.core.mayChangeMembers()) {
          node.core.proposeConfiguration(
              Configurations.promoted(node.core.configuration(), member.getId()), node.clock());
        }
      }
      replaceWiped(node);
      node.settle();
    }
    at(now + random.nextLong(40 * MILLI), this::load);
  }

  /** Whatever was applied anywhere by now must be covered by the barrier, whoever is asked. */
  private void read(Node node) {
    for (int i = random.nextInt(3); i >= 0; i--) {
      long id = nextRead++;
      readFloor.put(id, committed.isEmpty() ? 0 : committed.lastKey());
      node.core.readAnywhere(id, node.clock());
    }
    node.core.tick(node.clock());
    node.settle();
    node.schedule();
  }

  /** Takes a wiped member out and its new incarnation in, one change at a time. */
  private void replaceWiped(Node leader) {
    if (!leader.up || !leader.core.mayChangeMembers()) {
      return;
    }
    Configuration members = leader.core.configuration();
    for (Member member : members.getMembersList()) {
      Node node = nodes.get(member.getId());
      if (node == null || node.wiped) {
        leader.core.proposeConfiguration(
            Configurations.without(members, member.getId()), leader.clock());
        return;
      }
    }
    for (Node node : nodes.values()) {
      if (!node.wiped && Configurations.byName(members, node.name).isEmpty()) {
        leader.core.proposeConfiguration(
            Configurations.withLearner(members, node.id, node.name), leader.clock());
        return;
      }
    }
  }

  private void mischief() {
    if (healed) {
      return;
    }
    Node node = any();
    switch (random.nextInt(10)) {
      case 0 -> {
        if (node.up) {
          crashed(node);
        }
      }
      case 1, 2 -> {
        cut.clear();
        for (Node a : nodes.values()) {
          for (Node b : nodes.values()) {
            if (chance(0.3)) {
              cut.add(a.id + ">" + b.id); // one way
            }
          }
        }
      }
      case 3 -> cut.clear();
      case 4, 8 -> {
        if (node.up) {
          node.compact();
        }
      }
      case 5 ->
          nodes.values().stream()
              .filter(n -> n.up && n.core.role() == RaftCore.Role.LEADER)
              .findFirst()
              .ifPresent(leader -> offer(leader, node));
      case 6 -> wipe(node);
      case 7 -> isolateWithTail(node);
      case 9 ->
          nodes.values().stream()
              .filter(n -> n.up && n.core.role() == RaftCore.Role.LEADER && n != node)
              .findFirst()
              .ifPresent(leader -> isolate(leader.id, node.id));
      default -> {}
    }
    at(now + random.nextLong(mischiefNanos), this::mischief);
  }

  /** Leadership is offered, and the two may not hear of each other any more while it is. */
  private void offer(Node leader, Node to) {
    leader.core.transferTo(to.id, leader.clock());
    leader.settle();
    if (chance(0.5)) {
      at(
          now + random.nextLong(50 * MILLI),
          () -> {
            cut.add(leader.id + ">" + to.id);
            cut.add(to.id + ">" + leader.id);
          });
    }
  }

  /** A leader hears of one member only, which reads: the others may have another leader by then. */
  private void isolate(long leader, long reader) {
    cut.clear();
    for (long other : nodes.keySet()) {
      if (other != leader && other != reader) {
        for (long here : List.of(leader, reader)) {
          cut.add(here + ">" + other);
          cut.add(other + ">" + here);
        }
      }
    }
  }

  /** A leader alone takes what it can never commit. */
  private void isolateWithTail(Node leader) {
    if (!leader.up || leader.core.role() != RaftCore.Role.LEADER) {
      return;
    }
    for (long other : nodes.keySet()) {
      cut.add(leader.id + ">" + other);
      cut.add(other + ">" + leader.id);
    }
    for (int i = random.nextInt(100); i > 0; i--) {
      byte[] data = new byte[8];
      random.nextBytes(data);
      leader.core.propose(List.of(data), leader.clock());
    }
    leader.settle();
  }

  /** One disk is lost, if the cluster has recovered from the last loss. */
  private void wipe(Node node) {
    boolean settled =
        nodes.values().stream().noneMatch(n -> n.wiped)
            && nodes.size() == founders.getMembersCount();
    boolean allVote =
        nodes.values().stream()
            .allMatch(n -> n.up && nodes.keySet().stream().allMatch(id -> votes(n, id)));
    if (!settled || !allVote || founders.getMembersCount() < 3 || !chance(0.5)) {
      return;
    }
    node.crash();
    node.wiped = true;
    Node successor = new Node(nextId++, node.name);
    nodes.put(successor.id, successor);
    successor.start();
    at(now + 20_000 * MILLI, () -> nodes.remove(node.id));
  }

  private static boolean votes(Node in, long id) {
    return Configurations.byId(in.core.configuration(), id).map(m -> !m.getLearner()).orElse(false);
  }

  // --- Invariants ---

  private void checkRead(Node node, Ready.Read read) {
    Long floor = readFloor.remove(read.id());
    reads += node.core.role() == RaftCore.Role.FOLLOWER ? 1 : 0;
    require(
        floor == null || read.index() >= floor,
        "LinearizableRead: barrier at " + read.index() + " misses " + floor);
  }

  private void check() {
    long newest = 0;
    for (Node node : nodes.values()) {
      if (!node.up) {
        continue;
      }
      RaftCore core = node.core;
      if (core.role() == RaftCore.Role.LEADER) {
        newest = Math.max(newest, core.term());
        Long other = leaderOfTerm.putIfAbsent(core.term(), node.id);
        if (other == null) {
          elections++;
          leaderCompleteness(node);
        }
        require(
            other == null || other == node.id,
            "ElectionSafety: two leaders in term " + core.term());
      }
    }
    long latest = newest;
    for (Node node : nodes.values()) {
      require(
          !node.up
              || node.core.term() != node.promisedTerm
              || node.core.lastIndex() >= node.promisedIndex,
          () -> "KeepsWhatItAcknowledged: " + node.name + " lacks entry " + node.promisedIndex);
      require(
          !node.up || node.core.leaseUntil() <= node.clock() || node.core.term() >= latest,
          () ->
              "LeaseExclusion: "
                  + node.name
                  + " holds a lease while term "
                  + latest
                  + " has a leader");
    }
    logMatching();
  }

  /**
   * A leader has every entry that was committed in a term before its own; votes that come late can
   * still make a leader of a term that is over, which need not have what a later one committed.
   */
  private void leaderCompleteness(Node leader) {
    RaftCore core = leader.core;
    for (Entry entry : committed.values()) {
      long index = entry.index();
      boolean has =
          index < core.firstIndex()
              || (index <= core.lastIndex() && core.termAt(index) == entry.term());
      require(
          has || committedIn.getOrDefault(index, 0L) >= core.term(),
          () -> "LeaderCompleteness: leader of term " + core.term() + " lacks " + entry);
    }
  }

  /** If two disks agree on an entry's term, they agree on everything before it. */
  private void logMatching() {
    List<Node> all = List.copyOf(nodes.values());
    Node a = all.get(random.nextInt(all.size()));
    Node b = all.get(random.nextInt(all.size()));
    boolean same = false;
    for (Entry entry : a.disk.descendingMap().values()) {
      Entry other = b.disk.get(entry.index());
      if (other == null) {
        continue;
      }
      boolean equal = other.term() == entry.term();
      require(
          equal || !same,
          () -> "LogMatching: " + entry + " and " + other + " before a common entry");
      require(
          !equal || java.util.Arrays.equals(entry.data(), other.data()),
          () -> "LogMatching: one term, two entries at " + entry.index());
      same |= equal;
    }
  }
}
