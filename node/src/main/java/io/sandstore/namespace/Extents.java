package io.sandstore.namespace;

import java.util.Map;

/** The map from a file's bytes to blocks. Holes have no entry and read as zeros. */
final class Extents {

  final FrozenMap<Keys.Offset, Keys.Run> runs = new FrozenMap<>();
  private final Blocks blocks;

  Extents(Blocks blocks) {
    this.blocks = blocks;
  }

  /** Lays a new block over a range; what it covers of older ones is cut away. */
  void insert(long inode, long offset, Keys.Run run) {
    cut(inode, offset, offset + run.length());
    runs.put(new Keys.Offset(inode, offset), run);
  }

  /** Makes a hole from {@code start} to {@code end}, not included. */
  void cut(long inode, long start, long end) {
    Keys.Offset first = new Keys.Offset(inode, start);
    Map.Entry<Keys.Offset, Keys.Run> before = runs.live.lowerEntry(first);
    if (before != null && before.getKey().inode() == inode) {
      long beforeStart = before.getKey().offset();
      Keys.Run run = before.getValue();
      long beforeEnd = beforeStart + run.length();
      if (beforeEnd > start) {
        runs.put(before.getKey(), run.cut((int) (start - beforeStart)));
        if (beforeEnd > end) {
          // The hole lies inside one extent, which becomes two.
          runs.put(new Keys.Offset(inode, end), run.from((int) (end - beforeStart)));
          blocks.reference(run.block());
          return;
        }
      }
    }
    Map.Entry<Keys.Offset, Keys.Run> covered = runs.live.ceilingEntry(first);
    while (covered != null
        && covered.getKey().inode() == inode
        && covered.getKey().offset() < end) {
      long coveredStart = covered.getKey().offset();
      Keys.Run run = covered.getValue();
      runs.remove(covered.getKey());
      if (coveredStart + run.length() > end) {
        runs.put(new Keys.Offset(inode, end), run.from((int) (end - coveredStart)));
        return;
      }
      blocks.release(run.block());
      covered = runs.live.ceilingEntry(first);
    }
  }

  /** Removes up to this many extents of a file; the number removed. */
  int removeSome(long inode, int atMost) {
    int removed = 0;
    while (removed < atMost) {
      Map.Entry<Keys.Offset, Keys.Run> next = runs.live.ceilingEntry(new Keys.Offset(inode, 0));
      if (next == null || next.getKey().inode() != inode) {
        break;
      }
      runs.remove(next.getKey());
      blocks.release(next.getValue().block());
      removed++;
    }
    return removed;
  }

  /** Extents that touch a range, in order, the first maybe beginning before it. */
  Map<Keys.Offset, Keys.Run> touching(long inode, long start, long end) {
    Keys.Offset from = new Keys.Offset(inode, start);
    Map.Entry<Keys.Offset, Keys.Run> before = runs.live.floorEntry(from);
    if (before != null
        && before.getKey().inode() == inode
        && before.getKey().offset() + before.getValue().length() > start) {
      from = before.getKey();
    }
    return runs.live.subMap(from, true, new Keys.Offset(inode, Math.max(start, end)), false);
  }
}
