package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Chains of pages against a model of them. */
class PageMemoryTest {

  private record Chain(int first, int pages, byte[] content) {}

  private static ByteBuffer read(PageMemory memory, Chain chain, int offset, int length) {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    memory.read(chain.first, offset, bytes);
    return bytes.flip();
  }

  /** More pages than a slab, so that chains lie across its end, too. */
  @Test
  void everyFreePageServesAndNoPageServesTwice() {
    PageMemory memory = new PageMemory(40_000, PageMemory::ofSystem);
    Random random = new Random(1);
    List<Chain> chains = new ArrayList<>();
    int used = 0;
    int inPieces = 0;
    for (int i = 0; i < 4000; i++) {
      int pages = 1 + random.nextInt(random.nextInt(20) == 0 ? 4096 : 40);
      int first = memory.allocate(pages);
      assertThat(first >= 0).as("there is room").isEqualTo(pages <= 40_000 - used);
      if (first >= 0) {
        byte[] content = new byte[pages * PageMemory.PAGE_BYTES - random.nextInt(1000)];
        random.nextBytes(content);
        memory.write(first, 0, ByteBuffer.wrap(content));
        chains.add(new Chain(first, pages, content));
        used += pages;
      } else {
        for (int n = chains.size() / 3; n >= 0; n--) {
          Chain freed = chains.remove(random.nextInt(chains.size()));
          memory.free(freed.first);
          used -= freed.pages;
        }
      }
      assertThat(memory.free()).isEqualTo(40_000 - used);
      Chain any = chains.get(random.nextInt(chains.size()));
      int at = random.nextInt(any.content.length);
      int length = 1 + random.nextInt(any.content.length - at);
      ByteBuffer expected = ByteBuffer.wrap(any.content, at, length).slice();
      assertThat(read(memory, any, at, length)).isEqualTo(expected);
      ByteBuffer view = memory.view(any.first, at, length);
      inPieces += view == null ? 1 : 0;
      assertThat(view == null || view.equals(expected)).isTrue();
    }
    for (Chain chain : chains) {
      assertThat(read(memory, chain, 0, chain.content.length).array()).isEqualTo(chain.content);
    }
    assertThat(inPieces).as("chains in pieces occur").isPositive();
  }

  @Test
  void aSystemThatGivesNoMoreLeavesWhatThereIs() {
    int slab = 32 << 10;
    List<Integer> given = new ArrayList<>();
    PageMemory memory =
        new PageMemory(
            3 * slab,
            bytes -> {
              if (given.size() == 1) {
                throw new OutOfMemoryError("no more");
              }
              given.add(bytes);
              return ByteBuffer.allocateDirect(bytes);
            });
    int first = memory.allocate(slab);
    assertThatThrownBy(() -> memory.allocate(1)).isInstanceOf(OutOfMemoryError.class);
    assertThat(memory.free()).isEqualTo(2 * slab);
    memory.free(first);
    assertThat(memory.allocate(slab)).isNotNegative();
    assertThat(given).containsExactly(slab * PageMemory.PAGE_BYTES);
  }

  @Test
  void whatIsLongerThanAnyHoleIsLaidIntoSeveral() {
    PageMemory memory = new PageMemory(100, PageMemory::ofSystem);
    List<Integer> single = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      single.add(memory.allocate(1));
    }
    for (int i = 0; i < 100; i += 2) {
      memory.free(single.get(i));
    }
    assertThat(memory.fragments()).isEqualTo(50);
    byte[] content = new byte[50 * PageMemory.PAGE_BYTES];
    new Random(2).nextBytes(content);
    int first = memory.allocate(50);
    memory.write(first, 0, ByteBuffer.wrap(content));
    assertThat(memory.free()).isZero();
    assertThat(memory.allocate(1)).isNegative();
    assertThat(memory.view(first, 0, 2000)).isNull();
    assertThat(read(memory, new Chain(first, 50, content), 0, content.length).array())
        .isEqualTo(content);
    memory.free(first);
    assertThat(memory.free()).isEqualTo(50);
  }
}
