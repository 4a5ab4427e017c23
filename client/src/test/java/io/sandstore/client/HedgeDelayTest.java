package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class HedgeDelayTest {

  private final HedgeDelay hedges = new HedgeDelay();

  private void answered(int times, Duration latency) {
    for (int i = 0; i < times; i++) {
      hedges.answered(latency.toNanos());
    }
  }

  @Test
  void theDelayIsWhatNineteenOfTwentyAnswersTake() {
    assertThat(hedges.delay()).isEqualTo(HedgeDelay.UNTIL_KNOWN);
    answered(60, Duration.ofMillis(80));
    answered(4, Duration.ofMillis(700));
    assertThat(hedges.delay()).isEqualTo(Duration.ofMillis(700));
    answered(61, Duration.ofMillis(80));
    assertThat(hedges.delay()).isEqualTo(Duration.ofMillis(80));
  }

  @Test
  void theDelayHasBounds() {
    answered(64, Duration.ofNanos(100));
    assertThat(hedges.delay()).isEqualTo(HedgeDelay.SHORTEST);
    answered(64, Duration.ofMinutes(1));
    assertThat(hedges.delay()).isEqualTo(HedgeDelay.LONGEST);
  }

  @Test
  void oneInTenRequestsMayBeAskedTwice() {
    int burst = 0;
    while (hedges.mayHedge()) {
      burst++;
    }
    assertThat(burst).isEqualTo(HedgeDelay.BURST);
    answered(HedgeDelay.REQUESTS_PER_HEDGE - 1, Duration.ofMillis(1));
    assertThat(hedges.mayHedge()).isFalse();
    answered(1, Duration.ofMillis(1));
    assertThat(hedges.mayHedge()).isTrue();
    assertThat(hedges.mayHedge()).isFalse();
    answered(100_000, Duration.ofMillis(1));
    burst = 0;
    while (hedges.mayHedge()) {
      burst++;
    }
    assertThat(burst).isEqualTo(HedgeDelay.BURST);
  }
}
