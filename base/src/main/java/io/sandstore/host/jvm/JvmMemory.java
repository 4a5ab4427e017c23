package io.sandstore.host.jvm;

import io.sandstore.host.Memory;

/**
 * The heap. How full the JVM says it is depends on when it last collected, and just after a start
 * mostly on garbage; the state's own measure does not: what was accepted is accepted again.
 */
final class JvmMemory implements Memory {

  /**
   * What the state may take. The rest is for what is young (32 MiB), the cached end of the log and
   * what waits to be applied (20 MiB), the program (25 MiB), and room without which collections
   * would follow one another.
   */
  private static final double STATE_SHARE = 0.7;

  private final long stateBytesMax;

  JvmMemory() {
    this(Runtime.getRuntime().maxMemory());
  }

  JvmMemory(long heapBytes) {
    this.stateBytesMax = (long) (STATE_SHARE * heapBytes);
  }

  @Override
  public boolean hasRoom(long stateBytes) {
    return stateBytes < stateBytesMax;
  }
}
