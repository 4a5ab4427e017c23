package io.sandstore.crash;

import java.io.IOException;
import java.util.Random;
import java.util.function.Supplier;

/**
 * Runs some steps over and over, each time one disk call further until the process ends, and
 * recovers from everything that the disk may hold then: what a killed process leaves, and what a
 * power loss leaves. Recovering is again stopped after every call of its own, for it changes the
 * disk too.
 */
public final class CrashPoints {

  /** Up to so many ways to lose what was not forced are all tried; of more, so many. */
  private static final int SUBSETS_MAX = 64;

  /** The same for a crash of the recovery. */
  private static final int SUBSETS_MAX_AGAIN = 6;

  private CrashPoints() {}

  /** What a process does to a disk; {@code promised} remembers what it told others. */
  @FunctionalInterface
  public interface Steps<P> {
    void run(CrashDisk disk, P promised) throws IOException;
  }

  /** What the next process does first: it must work, and find what was promised. */
  @FunctionalInterface
  public interface Recovery<P> {
    void run(CrashDisk disk, P promised) throws IOException;
  }

  /**
   * Tries all.
   *
   * @param start is copied
   * @param promises for each attempt new ones, those of {@code start}
   * @return disks that were recovered
   */
  public static <P> int explore(
      CrashDisk start, Supplier<P> promises, Steps<P> steps, Recovery<P> recovery)
      throws IOException {
    Random random = new Random(7);
    int recovered = 0;
    boolean ended = false;
    for (long call = 0; !ended; call++) {
      CrashDisk disk = start.afterKill();
      P promised = promises.get();
      ended = runUntil(disk, call, () -> steps.run(disk, promised));
      String where = "crash after " + call + " calls";
      recovered += recover(where + ", killed", disk.afterKill(), promised, recovery, random);
      int subset = 0;
      for (CrashDisk left : disk.afterPowerLoss(SUBSETS_MAX, random)) {
        String how = where + ", power loss " + subset++;
        recovered += recover(how, left, promised, recovery, random);
      }
    }
    return recovered;
  }

  private static <P> int recover(
      String where, CrashDisk left, P promised, Recovery<P> recovery, Random random)
      throws IOException {
    CrashDisk whole = left.afterKill();
    attempt(where, whole, promised, recovery);
    int recovered = 1;
    boolean ended = whole.calls() == 0;
    for (long call = 0; !ended; call++) {
      CrashDisk disk = left.afterKill();
      ended = runUntil(disk, call, () -> recovery.run(disk, promised));
      int subset = 0;
      for (CrashDisk again : disk.afterPowerLoss(SUBSETS_MAX_AGAIN, random)) {
        String how = "%s; crash after %d calls of the recovery, power loss %d";
        attempt(how.formatted(where, call, subset++), again, promised, recovery);
        recovered++;
      }
    }
    return recovered;
  }

  private static <P> void attempt(String where, CrashDisk disk, P promised, Recovery<P> recovery) {
    try {
      recovery.run(disk, promised);
    } catch (IOException | RuntimeException | AssertionError e) {
      throw new AssertionError(where + ": " + e + " on " + disk.files(), e);
    }
  }

  private interface Attempt {
    void run() throws IOException;
  }

  /** True if it was not stopped. */
  private static boolean runUntil(CrashDisk disk, long call, Attempt attempt) throws IOException {
    disk.crashAt(call);
    try {
      attempt.run();
      return true;
    } catch (CrashDisk.Crash crash) {
      return false;
    }
  }
}
