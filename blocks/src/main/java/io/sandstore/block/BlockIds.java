package io.sandstore.block;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.replication.Cluster;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Command;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Ids for new blocks, taken from the log in ranges. A range is used for a short time only: ids that
 * fall below the block floor could not be referenced any more.
 */
final class BlockIds {

  private static final int RANGE = 256;
  private static final Duration USE = Duration.ofSeconds(60);

  private final Clock clock;
  private final Cluster cluster;
  private final ReentrantLock lock = new ReentrantLock();
  private long next;
  private long end;
  private long takenAt;

  BlockIds(Clock clock, Cluster cluster) {
    this.clock = clock;
    this.cluster = cluster;
  }

  long next(Deadline deadline) throws IOException, InterruptedException {
    lock.lockInterruptibly(); // across the log on purpose: those who wait need the same answer
    try {
      if (next == end || clock.nanos() - takenAt > USE.toNanos()) {
        takenAt = clock.nanos();
        Command command =
            Command.newBuilder()
                .setAllocateBlocks(AllocateBlocks.newBuilder().setCount(RANGE))
                .build();
        Outcome outcome = cluster.mutate(command, deadline);
        if (outcome.hasFault()) {
          throw PosixException.of(outcome.getFault());
        }
        next = outcome.getValue();
        end = next + RANGE;
      }
      return next++;
    } finally {
      lock.unlock();
    }
  }
}
