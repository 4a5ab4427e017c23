package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * Blocks that living clients have shipped and may still name in a command, as they tell the primary
 * every 10 s: the block floor waits for them.
 *
 * <p>What a primary knows of a hold is lost with it, which is safe: its successor leaves the floor
 * where it is for a whole {@code SANDSTORE_BLOCK_GRACE_S}, and hears of every hold long before.
 */
final class BlockHolds {

  /** As many clients can hold blocks at a time. */
  static final int HOLDERS_MAX = 100_000;

  /** A hold that is not repeated ends: its client is dead, or cut off. */
  static final Duration LIFE = Duration.ofSeconds(60);

  private record Hold(long lowest, long atNanos) {}

  private final Clock clock;
  private final Map<Long, Hold> holds = new HashMap<>();

  BlockHolds(Clock clock) {
    this.clock = clock;
  }

  /**
   * Keeps the floor at or below a block for {@link #LIFE}, instead of what the holder said before.
   *
   * @param lowest a block; 0: the holder has none any more
   * @throws PosixException EAGAIN if {@link #HOLDERS_MAX} others hold blocks
   */
  synchronized void hold(long holder, long lowest) throws PosixException {
    if (lowest <= 0) {
      holds.remove(holder);
      return;
    }
    if (holds.size() >= HOLDERS_MAX && !holds.containsKey(holder)) {
      dropDead();
      if (holds.size() >= HOLDERS_MAX) {
        throw new PosixException(Errno.EAGAIN, "too many clients hold blocks");
      }
    }
    holds.put(holder, new Hold(lowest, clock.nanos()));
  }

  /** The lowest block that somebody holds; {@link Long#MAX_VALUE} if nobody holds any. */
  synchronized long lowest() {
    dropDead();
    return holds.values().stream().mapToLong(Hold::lowest).min().orElse(Long.MAX_VALUE);
  }

  private void dropDead() {
    long now = clock.nanos();
    holds.values().removeIf(hold -> now - hold.atNanos() > LIFE.toNanos());
  }
}
