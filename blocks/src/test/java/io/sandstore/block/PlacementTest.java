package io.sandstore.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class PlacementTest {

  private static Configuration members(int count) {
    return Configurations.founders(
        LongStream.rangeClosed(1, count)
            .mapToObj(i -> Member.newBuilder().setId(i * 7919).setName("n" + i).build())
            .toList());
  }

  @Test
  void blocksAreSpreadOverAllMembersAndNotTheFirstThree() {
    Map<String, Integer> counts = new HashMap<>();
    for (long block = 1; block <= 10_000; block++) {
      List<Member> holders = Placement.of(block, members(5));
      assertThat(holders).hasSize(3).doesNotHaveDuplicates();
      holders.forEach(member -> counts.merge(member.getName(), 1, Integer::sum));
    }
    assertThat(counts).hasSize(5);
    assertThat(counts.values()).allMatch(count -> count > 5_500 && count < 6_500);
  }

  @Test
  void aMemberThatGoesMovesOnlyItsOwnBlocks() {
    Configuration five = members(5);
    Configuration four = five.toBuilder().removeMembers(2).build();
    for (long block = 1; block <= 1000; block++) {
      List<Member> before = Placement.of(block, five);
      List<Member> after = Placement.of(block, four);
      long kept = before.stream().filter(after::contains).count();
      assertThat(kept).isEqualTo(before.contains(five.getMembers(2)) ? 2 : 3);
    }
  }

  @Test
  void candidatesAreWhatIsMissing() {
    Configuration five = members(5);
    assertThat(Placement.candidates(1, 0b111, five)).isEmpty();
    assertThat(Placement.candidates(1, 0b001, five)).hasSize(2).noneMatch(m -> m.getSlot() == 0);
    assertThat(Placement.candidates(1, 0b11, members(2))).isEmpty();
  }
}
