package io.sandstore.namespace;

import io.sandstore.replication.BlockSink;
import io.sandstore.wire.Allocate;
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
    Inode inode = namespace.tree.find(op.getInode(), op.getLocation(), !op.getNoFollow());
    if (namespace.isPosix()) {
      checkAttributes(op, inode);
    }
    if (op.hasSize()) {
      inode = resize(inode, op.getSize());
    }
    boolean owner = op.hasUid() || op.hasGid();
    if (owner && namespace.isPosix()) {
      inode = withoutPrivileges(inode);
    }
    int mode = op.hasMode() ? op.getMode() : inode.mode();
    int uid = op.hasUid() ? op.getUid() : inode.uid();
    int gid = op.hasGid() ? op.getGid() : inode.gid();
    Inode changed = inode.withOwner(mode, uid, gid, namespace.time.dateMs());
    changed =
        changed.withTimes(
            op.hasAtimeMs() ? op.getAtimeMs() : inode.atimeMs(),
            op.hasAtimeMs() ? nanos(op.getAtimeNs()) : inode.atimeNs(),
            op.hasMtimeMs() ? op.getMtimeMs() : inode.mtimeMs(),
            op.hasMtimeMs() ? nanos(op.getMtimeNs()) : inode.mtimeNs());
    namespace.tree.inodes.put(inode.id(), changed);
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

  private int nanos(int nanos) {
    return namespace.isPosix() ? nanos : 0;
  }

  /**
   * A file whose bytes or owner change loses what would let others act as its owner. Who asks is
   * not looked at: that of somebody with privileges would keep it where bytes change.
   */
  private Inode withoutPrivileges(Inode inode) {
    if (!inode.isDirectory()) {
      namespace.xattrs.values.remove(new Keys.Xattr(inode.id(), Xattrs.CAPABILITY));
    }
    return inode.withMode(inode.modeWithoutSetId());
  }

  /** Keeps a file whose bytes changed. */
  private Inode changed(Inode inode, long size) {
    Inode changed = inode.withContent(size, namespace.time.dateMs());
    changed = namespace.isPosix() ? withoutPrivileges(changed) : changed;
    namespace.tree.inodes.put(inode.id(), changed);
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
    namespace.blocks.release(
        op.getBlock()); // there was one reference too many, so that none was too few
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
