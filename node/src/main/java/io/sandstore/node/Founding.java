package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.host.LogLimit;
import io.sandstore.host.NoRoomException;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Views;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Adopt;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Identity;
import io.sandstore.wire.Join;
import io.sandstore.wire.Member;
import io.sandstore.wire.Probe;
import io.sandstore.wire.ProbeReply;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a node without a cluster gets one.
 *
 * <p>Blank nodes found a cluster together: when the one with the first name has heard from every
 * node on the list that it is blank too, it names the cluster and its founders. If any node knows a
 * cluster already, a blank one joins it, as a founder if it is one and otherwise in the place of
 * its name's former member, whose promises it does not know.
 *
 * <p>A disk that ever belonged to a cluster founds none and joins no other, also when its log is
 * lost: its blocks, and those of the others, would pass for the new cluster's. What is left then
 * waits for an operator.
 */
final class Founding {

  private static final Logger log = LoggerFactory.getLogger(Founding.class);
  private static final Duration PROBE_LIMIT = Duration.ofSeconds(2);
  private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(100);
  private static final Duration SAY_EVERY = Duration.ofSeconds(5);

  private final Host host;
  private final Clock clock;
  private final Disk disk;
  private final Discovery discovery;
  private final Views views;
  private final Peers peers;
  private final FeatureLevel known;

  /** Held while the identity changes, on the disk first. */
  private final ReentrantLock changing = new ReentrantLock();

  private volatile Identity identity;
  private final LogLimit notTakenIn;
  private final LogLimit wrongNames;
  private volatile String waiting = "starting";

  /** Why another node will not talk to this one, as of the last probes; empty: none says so. */
  private String refused = "";

  Founding(
      Host host,
      Disk disk,
      Discovery discovery,
      Views views,
      Peers peers,
      Identity identity,
      FeatureLevel known) {
    this.host = host;
    this.clock = host.clock();
    this.disk = disk;
    this.discovery = discovery;
    this.views = views;
    this.peers = peers;
    this.identity = identity;
    this.known = known;
    this.notTakenIn = new LogLimit(SAY_EVERY, clock::nanos);
    this.wrongNames = new LogLimit(SAY_EVERY, clock::nanos);
  }

  Identity identity() {
    return identity;
  }

  /** What a node without a cluster waits for. */
  String waiting() {
    return waiting;
  }

  boolean belongs() {
    return !identity.getClusterId().isEmpty();
  }

  /**
   * The feature level at which this cluster's log begins.
   *
   * @throws IOException if this build is too old for it
   */
  FeatureLevel level() throws IOException {
    return level(identity.getFounders());
  }

  private FeatureLevel level(Configuration founders) throws PosixException {
    return FeatureLevel.numbered(founders.getLevel())
        .filter(known::includes)
        .orElseThrow(
            () ->
                new PosixException(
                    Errno.MISMATCH,
                    FeatureLevel.tooOld(identity.getName(), known.number(), founders.getLevel())));
  }

  // --- Asked by others ---

  ProbeReply probe() {
    Identity now = identity;
    return ProbeReply.newBuilder()
        .setName(now.getName())
        .setMemberId(now.getMemberId())
        .setClusterId(now.getClusterId())
        .setFounders(now.getFounders())
        .setFormerCluster(now.getFormerCluster())
        .setKnownLevel(known.number())
        .build();
  }

  /** Becomes a founder; the identity is durable when this returns. */
  void adopt(Adopt adopt) throws IOException {
    changing.lock();
    try {
      if (belongs()) {
        if (identity.getClusterId().equals(adopt.getClusterId())) {
          return;
        }
        throw new PosixException(Errno.MISMATCH, "this node belongs to another cluster");
      }
      if (!identity.getFormerCluster().isEmpty()) {
        throw new PosixException(Errno.MISMATCH, belonged(identity.getFormerCluster()));
      }
      if (Configurations.byId(adopt.getFounders(), identity.getMemberId()).isEmpty()) {
        throw new PosixException(Errno.MISMATCH, "this node is not among the founders");
      }
      level(adopt.getFounders());
      become(adopt.getClusterId(), adopt.getFounders());
    } finally {
      changing.unlock();
    }
  }

  /** Forgets the cluster: the log that belonged to this identity is lost. */
  void startOver() throws IOException {
    changing.lock();
    try {
      String former = belongs() ? identity.getClusterId() : identity.getFormerCluster();
      identity =
          Identities.renew(disk, identity.getName(), identity.getProfile(), former, host.random());
    } finally {
      changing.unlock();
    }
  }

  private void become(String clusterId, Configuration founders) throws IOException {
    changing.lock();
    try {
      save(identity.toBuilder().setClusterId(clusterId).setFounders(founders).build());
      log.info("{} belongs to cluster {}", identity.getName(), clusterId);
    } finally {
      changing.unlock();
    }
  }

  /** The log is on the disk: a start that does not find it has lost it. */
  void logBegun() throws IOException {
    changing.lock();
    try {
      if (!identity.getLogBegun()) {
        save(identity.toBuilder().setLogBegun(true).build());
      }
    } catch (NoRoomException e) {
      log.info("the next start notes that the log has begun: {}", e.getMessage());
    } finally {
      changing.unlock();
    }
  }

  private void save(Identity next) throws IOException {
    Identities.save(disk, next);
    identity = next;
  }

  private static String belonged(String cluster) {
    return "its disk belonged to cluster " + cluster + " and lost its log";
  }

  // --- Asking others ---

