package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.replication.Elapsed;
import org.junit.jupiter.api.Test;

class ElapsedTest {

  private static final long MILLI = 1_000_000;

  @Test
  void aThousandBatchesASecondAddUpToThatSecond() {
    Elapsed elapsed = new Elapsed();
    long sum = 0;
    for (long i = 1; i <= 10_000; i++) {
      sum += elapsed.millis(1, 0, i * MILLI / 10);
    }
    assertThat(sum).isEqualTo(1000);
  }

  @Test
  void aNewLeaderCountsFromTheLastBatchOfTheOneBefore() {
    Elapsed elapsed = new Elapsed();
    assertThat(elapsed.millis(3, 100 * MILLI, 900 * MILLI)).isEqualTo(800);
    assertThat(elapsed.millis(3, 100 * MILLI, 950 * MILLI)).isEqualTo(50);
    assertThat(elapsed.millis(7, 5000 * MILLI, 5001 * MILLI)).isEqualTo(1);
    assertThat(elapsed.millis(8, 6000 * MILLI, 5500 * MILLI)).isZero();
  }
}
