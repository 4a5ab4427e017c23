package io.sandstore.sim;

import com.google.protobuf.ByteString;
import io.sandstore.host.BufferPool;
import io.sandstore.namespace.Namespace;
import io.sandstore.node.Inspection;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Extent;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Layout;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Query;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What must hold after every step of a simulation, by name:
 *
 * <ul>
 *   <li><b>ReplicasAgree</b>: replicas that have applied the same entries are in the same state.
 *   <li><b>OneOutcome</b>: a request id has one outcome, on every replica and for ever.
 *   <li><b>BlocksPresent</b>: a referenced block is missing on a minority at most of those that
 *       ever were its holders: one that lost its disk is none any more, while another may have been
 *       away and fetch its copy.
 *   <li><b>AcknowledgedReadable</b>: what a client was told is there, with the right bytes, at the
 *       leader that would be asked for it.
 * </ul>
 *
 * <p>Each looks when the step can have changed what it is about: a replica applied something, an
 * answer arrived, a process came or went. That no garbage stays for ever can only be said in the
 * end; {@link Simulation} does.
 */
final class Invariants {

  /** A running member. Every start makes another one. */
  record Replica(String name, Inspection inspection) {
    long applied() {
      return inspection.appliedIndex();
    }

    Namespace namespace() {
      return inspection.namespace();
    }

    /** Ids of those who have a block, as this member's state says. */
    Set<Long> holders(long block) {
      long where = namespace().where(block).orElse(0);
      return inspection.blocks().whereabouts().holders(where, namespace().configuration()).stream()
          .map(holder -> holder.getId())
          .collect(Collectors.toSet());
    }
  }

  private record Request(long session, long sequence) {}

  private record State(String replica, long digest) {}

  /** Looking at a whole state takes time. What is wrong stays so, and is seen a little later. */
  private static final int COMPARED_EVERY = 3;

  private final Simulation simulation;
  private final int members;
  private final Map<Long, State> states = new HashMap<>();
  private final Map<Request, ByteString> outcomes = new HashMap<>();

  /** How many holders a block had at most. */
  private final Map<Long, Integer> copiesMade = new HashMap<>();

  /** How far each running member had got when it was last looked at. */
  private Map<Replica, Long> seen = Map.of();

  /** Blocks of which a copy was damaged: no fault more is promised to be survived. */
  private final Set<Long> damaged = new HashSet<>();

  private long furthest;
  private long changes;
  private long newestTerm;

  Invariants(Simulation simulation, int members) {
    this.simulation = simulation;
    this.members = members;
  }

  private static long blockAt(String path) {
    return Long.parseUnsignedLong(path.substring(path.lastIndexOf('/') + 1), 16);
  }

  /** True if one copy of the block of a file was damaged: another one would be too many. */
  boolean isDamaged(String path) {
    return damaged.contains(blockAt(path));
  }

  /** Says that a copy of a block was damaged on purpose. */
  void damaged(String path) {
    damaged.add(blockAt(path));
  }

  /**
   * Checks all.
   *
   * @throws Simulation.Violation with the name of what does not hold
   */
  void check(List<Replica> replicas, List<Workload> workloads) {
    Map<Replica, Long> now = new HashMap<>();
    for (Replica replica : replicas) {
      long applied = replica.applied();
      now.put(replica, applied);
      boolean news = !Long.valueOf(applied).equals(seen.get(replica));
      if (news && applied % COMPARED_EVERY == 0) {
        replicasAgree(replica, applied);
        oneOutcome(replica);
      }
    }
    boolean cameOrWent = !now.keySet().equals(seen.keySet());
    if (!now.equals(seen)) {
      seen = now;
      replicas.forEach(replica -> furthest = Math.max(furthest, replica.applied()));
      if (cameOrWent || changes++ % COMPARED_EVERY == 0) {
        blocksPresent(replicas);
      }
    }
    acknowledgedReadable(replicas, workloads, cameOrWent);
  }

  private void replicasAgree(Replica replica, long applied) {
    long digest = replica.namespace().digest();
    State before = states.putIfAbsent(applied, new State(replica.name, digest));
    if (before != null && before.digest != digest) {
      throw simulation.violation(
          "ReplicasAgree: %s and %s differ after entry %d"
              .formatted(before.replica, replica.name, applied));
    }
  }

