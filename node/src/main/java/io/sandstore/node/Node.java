package io.sandstore.node;

import io.sandstore.config.NodeConfig;
import io.sandstore.host.Clock;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Site;
import io.sandstore.replication.Views;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Identity;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node: listens, gets into a cluster, then serves. Everything a node is made of is constructed
 * here and in its profile, and nowhere else.
 */
public final class Node implements Closeable {

  /** The id of the one log that a node has today. */
  static final int LOG = 0;

  /** Release, as told in status. */
  public static final String VERSION = "0.1.0";

  private static final Logger log = LoggerFactory.getLogger(Node.class);
  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(5);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);

  private final Host host;
  private final Disk disk;
  private final NodeConfig config;
  private final Profile profile;
  private final Discovery discovery;
  private final Views views;
  private final Build build;
  private final long startedAt;
  private final Peers peers;
  private final QueuedTraffic traffic;
  private final Founding founding;
  private final RpcServer server;
  private volatile Optional<Parts> parts = Optional.empty();
  private final StatusReport status;
  private volatile boolean draining;
  private volatile boolean closed;

  /** What there is once the node belongs to a cluster. */
  record Parts(
      CommandLog log,
      Namespace namespace,
      BlockPlane blocks,
      Router router,
      Housekeeping chores,
      Evictor evictor,
      Merger merger) {}

  /** What the profile made, and the state that the log drives. */
  private record Planes(CommandLog log, Namespace namespace, BlockPlane blocks) {}

  /**
   * Opens a node's disk and begins to listen, as this build.
   *
   * @throws IOException if the disk belongs to another node or another release, the address is
   *     taken, there are more nodes than the profile can have, or it lacks what to agree by
   */
  public Node(Host host, Disk disk, NodeConfig config, Discovery discovery, Views views)
      throws IOException {
    this(host, disk, config, discovery, views, Build.THIS);
  }

  /**
   * Opens a node's disk and begins to listen.
   *
   * @param build what differs between nodes of one cluster while it is updated
   * @throws IOException if the disk belongs to another node or another release, the address is
   *     taken, there are more nodes than the profile can have, or it lacks what to agree by
   */
  public Node(
      Host host, Disk disk, NodeConfig config, Discovery discovery, Views views, Build build)
      throws IOException {
    this.host = host;
    this.disk = disk;
    this.config = config;
    this.profile = config.profile();
    this.discovery = discovery;
    this.views = views;
    this.build = build;
    if (discovery.expected() > profile.membersMax()) {
      throw new IOException(
          "profile %s runs on %d node%s at most, and there are %d"
              .formatted(
                  profile.name(),
                  profile.membersMax(),
                  profile.membersMax() == 1 ? "" : "s",
                  discovery.expected()));
    }
    Optional<String> lacks = views.lacks();
    if (profile.needsViews() && lacks.isPresent()) {
      throw new IOException("profile " + profile.name() + " cannot do without: " + lacks.get());
    }
    this.startedAt = host.clock().nanos();
    this.peers = new Peers(host, discovery, this::hello);
    this.traffic = new QueuedTraffic(host, peers);
    Identity identity = Identities.loadOrCreate(disk, config.name(), profile, host.random());
    this.founding = new Founding(host, disk, discovery, views, peers, identity, build.known());
    this.status = new StatusReport(this, host, peers);
    this.server = new RpcServer(host, config.listen(), new RequestHandler(this, host));
  }

  private Hello hello() {
    return Hello.newBuilder()
        .setFrom(config.name())
        .setClusterId(founding.identity().getClusterId())
        .setProfile(profile.id())
        .build();
  }

  /** Gets into a cluster and serves; returns when requests are answered. */
  public void start() throws IOException, InterruptedException {
    if (!founding.belongs()) {
      profile.setAside(disk); // the process may have ended after it forgot its cluster
    }
    founding.await();
    Planes planes = wire();
    founding.logBegun();
    CommandLog commands = planes.log();
    Namespace namespace = planes.namespace();
    BlockPlane blocks = planes.blocks();
    BlockHolds holds = new BlockHolds(clock());
    CacheUses uses = new CacheUses(clock());
    Router router =
        new Router(
            config.name(),
            clock(),
            peers,
            commands,
            namespace,
            holds,
            () -> lacks(planes),
            uses,
            profile.readsEverywhere());
    blocks.connect(namespace, router);
    LevelRaise level = new LevelRaise(clock(), router, namespace, build);
    Housekeeping chores =
        new Housekeeping(clock(), router, commands, namespace, holds, level, config);
    Evictor evictor = new Evictor(host, router, commands, namespace, blocks, uses, config.cache());
    Merger merger = new Merger(host, router, namespace, blocks, commands::coordinates);
    parts = Optional.of(new Parts(commands, namespace, blocks, router, chores, evictor, merger));
    commands.start();
    blocks.start();
    host.threads().start("chores", chores::run);
    host.threads().start("evict", evictor::run);
    host.threads().start("merge", merger::run);
    host.threads().start("watch the others", () -> peers.watch(config.name()));
    log.info("{} serves at {}", config.name(), config.listen());
  }

  private Planes wire() throws IOException, InterruptedException {
    try {
      return construct();
    } catch (CorruptLogException e) {
      // It may have voted for, or acknowledged, what it cannot find any more: it comes back as
      // somebody who never promised anything, and keeps its blocks.
      log.error(
          "the log cannot be used and is set aside; rejoining as a new member: {}", e.getMessage());
      profile.dropAside(disk);
      founding.startOver(); // first: under its old name a part of the log would pass for all of it
      profile.setAside(disk);
      founding.await();
      return construct();
    }
  }

  private Planes construct() throws IOException {
    Site site =
        new Site(host, disk, founding.identity(), config.settings(), traffic.of(LOG), views);
    BlockPlane blocks = profile.blocks(site);
    Optional<Executor> other =
        host.threads().runAtOnce()
            ? Optional.of(task -> host.threads().startDedicated("snapshot ahead", task))
            : Optional.empty();
    Namespace namespace =
        new Namespace(blocks.sink(), blocks.whereabouts(), build.known(), founding.level(), other);
    return new Planes(profile.log(site, namespace), namespace, blocks);
  }

  /** What this node has too little of to take anything but removal; empty: nothing. */
  private String lacks(Planes planes) {
    if (!host.memory().hasRoom(planes.namespace().heapBytes())) {
      return "no memory left for more files on " + config.name() + ": give the nodes a larger heap";
    }
    try {
      String lacking = planes.blocks().lacks();
      return lacking.isEmpty() ? "" : "the disk of " + config.name() + ": " + lacking;
    } catch (IOException e) {
      return "the disk of " + config.name() + " does not say how much is free: " + e.getMessage();
    }
  }

  Clock clock() {
    return host.clock();
  }

  Profile profile() {
    return profile;
  }

  NodeConfig config() {
    return config;
  }

  Build build() {
    return build;
  }

  Founding founding() {
    return founding;
  }

  Optional<Parts> parts() {
    return parts;
  }

  /** A look inside for tests and tools; empty while the node is in no cluster. */
  public Optional<Inspection> inspect() {
    return parts.map(p -> new Inspection(p, founding.identity().getMemberId()));
  }

  Duration uptime() {
    return Duration.ofNanos(clock().nanos() - startedAt);
  }

  Peers peers() {
    return peers;
  }

  /** A message of a log came from a node. */
  void heard(String from) {
    traffic.heard(from);
  }

  Discovery discovery() {
    return discovery;
  }

  /** What this node says of itself and knows of the others. */
  public StatusReport status() {
    return status;
  }

  /** Why no client would be let in at the moment; empty if one would. */
  String trouble() {
    return server.trouble();
  }

  /** True once this node was told to stop. */
  public boolean draining() {
    return draining;
  }

  /**
   * Stops so that clients see no error: hands over what it does for the others, goes on forwarding
   * requests until the word has spread that this node leaves, and answers what it took.
   */
  public void shutDown() throws IOException {
    draining = true;
    try {
      handOver();
      clock().sleep(config.operations().drain());
      server.drain(clock().deadline(ANSWER_LIMIT));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    close();
  }

  private void handOver() throws InterruptedException {
    if (parts.isEmpty()) {
      return;
    }
    CommandLog commands = parts.get().log();
    boolean alone = commands.standing().members().getMembersCount() == 1;
    try {
      if (commands.coordinates() && !alone) {
        log.info("handing over what this node does for the others");
        commands.stepAside("", clock().deadline(HAND_OVER_LIMIT));
      }
    } catch (IOException e) {
      log.warn("nothing was handed over: {}", e.getMessage());
    }
  }

  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    server.close();
    if (parts.isPresent()) {
      Parts p = parts.get();
      p.merger().close();
      p.evictor().close();
      p.chores().close();
      p.blocks().close();
      p.log().close();
    }
    traffic.close();
    peers.close();
    log.info("{} stopped", config.name());
  }
}
