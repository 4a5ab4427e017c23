package io.sandstore.node;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.namespace.Namespace;
import io.sandstore.namespace.Namespace.Piece;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What to merge, by itself: a file is a list of pieces here. */
class MergePlanTest {

  private final List<Piece> file = new ArrayList<>();
  private long nextBlock = 1;
  private long written;

  private void append(int length) {
    long end = file.isEmpty() ? 0 : file.getLast().end();
    file.add(new Piece(1, end, length, nextBlock++, 0));
  }

  /** One walk over the file; true if something was merged. */
  private boolean merge() {
    List<Piece> after = new ArrayList<>();
    boolean changed = false;
    for (int from = 0; from < file.size(); ) {
      int to = from + 1;
      while (to < file.size() && MergePlan.continues(file.get(to - 1), file.get(to))) {
        to++;
      }
      List<Piece> run = file.subList(from, to);
      List<List<Piece>> parts = MergePlan.of(run);
      for (Piece piece : run) {
        boolean first = parts.stream().anyMatch(part -> part.getFirst().equals(piece));
        boolean inside = parts.stream().anyMatch(part -> part.contains(piece));
        if (first) {
          List<Piece> part =
              parts.stream().filter(p -> p.getFirst().equals(piece)).findFirst().orElseThrow();
          int length = (int) (part.getLast().end() - piece.offset());
          assertThat(length).isLessThanOrEqualTo(MergePlan.BLOCK_BYTES_MAX);
          assertThat(part).hasSizeBetween(2, Namespace.MERGE_PIECES_MAX);
          written += length;
          after.add(new Piece(1, piece.offset(), length, nextBlock++, 0));
          changed = true;
        } else if (!inside) {
          after.add(piece);
        }
      }
      from = to;
    }
    file.clear();
    file.addAll(after);
    return changed;
  }

  private void mergeAll() {
    for (int i = 0; merge(); i++) {
      assertThat(i).as("walks until there is nothing to do").isLessThan(50);
    }
  }

  private long bytes() {
    return file.stream().mapToLong(Piece::length).sum();
  }

  private void assertBound() {
    assertThat((long) file.size()).isLessThanOrEqualTo(bytes() / 1000 + MergePlan.MANY);
  }

  @Test
  void manySmallAppendsBecomeFewPieces() {
    for (int i = 0; i < 30_000; i++) {
      append(100);
    }
    mergeAll();
    assertThat(file).hasSizeLessThan(20);
    assertBound();
  }

  @Test
  void whatIsAppendedWhileMergingGoesOnIsWrittenAgainFewTimes() {
    for (int i = 0; i < 30_000; i++) {
      append(100);
      if (i % 50 == 0) {
        merge();
      }
    }
    mergeAll();
    assertBound();
    assertThat(written).isLessThan(13 * bytes()); // log2(256 KiB / 100 B) = 12 doublings
  }

  @Test
  void piecesOfAnySizesAreBoundedByTheirBytes() {
    for (long seed = 1; seed <= 300; seed++) {
      Random random = new Random(seed);
      file.clear();
      int count = 1 + random.nextInt(3000);
      for (int i = 0; i < count; i++) {
        append(1 + random.nextInt(1 << random.nextInt(20)));
      }
      List<Piece> before = List.copyOf(file);
      mergeAll();
      assertBound();
      assertThat(bytes()).isEqualTo(before.stream().mapToLong(Piece::length).sum());
    }
  }

  /** Each piece outweighs all before it together: the costliest there is to merge. */
  @Test
  void piecesThatDoubleAreLeftAloneUntilThereAreMany() {
    for (int i = 0; i < 17; i++) {
      append(1 << i);
    }
    append(1 << 17);
    mergeAll();
    assertBound();
    file.clear();
    for (int i = 0; i < 300; i++) {
      append(i % 2 == 0 ? 1 : 100_000);
    }
    mergeAll();
    assertBound();
  }

  @Test
  void largePiecesLongHolesAndOtherFilesAreNotCrossed() {
    Piece first = new Piece(1, 0, 100, 1, 0);
    assertThat(MergePlan.continues(first, new Piece(1, 100, 100, 2, 0))).isTrue();
    assertThat(MergePlan.continues(first, new Piece(1, 100 + 4096, 100, 2, 0))).isTrue();
    assertThat(MergePlan.continues(first, new Piece(1, 101 + 4096, 100, 2, 0))).isFalse();
    assertThat(MergePlan.continues(first, new Piece(1, 100, MergePlan.LARGE_BYTES, 2, 0)))
        .isFalse();
    assertThat(MergePlan.continues(first, new Piece(2, 100, 100, 2, 0))).isFalse();
  }
}
