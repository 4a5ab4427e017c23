package io.sandstore.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** The bound on the file data that a process has in flight. */
class BufferPoolTest {

  private final BufferPool pool = new BufferPool(2, 100);

  @Test
  void aBufferIsEmptyAndAsLongAsAsked() {
    try (BufferPool.Lease lease = pool.take(10)) {
      lease.buffer().put(new byte[10]);
    }
    try (BufferPool.Lease lease = pool.take(7)) {
      assertThat(lease.buffer().position()).isZero();
      assertThat(lease.buffer().limit()).isEqualTo(7);
    }
  }

  @Test
  void moreThanABufferIsRefusedBeforeOneIsTaken() {
    assertThatThrownBy(() -> pool.take(101)).isInstanceOf(IllegalArgumentException.class);
    assertThat(pool.used()).isZero();
    pool.take(100).close();
  }

  /** Else it would be lent to two at once. */
  @Test
  void whatIsGivenBackTwiceIsBackOnce() {
    BufferPool.Lease first = pool.take(1);
    first.close();
    first.close();
    ByteBuffer one = pool.take(1).buffer();
    ByteBuffer other = pool.take(1).buffer();
    assertThat(one).isNotSameAs(other);
    assertThat(pool.used()).isEqualTo(2);
  }

  @Test
  void whoComesWhenAllAreOnLoanGetsTheOneThatIsGivenBack() throws Exception {
    BufferPool.Lease lease = pool.take(1);
    pool.take(1);
    CountDownLatch taken = new CountDownLatch(1);
    Thread waiting =
        Thread.ofPlatform()
            .start(
                () -> {
                  pool.take(1);
                  taken.countDown();
                });
    while (waiting.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertThat(taken.getCount()).isEqualTo(1);
    lease.close();
    waiting.join();
    assertThat(taken.getCount()).isZero();
    assertThat(pool.used()).isEqualTo(2);
  }
}
