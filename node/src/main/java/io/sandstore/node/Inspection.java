package io.sandstore.node;

import io.sandstore.block.BlockStore;
import io.sandstore.namespace.Namespace;
import io.sandstore.raft.CommandLog;
import io.sandstore.raft.Configurations;
import io.sandstore.wire.Member;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** What a node holds, for comparing replicas. Costs time in proportion to the state. */
public final class Inspection {

  private final Node.Parts parts;
  private final long self;

  Inspection(Node.Parts parts, long self) {
    this.parts = parts;
    this.self = self;
  }

  private CommandLog.Standing standing() {
    return parts.planes().log().standing();
  }

  public Namespace namespace() {
    return parts.planes().namespace();
  }

  public BlockStore store() {
    return parts.planes().store();
  }

  /** The identity under which this member votes and promises. */
  public long memberId() {
    return self;
  }

  public long term() {
    return standing().term();
  }

  public boolean leads() {
    return standing().leading();
  }

  /** True while this member answers reads without asking anybody. */
  public boolean mayReadAlone() {
    return parts.planes().log().mayReadAlone();
  }

  public long lastIndex() {
    return standing().lastIndex();
  }

  /** True if this member leads and has applied all that was acknowledged before its term. */
  public boolean answers() {
    CommandLog.Standing s = standing();
    return s.leading() && s.termStart() <= s.appliedIndex();
  }

  public boolean ready() {
    CommandLog.Standing s = standing();
    return !s.leader().isEmpty()
        && !s.role().equals("LEARNER")
        && s.members().getMembersList().stream().noneMatch(Member::getLearner)
        && parts.repair().complete()
        && !namespace().isFrozen();
  }

  /** Small pieces that this member put into larger blocks since it started. */
  public long mergedPieces() {
    return parts.merger().merged();
  }

  public long underReplicated() {
    return namespace().underReplicatedCount();
  }

  public long appliedIndex() {
    return standing().appliedIndex();
  }

  /** True if this disk has, whole, exactly the blocks that the namespace says it holds. */
  public boolean blocksAreAsReferenced() {
    return wrongBlock().isEmpty();
  }

  /** What is wrong with one of the blocks here, if anything is. */
  private Optional<String> wrongBlock() {
    Optional<Member> member = Configurations.byId(namespace().configuration(), self);
    if (member.isEmpty()) {
      return Optional.of("no member");
    }
    BlockStore store = store();
    Set<Long> here = new TreeSet<>();
    try {
      for (int shard = 0; shard < 256; shard++) {
        here.addAll(store.shard(shard));
      }
      for (long block : namespace().blocksAfter(0, Integer.MAX_VALUE)) {
        boolean mine = (namespace().holders(block).orElse(0) >>> member.get().getSlot() & 1) == 1;
        if (mine && !here.remove(block)) {
          return Optional.of("block " + block + " is missing");
        }
        if (mine && !store.verify(block)) {
          return Optional.of("block " + block + " is damaged");
        }
      }
      here.removeIf(block -> block >= namespace().blockFloor());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return here.stream().findFirst().map(block -> "block " + block + " is garbage");
  }

  @Override
  public String toString() {
    CommandLog.Standing s = standing();
    return "%s in term %d, leader %s, log %d..%d, commit %d, applied %d, under-replicated %d, sessions %d, blocks: %s"
        .formatted(
            s.role(),
            s.term(),
            s.leader(),
            s.firstIndex(),
            s.lastIndex(),
            s.commitIndex(),
            s.appliedIndex(),
            underReplicated(),
            namespace().sessionCount(),
            wrongBlock().orElse("as they should be"));
  }
}
