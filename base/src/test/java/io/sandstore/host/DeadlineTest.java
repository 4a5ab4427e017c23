package io.sandstore.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** How much time is left, at its edges. */
class DeadlineTest {

  private final HandClock clock = new HandClock();

  @Test
  void theMomentItselfIsTooLate() {
    Deadline deadline = clock.deadline(Duration.ofMillis(10));
    clock.turn(Duration.ofNanos(9_999_999));
    assertThat(deadline.passed()).isFalse();
    assertThat(deadline.left()).isEqualTo(Duration.ofNanos(1));
    clock.turn(Duration.ofNanos(1));
    assertThat(deadline.passed()).isTrue();
    assertThat(deadline.left()).isZero();
  }

  @Test
  void whatIsLeftIsNeverLessThanNothing() {
    Deadline deadline = clock.deadline(Duration.ofMillis(10));
    clock.turn(Duration.ofDays(300));
    assertThat(deadline.left()).isZero();
    assertThat(deadline.leftAtMost(Duration.ofSeconds(1))).isZero();
    assertThat(clock.deadline(Duration.ZERO).passed()).isTrue();
  }

  @Test
  void aPartMayTakeWhatIsLeftAndNoMore() {
    Deadline deadline = clock.deadline(Duration.ofSeconds(3));
    assertThat(deadline.leftAtMost(Duration.ofSeconds(2))).isEqualTo(Duration.ofSeconds(2));
    clock.turn(Duration.ofSeconds(2));
    assertThat(deadline.leftAtMost(Duration.ofSeconds(2))).isEqualTo(Duration.ofSeconds(1));
  }
}
