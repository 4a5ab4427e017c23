package io.sandstore.node;

import io.sandstore.block.BlockWriter;
import io.sandstore.block.Merger;
import io.sandstore.block.Repair;
import io.sandstore.config.NodeConfig;
import io.sandstore.host.Clock;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.profile.Profile;
import io.sandstore.raft.CommandLog;
import io.sandstore.raft.CorruptLogException;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Identity;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node: listens, gets into a cluster, then serves. Everything a node is made of is constructed
 * here and in its profile, and nowhere else.
 */
public final class Node implements Closeable {

  /** Release, as told in status. */
  public static final String VERSION = "0.1.0";

  private static final Logger log = LoggerFactory.getLogger(Node.class);
  private static final String ASIDE = "raft.damaged";
  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(5);
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(5);

  private final Host host;
  private final Disk disk;
  private final NodeConfig config;
  private final Discovery discovery;
  private final long startedAt;
  private final Peers peers;
  private final Postman postman;
  private final Founding founding;
  private final RpcServer server;
  private volatile Optional<Parts> parts = Optional.empty();
  private final StatusReport status;
  private volatile boolean draining;
  private volatile boolean closed;

  /** What there is once the node belongs to a cluster. */
  record Parts(
      Profile.Planes planes,
      Router router,
      BlockWriter writer,
      Repair repair,
      Chores chores,
      Merger merger) {}

  /**
   * Opens a node's disk and begins to listen.
   *
   * @throws IOException if the disk belongs to another node or another release, or the address is
   *     taken
   */
  public Node(Host host, Disk disk, NodeConfig config, Discovery discovery) throws IOException {
    this.host = host;
    this.disk = disk;
    this.config = config;
    this.discovery = discovery;
    this.startedAt = host.clock().nanos();
    this.peers = new Peers(host, discovery, this::hello);
    this.postman = new Postman(host, peers);
    Identity identity = Identities.loadOrCreate(disk, config.name(), host.random());
    this.founding = new Founding(host, disk, discovery, peers, identity);
    this.status = new StatusReport(this, host, peers);
    this.server = new RpcServer(host, config.listen(), new Requests(this, host));
  }

  private Hello hello() {
    return Hello.newBuilder()
        .setFrom(config.name())
        .setClusterId(founding.identity().getClusterId())
        .build();
  }

  /** Gets into a cluster and serves; returns when requests are answered. */
  public void start() throws IOException, InterruptedException {
    if (!founding.belongs()) {
      setLogAside(); // the process may have ended after it forgot its cluster and before this
    }
    founding.await();
    Profile.Planes planes = wire();
    founding.logBegun();
    BlockHolds holds = new BlockHolds(clock());
    Router router =
        new Router(
            config.name(),
            clock(),
            peers,
            planes.log(),
            planes.namespace(),
            holds,
            () -> lacks(planes));
    long self = founding.identity().getMemberId();
    Repair.Pace pace =
        new Repair.Pace(Repair.Pace.standard().look(), config.collectEvery(), config.scrubPause());
    Repair repair = new Repair(host, router, self, planes.namespace(), planes.store(), pace);
    BlockWriter writer = new BlockWriter(host, router, planes.namespace(), planes.store());
    Chores chores = new Chores(clock(), router, planes.log(), planes.namespace(), holds, config);
    Merger merger =
        new Merger(
            host,
            router,
            planes.namespace(),
            repair.reader(),
            writer,
            () -> planes.log().standing().leading());
    parts = Optional.of(new Parts(planes, router, writer, repair, chores, merger));
    planes.start().run();
    repair.start();
    host.threads().start("chores", chores::run);
    host.threads().start("merge", merger::run);
    log.info("{} serves at {}", config.name(), config.listen());
  }

  private Profile.Planes wire() throws IOException, InterruptedException {
    Profile profile =
        Profile.named(config.profile())
            .orElseThrow(
                () ->
                    new IOException(
                        "no profile '%s'; there are %s"
                            .formatted(config.profile(), Profile.ALL.keySet())));
    try {
      return profile.wire(host, disk, config, founding.identity(), postman);
    } catch (CorruptLogException e) {
      // It may have voted for, or acknowledged, what it cannot find any more: it comes back as
      // somebody who never promised anything, and keeps its blocks.
      log.error(
          "the log cannot be used and is set aside; rejoining as a new member: {}", e.getMessage());
      forgetEarlierLog();
      founding.startOver(); // first: under its old name a part of the log would pass for all of it
      setLogAside();
      founding.await();
      return profile.wire(host, disk, config, founding.identity(), postman);
    }
  }

  /** One log that was set aside is kept: a bad disk must not fill itself. */
  private void forgetEarlierLog() throws IOException {
    for (String earlier : disk.list(ASIDE)) {
      disk.delete(ASIDE + "/" + earlier);
    }
  }

  /** For somebody to look at, until the next time. Goes on where a crash interrupted it. */
  private void setLogAside() throws IOException {
    List<String> files = disk.list("raft");
    for (String name : files) {
      disk.rename("raft/" + name, ASIDE + "/" + name);
    }
    if (!files.isEmpty()) {
      disk.forceDirectory(ASIDE);
      disk.forceDirectory("raft");
    }
  }

  /** What this node has too little of to take anything but removal; empty: nothing. */
  private String lacks(Profile.Planes planes) {
    if (!host.memory().hasRoom(planes.namespace().heapBytes())) {
      return "no memory left for more files on the leader: give the nodes a larger heap";
    }
    try {
      String lacking = planes.store().lacks();
      return lacking.isEmpty() ? "" : "the leader's disk: " + lacking;
    } catch (IOException e) {
      return "the leader's disk does not say how much is free: " + e.getMessage();
    }
  }

  Clock clock() {
    return host.clock();
  }

  NodeConfig config() {
    return config;
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
   * Stops so that clients see no error: hands leadership over, goes on forwarding requests until
   * the word has spread that this node leaves, and answers what it took.
   */
  public void shutDown() throws IOException {
    draining = true;
    try {
      handLeadershipOver();
      clock().sleep(config.operations().drain());
      server.drain(clock().deadline(ANSWER_LIMIT));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    close();
  }

  private void handLeadershipOver() throws InterruptedException {
    if (parts.isEmpty()) {
      return;
    }
    CommandLog commands = parts.get().planes().log();
    boolean alone = commands.standing().members().getMembersCount() == 1;
    try {
      if (commands.standing().leading() && !alone) {
        log.info("handing leadership over");
        commands.transferLeadership("", clock().deadline(HAND_OVER_LIMIT));
      }
    } catch (IOException e) {
      log.warn("leadership was not handed over: {}", e.getMessage());
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
      p.chores().close();
      p.repair().close();
      p.planes().stop().close();
    }
    postman.close();
    peers.close();
    log.info("{} stopped", config.name());
  }
}
