package io.sandstore.sim;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Inspection;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Identity;
import io.sandstore.wire.LogEntry;
import io.sandstore.wire.RaftMessage;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What must hold of the members after every step, by name:
 *
 * <ul>
 *   <li><b>OneCluster</b>: the cluster's id never changes.
 *   <li><b>StartsOverForCause</b>: a member gives its identity up only after its disk was wiped, or
 *       its log or snapshot damaged.
 *   <li><b>KeepsWhatItHad</b>: a process finds in its log whatever an earlier one of the same
 *       identity had applied, and what it acknowledged to a primary of the term it is in.
 *   <li><b>EndsForCause</b>: a process ends itself only if its disk failed or was damaged, or it is
 *       an older build than the cluster's feature level allows.
 *   <li><b>KnowsItsLevel</b>: no state is at a feature level that its build does not know.
 *   <li><b>RisesWhenAllKnow</b>: the feature level rises only if every member knows it, or did so a
 *       moment ago.
 *   <li><b>RisesWhenAllKnow</b>: the feature level rises only if every member knows it, or did so a
 *       moment ago.
 *   <li><b>NothingAboveTheLevel</b>: no log gets a command before its level.
 *   <li><b>PrimaryComplete</b>: who becomes the primary has every entry in its log that was ever
 *       applied.
 *   <li><b>LeaseExclusion</b>: while a member may answer reads by itself, nobody is primary in a
 *       later term.
 *   <li><b>OneSnapshotStream</b>: a primary sends each member one snapshot at a time.
 * </ul>
 */
final class MemberInvariants {

  private static final int IDENTITY_HEADER_BYTES = 16;

  /** Kind of an entry of the log. */
  private static final int COMMANDS = 1;

  /** Less than a sender waits for an answer, whatever its clock does. */
  private static final long PIECE_WAITS_NANOS = 8_000_000_000L;

  /** What a member said may raise the level so much later: an entry can wait for its commit. */
  private static final long WORD_HOLDS_NANOS = 60_000_000_000L;

  private record Incarnation(String name, int generation) {}

  private record Acknowledged(long term, long index) {}

  /** A piece of a snapshot that was sent and has no answer yet. */
  private record Piece(SimNetwork.Sent sent, long term, long atNanos) {
    boolean isAnsweredBy(SimNetwork.Sent answer) {
      return answer.connection() == sent.connection()
          && answer.from() == sent.to()
          && answer.header().getId() == sent.header().getId();
    }
  }

  private final Simulation simulation;
  private String clusterId = "";
  private final Map<String, Long> identityVersions = new HashMap<>();
  private final Map<String, Long> ids = new HashMap<>();
  private final Map<Long, Acknowledged> acknowledgedById = new HashMap<>();
  private final Map<Long, Long> lastIndices = new HashMap<>();
  private final Map<Long, Long> appliedById = new HashMap<>();
  private final Set<Incarnation> recovered = new HashSet<>();
  private final Set<Incarnation> ended = new HashSet<>();
  private final Map<String, Long> ledTerms = new HashMap<>();
  private final List<Piece> pieces = new ArrayList<>();
  private long furthestApplied;
  private FeatureLevel level = FeatureLevel.BEFORE_LEVELS;

  MemberInvariants(Simulation simulation) {
    this.simulation = simulation;
  }

  /**
   * Checks all.
   *
   * @throws Simulation.Violation with the name of what does not hold
   */
  void check(List<Member> members) {
    for (Member member : members) {
      identity(member);
      endsForCause(member);
      member.inspect().ifPresent(inspection -> keepsWhatItHad(member, inspection));
      member.inspect().ifPresent(inspection -> knowsItsLevel(member, members, inspection));
    }
    for (Member member : members) {
      member.inspect().ifPresent(inspection -> primaryComplete(member, inspection));
    }
    leaseExclusion(members);
  }

  private void identity(Member member) {
    long version = member.disk.version("identity");
    if (version < 0 || Long.valueOf(version).equals(identityVersions.put(member.name, version))) {
      return;
    }
    Identity identity = parse(member.disk.contentOf("identity"));
    if (!identity.getClusterId().isEmpty()) {
      if (!clusterId.isEmpty() && !clusterId.equals(identity.getClusterId())) {
        throw simulation.violation(
            "OneCluster: %s belongs to cluster %s, not to %s"
                .formatted(member.name, identity.getClusterId(), clusterId));
      }
      clusterId = identity.getClusterId();
    }
    if (identity.getClusterId().isEmpty() && identity.getFormerCluster().isEmpty()) {
      return; // it has promised nothing yet, and may lose this name at a power loss
    }
    Long before = ids.put(member.name, identity.getMemberId());
    if (before != null && before != identity.getMemberId() && !member.startedOverForCause()) {
      throw simulation.violation(
          "StartsOverForCause: %s became another member though its disk was never damaged"
              .formatted(member.name));
    }
  }

  private static Identity parse(ByteBuffer file) {
    try {
      return Identity.parseFrom(file.position(IDENTITY_HEADER_BYTES));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("an identity that cannot be read", e);
    }
  }

  private void endsForCause(Member member) {
    String reason = member.process.haltedBy();
    if (!reason.isEmpty()
        && ended.add(new Incarnation(member.name, member.generation()))
        && !member.hadBadDisk()
        && !simulation.isTooOld(member)) {
      throw simulation.violation(
          "EndsForCause: %s ended itself: %s".formatted(member.name, reason));
    }
  }

