package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The circuit breaker, in a time of the test's own. */
class RpcHealthTest {

  private static final long PAUSE = RpcHealth.PAUSE_MIN_NANOS;

  private final RpcHealth health = new RpcHealth();
  private long now = Long.MAX_VALUE - 1000; // a monotonic clock may overflow

  @Test
  void aPeerIsTrustedUntilItFails() {
    assertThat(health.isSuspect(now)).isFalse();
    assertThat(health.claimProbe(now, false)).isFalse();
    health.failed(now);
    assertThat(health.isSuspect(now)).isTrue();
  }

  @Test
  void aStrangerIsAskedOnceWhoItIs() {
    assertThat(health.claimProbe(now, true)).isTrue();
    assertThat(health.claimProbe(now, true)).isFalse();
    health.probed(true, now);
    assertThat(health.claimProbe(now, true)).isFalse();
    assertThat(health.isSuspect(now)).isFalse();
  }

  @Test
  void oneProbeAtATimeFindsOutThatItIsBack() {
    health.failed(now);
    assertThat(health.claimProbe(now + PAUSE - 1, false)).isFalse();
    now += PAUSE;
    assertThat(health.claimProbe(now, false)).isTrue();
    assertThat(health.claimProbe(now, false)).isFalse();
    assertThat(health.isSuspect(now)).isTrue();
    health.probed(true, now);
    assertThat(health.isSuspect(now)).isFalse();
  }

  @Test
  void probesThatFailComeLessAndLessOften() {
    health.failed(now);
    long pause = PAUSE;
    for (int i = 0; i < 10; i++) {
      assertThat(health.claimProbe(now + pause - 1, false)).isFalse();
      now += pause;
      assertThat(health.claimProbe(now, false)).isTrue();
      health.probed(false, now);
      assertThat(health.isSuspect(now)).isTrue();
      pause = Math.min(2 * pause, RpcHealth.PAUSE_MAX_NANOS);
    }
    assertThat(pause).isEqualTo(RpcHealth.PAUSE_MAX_NANOS);
  }

  @Test
  void manyRequestsThatFailTogetherAreOneFailure() {
    for (int i = 0; i < 8; i++) {
      health.failed(now + i);
    }
    assertThat(health.claimProbe(now + PAUSE, false)).isTrue();
  }

  @Test
  void anAnswerThatWasOnItsWayProvesNothing() {
    health.failed(now);
    health.answered(now + PAUSE - 1);
    assertThat(health.isSuspect(now + PAUSE - 1)).isTrue();
    health.answered(now + PAUSE);
    assertThat(health.isSuspect(now + PAUSE)).isFalse();
  }

  @Test
  void suspicionThatNobodyRenewsDecays() {
    health.failed(now);
    now += RpcHealth.FORGOTTEN_AFTER_NANOS;
    assertThat(health.isSuspect(now)).isFalse();
    health.failed(now);
    assertThat(health.claimProbe(now + PAUSE, false)).isTrue(); // and the pause is short again
  }
}
