package io.sandstore.sim;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.node.Inspection;
import io.sandstore.node.Node;
import io.sandstore.sim.Invariants.Replica;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of three nodes and some clients in a {@link World}: the shipped wiring of a profile
 * with only the leaf ports replaced. Faults come by the seed; then everything heals, and what was
 * acknowledged must be there.
 */
public final class Simulation {

  private static final long MILLI = 1_000_000;
  private static final List<String> NAMES = List.of("sandstore-0", "sandstore-1", "sandstore-2");
  private static final int CLIENTS = 3;
  private static final int LOG_DAMAGE_TRIES = 20;
  private static final int SEGMENT_BYTES = 64 << 10;
  private static final long ROOMY = Long.MAX_VALUE;

  /** Something that must never happen, with the seed that shows it. */
  public static final class Violation extends AssertionError {
    private static final long serialVersionUID = 1;

    Violation(long seed, String what) {
      super("seed " + seed + ": " + what);
    }
  }

  /** How much happened. */
  public record Summary(
      long steps, long fingerprint, int acknowledged, int unknown, Map<String, Integer> faults) {}

  /** One node: its disk stays, its process comes and goes. */
  private final class Member {
    final String name;
    final SimDisk disk;
    SimProcess process;
    private @Nullable Node node;
    private @Nullable Replica replica;
    private int generation;

    Member(String name) {
      this.name = name;
      this.disk = new SimDisk(new Random(world.random.nextLong()));
      this.process = new SimProcess(world, name, network);
      begin(process);
    }

    void boot() {
      generation++;
      node = null;
      replica = null;
      process = new SimProcess(world, name, network);
      begin(process);
    }

    Optional<Inspection> inspect() {
      return replica().map(Replica::inspection);
    }

    /** What runs, once it is in the cluster. */
    Optional<Replica> replica() {
      Node current = node;
      if (replica == null && current != null) {
        replica = current.inspect().map(i -> new Replica(name, i)).orElse(null);
      }
      return Optional.ofNullable(replica).filter(r -> process.alive());
    }

    private void begin(SimProcess booted) {
      disk.beforeChange =
          () -> {
            if (crashRate > 0 && !healing && world.random.nextDouble() < crashRate) {
              fault("crash at a write");
              powerLoss(this);
              booted.killSelf();
            }
          };
      booted.host.threads().start("main", () -> main(booted));
    }

