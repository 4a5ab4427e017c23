package io.sandstore.namespace;

import io.sandstore.replication.BlockSink;
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
    Inode inode =
        op.getInode() != 0
            ? namespace.tree.open(op.getInode())
            : namespace.tree.resolve(op.getLocation(), !op.getNoFollow()).require();
    if (op.hasSize()) {
      inode = resize(inode, op.getSize());
    }
    Inode changed =
        inode.withAttributes(
            op.hasMode() ? op.getMode() : inode.mode(),
            op.hasUid() ? op.getUid() : inode.uid(),
            op.hasGid() ? op.getGid() : inode.gid(),
            op.hasAtimeMs() ? op.getAtimeMs() : inode.atimeMs(),
            op.hasMtimeMs() ? op.getMtimeMs() : inode.mtimeMs(),
            namespace.time.dateMs());
    namespace.tree.inodes.put(inode.id(), changed);
    return Namespace.attributes(changed);
  }

  Inode resize(Inode inode, long size) {
    if (inode.isDirectory()) {
      throw new Refused(Errno.EISDIR, "a directory has no size to change");
    }
    if (!inode.isRegular()) {
      throw new Refused(Errno.EINVAL, "not a regular file");
    }
    if (size < inode.size()) {
      namespace.extents.cut(inode.id(), size, Long.MAX_VALUE);
    }
    Inode resized = inode.withContent(size, namespace.time.dateMs());
    namespace.tree.inodes.put(inode.id(), resized);
    return resized;
  }

  Outcome write(Write op) {
    Inode inode = namespace.tree.open(op.getInode());
    if (!inode.isRegular()) {
      throw new Refused(Errno.EINVAL, "not a regular file");
    }
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
      namespace.extents.insert(inode.id(), offset, new Keys.Run(extent.getLength(), extent.getBlock(), 0));
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
    Inode written = inode.withContent(size, namespace.time.dateMs());
    namespace.tree.inodes.put(inode.id(), written);
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
      namespace.extents.insert(inode.id(), range.start(), new Keys.Run(length, op.getBlock(), within));
    }
    namespace.blocks.release(op.getBlock()); // there was one reference too many, so that none was too few
    return Namespace.value(ranges.size());
  }

  /** Removes files without names that nobody has open, a bounded part at a namespace.time. */
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
      budget -= namespace.extents.removeSome(inode, budget) + 1;
      if (budget <= 0) {
        break;
      }
      namespace.orphans.remove(inode);
      namespace.locks.removeFile(inode);
      namespace.tree.inodes.remove(inode);
      reaped++;
    }
    return reaped;
  }
}
