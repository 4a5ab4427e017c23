package io.sandstore.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.spi.FilterReply;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Marker;

/**
 * Lets {@value #LINES_MAX} lines of a kind through in ten seconds, and says how many it held back.
 * Lines are of a kind if they come from the same place: the same logger and the same text before
 * values were put in. Debugging is not limited.
 */
public final class RepeatedLines extends TurboFilter {

  static final int LINES_MAX = 10;
  static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** Texts are constants of the program; should one not be, this bounds what is remembered. */
  private static final int KINDS_MAX = 1000;

  private record Kind(String logger, String text) {}

  /** Lines of one kind in the current window. */
  private static final class Count {
    long windowBegan;
    int lines;
  }

  private final ConcurrentHashMap<Kind, Count> counts = new ConcurrentHashMap<>();
  private final LongSupplier nanos;

  public RepeatedLines() {
    this(System::nanoTime);
  }

  RepeatedLines(LongSupplier nanos) {
    this.nanos = nanos;
  }

  @Override
  public FilterReply decide(
      @Nullable Marker marker,
      Logger logger,
      Level level,
      @Nullable String text,
      Object @Nullable [] values,
      @Nullable Throwable failure) {
    boolean limited =
        level.isGreaterOrEqual(Level.INFO) && level.isGreaterOrEqual(logger.getEffectiveLevel());
    if (text == null || !limited) { // without a text it is only asked whether the level is on
      return FilterReply.NEUTRAL;
    }
    if (counts.size() >= KINDS_MAX) {
      counts.clear();
    }
    Count count = counts.computeIfAbsent(new Kind(logger.getName(), text), kind -> new Count());
    int heldBack;
    synchronized (count) {
      long now = nanos.getAsLong();
      heldBack = 0;
      if (count.lines == 0 || now - count.windowBegan >= WINDOW_NANOS) {
        heldBack = Math.max(0, count.lines - LINES_MAX);
        count.windowBegan = now;
        count.lines = 0;
      }
      count.lines++;
      if (count.lines > LINES_MAX) {
        return FilterReply.DENY;
      }
    }
    if (heldBack > 0) {
      logger.info("held back {} more lines like: {}", heldBack, text);
    }
    return FilterReply.NEUTRAL;
  }
}
