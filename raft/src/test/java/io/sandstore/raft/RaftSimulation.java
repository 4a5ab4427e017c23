package io.sandstore.raft;

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

/**
 * A cluster of {@link RaftCore}s under one seed: messages are delayed, lost, doubled and reordered,
 * links are cut, members crash between any two steps and lose what was not synced, logs are
 * compacted, members are replaced. After every event the invariants of the paper (figure 3.2 of the
 * thesis) and of the lease are checked.
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
    RaftCore core;
    boolean up;
    boolean wiped;
    int epoch;

    Node(long id, String name) {
      this.id = id;
      this.name = name;
    }

    void start() {
      RaftLog log =
          new RaftLog(
              (from, to, max) -> List.copyOf(disk.subMap(from, true, to, true).values()), snapshot);
      Membership membership = new Membership(snapshot.getIndex(), snapshot.getConfiguration());
      for (Entry entry : disk.tailMap(snapshot.getIndex(), false).values()) {
        log.append(entry);
        if (entry.kind() == Entry.Kind.CONFIGURATION) {
          membership.put(entry.index(), Configurations.parse(entry));
        }
      }
      core =
          new RaftCore(id, TIMING, new Random(random.nextLong()), hardState, log, membership, now);
      appliedIndex = snapshot.getIndex();
      up = true;
      epoch++;
      schedule();
    }

    void crash() {
      up = false;
      epoch++;
    }

    void schedule() {
      int current = epoch;
      at(
          Math.max(now, core.wakeAt()),
          () -> {
            if (up && epoch == current) {
              core.tick(now);
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
          if (chance(crashRate)) {
            crashed(this); // before the sync: none of it is on disk
            return;
          }
          hardState = ready.hardState().orElse(hardState);
          if (!ready.append().isEmpty()) {
            disk.tailMap(ready.append().getFirst().index(), true).clear();
            ready.append().forEach(e -> disk.put(e.index(), e));
          }
          if (chance(crashRate)) {
            crashed(this); // after the sync, before anyone hears of it
            return;
          }
        }
        core.synced(now);
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
      require(entry.index() == appliedIndex + 1, "StateMachineSafety: gap before " + entry);
      appliedIndex = entry.index();
      Entry other = committed.putIfAbsent(entry.index(), entry);
      require(
          other == null
              || (other.term() == entry.term() && other.data() == entry.data()
                  || other != null
                      && java.util.Arrays.equals(other.data(), entry.data())
                      && other.term() == entry.term()),
          "StateMachineSafety: " + name + " applied " + entry + ", another " + other);
    }

    void install(long from, long term, SnapshotMeta meta) {
      if (core.install(from, term, meta.getIndex(), meta.getTerm(), meta.getConfiguration(), now)
          == RaftCore.Install.RESET) {
        hardState = core.hardState();
        snapshot = meta;
        disk.clear();
        appliedIndex = meta.getIndex();
      }
      settle();
    }

    void compact() {
      if (appliedIndex > snapshot.getIndex()) {
        Entry last = disk.get(appliedIndex);
        snapshot =
            SnapshotMeta.newBuilder()
                .setIndex(appliedIndex)
                .setTerm(last.term())
                .setConfiguration(core.configurationAt(appliedIndex))
                .build();
        long keep = Math.max(core.firstIndex() - 1, appliedIndex - random.nextInt(20));
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
  private final long maxDelayNanos;
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(
          (a, b) -> a.at != b.at ? Long.compare(a.at, b.at) : Long.compare(a.order, b.order));
  private final Map<Long, Node> nodes = new HashMap<>();
  private final TreeMap<Long, Entry> committed = new TreeMap<>();
  private final Map<Long, Long> leaderOfTerm = new HashMap<>();
  private final Map<Long, Long> readFloor = new HashMap<>();
  private final Set<String> cut = new HashSet<>();
  private final Configuration founders;
  private long now = MILLI;
  private long order;
  private long nextId = 100;
  private long nextRead = 1;
  int elections;

  RaftSimulation(long seed, int members) {
    this.seed = seed;
    this.random = new Random(seed);
    this.crashRate = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 0.05;
    this.lossRate = random.nextInt(3) == 0 ? 0 : random.nextDouble() * 0.2;
    // Each seed has its own weather: what never happens in one may be common in another.
    this.mischiefNanos = (20L + random.nextInt(1000)) * MILLI;
    this.maxDelayNanos = (1L + random.nextInt(100)) * MILLI;
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
    if (!holds) {
      throw new InvariantViolation(seed, what);
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
    if (!healed && (chance(lossRate) || cut.contains(message.from() + ">" + message.to()))) {
      return;
    }
    Message copy = MessageCodec.decode(MessageCodec.encode(message));
    int copies = !healed && chance(0.02) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
      long delay =
          chance(0.05) && !healed ? random.nextLong(2000 * MILLI) : random.nextLong(maxDelayNanos);
      at(
          now + delay,
          () -> {
            Node node = nodes.get(message.to());
            if (node != null && node.up) {
              node.core.receive(copy, now);
              node.core.tick(now);
              node.settle();
              node.schedule();
            }
          });
    }
  }

  private void sendSnapshot(Node from, long to) {
    SnapshotMeta meta = from.snapshot;
    long term = from.core.term();
    int epoch = from.epoch;
    at(
        now + random.nextLong(200 * MILLI),
        () -> {
          Node node = nodes.get(to);
          boolean arrives = node != null && node.up && (healed || !chance(0.3));
          if (arrives) {
            node.install(from.id, term, meta);
          }
          if (from.up && from.epoch == epoch) {
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
      if (!node.up || node.core.role() != RaftCore.Role.LEADER) {
        continue;
      }
      if (chance(0.8)) {
        byte[] data = new byte[8];
        random.nextBytes(data);
        node.core.propose(List.of(data), now);
      }
      if (chance(0.5)) {
        // Whatever was applied anywhere by now must be covered by the barrier.
        long id = nextRead++;
        readFloor.put(id, committed.isEmpty() ? 0 : committed.lastKey());
        node.core.read(id, now);
        node.core.tick(now);
      }
      for (Member member : node.core.configuration().getMembersList()) {
        if (member.getLearner()
            && node.core.hasCaughtUp(member.getId(), 5, now)
            && node.core.mayChangeMembers()) {
          node.core.proposeConfiguration(
              Configurations.promoted(node.core.configuration(), member.getId()), now);
        }
      }
      replaceWiped(node);
      node.settle();
    }
    at(now + random.nextLong(40 * MILLI), this::load);
  }

  /** Takes a wiped member out and its new incarnation in, one change at a time. */
  private void replaceWiped(Node leader) {
    if (!leader.up || !leader.core.mayChangeMembers()) {
      return;
    }
    Configuration members = leader.core.configuration();
    for (Node node : nodes.values()) {
      boolean member = Configurations.byId(members, node.id).isPresent();
      if (node.wiped && member) {
        leader.core.proposeConfiguration(Configurations.without(members, node.id), now);
        return;
      }
      if (!node.wiped && !member && Configurations.byName(members, node.name).isEmpty()) {
        leader.core.proposeConfiguration(
            Configurations.withLearner(members, node.id, node.name), now);
        return;
      }
    }
  }

  private void mischief() {
    if (healed) {
      return;
    }
    Node node = any();
    switch (random.nextInt(8)) {
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
      case 4 -> {
        if (node.up) {
          node.compact();
        }
      }
      case 5 -> {
        if (node.up && node.core.role() == RaftCore.Role.LEADER) {
          node.core.transferTo(any().id, now);
          node.settle();
        }
      }
      case 6 -> wipe(node);
      default -> {}
    }
    at(now + random.nextLong(mischiefNanos), this::mischief);
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
    require(
        floor == null || read.index() >= floor,
        "LinearizableRead: barrier at " + read.index() + " misses " + floor);
  }

  private void check() {
    int leases = 0;
    for (Node node : nodes.values()) {
      if (!node.up) {
        continue;
      }
      RaftCore core = node.core;
      if (core.role() == RaftCore.Role.LEADER) {
        Long other = leaderOfTerm.putIfAbsent(core.term(), node.id);
        if (other == null) {
          elections++;
          leaderCompleteness(node);
        }
        require(
            other == null || other == node.id,
            "ElectionSafety: two leaders in term " + core.term());
        leases += core.leaseUntil() > now ? 1 : 0;
      }
    }
    require(leases <= 1, "LeaseExclusion: two leaders hold a lease");
    logMatching();
  }

  /** A new leader has every entry that was ever committed. */
  private void leaderCompleteness(Node leader) {
    for (Entry entry : committed.values()) {
      long index = entry.index();
      boolean has =
          index < leader.core.firstIndex()
              || (index <= leader.core.lastIndex() && leader.core.termAt(index) == entry.term());
      require(has, "LeaderCompleteness: leader of term " + leader.core.term() + " lacks " + entry);
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
      require(equal || !same, "LogMatching: " + entry + " and " + other + " before a common entry");
      require(
          !equal || java.util.Arrays.equals(entry.data(), other.data()),
          "LogMatching: one term, two entries at " + entry.index());
      same |= equal;
    }
  }
}
