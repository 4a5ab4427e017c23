package io.sandstore.raft;

import io.sandstore.host.Clock;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;

/**
 * Writes in the background: rests after every part for twice as long as it took, so that requests
 * have the processor and the disk for most of the time.
 */
final class Paced extends OutputStream {

  static final int PART_BYTES = 256 << 10;

  /** A part that took long was not slow by its own doing. */
  private static final long REST_NANOS_MAX = Duration.ofMillis(100).toNanos();

  private final OutputStream out;
  private final Clock clock;
  private long began;
  private int bytes;

  Paced(OutputStream out, Clock clock) {
    this.out = out;
    this.clock = clock;
    this.began = clock.nanos();
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] from, int offset, int length) throws IOException {
    out.write(from, offset, length);
    bytes += length;
    if (bytes >= PART_BYTES) {
      bytes = 0;
      rest(Math.min(REST_NANOS_MAX, 2 * (clock.nanos() - began)));
      began = clock.nanos();
    }
  }

  private void rest(long nanos) {
    if (nanos > 0) {
      try {
        clock.sleep(Duration.ofNanos(nanos));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // then without a rest
      }
    }
  }
}
