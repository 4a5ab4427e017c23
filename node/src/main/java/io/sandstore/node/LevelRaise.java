package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.host.Frame;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.Cluster;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.RaiseLevel;
import io.sandstore.wire.StatusRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Raises the cluster's feature level, on the one member that coordinates: once every member has
 * known a higher one for the grace of the {@link Build}. A member that is away says nothing, so
 * that the level stays; one that says less begins the grace anew, as does another coordinator.
 */
final class LevelRaise {

  private static final Logger log = LoggerFactory.getLogger(LevelRaise.class);
  private static final Duration ASK_LIMIT = Duration.ofSeconds(1);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final Clock clock;
  private final Cluster cluster;
  private final Namespace namespace;
  private final Build build;

  /** What all were first heard to know, and when; 0: no more than the cluster's level. */
  private int agreed;

  private long agreedAtNanos;

  LevelRaise(Clock clock, Cluster cluster, Namespace namespace, Build build) {
    this.clock = clock;
    this.cluster = cluster;
    this.namespace = namespace;
    this.build = build;
  }

  /** Another member may coordinate: what was heard is old when this one does again. */
  void forget() {
    agreed = 0;
  }

  /** Asks all members, and raises the level if it is time. Called again and again. */
  void step() throws IOException, InterruptedException {
    FeatureLevel level = namespace.level();
    if (level.includes(build.known())) {
      return;
    }
    List<Member> members = namespace.configuration().getMembersList();
    OptionalInt known = knownByAll(members);
    if (known.isEmpty()) {
      return;
    }
    if (known.getAsInt() <= level.number()) {
      agreed = 0;
      return;
    }
    if (known.getAsInt() != agreed) {
      agreed = known.getAsInt();
      agreedAtNanos = clock.nanos();
      log.info(
          "all members know feature level {} now, the cluster is at {}: it rises in {} s, and"
              + " until then the release before can be brought back",
          agreed,
          level.number(),
          build.grace().toSeconds());
    }
    if (clock.nanos() - agreedAtNanos >= build.grace().toNanos()) {
      raise(members, agreed);
    }
  }

  /** The highest level that every member knows; empty if one does not answer. */
  private OptionalInt knownByAll(List<Member> members) throws InterruptedException {
    int known = build.known().number();
    for (Member member : members) {
      if (member.getName().equals(cluster.self())) {
        continue;
      }
      Header.Builder ask = Header.newBuilder().setStatusRequest(StatusRequest.getDefaultInstance());
      try (Frame answer = cluster.peer(member.getName()).call(ask, clock.deadline(ASK_LIMIT))) {
        NodeStatus status = answer.header().getNodeStatus();
        // Under another identity it is not this member yet, and asks to be let in.
        boolean same = status.getMemberId() == member.getId();
        known = Math.min(known, same ? status.getKnownLevel() : 0);
      } catch (IOException e) {
        log.debug("{} does not say what it knows: {}", member.getName(), e.toString());
        return OptionalInt.empty();
      }
    }
    return OptionalInt.of(known);
  }

  private void raise(List<Member> members, int to) throws IOException, InterruptedException {
    RaiseLevel.Builder raise = RaiseLevel.newBuilder().setLevel(to);
    members.forEach(member -> raise.addMembers(member.getId()));
    Outcome outcome =
        cluster.mutate(Command.newBuilder().setRaiseLevel(raise).build(), clock.deadline(LIMIT));
    if (outcome.hasFault()) {
      if (outcome.getFault().getErrno() != Errno.EAGAIN) {
        throw PosixException.of(outcome.getFault());
      }
      return; // another member came meanwhile: it is asked next time
    }
    log.info("the cluster is at feature level {} now: older releases have no part in it", to);
  }
}
