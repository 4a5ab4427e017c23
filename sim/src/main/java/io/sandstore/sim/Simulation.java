package io.sandstore.sim;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.config.Squash;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Node;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Views;
import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of nodes of a profile and some clients in a {@link World}: the shipped wiring with only
 * the leaf ports replaced. Faults come by the seed, as far as the profile promises to survive them;
 * then everything heals, and what was acknowledged must be there.
 */
public final class Simulation {

  private static final long MILLI = 1_000_000;
  private static final int CLIENTS = 3;
  private static final long SEGMENT_BYTES = 64 << 10;
  private static final int CLIENT_BLOCK_BYTES = 64 << 10;
  private static final Duration CLIENT_TIMEOUT = Duration.ofSeconds(8);

  /** A primary tries for as long, and answers no reads by itself meanwhile. */
  private static final Duration TRANSFER_TIMEOUT = Duration.ofMillis(150);

  private static final Duration BLOCK_GRACE = Duration.ofSeconds(60);
  private static final Duration CATCH_UP_LIMIT = Duration.ofMinutes(2);
  private static final Duration CLEAN_LIMIT = Duration.ofMinutes(5);
  private static final Duration LEVEL_LIMIT = Duration.ofMinutes(1);
  private static final Duration RISE_LIMIT = Duration.ofMinutes(1);
  private static final int FILES_OF_A_LOG_MAX = 12;
  static final long ROOMY = Long.MAX_VALUE;

  /** Something that must never happen, with the seed that shows it. */
  public static final class Violation extends AssertionError {
    private static final long serialVersionUID = 1;

    Violation(long seed, String what) {
      super("seed " + seed + ": " + what);
    }
  }

  /**
   * How much happened.
   *
   * @param caughtUp how long it took all members to be there and have everything, after all faults
   * @param clean how long it took them to become equal and get rid of what nothing refers to
   */
  public record Summary(
      long steps,
      long fingerprint,
      int acknowledged,
      int unknown,
      Duration caughtUp,
      Duration clean,
      Map<String, Integer> faults) {}

  private final long seed;
  private final Profile profile;
  final World world;
  final Scenario scenario;
  final SimNetwork network;

  /** Half of the clusters have nothing to agree by beside their disks, as with a fixed list. */
  private final Views views;

  final Invariants invariants;
  final SimProcess operator;
  private final MemberInvariants memberInvariants = new MemberInvariants(this);
  private final Rolls rolls;
  private final Map<String, String> addresses = new LinkedHashMap<>();
  private final Map<String, Member> members = new LinkedHashMap<>();
  private final List<Workload> workloads = new ArrayList<>();
  private final Map<String, Integer> faults = new TreeMap<>();
  private final Map<Member, Double> readFailures = new HashMap<>();
  private boolean healing;
  private boolean looking;
  private long lookedAt;
  private @Nullable Violation seen;

  /**
   * @throws IllegalArgumentException if there is no profile of that name
   */
  public Simulation(long seed, String profile) {
    this.seed = seed;
    this.profile = Profile.named(profile);
    this.world = new World(seed);
    this.scenario = Scenario.of(world.random).within(this.profile);
    this.network = new SimNetwork(world);
    this.views = seed % 2 == 0 ? new SimViews(world) : Views.none();
    this.invariants = new Invariants(this, scenario.nodes());
    this.operator = new SimProcess(world, "operator", network);
    this.rolls = new Rolls(this);
    for (int i = 0; i < scenario.nodes(); i++) {
      String name = "sandstore-" + i;
      addresses.put(name, name + ":9070");
    }
  }

  Views views() {
    return views;
  }

  private static String clientName(int number) {
    return "client-" + number;
  }

  /**
   * Those whose way to a member a partition cuts: the other members, or if there are none, clients.
   */
  List<String> othersThan(Member member) {
    return members.size() > 1
        ? members.keySet().stream().filter(name -> !name.equals(member.name)).toList()
        : IntStream.range(0, CLIENTS).mapToObj(Simulation::clientName).toList();
  }

