package io.sandstore.node;

import io.sandstore.namespace.Namespace;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What a node holds, for comparing replicas. Costs time in proportion to the state. */
public final class Inspection {

  private final Node.Parts parts;
  private final long self;

  Inspection(Node.Parts parts, long self) {
    this.parts = parts;
    this.self = self;
  }

  private CommandLog.Standing standing() {
    return parts.log().standing();
  }

  public Namespace namespace() {
    return parts.namespace();
  }

  public BlockPlane blocks() {
    return parts.blocks();
  }

  /** The identity under which this member votes and promises. */
  public long memberId() {
    return self;
  }

  /** Counts changes of who orders commands. */
  public long epoch() {
    return standing().epoch();
  }

  public boolean coordinates() {
    return parts.log().coordinates();
  }

  /** True while this member answers reads without asking anybody. */
  public boolean mayReadAlone() {
    return parts.log().mayReadAlone();
  }

  public long lastIndex() {
    return standing().lastIndex();
  }

  /** True if this member orders commands and has applied all that was ordered before. */
  public boolean serves() {
    return standing().serves();
  }

  public boolean ready() {
    CommandLog.Standing s = standing();
    return s.notReady().isEmpty()
        && s.members().getMembersList().stream().noneMatch(Member::getLearner)
        && blocks().health().complete()
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
    try {
      return blocks().audit().isEmpty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String toString() {
    NodeStatus.Builder s = NodeStatus.newBuilder();
    parts.log().describe(s);
    try {
      return "%s in term %d, level %s, primary %s, log %d..%d, commit %d, applied %d, under-replicated %d, sessions %d, blocks: %s"
          .formatted(
              s.getRole(),
              s.getTerm(),
              namespace().level(),
              s.getPrimary(),
              s.getFirstIndex(),
              s.getLastIndex(),
              s.getCommitIndex(),
              s.getAppliedIndex(),
              underReplicated(),
              namespace().sessionCount(),
              blocks().audit().orElse("as they should be"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
