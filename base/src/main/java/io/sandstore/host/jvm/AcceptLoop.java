package io.sandstore.host.jvm;

import io.sandstore.host.LogLimit;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes connections until the listener is closed. A failure, as when the process has no descriptor
 * left, ends nothing: the loop tries again after a pause that doubles from {@link #PAUSE_MIN} to
 * {@link #PAUSE_MAX}, and says so once in a while.
 */
final class AcceptLoop implements Runnable {

  static final Duration PAUSE_MIN = Duration.ofMillis(10);
  static final Duration PAUSE_MAX = Duration.ofSeconds(1);
  static final Duration SAY_EVERY = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(AcceptLoop.class);

  /** A listening socket. */
  interface Acceptor {
    SocketChannel accept() throws IOException;
  }

  /** What is done with a connection. */
  interface Taker {
    void take(SocketChannel channel) throws IOException;
  }

  /** Waits. */
  interface Sleeper {
    void sleep(Duration pause) throws InterruptedException;
  }

  private final Acceptor acceptor;
  private final Taker taker;
  private final Sleeper sleeper;
  private final LongSupplier nanos;
  private final LogLimit lines;
  private volatile String failure = "";
  private volatile long failedAt;

  AcceptLoop(Acceptor acceptor, Taker taker, Sleeper sleeper, LongSupplier nanos) {
    this.acceptor = acceptor;
    this.taker = taker;
    this.sleeper = sleeper;
    this.nanos = nanos;
    this.lines = new LogLimit(SAY_EVERY, nanos);
  }

  @Override
  public void run() {
    Duration pause = PAUSE_MIN;
    while (true) {
      try {
        taker.take(acceptor.accept());
        failure = "";
        pause = PAUSE_MIN;
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        failedAt = nanos.getAsLong();
        failure = "no connections can be taken: " + e.getMessage();
        lines.say(more -> log.warn("accept failed: {}{}", e.toString(), more));
        try {
          sleeper.sleep(pause);
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          return;
        }
        pause = pause.multipliedBy(2);
        pause = pause.compareTo(PAUSE_MAX) < 0 ? pause : PAUSE_MAX;
      }
    }
  }

  /** Why connections cannot be taken; empty if they can, or if nobody has come for a while. */
  String trouble() {
    boolean lately = nanos.getAsLong() - failedAt < PAUSE_MAX.multipliedBy(2).toNanos();
    return lately ? failure : "";
  }
}
