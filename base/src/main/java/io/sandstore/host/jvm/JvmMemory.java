package io.sandstore.host.jvm;

import io.sandstore.host.Memory;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The part of the heap where what lives long ends up, as the last collection of it left it. A full
 * one would end every member of a cluster at about the same time, and again after each restart.
 */
final class JvmMemory implements Memory {

  private static final double FULL = 0.85;
  private static final long PAUSE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** Of the long-lived kind: those that a collection of only the young leaves alone. */
  private final List<MemoryPoolMXBean> pools =
      ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(pool -> pool.getType() == MemoryType.HEAP)
          .filter(pool -> pool.getName().matches(".*(Tenured|Old).*"))
          .toList();

  private final AtomicLong collectedAt = new AtomicLong(System.nanoTime());

  @Override
  public boolean hasRoom() {
    return hadRoom() || (collected() && hadRoom());
  }

  /** What was removed since is only seen by another collection; true if there was one. */
  private boolean collected() {
    long last = collectedAt.get();
    long now = System.nanoTime();
    boolean due = now - last > PAUSE_NANOS && collectedAt.compareAndSet(last, now);
    if (due) {
      System.gc();
    }
    return due;
  }

  private boolean hadRoom() {
    for (MemoryPoolMXBean pool : pools) {
      MemoryUsage usage = pool.getCollectionUsage();
      if (usage != null && usage.getMax() > 0 && usage.getUsed() > FULL * usage.getMax()) {
        return false;
      }
    }
    return true;
  }
}
