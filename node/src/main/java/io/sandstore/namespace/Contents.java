package io.sandstore.namespace;

import io.sandstore.replication.BlockSink;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.CopyRange;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Merge;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.Write;
import java.util.List;
import java.util.Map;

/** Commands that change bytes and attributes of what is there. */
final class Contents {

  private static final int REAP_EXTENTS = 4096;
  private static final int NANOS_MAX = 999_999;

  private final Namespace namespace;
  private final BlockSink sink;
  private boolean staged;

  Contents(Namespace namespace, BlockSink sink) {
    this.namespace = namespace;
    this.sink = sink;
  }

  /** True if something was handed to the sink since the last call, and must be written. */
  boolean takeStaged() {
    boolean taken = staged;
    staged = false;
    return taken;
  }

  Outcome setAttributes(SetAttributes op) {
    Access caller = namespace.caller;
    Inode inode;
    String name = "";
    if (op.getInode() != 0) {
      inode = namespace.tree.open(op.getInode());
    } else {
      Tree.Place place = namespace.tree.look(op.getLocation(), !op.getNoFollow(), caller);
      inode = place.require();
      name = place.name();
      if (op.hasSize() && inode.isRegular()) { // an open one was opened for it
        caller.require(inode, Access.WRITE, name);
      }
    }
    if (namespace.isPosix()) {
      checkAttributes(op, inode);
      requireChange(op, inode, name);
    }
    if (op.hasSize()) {
      inode = resize(inode, op.getSize());
    }
    boolean owner = op.hasUid() || op.hasGid();
    if (owner && namespace.isPosix()) {
      inode = withoutPrivileges(inode, caller.modeOfGiven(inode));
    }
    int uid = op.hasUid() ? op.getUid() : inode.uid();
    int gid = op.hasGid() ? op.getGid() : inode.gid();
    int mode = op.hasMode() ? caller.modeOfChange(op.getMode(), gid) : inode.mode();
    Inode changed = inode.withOwner(mode, uid, gid, namespace.time.dateMs());
    changed =
        changed.withTimes(
            op.hasAtimeMs() ? op.getAtimeMs() : inode.atimeMs(),
            op.hasAtimeMs() ? nanos(op.getAtimeNs()) : inode.atimeNs(),
            op.hasMtimeMs() ? op.getMtimeMs() : inode.mtimeMs(),
            op.hasMtimeMs() ? nanos(op.getMtimeNs()) : inode.mtimeNs());
    if (namespace.isPosix()) {
      changed = changed.dated(op.getNowAtime(), op.getNowMtime(), namespace.time.dateMs());
    }
    namespace.tree.inodes.put(inode.id(), changed);
    namespace.changes.attributes(changed);
    return Namespace.attributes(changed);
  }

  private static void checkAttributes(SetAttributes op, Inode inode) {
    if (op.hasMode() && inode.isSymlink()) {
      throw new Refused(Errno.EOPNOTSUPP, "a symbolic link has no mode to change");
    }
    for (int nanos : new int[] {op.getAtimeNs(), op.getMtimeNs()}) {
      if (nanos < 0 || nanos > NANOS_MAX) {
        throw new Refused(Errno.EINVAL, "not a part of a millisecond: " + nanos);
      }
    }
  }

  private void requireChange(SetAttributes op, Inode inode, String name) {
    Access caller = namespace.caller;
    if (op.hasUid() || op.hasGid()) {
      int uid = op.hasUid() ? op.getUid() : inode.uid();
      int gid = op.hasGid() ? op.getGid() : inode.gid();
      caller.requireGive(inode, uid, gid, name);
    }
    if (op.hasMode()) {
      caller.requireOwner(inode, name);
    }
    boolean now = op.getNowAtime() && op.getNowMtime();
    if (now && !caller.owns(inode)) {
      caller.require(inode, Access.WRITE, name);
    } else if (op.hasAtimeMs() || op.hasMtimeMs() || op.getNowAtime() || op.getNowMtime()) {
      caller.requireOwner(inode, name);
    }
  }

  private int nanos(int nanos) {
    return namespace.isPosix() ? nanos : 0;
  }

  /**
   * A file whose bytes or owner change loses what would let others act as its owner.
   *
   * @param mode what is left of its bits
   */
  private Inode withoutPrivileges(Inode inode, int mode) {
    if (!inode.isDirectory()) {
      namespace.xattrs.values.remove(new Keys.Xattr(inode.id(), Xattrs.CAPABILITY));
    }
    return inode.withMode(mode);
  }

  /** Keeps a file whose bytes changed. */
  private Inode changed(Inode inode, long size) {
    Inode changed = inode.withContent(size, namespace.time.dateMs());
    if (namespace.isPosix()) {
      changed = withoutPrivileges(changed, namespace.caller.modeOfWritten(inode));
    }
    namespace.tree.inodes.put(inode.id(), changed);
    namespace.changes.content(changed);
    return changed;
  }

  private static void requireRegular(Inode inode) {
    if (!inode.isRegular()) {
      throw new Refused(Errno.EINVAL, "not a regular file");
    }
  }

