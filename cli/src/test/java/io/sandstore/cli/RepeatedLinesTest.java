package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RepeatedLinesTest {

  private final LoggerContext context = new LoggerContext();
  private final Logger logger = context.getLogger("loop");
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private long now;

  @BeforeEach
  void start() {
    context.addTurboFilter(new RepeatedLines(() -> now));
    lines.start();
    logger.addAppender(lines);
  }

  @Test
  void aLoopLogsTenLinesInTenSecondsHoweverFastItIs() {
    for (int i = 0; i < 100_000; i++) {
      logger.warn("accept failed: {}", i);
    }
    assertThat(lines.list).hasSize(RepeatedLines.LINES_MAX);
    logger.warn("something else");
    assertThat(lines.list).hasSize(RepeatedLines.LINES_MAX + 1);
    now += RepeatedLines.WINDOW_NANOS;
    logger.warn("accept failed: {}", "again");
    assertThat(lines.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .endsWith("held back 99990 more lines like: accept failed: {}", "accept failed: again");
  }

  @Test
  void debuggingIsNotLimited() {
    for (int i = 0; i < 100; i++) {
      logger.debug("detail");
    }
    assertThat(lines.list).hasSize(100);
  }
}
