package io.sandstore.host.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A process without descriptors, in a time of the test's own. */
class AcceptLoopTest {

  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(AcceptLoop.class);
  private final List<Duration> pauses = new ArrayList<>();
  private long now;
  private int attempts;

  @BeforeEach
  void listen() {
    lines.start();
    logger.setLevel(Level.INFO);
    logger.addAppender(lines);
  }

  @AfterEach
  void stop() {
    logger.detachAppender(lines);
    logger.setLevel(null);
  }

  private AcceptLoop loop(AcceptLoop.Acceptor acceptor) {
    return new AcceptLoop(
        acceptor,
        SocketChannel::close,
        pause -> {
          pauses.add(pause);
          now += pause.toNanos();
        },
        () -> now);
  }

  @Test
  void anHourWithoutDescriptorsIsNoSpinAndNoFlood() {
    long hour = Duration.ofHours(1).toNanos();
    AcceptLoop loop =
        loop(
            () -> {
              attempts++;
              if (now < hour) {
                throw new IOException("Too many open files");
              }
              throw new ClosedChannelException();
            });
    loop.run();
    assertThat(attempts).isLessThan(3700);
    assertThat(lines.list).hasSizeLessThanOrEqualTo(361);
    assertThat(pauses).startsWith(AcceptLoop.PAUSE_MIN, AcceptLoop.PAUSE_MIN.multipliedBy(2));
    assertThat(pauses).endsWith(AcceptLoop.PAUSE_MAX);
  }

  @Test
  void itSaysWhileNobodyCanBeAcceptedAndNoLonger() {
    List<String> troubles = new ArrayList<>();
    AcceptLoop[] self = new AcceptLoop[1];
    self[0] =
        loop(
            () -> {
              troubles.add(self[0].trouble());
              switch (attempts++) {
                case 0, 1 -> throw new IOException("Too many open files");
                case 2 -> {
                  return SocketChannel.open();
                }
                default -> throw new ClosedChannelException();
              }
            });
    self[0].run();
    assertThat(troubles)
        .containsExactly(
            "",
            "no connections can be taken: Too many open files",
            "no connections can be taken: Too many open files",
            "");
    // When it can be accepted again but nobody comes, nobody must wait for ever.
    attempts = 0;
    now += AcceptLoop.PAUSE_MAX.toNanos() * 3;
    assertThat(self[0].trouble()).isEmpty();
  }
}
