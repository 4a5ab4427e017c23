package io.sandstore.host;

import java.util.random.RandomGenerator;

/**
 * The machine a node or a client runs on.
 *
 * @param random not for secrets; in a simulation it repeats
 * @param buffers memory for blocks that this process reads or assembles itself
 * @param memory whether the state may grow
 * @param telemetry where figures go
 * @param halt ends the process at once, because its disk can no longer be trusted or its own
 *     invariants do not hold; never returns on a real machine
 */
public record Host(
    Clock clock,
    RandomGenerator random,
    Threads threads,
    Network network,
    BufferPool buffers,
    Memory memory,
    Telemetry telemetry,
    Halt halt) {

  /** The way out that does not flush, hand over or apologise. */
  @FunctionalInterface
  public interface Halt {
    void halt(String reason, Throwable cause);
  }
}
