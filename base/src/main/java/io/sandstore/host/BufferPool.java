package io.sandstore.host;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A fixed number of block-sized direct buffers: the bound on the file data a process has in flight.
 * Taking one blocks until one is free, which is the back-pressure on those that send.
 */
public final class BufferPool {

  /** A buffer on loan. Giving it back twice is harmless. */
  public record Lease(ByteBuffer buffer, Runnable release) implements AutoCloseable {
    @Override
    public void close() {
      release.run();
    }
  }

  private final int buffers;
  private final int bufferBytes;
  private final Semaphore permits;
  private final ArrayDeque<ByteBuffer> free = new ArrayDeque<>();

  public BufferPool(int buffers, int bufferBytes) {
    this.buffers = buffers;
    this.bufferBytes = bufferBytes;
    this.permits = new Semaphore(buffers, true);
  }

  /** Buffers in all. */
  public int size() {
    return buffers;
  }

  /** Buffers on loan. */
  public int used() {
    return buffers - permits.availablePermits();
  }

  /** An empty buffer with its limit at {@code bytes}. Waits until one is free. */
  public Lease take(int bytes) {
    if (bytes > bufferBytes) {
      throw new IllegalArgumentException(bytes + " bytes asked of " + bufferBytes);
    }
    permits.acquireUninterruptibly();
    ByteBuffer buffer;
    synchronized (free) {
      buffer = free.pollFirst();
    }
    if (buffer == null) {
      buffer = ByteBuffer.allocateDirect(bufferBytes);
    }
    ByteBuffer lent = buffer;
    lent.clear().limit(bytes);
    AtomicBoolean back = new AtomicBoolean();
    return new Lease(
        lent,
        () -> {
          if (back.compareAndSet(false, true)) {
            synchronized (free) {
              free.addFirst(lent);
            }
            permits.release();
          }
        });
  }
}
