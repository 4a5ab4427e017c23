package io.sandstore.host;

/** The memory that a process keeps its state in. */
@FunctionalInterface
public interface Memory {

  /** False when so little is left that the state must not grow: the rest is needed to work. */
  boolean hasRoom();
}
