package io.sandstore.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A line that says how far a copy is. On a terminal it is drawn over again; elsewhere one line is
 * printed at every tenth, so that logs stay readable.
 */
final class ProgressBar implements AutoCloseable {

  private static final int WIDTH = 30;
  private static final long REDRAW_NANOS = 100_000_000;

  private final PrintStream out;
  private final boolean terminal;
  private final String title;
  private final long totalBytes;
  private final long totalFiles;
  private final long begin = System.nanoTime();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong files = new AtomicLong();
  private final AtomicLong drawnAt = new AtomicLong();
  private final AtomicLong tenth = new AtomicLong();

  ProgressBar(PrintStream out, String title, long totalBytes, long totalFiles) {
    this.out = out;
    java.io.Console console = System.console();
    this.terminal = console != null && console.isTerminal();
    this.title = title;
    this.totalBytes = totalBytes;
    this.totalFiles = totalFiles;
  }

  void addBytes(long count) {
    bytes.addAndGet(count);
    draw(false);
  }

  void addFile() {
    files.incrementAndGet();
    draw(false);
  }

  long bytes() {
    return bytes.get();
  }

  double share() {
    return totalBytes == 0 ? 1 : Math.min(1, (double) bytes.get() / totalBytes);
  }

  double seconds() {
    return (System.nanoTime() - begin) / 1e9;
  }

  private void draw(boolean last) {
    long now = System.nanoTime();
    long before = drawnAt.get();
    if (terminal) {
      if ((last || now - before > REDRAW_NANOS) && drawnAt.compareAndSet(before, now)) {
        out.print("\r" + line() + (last ? "\n" : ""));
        out.flush();
      }
    } else {
      // The last tenth is reached when all files are done, not when their last byte was sent.
      long reached = last ? 10 : Math.min(9, (long) (share() * 10));
      long printed = tenth.get();
      if (reached > printed && tenth.compareAndSet(printed, reached)) {
        out.println(line());
      }
    }
  }

  private String line() {
    int filled = (int) (share() * WIDTH);
    double rate = bytes.get() / 1e6 / Math.max(0.001, seconds());
    return String.format(
        Locale.ROOT,
        "%-10s [%s%s] %3.0f %%  %s  %d/%d files  %.0f MB/s",
        title,
        "#".repeat(filled),
        ".".repeat(WIDTH - filled),
        share() * 100,
        Text.bytes(bytes.get()),
        files.get(),
        totalFiles,
        rate);
  }

  @Override
  public void close() {
    draw(true);
  }
}
