package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.block.HolderMask;
import org.junit.jupiter.api.Test;

class ExtentsTest {

  private static final int PIECES = Extents.COPIED_MAX + 10;

  private final Blocks blocks = new Blocks(new HolderMask());
  private final Extents extents = new Extents(blocks);

  @Test
  void aCopyEndsBeforeTheFirstExtentThatIsOneTooManyAndGoesOnFromThere() {
    for (int i = 0; i < PIECES; i++) {
      long block = blocks.allocate(1);
      blocks.add(block, 1, 1);
      extents.insert(1, 3L * i, new Keys.Run(1, block, 0));
    }
    long end = 3L * PIECES;
    long copied = extents.copy(1, 0, end, 2, 100);
    assertThat(copied).isEqualTo(3L * Extents.COPIED_MAX);
    assertThat(extents.touching(2, 0, Long.MAX_VALUE)).hasSize(Extents.COPIED_MAX);
    assertThat(extents.copy(1, copied, end, 2, 100 + copied)).isEqualTo(end - copied);
    assertThat(extents.touching(2, 0, Long.MAX_VALUE)).hasSize(PIECES);

    extents.cut(1, 0, end);
    assertThat(blocks.takeReleased()).isEmpty();
    extents.cut(2, 0, Long.MAX_VALUE);
    assertThat(blocks.takeReleased()).hasSize(PIECES);
  }

  @Test
  void whatACopyCoversIsGoneAndAHoleIsCopiedAsAHole() {
    for (int i = 0; i < 3; i++) {
      long block = blocks.allocate(1);
      blocks.add(block, 100, 1);
      extents.insert(i == 0 ? 1 : 2, i == 2 ? 100 : 0, new Keys.Run(100, block, 0));
    }
    assertThat(extents.copy(1, 90, 200, 2, 50)).isEqualTo(110);
    assertThat(extents.touching(2, 0, 1000).keySet().stream().map(Keys.Offset::offset))
        .containsExactly(0L, 50L, 160L);
    assertThat(extents.touching(2, 0, 1000).values().stream().map(Keys.Run::length))
        .containsExactly(50, 10, 40);
  }
}