  /** Where the nodes are, by name. */
  Map<String, String> addresses() {
    return addresses;
  }

  List<Member> members() {
    return List.copyOf(members.values());
  }

  NodeConfig config(String name) {
    return new NodeConfig(
        name,
        name + ":9070",
        NodeConfig.Addressing.of(addresses),
        NodeConfig.Operations.none(),
        "/",
        profile,
        small(profile, scenario.snapshotBytes()),
        Duration.ofSeconds(5),
        Duration.ofSeconds(600),
        BLOCK_GRACE,
        8,
        Squash.NONE,
        NodeConfig.Cache.STANDARD);
  }

  /** Much happens in little time, and on little room, where the profile lets that be set. */
  static Settings small(Profile profile, long snapshotBytes) {
    Map<String, Long> small =
        Map.of(
            "SANDSTORE_SNAPSHOT_MB",
            snapshotBytes,
            "SANDSTORE_SEGMENT_MB",
            SEGMENT_BYTES,
            "SANDSTORE_RESERVE_MB",
            1L << 20,
            "SANDSTORE_SCRUB_MS",
            Duration.ofMillis(200).toNanos(),
            "SANDSTORE_COLLECT_S",
            Duration.ofSeconds(10).toNanos());
    Settings settings = Settings.of(profile.keys(), Map.of());
    for (Settings.Key key : profile.keys()) {
      Long value = small.get(key.name());
      settings = value == null ? settings : settings.with(key.name(), value);
    }
    return settings;
  }

  private static SandstoreClient client(SimProcess process, String seeds) {
    return client(process, seeds, CLIENT_TIMEOUT);
  }

  /** One of a node that answers by itself never learns of another one. */
  private SandstoreClient reader(SimProcess process, String address) {
    return profile.readsEverywhere()
        ? new SandstoreClient(process.host, config(address, CLIENT_TIMEOUT).withSeedsOnly())
        : client(process, address);
  }

  private static SandstoreClient client(SimProcess process, String seeds, Duration timeout) {
    return new SandstoreClient(process.host, config(seeds, timeout));
  }

  private static ClientConfig config(String seeds, Duration timeout) {
    return ClientConfig.of(seeds)
        .withTimeout(timeout)
        .withBlockBytes(CLIENT_BLOCK_BYTES)
        .withInlineBytes(4 << 10);
  }

  void fault(String what) {
    faults.merge(what, 1, Integer::sum);
    world.note(what.hashCode());
  }

  Violation violation(String what) {
    return new Violation(seed, what);
  }

  /** Says what somebody saw who cannot end the run: the next step does. */
  void seen(String what) {
    if (seen == null) {
      seen = violation(what);
    }
  }