  private static void requireResizable(Inode inode) {
    if (inode.isDirectory()) {
      throw new Refused(Errno.EISDIR, "a directory has no size to change");
    }
    requireRegular(inode);
  }

  /** Nothing is reserved: a part that is to be there is a hole until it is written. */
  Outcome allocate(Allocate op) {
    Inode inode = namespace.tree.open(op.getInode());
    requireResizable(inode);
    long end = op.getOffset() + op.getLength();
    boolean zeros = op.getHow() != Allocate.How.EXTEND;
    if (zeros) {
      namespace.extents.cut(inode.id(), op.getOffset(), end);
    }
    boolean grows = op.getHow() != Allocate.How.PUNCH && !op.getKeepSize();
    return Namespace.attributes(changed(inode, grows ? Math.max(inode.size(), end) : inode.size()));
  }

  Inode resize(Inode inode, long size) {
    requireResizable(inode);
    if (size < inode.size()) {
      namespace.extents.cut(inode.id(), size, Long.MAX_VALUE);
    }
    return changed(inode, size);
  }

  Outcome write(Write op) {
    Inode inode = namespace.tree.open(op.getInode());
    requireRegular(inode);
    long base = op.getAppend() ? inode.size() : 0;
    int inline = op.getInlineData().size();
    for (NewExtent extent : op.getExtentsList()) {
      CommandCheck.checkRange(base + extent.getOffset(), extent.getLength());
      namespace.blocks.checkNew(extent.getBlock(), extent.getWhere());
    }
    CommandCheck.checkRange(base + op.getInlineOffset(), inline);

    long size = inode.size();
    for (NewExtent extent : op.getExtentsList()) {
      long offset = base + extent.getOffset();
      namespace.blocks.add(extent.getBlock(), extent.getLength(), extent.getWhere());
      namespace.extents.insert(
          inode.id(), offset, new Keys.Run(extent.getLength(), extent.getBlock(), 0));
      size = Math.max(size, offset + extent.getLength());
    }
    if (inline > 0) {
      long block = namespace.blocks.allocate(1);
      long offset = base + op.getInlineOffset();
      namespace.blocks.add(block, inline, namespace.blocks.everywhere());
      sink.stage(block, op.getInlineData().toByteArray());
      staged = true;
      namespace.extents.insert(inode.id(), offset, new Keys.Run(inline, block, 0));
      size = Math.max(size, offset + inline);
    }
    Inode written = changed(inode, size);
    return Outcome.newBuilder().setAttributes(written.attributes()).setValue(base).build();
  }

  /** Both files show the same blocks afterwards, which go when neither does any more. */
  Outcome copyRange(CopyRange op) {
    Inode source = namespace.tree.open(op.getSource());
    Inode target = namespace.tree.open(op.getTarget());
    requireRegular(source);
    requireRegular(target);
    long from = op.getSourceOffset();
    long to = op.getTargetOffset();
    long end = Math.clamp(source.size(), from, from + op.getLength());
    if (source.id() == target.id() && Math.abs(from - to) < end - from) {
      throw new Refused(Errno.EINVAL, "ranges of one file that overlap");
    }
    if (end <= from) {
      return Namespace.attributes(target);
    }
    long copied = namespace.extents.copy(source.id(), from, end, target.id(), to);
    Inode written = changed(target, Math.max(target.size(), to + copied));
    return Outcome.newBuilder().setAttributes(written.attributes()).setValue(copied).build();
  }

  /** Lays one block over many pieces, wherever the file still shows what they showed. */
  Outcome merge(Merge op) {
    Inode inode = namespace.tree.open(op.getInode());
    namespace.blocks.checkNew(op.getBlock(), op.getWhere());
    List<Extents.Range> ranges = namespace.extents.unchanged(inode.id(), op.getPiecesList());
    if (ranges.isEmpty()) {
      throw new Refused(Errno.EAGAIN, "the file shows nothing of these pieces any more");
    }
    namespace.blocks.add(op.getBlock(), op.getLength(), op.getWhere());
    for (Extents.Range range : ranges) {
      int length = (int) (range.end() - range.start());
      int within = (int) (range.start() - op.getOffset());
      namespace.blocks.reference(op.getBlock());
      namespace.extents.insert(
          inode.id(), range.start(), new Keys.Run(length, op.getBlock(), within));
    }
    // There was one reference too many, so that none was too few.
    namespace.blocks.release(op.getBlock());
    return Namespace.value(ranges.size());
  }

  /** Removes files without names that nobody has open, a bounded part at a time. */
  long reap(long unusedSinceMs) {
    int budget = REAP_EXTENTS;
    List<Long> due =
        namespace.orphans.live.entrySet().stream()
            .filter(entry -> entry.getValue() < unusedSinceMs)
            .limit(REAP_EXTENTS)
            .map(Map.Entry::getKey)
            .toList();
    long reaped = 0;
    for (long inode : due) {
      if (namespace.isPosix()) {
        namespace.remove(inode); // at once: nobody may get back what has lost a part already
      }
      budget -= namespace.extents.removeSome(inode, budget) + 1;
      if (budget <= 0) {
        break;
      }
      namespace.orphans.remove(inode);
      namespace.remove(inode);
      reaped++;
    }
    return reaped;
  }
}