  private void oneOutcome(Replica replica) {
    replica
        .namespace()
        .forEachOutcome(
            (session, sequence, outcome) -> {
              ByteString before = outcomes.putIfAbsent(new Request(session, sequence), outcome);
              if (before != null && !before.equals(outcome)) {
                throw simulation.violation(
                    "OneOutcome: request %d of session %d has another one on %s"
                        .formatted(sequence, session, replica.name));
              }
            });
  }

  private void blocksPresent(List<Replica> replicas) {
    // Those that are down may have a block. Those that are behind may have removed one before they
    // restarted, which they still refer to while they apply the log again.
    List<Replica> abreast = replicas.stream().filter(r -> r.applied() == furthest).toList();
    if (abreast.isEmpty()) {
      return;
    }
    Namespace namespace = abreast.getFirst().namespace();
    for (long block : namespace.blocksAfter(0, Integer.MAX_VALUE)) {
      Set<Long> holders = abreast.getFirst().holders(block);
      List<String> lacking =
          abreast.stream()
              .filter(replica -> holders.contains(replica.inspection.memberId()))
              .filter(replica -> !replica.inspection.blocks().has(block))
              .map(Replica::name)
              .toList();
      int copies = copiesMade.merge(block, holders.size(), Math::max);
      int minority = (copies - 1) / 2;
      if (lacking.size() > minority && !damaged.contains(block)) {
        throw simulation.violation(
            "BlocksPresent: block %d is missing on %s".formatted(block, lacking));
      }
    }
  }

  private void acknowledgedReadable(
      List<Replica> replicas, List<Workload> workloads, boolean cameOrWent) {
    Optional<Replica> newest =
        replicas.stream()
            .filter(replica -> replica.inspection.serves())
            .max(Comparator.comparingLong(replica -> replica.inspection.epoch()));
    if (newest.isEmpty() || newest.get().inspection.epoch() < newestTerm) {
      return; // nobody leads, or somebody who does not know yet that another does
    }
    boolean all = cameOrWent || newest.get().inspection.epoch() > newestTerm;
    newestTerm = newest.get().inspection.epoch();
    for (Workload workload : workloads) {
      for (String name : workload.namesToCheck(all)) {
        acknowledgedReadable(newest.get(), replicas, workload, name);
      }
    }
  }

  private void acknowledgedReadable(
      Replica leader, List<Replica> replicas, Workload workload, String name) {
    String path = workload.path(name);
    Query lookup =
        Query.newBuilder()
            .setLookup(Lookup.newBuilder().setLocation(Location.newBuilder().setPath(path)))
            .build();
    Answer file = leader.namespace().ask(lookup);
    if (file.hasFault()) {
      workload.mustBePossible(name, null);
      return;
    }
    long inode = file.getAttributes().getInode();
    long size = file.getAttributes().getSize();
    Query layout =
        Query.newBuilder().setLayout(Layout.newBuilder().setInode(inode).setLength(size)).build();
    ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(size));
    for (Extent extent : leader.namespace().ask(layout).getExtentsList()) {
      if (!copy(extent, content, replicas)) {
        if (replicas.size() == members && !damaged.contains(extent.getBlock())) {
          throw simulation.violation(
              "AcknowledgedReadable: block %d of %s on no member"
                  .formatted(extent.getBlock(), path));
        }
        return;
      }
    }
    workload.mustBePossible(
        name,
        new Workload.Found(
            content.array(),
            file.getAttributes().getLinks(),
            Optional.of(attributes(leader.namespace(), inode))));
  }

  private static NavigableMap<String, String> attributes(Namespace namespace, long inode) {
    NavigableMap<String, String> attributes = new TreeMap<>();
    Query list = Query.newBuilder().setListXattrs(ListXattrs.newBuilder().setInode(inode)).build();
    for (String name : namespace.ask(list).getNamesList()) {
      Query get =
          Query.newBuilder()
              .setGetXattr(GetXattr.newBuilder().setInode(inode).setName(name))
              .build();
      attributes.put(name, namespace.ask(get).getValue().toStringUtf8());
    }
    return attributes;
  }

  /** True if some member has the extent's bytes whole. */
  private static boolean copy(Extent extent, ByteBuffer content, List<Replica> replicas) {
    for (Replica replica : replicas) {
      try (BufferPool.Lease bytes =
          replica
              .inspection
              .blocks()
              .peek(extent.getBlock(), extent.getBlockOffset(), extent.getLength())) {
        content.put(
            (int) extent.getOffset(),
            bytes.buffer(),
            bytes.buffer().position(),
            extent.getLength());
        return true;
      } catch (IOException e) {
        // Not here, or damaged here.
      }
    }
    return false;
  }
}