  private void keepsWhatItHad(Member member, Inspection inspection) {
    long id = inspection.memberId();
    if (recovered.add(new Incarnation(member.name, member.generation()))) {
      long had = appliedById.getOrDefault(id, 0L);
      Acknowledged last = acknowledgedById.get(id);
      if (last != null && last.term == inspection.epoch()) {
        had = Math.max(had, last.index);
      }
      if (inspection.lastIndex() < had) {
        throw simulation.violation(
            "KeepsWhatItHad: %s had entry %d and now has none after %d"
                .formatted(member.name, had, inspection.lastIndex()));
      }
    }
    Long before = lastIndices.put(id, inspection.lastIndex());
    Acknowledged promised = acknowledgedById.get(id);
    if (before != null
        && before > inspection.lastIndex()
        && promised != null
        && promised.term == inspection.epoch()
        && promised.index > inspection.lastIndex()) {
      throw simulation.violation(
          "KeepsWhatItHad: %s dropped entry %d, which it had acknowledged in this term"
              .formatted(member.name, promised.index));
    }
    appliedById.merge(id, inspection.appliedIndex(), Math::max);
    furthestApplied = Math.max(furthestApplied, inspection.appliedIndex());
  }

  private void knowsItsLevel(Member member, List<Member> members, Inspection inspection) {
    FeatureLevel now = inspection.namespace().level();
    if (!member.build.known().includes(now)) {
      throw simulation.violation(
          "KnowsItsLevel: %s is at feature level %s and knows %s"
              .formatted(member.name, now, member.build.known()));
    }
    if (!level.includes(now)) {
      level = now;
      members.forEach(this::risesWhenAllKnow);
      simulation.fault("level " + now);
    }
  }

  private void risesWhenAllKnow(Member member) {
    long forNanos = simulation.world.nowNanos() - member.rolledAtNanos;
    if (!member.build.known().includes(level) && forNanos > WORD_HOLDS_NANOS) {
      throw simulation.violation(
          "RisesWhenAllKnow: to feature level %s, but %s has known no more than %s for long"
              .formatted(level, member.name, member.build.known()));
    }
  }

  /** The highest feature level that a member was seen at. */
  FeatureLevel level() {
    return level;
  }

  /** True if a member's cluster is above a level, though it may not have been seen there yet. */
  boolean isAbove(Member member, FeatureLevel known) {
    boolean founded =
        member.disk.version("identity") >= 0
            && parse(member.disk.contentOf("identity")).getFounders().getLevel() > known.number();
    return founded || level.number() > known.number();
  }

  private void nothingAboveTheLevel(RaftMessage message) {
    for (LogEntry entry : message.getEntriesList()) {
      if (entry.getKind() != COMMANDS) {
        continue;
      }
      try {
        if (Batch.parseFrom(entry.getData()).getCommandsList().stream()
            .anyMatch(Command::hasMerge)) {
          simulation.seen(
              "NothingAboveTheLevel: entry %d has a Merge while the cluster is at level %s"
                  .formatted(entry.getIndex(), level));
        }
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalStateException("an entry that cannot be read", e);
      }
    }
  }

  private void primaryComplete(Member member, Inspection inspection) {
    if (!inspection.coordinates()) {
      return;
    }
    Long before = ledTerms.put(member.name, inspection.epoch());
    boolean begins = before == null || before != inspection.epoch();
    if (begins && inspection.lastIndex() < furthestApplied) {
      throw simulation.violation(
          "PrimaryComplete: %s is the primary of term %d with a log up to %d, but entry %d was applied"
              .formatted(member.name, inspection.epoch(), inspection.lastIndex(), furthestApplied));
    }
  }

  private void leaseExclusion(List<Member> members) {
    long newest = 0;
    for (Member member : members) {
      if (member.inspect().map(Inspection::coordinates).orElse(false)) {
        newest = Math.max(newest, member.inspect().orElseThrow().epoch());
      }
    }
    for (Member member : members) {
      Inspection inspection = member.inspect().orElse(null);
      if (inspection != null && inspection.epoch() < newest && inspection.mayReadAlone()) {
        throw simulation.violation(
            "LeaseExclusion: %s answers reads under term %d while term %d has a primary"
                .formatted(member.name, inspection.epoch(), newest));
      }
    }
  }

  /** Sees what processes send each other. */
  void sent(SimNetwork.Sent sent) {
    boolean answer = pieces.removeIf(piece -> piece.isAnsweredBy(sent));
    RaftMessage message = SimNetwork.message(sent.header());
    if (!level.includes(FeatureLevel.MERGE)) {
      nothingAboveTheLevel(message);
    }
    if (message.getType() == RaftMessage.Type.APPEND_REPLY && message.getFlag()) {
      acknowledgedById.put(
          message.getFrom(), new Acknowledged(message.getTerm(), message.getIndex()));
    } else if (sent.header().hasLogCall() && !answer) {
      long term = SimNetwork.piece(sent.header()).getTerm();
      if (term > 0) { // else a second answer, to a piece that the network doubled
        oneSnapshotStream(sent, term);
      }
    }
  }

  private void oneSnapshotStream(SimNetwork.Sent sent, long term) {
    long since = simulation.world.nowNanos() - PIECE_WAITS_NANOS;
    pieces.removeIf(piece -> piece.atNanos < since || !piece.sent.connection().isOpen());
    for (Piece piece : pieces) {
      boolean same = piece.sent.from() == sent.from() && piece.sent.to() == sent.to();
      if (same && piece.term == term) {
        simulation.seen(
            "OneSnapshotStream: %s sends %s a piece while another one is under way"
                .formatted(sent.from().name, sent.to().name));
      }
    }
    pieces.add(new Piece(sent, term, simulation.world.nowNanos()));
  }
}