  /** Returns once this node belongs to a cluster. */
  void await() throws IOException, InterruptedException {
    long sayAt = clock.nanos();
    while (!belongs()) {
      List<ProbeReply> replies = probeAll();
      int others = discovery.expected() - 1;
      ProbeReply settled =
          replies.stream().filter(r -> !r.getClusterId().isEmpty()).findFirst().orElse(null);
      waiting = "%d of %d other nodes answer%s".formatted(replies.size(), others, refused);
      if (settled != null) {
        join(settled);
      } else if (replies.size() == others && mayFound(replies) && isFirst()) {
        found(replies);
      }
      if (belongs()) {
        return;
      }
      if (clock.nanos() >= sayAt) {
        log.info("waiting: {}", waiting);
        sayAt = clock.nanos() + SAY_EVERY.toNanos();
      }
      clock.sleep(PAUSE);
    }
  }

  /** False, with the reason told, if a node's disk belonged to a cluster. */
  private boolean mayFound(List<ProbeReply> replies) {
    List<ProbeReply> all = new ArrayList<>(replies);
    all.add(probe());
    Optional<ProbeReply> lost =
        all.stream().filter(reply -> !reply.getFormerCluster().isEmpty()).findFirst();
    lost.ifPresent(
        reply ->
            waiting =
                "no cluster is founded, for it would be another one: of %s, %s. 'sandstore recover'"
                        .formatted(reply.getName(), belonged(reply.getFormerCluster()))
                    + " shows what the disks hold and what can be done");
    return lost.isEmpty();
  }

  private boolean isFirst() {
    return new TreeSet<>(discovery.addresses().keySet()).first().equals(identity().getName());
  }

  private List<ProbeReply> probeAll() throws InterruptedException {
    List<ProbeReply> replies = new ArrayList<>();
    refused = "";
    Probe probe =
        Probe.newBuilder()
            .setName(identity().getName())
            .setMemberId(identity().getMemberId())
            .build();
    for (String name : new TreeSet<>(discovery.addresses().keySet())) {
      if (name.equals(identity().getName())) {
        continue;
      }
      try (var answer =
          peers.get(name).call(Header.newBuilder().setProbe(probe), clock.deadline(PROBE_LIMIT))) {
        ProbeReply reply = answer.header().getProbeReply();
        if (reply.getName().equals(name)) {
          replies.add(reply);
        } else {
          wrongNames.say(
              more ->
                  log.warn(
                      "the node at the address of {} calls itself {}{}",
                      name,
                      reply.getName(),
                      more));
        }
      } catch (IOException e) {
        if (e instanceof PosixException refusal) {
          refused = "; " + refusal.getMessage();
        }
        log.debug("{} does not answer: {}", name, e.toString());
      }
    }
    return replies;
  }

  private void found(List<ProbeReply> replies) throws IOException, InterruptedException {
    String clusterId;
    try {
      byte[] random = new byte[8];
      host.random().nextBytes(random);
      clusterId = claim(HexFormat.of().formatHex(random));
    } catch (IOException e) {
      waiting = "no cluster can be founded: " + e.getMessage();
      return;
    }
    List<Member> members = new ArrayList<>();
    members.add(member(identity().getName(), identity().getMemberId()));
    replies.forEach(r -> members.add(member(r.getName(), r.getMemberId())));
    int level =
        replies.stream().mapToInt(ProbeReply::getKnownLevel).reduce(known.number(), Math::min);
    Configuration founders =
        Configurations.founders(members).toBuilder().setLevel(Math.max(0, level)).build();
    log.info("founding cluster {} of {} nodes", clusterId, members.size());
    become(clusterId, founders);
    Adopt adopt = Adopt.newBuilder().setClusterId(clusterId).setFounders(founders).build();
    for (ProbeReply reply : replies) {
      try {
        peers
            .get(reply.getName())
            .call(Header.newBuilder().setAdopt(adopt), clock.deadline(PROBE_LIMIT))
            .close();
      } catch (IOException e) {
        // It finds the cluster by itself when it probes us.
        log.info("{} did not hear of the new cluster: {}", reply.getName(), e.getMessage());
      }
    }
  }

  /** The id to found a cluster under; without anything to agree by, any will do. */
  private String claim(String clusterId) throws IOException {
    if (views.lacks().isPresent()) {
      return clusterId;
    }
    String founder = Long.toHexString(identity.getMemberId());
    return new FoundedCluster(clusterId, founder, identity.getProfile(), discovery.expected())
        .claim(views);
  }

  private static Member member(String name, long id) {
    return Member.newBuilder().setName(name).setId(id).build();
  }

  private void join(ProbeReply settled) throws IOException, InterruptedException {
    Identity self = identity();
    String former = self.getFormerCluster();
    if (!former.isEmpty() && !former.equals(settled.getClusterId())) {
      waiting =
          "%s, and %s belongs to %s: empty its data directory to let it join"
              .formatted(belonged(former), settled.getName(), settled.getClusterId());
      return;
    }
    try {
      level(settled.getFounders());
    } catch (PosixException e) {
      waiting = String.valueOf(e.getMessage());
      return;
    }
    if (Configurations.byId(settled.getFounders(), self.getMemberId()).isEmpty()) {
      Join join =
          Join.newBuilder()
              .setName(self.getName())
              .setMemberId(self.getMemberId())
              .setKnownLevel(known.number())
              .build();
      try {
        peers
            .get(settled.getName())
            .call(Header.newBuilder().setJoin(join), clock.deadline(JOIN_LIMIT))
            .close();
      } catch (IOException e) {
        waiting = "not taken in yet: " + e.getMessage();
        notTakenIn.say(more -> log.info("{}{}", waiting, more));
        return;
      }
    }
    become(settled.getClusterId(), settled.getFounders());
  }
}
