package io.sandstore.node;

import io.sandstore.namespace.Namespace;
import io.sandstore.namespace.Namespace.Piece;
import java.util.ArrayList;
import java.util.List;

/**
 * Which pieces of a file to merge. Two aims pull apart: few pieces, and few bytes written again. As
 * in a log-structured merge tree (O'Neil et al. 1996), pieces are merged with their like: what
 * comes out is at least twice as long as the longest that went in, so that a byte is written again
 * no more often than its piece can double. Too many of them are merged whatever it costs.
 *
 * <p>When there is nothing left to do, fewer than {@link #MANY} small pieces lie side by side: a
 * file of n bytes has at most n / 1000 + {@value #MANY} pieces for each stretch between longer
 * holes.
 */
final class MergePlan {

  /** A piece this long is never merged again. */
  static final int LARGE_BYTES = 256 << 10;

  /** Longest block that is made. */
  static final int BLOCK_BYTES_MAX = 1 << 20;

  /** A hole up to this is filled with zeros: on its disk a piece takes as much. */
  static final int HOLE_BYTES_MAX = 4096;

  private static final int FEW = 4;
  static final int MANY = 256;

  private MergePlan() {}

  /** Whether a piece can be in one block with the one before. */
  static boolean continues(Piece before, Piece piece) {
    return before.inode() == piece.inode()
        && isSmall(before)
        && isSmall(piece)
        && piece.offset() - before.end() <= HOLE_BYTES_MAX;
  }

  private static boolean isSmall(Piece piece) {
    return piece.length() < LARGE_BYTES;
  }

  /**
   * Parts to merge, each into one block.
   *
   * @param run pieces of one file that {@link #continues continue} one another
   */
  static List<List<Piece>> of(List<Piece> run) {
    List<List<Piece>> chosen = new ArrayList<>();
    int from = 0;
    while (from < run.size()) {
      int to = from + 1;
      while (to < run.size()
          && to - from < Namespace.MERGE_PIECES_MAX
          && run.get(to).end() - run.get(from).offset() <= BLOCK_BYTES_MAX) {
        to++;
      }
      choose(run.subList(from, to), chosen);
      from = to;
    }
    return chosen;
  }

  /** All of a window, or what is on both sides of a piece that outweighs the rest. */
  private static void choose(List<Piece> window, List<List<Piece>> chosen) {
    if (window.size() < FEW) {
      return;
    }
    long bytes = 0;
    int longest = 0;
    for (int i = 0; i < window.size(); i++) {
      bytes += window.get(i).length();
      longest = window.get(i).length() > window.get(longest).length() ? i : longest;
    }
    if (window.size() >= MANY || bytes >= 2L * window.get(longest).length()) {
      chosen.add(List.copyOf(window));
      return;
    }
    choose(window.subList(0, longest), chosen);
    choose(window.subList(longest + 1, window.size()), chosen);
  }
}