  /** Runs faults under load for so many steps, heals, and checks. */
  public Summary run(long steps) {
    network.maxDelayNanos = scenario.delayNanos();
    network.loss = scenario.loss();
    network.duplication = scenario.duplication();
    network.lateness = scenario.lateness();
    network.observer = this::sent;
    for (String name : addresses.keySet()) {
      boolean older = scenario.rolls() && world.random.nextInt(4) > 0;
      Member member = new Member(this, name, older ? Rolls.OLDER : Rolls.NEWER);
      member.clocks.rate = 1 + (world.random.nextDouble() - 0.5) * scenario.clockSpread();
      members.put(name, member);
    }
    for (int i = 0; i < CLIENTS; i++) {
      SimProcess process = new SimProcess(world, clientName(i), network);
      SandstoreClient client = client(process, everywhere());
      List<SandstoreClient> readers =
          addresses.values().stream().map(address -> reader(process, address)).toList();
      Workload workload =
          new Workload(this, process, client, readers, i, new Random(world.random.nextLong()));
      workloads.add(workload);
      process.host.threads().start("workload", workload::run);
    }
    OpenLoop openLoop = openLoop();
    openLoop.begin();
    new Mischief(this, openLoop, client(operator, everywhere(), TRANSFER_TIMEOUT)).begin();
    rolls.begin();
    watch();
    run(Duration.ofMinutes(30), () -> world.steps() >= steps || failed());
    heal();
    rolls.finish();
    long healedAt = world.nowNanos();
    if (!run(CATCH_UP_LIMIT, () -> failed() || settled())) {
      throw violation("CaughtUp: not within %s: %s".formatted(CATCH_UP_LIMIT, describe()));
    }
    Duration caughtUp = Duration.ofNanos(world.nowNanos() - healedAt);
    workloads.forEach(Workload::finish);
    boolean done =
        run(Duration.ofMinutes(2), () -> failed() || workloads.stream().allMatch(Workload::done));
    workloads.forEach(Workload::rethrow);
    if (!done) {
      throw violation("the clients do not finish within two minutes after all faults ended");
    }
    as(openLoop::verify);
    if (scenario.slowWriter()) {
      as(this::writeSlowly);
    }
    if (!run(
        RISE_LIMIT, () -> failed() || members.values().stream().allMatch(Simulation::hasRisen))) {
      throw violation("LevelRises: all members know the newest feature level, but: " + describe());
    }
    if (scenario.rolls()) {
      rollBackTooLate();
    }
    Duration clean = checkReplicas();
    checkLevels();
    if (scenario.losesAllLogs()) {
      loseAllLogs();
    }
    return new Summary(
        world.steps(),
        world.fingerprint(),
        workloads.stream().mapToInt(Workload::acknowledged).sum(),
        workloads.stream().mapToInt(Workload::unknown).sum(),
        caughtUp,
        clean,
        faults);
  }

  private void sent(SimNetwork.Sent sent) {
    memberInvariants.sent(sent);
    boolean piece = sent.header().hasLogCall() && sent.from().name.startsWith("sandstore");
    if (piece && !healing && world.random.nextDouble() < scenario.streamBreaks()) {
      fault("broken stream of a snapshot");
      String from = sent.from().name;
      String to = sent.to().name;
      world.after(
          world.random.nextLong(2 * scenario.delayNanos()),
          () -> {
            network.cut(from, to);
            network.cut(to, from);
          });
      world.after(world.random.nextLong(4000 * MILLI), network::heal);
    }
  }

  private String everywhere() {
    return String.join(",", addresses.values());
  }

  private OpenLoop openLoop() {
    SimProcess process = new SimProcess(world, "open-loop", network);
    Map<String, SandstoreClient> clients = new LinkedHashMap<>();
    addresses.forEach(
        (name, address) ->
            clients.put(
                name,
                new SandstoreClient(
                    process.host, config(address, CLIENT_TIMEOUT).withSeedsOnly())));
    return new OpenLoop(this, process, clients, client(process, everywhere()));
  }

  /** Checks the invariants after every step. */
  private boolean run(Duration limit, BooleanSupplier until) {
    return world.run(
        limit.toNanos(),
        () -> {
          if (seen != null) {
            throw seen;
          }
          looking = true;
          memberInvariants.check(members());
          invariants.check(
              members.values().stream().flatMap(m -> m.replica().stream()).toList(), workloads);
          looking = false;
          return until.getAsBoolean();
        });
  }

  private boolean failed() {
    return workloads.stream().anyMatch(Workload::failed);
  }

  // --- Faults ---

  /** Draws every time, so that a run does not depend on who asks. */
  boolean crashesAtAChange() {
    return !healing && scenario.crashRate() > 0 && world.random.nextDouble() < scenario.crashRate();
  }

  boolean readsEverywhere() {
    return profile.readsEverywhere();
  }

  boolean healing() {
    return healing;
  }

  void failReads(Member member, double chance) {
    readFailures.put(member, chance);
  }

  /** Nothing fails for those who only look. */
  BooleanSupplier failsToRead(Member member) {
    return () -> {
      double chance = readFailures.getOrDefault(member, 0.0);
      return !looking && chance > 0 && world.random.nextDouble() < chance;
    };
  }

  void kill(Member member) {
    SimProcess process = member.process;
    process.kill();
    network.drop(process);
    restartLater(member);
  }

  void powerLoss(Member member) {
    kill(member);
    member.disk.loseUnforced();
  }

