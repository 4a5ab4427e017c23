package io.sandstore.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** A bounded queue whose reader takes everything there is. */
class MailboxTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private final HandClock clock = new HandClock();
  private final Mailbox<Integer> box = new Mailbox<>(clock, 3);

  @Test
  void everythingIsTakenInTheOrderInWhichItCame() throws Exception {
    assertThat(box.offer(1)).isTrue();
    assertThat(box.offer(2)).isTrue();
    assertThat(box.take(SECOND)).containsExactly(1, 2);
    assertThat(box.size()).isZero();
    assertThat(clock.nanos()).as("nobody waited").isZero();
  }

  @Test
  void whatDoesNotFitIsRefusedAndWhatMayNotGetLostIsNot() throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThat(box.offer(i)).isTrue();
    }
    assertThat(box.offer(3)).isFalse();
    box.put(4);
    assertThat(box.offer(5)).isFalse();
    assertThat(box.take(SECOND)).containsExactly(0, 1, 2, 4);
    assertThat(box.offer(6)).as("there is room again").isTrue();
  }

  @Test
  void aReaderWaitsNoLongerThanItSaid() throws Exception {
    assertThat(box.take(SECOND)).isEmpty();
    assertThat(clock.nanos()).isEqualTo(SECOND.toNanos());
  }

  @Test
  void anItemEndsTheWait() throws Exception {
    clock.meanwhile = () -> box.offer(7);
    assertThat(box.take(SECOND)).containsExactly(7);
    assertThat(clock.nanos()).isZero();
    clock.meanwhile = () -> box.put(8);
    assertThat(box.take(SECOND)).containsExactly(8);
    assertThat(clock.nanos()).isZero();
  }

  /** Nobody waits any more: the next item must not be lost on who waited before. */
  @Test
  void whatComesAfterAWaitThatEndedIsTakenByTheNextOne() throws Exception {
    assertThat(box.take(SECOND)).isEmpty();
    box.offer(9);
    assertThat(box.take(SECOND)).containsExactly(9);
  }
}
