package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrozenMapTest {

  private static long weight(Integer key, Integer value) {
    return 100 + value;
  }

  /** Against a copy, with changes of every kind between the slices. */
  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void readsTheStateOfTheMomentWhileItChanges(int slice) {
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      FrozenMap<Integer, Integer> map = new FrozenMap<>(FrozenMapTest::weight);
      change(map, random, random.nextInt(200));
      TreeMap<Integer, Integer> copy = new TreeMap<>(map.live);
      map.freeze();
      List<Map.Entry<Integer, Integer>> read = new ArrayList<>();
      List<Map.Entry<Integer, Integer>> next;
      change(map, random, random.nextInt(20));
      while (!(next = map.nextSlice(slice)).isEmpty()) {
        assertThat(next.size()).isLessThanOrEqualTo(slice);
        read.addAll(next);
        change(map, random, random.nextInt(20));
        if (random.nextInt(50) == 0) {
          map.clear();
        }
      }
      assertThat(read).as("seed %d", seed).isEqualTo(List.copyOf(copy.entrySet()));
      assertThat(map.isFrozen()).isFalse();
      long all = map.live.values().stream().mapToLong(value -> 100 + value).sum();
      assertThat(map.bytes()).as("seed %d", seed).isEqualTo(all);
    }
  }

  private static void change(FrozenMap<Integer, Integer> map, Random random, int times) {
    for (int i = 0; i < times; i++) {
      int key = random.nextInt(150);
      if (random.nextInt(3) == 0) {
        map.remove(key);
      } else {
        map.put(key, random.nextInt(1000));
      }
    }
  }

  /** A snapshot takes seconds, in which thousands of files are created. */
  @Test
  void whatIsAddedBehindTheLastKeyNeedsNoMemoryOfItsAbsence() {
    FrozenMap<Integer, Integer> map = new FrozenMap<>(FrozenMapTest::weight);
    map.put(1, 1);
    map.freeze();
    map.put(2, 2);
    assertThat(map.bytes()).isEqualTo(101 + 102);
    assertThat(map.nextSlice(10)).containsExactly(Map.entry(1, 1));
  }

  @Test
  void isFilledInOrderOrNotAtAll() {
    FrozenMap<Integer, Integer> map = new FrozenMap<>(FrozenMapTest::weight);
    map.load(3, List.of(Map.entry(1, 1), Map.entry(5, 2), Map.entry(7, 3)).iterator());
    assertThat(map.live).containsExactly(Map.entry(1, 1), Map.entry(5, 2), Map.entry(7, 3));
    assertThat(map.bytes()).isEqualTo(306);
    FrozenMap<Integer, Integer> other = new FrozenMap<>(FrozenMapTest::weight);
    assertThatThrownBy(() -> other.load(2, List.of(Map.entry(5, 1), Map.entry(5, 2)).iterator()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