  /** True if all members are there and have everything. */
  boolean settled() {
    return members.values().stream()
        .allMatch(
            m ->
                m.process.alive()
                    && m.inspect().map(i -> i.ready() && i.underReplicated() == 0).orElse(false));
  }

  private void restartLater(Member member) {
    int generation = member.generation();
    long pause =
        healing
            ? 0
            : world.random.nextLong((world.random.nextInt(10) == 0 ? 30_000 : 4_000) * MILLI);
    world.after(
        pause,
        () -> {
          if (member.generation() == generation && !member.process.alive()) {
            member.boot();
          }
        });
  }

  private void heal() {
    healing = true;
    network.heal();
    network.loss = 0;
    network.duplication = 0;
    network.lateness = 0;
    readFailures.clear();
    for (Member member : members.values()) {
      member.crashNoMore();
      member.disk.forceFailure = 0;
      member.disk.capacityBytes = ROOMY;
      member.disk.capacityFiles = ROOMY;
      member.clocks.wallMillis = 0;
      member.process.slownessNanos = 0;
      member.process.resume();
    }
  }

  /** Restarts what halted itself, as an operator or Kubernetes would. */
  private void watch() {
    for (Member member : members.values()) {
      boolean halted = !member.process.haltedBy().isEmpty();
      if (!member.process.alive() && (halted || healing)) {
        network.drop(member.process);
        if (rolls.isTooOld(member)) {
          rolls.bringBack(member);
        }
        member.boot();
      }
    }
    world.after(1000 * MILLI, this::watch);
  }

  // --- Checks ---

  private interface Task {
    void run() throws IOException;
  }

  /** Runs something on the operator's machine, to its end. */
  private void as(Task task) {
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    operator
        .host
        .threads()
        .start(
            "task",
            () -> {
              try {
                task.run();
                done.complete(true);
              } catch (IOException | RuntimeException | Error e) {
                done.completeExceptionally(e);
              }
            });
    if (!run(Duration.ofMinutes(5), done::isDone)) {
      throw violation("a calm cluster does not answer");
    }
    if (done.state() == Future.State.FAILED) {
      throw done.exceptionNow() instanceof Violation violation
          ? violation
          : violation("a calm cluster refuses: " + done.exceptionNow());
    }
  }

  /** In the end all replicas have applied the same, and have the referenced blocks and no other. */
  private Duration checkReplicas() {
    long since = world.nowNanos();
    if (!run(CLEAN_LIMIT, () -> isTimeToLook() && settled() && appliedSame() && clean())) {
      throw violation(
          "Clean: not equal, whole and clean within %s: %s".formatted(CLEAN_LIMIT, describe()));
    }
    Duration clean = Duration.ofNanos(world.nowNanos() - since);
    // What is being written at the moment has its time to end.
    if (!run(
        CLEAN_LIMIT, () -> failed() || members.values().stream().noneMatch(this::hasLeftovers))) {
      members.values().stream()
          .filter(this::hasLeftovers)
          .forEach(
              member -> {
                throw violation("Leftovers: on %s: %s".formatted(member.name, files(member)));
              });
    }
    return clean;
  }

  private static boolean hasRisen(Member member) {
    FeatureLevel newest = member.build.known();
    return member.inspect().map(i -> i.namespace().level().includes(newest)).orElse(false);
  }

  /**
   * There is no way back over a level: the older build ends itself, and the newer is brought back.
   */
  private void rollBackTooLate() {
    Member member = members().getFirst();
    rolls.back(member);
    if (!run(RISE_LIMIT, () -> failed() || member.build == Rolls.NEWER || isNotTakenIn(member))) {
      throw violation("OlderBuildEnds: the level has risen, and yet it goes on: " + describe());
    }
    if (member.build != Rolls.NEWER) {
      rolls.bringBack(member);
      kill(member);
    }
  }

  /** One that lost its log has nothing to end for: the others do not take it in. */
  private static boolean isNotTakenIn(Member member) {
    try {
      Optional<Node> node = member.node();
      return node.isPresent()
          && node.get().status().ofThis().getNotReadyList().stream()
              .anyMatch(reason -> reason.contains("knows feature levels up to"));
    } catch (IOException e) {
      return false;
    }
  }

