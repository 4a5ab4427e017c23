package io.sandstore.namespace;

import io.sandstore.wire.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The map from a file's bytes to blocks. Holes have no entry and read as zeros. */
final class Extents {

  /** Extents that one command shows elsewhere, so that none takes long. */
  static final int COPIED_MAX = 4096;

  final FrozenMap<Keys.Offset, Keys.Run> runs = new FrozenMap<>(Weights::extent);
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

  /**
   * Shows a range of one file in another, or elsewhere in the same: its blocks and its holes.
   *
   * @param end of the range, not included, behind its start; it must not overlap where it goes
   * @return how many bytes: fewer where there are more than {@link #COPIED_MAX} extents
   */
  long copy(long source, long start, long end, long target, long to) {
    long copied = end - start;
    List<Map.Entry<Long, Keys.Run>> moved = new ArrayList<>();
    for (Map.Entry<Keys.Offset, Keys.Run> entry : touching(source, start, end).entrySet()) {
      long at = Math.max(start, entry.getKey().offset());
      if (moved.size() == COPIED_MAX) {
        copied = at - start;
        break;
      }
      Keys.Run run = entry.getValue().from((int) (at - entry.getKey().offset()));
      int length = (int) Math.min(run.length(), end - at);
      moved.add(Map.entry(to + at - start, run.cut(length)));
    }
    moved.forEach(run -> blocks.reference(run.getValue().block())); // before the cut lets them go
    cut(target, to, to + copied);
    moved.forEach(run -> runs.put(new Keys.Offset(target, run.getKey()), run.getValue()));
    return copied;
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

  /** A part of a file. */
  record Range(long start, long end) {}

  /**
   * Where a file still shows what some of its pieces showed: what was written over them since is
   * left out, holes between two of them are in if they still are holes. In order, as long as can
   * be.
   */
  List<Range> unchanged(long inode, List<Extent> pieces) {
    List<Range> ranges = new ArrayList<>();
    long before = pieces.getFirst().getOffset();
    for (Extent piece : pieces) {
      long offset = piece.getOffset();
      long end = offset + piece.getLength();
      for (Map.Entry<Keys.Offset, Keys.Run> entry : touching(inode, offset, end).entrySet()) {
        long at = entry.getKey().offset();
        Keys.Run run = entry.getValue();
        if (run.block() != piece.getBlock()
            || run.blockOffset() - piece.getBlockOffset() != at - offset) {
          continue;
        }
        boolean hole =
            at <= offset && !ranges.isEmpty() && ranges.getLast().end == before && before < offset;
        if (hole && touching(inode, before, offset).isEmpty()) {
          join(ranges, before, offset);
        }
        join(ranges, Math.max(at, offset), Math.min(at + run.length(), end));
      }
      before = end;
    }
    return ranges;
  }

  private static void join(List<Range> ranges, long start, long end) {
    boolean follows = !ranges.isEmpty() && ranges.getLast().end == start;
    ranges.add(new Range(follows ? ranges.removeLast().start : start, end));
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