    private void main(SimProcess booted) {
      try {
        Node started = new Node(booted.host, disk, config(name), () -> members());
        if (process == booted) {
          node = started;
        }
        started.start();
      } catch (IOException e) {
        booted.host.halt().halt("cannot start: " + e.getMessage(), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private final long seed;
  final World world;
  private final SimNetwork network;
  private final Map<String, Member> members = new LinkedHashMap<>();
  private final List<Workload> workloads = new ArrayList<>();
  private final Invariants invariants = new Invariants(this, NAMES.size());
  private final Map<String, Integer> faults = new HashMap<>();
  private final long snapshotBytes;
  private double crashRate;
  private boolean healing;

  public Simulation(long seed) {
    this.seed = seed;
    this.world = new World(seed);
    this.network = new SimNetwork(world);
    this.snapshotBytes = (16L + world.random.nextInt(80)) << 10;
  }

  private static Map<String, String> members() {
    Map<String, String> addresses = new LinkedHashMap<>();
    NAMES.forEach(name -> addresses.put(name, name + ":9070"));
    return addresses;
  }

  private NodeConfig config(String name) {
    return new NodeConfig(
        name,
        name + ":9070",
        NodeConfig.Membership.of(members()),
        NodeConfig.Operations.none(),
        "/",
        "raft",
        Duration.ofMillis(100),
        Duration.ofMillis(700),
        snapshotBytes,
        SEGMENT_BYTES,
        1 << 20,
        Duration.ofSeconds(5),
        Duration.ofSeconds(600),
        Duration.ofSeconds(60),
        Duration.ofMillis(200),
        Duration.ofSeconds(10),
        8);
  }

  private static SandstoreClient client(SimProcess process, String seeds) {
    ClientConfig config =
        ClientConfig.of(seeds)
            .withTimeout(Duration.ofSeconds(8))
            .withBlockBytes(64 << 10)
            .withInlineBytes(4 << 10);
    return new SandstoreClient(process.host, config);
  }

  void fault(String what) {
    faults.merge(what, 1, Integer::sum);
    world.note(what.hashCode());
  }

  Violation violation(String what) {
    return new Violation(seed, what);
  }

  /** Runs faults under load for so many steps, heals, and checks. */
  public Summary run(long steps) {
    for (String name : NAMES) {
      members.put(name, new Member(name));
    }
    for (int i = 0; i < CLIENTS; i++) {
      SimProcess process = new SimProcess(world, "client-" + i, network);
      SandstoreClient client = client(process, String.join(",", members().values()));
      List<SandstoreClient> readers =
          members().values().stream().map(address -> client(process, address)).toList();
      Workload workload =
          new Workload(this, client, readers, i, new Random(world.random.nextLong()));
      workloads.add(workload);
      process.host.threads().start("workload", workload::run);
    }
    weather();
    world.after(2000 * MILLI, this::mischief);
    run(Duration.ofMinutes(30), () -> world.steps() >= steps || failed());
    heal();
    workloads.forEach(Workload::finish);
    boolean done =
        run(Duration.ofMinutes(5), () -> failed() || workloads.stream().allMatch(Workload::done));
    workloads.forEach(Workload::rethrow);
    if (!done) {
      throw violation("the clients do not finish within five minutes after all faults ended");
    }
    checkReplicas();
    return new Summary(
        world.steps(),
        world.fingerprint(),
        workloads.stream().mapToInt(Workload::acknowledged).sum(),
        workloads.stream().mapToInt(Workload::unknown).sum(),
        faults);
  }

  /** Checks the invariants after every step. */
  private boolean run(Duration limit, BooleanSupplier until) {
    return world.run(
        limit.toNanos(),
        () -> {
          invariants.check(
              members.values().stream().flatMap(m -> m.replica().stream()).toList(), workloads);
          return until.getAsBoolean();
        });
  }

  private boolean failed() {
    return workloads.stream().anyMatch(Workload::failed);
  }

  // --- Faults ---

  /** Every seed has weather of its own. */
  private void weather() {
    Random random = world.random;
    network.maxDelayNanos = (1L + random.nextInt(random.nextBoolean() ? 3 : 40)) * MILLI;
    network.loss = random.nextInt(3) == 0 ? random.nextDouble() * 0.03 : 0;
    network.duplication = random.nextInt(3) == 0 ? random.nextDouble() * 0.05 : 0;
    crashRate = random.nextInt(3) == 0 ? random.nextDouble() * 0.002 : 0;
  }

  private Member any() {
    return List.copyOf(members.values()).get(world.random.nextInt(members.size()));
  }

  private void mischief() {
    if (healing) {
      return;
    }
    Member member = any();
    switch (world.random.nextInt(12)) {
      case 0, 1 -> {
        fault("kill");
        kill(member);
      }
      case 2 -> {
        fault("power loss of one");
        powerLoss(member);
      }
      case 3 -> {
        if (world.random.nextInt(4) == 0) {
          fault("power loss of all");
          members.values().forEach(this::powerLoss);
        }
      }
      case 4, 5 -> {
        fault("partition");
        for (Member other : members.values()) {
          if (other != member) {
            network.cut(member.name, other.name);
            if (world.random.nextBoolean()) {
              network.cut(other.name, member.name);
            }
          }
        }
        world.after(1 + world.random.nextLong(8000 * MILLI), network::heal);
      }
      case 6 -> {
        fault("pause");
        SimProcess process = member.process;
        process.pause();
        world.after(world.random.nextLong(6000 * MILLI), process::resume);
      }
      case 7 -> {
        String block = member.disk.flipBit("blocks/");
        if (block != null) {
          fault("bit flip in a block");
          invariants.damaged(block);
        }
      }
      case 8 -> {
        boolean all = world.random.nextInt(3) == 0;
        fault(all ? "failing force of all, then power loss" : "failing force");
        List<Member> failing = all ? List.copyOf(members.values()) : List.of(member);
        failing.forEach(m -> m.disk.forceFailure = 0.2);
        world.after(
            500 * MILLI,
            () -> {
              failing.forEach(m -> m.disk.forceFailure = 0);
              if (all && !healing) {
                failing.forEach(this::powerLoss);
              }
            });
      }
      case 9 -> {
        fault("full disk");
        member.disk.capacityBytes = member.disk.used();
        world.after(world.random.nextLong(4000 * MILLI), () -> member.disk.capacityBytes = ROOMY);
      }
      case 10 -> wipe(member);
      default -> damageLog(member, LOG_DAMAGE_TRIES);
    }
    world.after(world.random.nextLong(6000 * MILLI), this::mischief);
  }

  private void kill(Member member) {
    SimProcess process = member.process;
    process.kill();
    network.drop(process);
    restartLater(member);
  }

  private void powerLoss(Member member) {
    kill(member);
    member.disk.loseUnforced();
  }

  /** A disk is replaced, while all members are there and up to date to make up for it. */
  private void wipe(Member member) {
    if (world.random.nextBoolean() || !settled()) {
      return;
    }
    fault("wipe");
    kill(member);
    member.disk.wipe();
  }

  /** A log or a snapshot is found to be damaged by whoever reads it next. */
  private void damageLog(Member member, int tries) {
    if (!settled()) {
      if (tries > 0 && !healing) {
        world.after(500 * MILLI, () -> damageLog(member, tries - 1));
      }
      return;
    }
    // Not in the newest segment: a damaged last record cannot be told from a torn one.
    List<String> segments =
        member.disk.list("raft").stream().filter(f -> f.startsWith("log-")).toList();
    boolean snapshot = world.random.nextBoolean() || segments.size() < 2;
    String prefix = snapshot ? "raft/snapshot-" : "raft/" + segments.getFirst();
    if (member.disk.flipBit(prefix) != null) {
      fault(snapshot ? "bit flip in a snapshot" : "bit flip in the log");
      kill(member);
    }
  }

  private boolean settled() {
    return members.values().stream()
        .allMatch(
            m ->
                m.process.alive()
                    && m.node != null
                    && m.inspect().map(i -> i.ready() && i.underReplicated() == 0).orElse(false));
  }

  private void restartLater(Member member) {
    int generation = member.generation;
    long pause =
        healing
            ? 0
            : world.random.nextLong((world.random.nextInt(10) == 0 ? 30_000 : 4_000) * MILLI);
    world.after(
        pause,
        () -> {
          if (member.generation == generation && !member.process.alive()) {
            member.boot();
          }
        });
  }

  private void heal() {
    healing = true;
    crashRate = 0;
    network.heal();
    network.loss = 0;
    network.duplication = 0;
    for (Member member : members.values()) {
      member.disk.forceFailure = 0;
      member.disk.capacityBytes = ROOMY;
      member.process.resume();
    }
    watch();
  }

  /** Restarts what halted itself, as an operator or Kubernetes would. */
  private void watch() {
    for (Member member : members.values()) {
      if (!member.process.alive()) {
        network.drop(member.process);
        member.boot();
      }
    }
    world.after(1000 * MILLI, this::watch);
  }

  // --- Checks ---

  /** In the end all replicas have applied the same, and have the referenced blocks and no other. */
  private void checkReplicas() {
    boolean same = run(Duration.ofMinutes(10), () -> settled() && appliedSame() && clean());
    if (!same) {
      throw violation("replicas do not become equal, whole and clean: " + describe());
    }
  }

  private boolean appliedSame() {
    return members.values().stream()
            .map(m -> m.inspect().orElseThrow().appliedIndex())
            .distinct()
            .count()
        == 1;
  }

  private boolean clean() {
    return members.values().stream()
        .allMatch(m -> m.inspect().orElseThrow().blocksAreAsReferenced());
  }

  private String describe() {
    StringBuilder text = new StringBuilder();
    for (Member member : members.values()) {
      text.append('\n').append(member.name).append(": ");
      text.append(member.inspect().map(Object::toString).orElse("not in the cluster"));
      text.append(' ').append(member.process.haltedBy());
    }
    return text.toString();
  }
}
