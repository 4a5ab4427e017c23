package io.sandstore.host;

/** The memory that a process keeps its state in. */
@FunctionalInterface
public interface Memory {

  /**
   * False when the state must not grow: the rest is needed to work, and to come back after a
   * restart.
   *
   * @param stateBytes what the state takes, without garbage
   */
  boolean hasRoom(long stateBytes);
}