  /** The highest feature level that a member was seen at. */
  FeatureLevel level() {
    return memberInvariants.level();
  }

  /**
   * True if a member's cluster is at a level that a build of no more than this one cannot serve.
   */
  boolean isAbove(Member member, FeatureLevel known) {
    return memberInvariants.isAbove(member, known);
  }

  /** True if a member rightly refuses to be run as an older build. */
  boolean isTooOld(Member member) {
    return rolls.isTooOld(member);
  }

  /** Who has ended is forgotten, and what only it had open is removed. */
  private void checkLevels() {
    if (!run(
        LEVEL_LIMIT, () -> failed() || members.values().stream().allMatch(Simulation::isLevel))) {
      throw violation("Levels: all clients have ended, but: " + describe());
    }
  }

  private static boolean isLevel(Member member) {
    return member
        .inspect()
        .map(
            i ->
                i.namespace().sessionCount() == 0
                    && !i.namespace().anyOrphanUnusedSince(Long.MAX_VALUE))
        .orElse(false);
  }

  /** What is on a disk is bounded by what the node has, however often it crashed. */
  private boolean hasLeftovers(Member member) {
    List<String> log = member.disk.list("raft");
    long snapshots = log.stream().filter(name -> name.startsWith("snapshot-")).count();
    // One more than counts, until the next one is published.
    return snapshots > 2
        || log.size() > FILES_OF_A_LOG_MAX
        || files(member).stream().anyMatch(name -> name.endsWith(".tmp"));
  }

  private static List<String> files(Member member) {
    return Stream.of("", "raft", "blocks")
        .flatMap(directory -> member.disk.list(directory).stream())
        .toList();
  }

  /** Now and then: to read all blocks after every step would take longer than the run itself. */
  private boolean isTimeToLook() {
    boolean due = world.nowNanos() - lookedAt > 50 * MILLI;
    lookedAt = due ? world.nowNanos() : lookedAt;
    return due;
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

  /**
   * Blocks that were sent long ago, but named to nobody yet, are the writer's as long as it lives.
   */
  private void writeSlowly() throws IOException {
    SandstoreClient client = client(operator, everywhere());
    try {
      writeSlowly(client);
    } finally {
      client.close();
    }
  }

  private void writeSlowly(SandstoreClient client) throws IOException {
    byte[] block = new byte[CLIENT_BLOCK_BYTES];
    world.random.nextBytes(block);
    ByteBuffer found = ByteBuffer.allocate(2 * block.length);
    String path = "/slow";
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644)) {
      file.write(ByteBuffer.wrap(block));
      operator.park(2 * BLOCK_GRACE.toNanos());
      file.write(ByteBuffer.wrap(block));
    } catch (PosixException e) {
      throw violation("SlowWriter: what was written is refused after a while: " + e.getMessage());
    }
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      while (found.hasRemaining() && file.read(found) > 0) {
        // Until all is there.
      }
    }
    for (int i = 0; i < found.capacity(); i++) {
      if (i >= found.position() || found.get(i) != block[i % block.length]) {
        throw violation("SlowWriter: byte %d of what was written is lost".formatted(i));
      }
    }
  }

  /**
   * Nothing survives that; but nobody may take what is left for a new cluster and the blocks for
   * garbage ({@code OneCluster}).
   */
  private void loseAllLogs() {
    fault("loss of all logs");
    members.values().forEach(member -> member.disk.ruin("raft/"));
    members.values().forEach(this::kill);
    long blocks = blocks(); // what the kill itself took was not forced
    boolean serves = run(Duration.ofSeconds(40), this::settled);
    if (serves || blocks() != blocks) {
      throw violation(
          "OneCluster: all logs were lost, and yet it goes on with %d of %d blocks: %s"
              .formatted(blocks(), blocks, describe()));
    }
  }

  private long blocks() {
    return members.values().stream().mapToLong(member -> member.disk.files("blocks/")).sum();
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
