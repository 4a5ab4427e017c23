package io.sandstore.host;

/** Where threads come from. Threads are daemons; an exception that leaves one is a defect. */
public interface Threads {

  /** Runs a request or another task that blocks. */
  void start(String name, Runnable task);

  /** Runs a loop that lives as long as its node and should not share a carrier thread. */
  void startDedicated(String name, Runnable task);

  /** False where one thread is as good as two: a simulation runs one at a time. */
  boolean runAtOnce();
}
