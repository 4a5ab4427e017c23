package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.wire.Batch;
import io.sandstore.wire.NamespaceHeader;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What a primary's clock may do to the cluster's time. */
class ClusterTimeTest {

  private static final long NOW = 1_700_000_000_000L;
  private static final long YEAR = 365L * 24 * 3_600_000;

  private static Batch batch(long time, long elapsed) {
    return Batch.newBuilder().setTimeMs(time).setElapsedMs(elapsed).build();
  }

  private static ClusterTime begun() {
    return ClusterTime.UNKNOWN.after(batch(NOW, 0));
  }

  @Test
  void followsAClockThatIsRight() {
    ClusterTime time = begun();
    for (int i = 1; i <= 100_000; i++) {
      time = time.after(batch(NOW + i * 7L, 7));
      assertThat(time.dateMs()).isEqualTo(NOW + i * 7L);
      assertThat(time.ageMs()).isEqualTo(NOW + i * 7L);
    }
  }

  @Test
  void aYearAheadForASecondLeavesNoTrace() {
    ClusterTime time = begun();
    for (int i = 1; i <= 10; i++) {
      time = time.after(batch(NOW + YEAR + i * 100L, 100));
      assertThat(time.dateMs()).isEqualTo(NOW + i * 100L);
    }
    time = time.after(batch(NOW + 1100, 100));
    assertThat(time).isEqualTo(new ClusterTime(NOW + 1100, NOW + 1100, 0, 0));
  }

  @Test
  void aClockThatStaysOffIsFollowedAndSoIsItsReturn() {
    ClusterTime time = begun();
    long real = NOW;
    for (int i = 0; i < 200; i++) {
      real += 100;
      time = time.after(batch(real + YEAR, 100));
    }
    assertThat(time.dateMs()).isEqualTo(real + YEAR);
    int batches = 0;
    while (time.dateMs() != real) {
      real += 100;
      time = time.after(batch(real, 100));
      batches++;
    }
    assertThat(batches * 100L).isBetween(ClusterTime.CONFIRM_MS, ClusterTime.CONFIRM_MS + 200);
    assertThat(time.ageMs()).as("no wall clock moves the age").isEqualTo(real);
  }

  @Test
  void aClockThatJumpsToAndFroIsNeverBelieved() {
    Random random = new Random(1);
    ClusterTime time = begun();
    long real = NOW;
    for (int i = 0; i < 10_000; i++) {
      real += 500;
      long jump = random.nextInt(3) == 0 ? 0 : random.nextLong(-YEAR, YEAR);
      time = time.after(batch(real + jump, 500));
      assertThat(time.dateMs()).isBetween(real - 20_000, real + 20_000);
      assertThat(time.ageMs()).isEqualTo(real);
    }
  }

  @Test
  void smallDifferencesOfTwoPrimariesNeverTakeTheDateBack() {
    ClusterTime time = begun();
    long real = NOW;
    for (int i = 0; i < 1000; i++) {
      real += 50;
      long before = time.dateMs();
      time = time.after(batch(real + (i % 2 == 0 ? 4000 : -4000), 50));
      assertThat(time.dateMs()).isBetween(before, real + 4000);
    }
  }

  @Test
  void theDateFollowsSoonAfterATimeWithoutAPrimaryAndTheAgeDoesNotCountIt() {
    ClusterTime time = begun();
    long real = NOW + 10 * YEAR;
    time = time.after(batch(real, 0));
    assertThat(time.dateMs()).isEqualTo(NOW);
    time = time.after(batch(real + 10_000, 10_000));
    assertThat(time.dateMs()).isEqualTo(real + 10_000);
    assertThat(time.ageMs()).isEqualTo(NOW + 10_000);
  }

  @Test
  void whateverABatchSaysNothingOverflows() {
    long[] odd = {Long.MIN_VALUE, -1, 0, 1, NOW, Long.MAX_VALUE};
    ClusterTime time = begun();
    for (int round = 0; round < 50; round++) {
      for (long said : odd) {
        for (long elapsed : odd) {
          long before = time.ageMs();
          time = time.after(batch(said, elapsed));
          assertThat(time.dateMs()).isBetween(0L, 1L << 51);
          assertThat(time.ageMs()).isBetween(before, before + ClusterTime.ELAPSED_MAX_MS);
        }
      }
    }
  }

  @Test
  void batchesOfAnEarlierReleaseMeanWhatTheyMeantThere() {
    ClusterTime time = begun().after(Batch.newBuilder().setTimeMs(NOW + YEAR).build());
    assertThat(time).isEqualTo(new ClusterTime(NOW + YEAR, NOW + YEAR, 0, 0));
    assertThat(time.after(Batch.newBuilder().setTimeMs(NOW).build())).isEqualTo(time);
  }

  @Test
  void goesThroughASnapshotAndAnOldSnapshotBeginsTheAge() {
    ClusterTime time = new ClusterTime(NOW, NOW - 5, -YEAR, 77);
    NamespaceHeader.Builder header = NamespaceHeader.newBuilder();
    time.writeTo(header);
    assertThat(ClusterTime.of(header.build())).isEqualTo(time);
    assertThat(ClusterTime.of(NamespaceHeader.newBuilder().setTimeMs(NOW).build()))
        .isEqualTo(new ClusterTime(NOW, NOW, 0, 0));
  }
}
