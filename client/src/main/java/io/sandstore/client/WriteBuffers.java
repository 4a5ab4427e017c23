package io.sandstore.client;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * The memory in which data waits that was written and is not stored yet, of all open files of a
 * client. A quarter of the budget is small buffers, which never wait: a file with little data needs
 * no more, and one that finds no small one left takes a block's. The rest is buffers of a block,
 * handed out in the order in which they were asked for, so that no writer starves. Whoever waits
 * for one holds none: what is on its way gives buffers back, and what idle files hold is sent early
 * ({@link SandstoreClient#shipEarly}).
 *
 * <p>Buffers on loan never exceed the budget; direct memory that is kept for reuse neither.
 * Thread-safe.
 */
final class WriteBuffers {

  /** Sizes of small buffers, as far as they are smaller than a block. */
  private static final int[] SMALL = {4 << 10, 64 << 10};

  private final int blockBytes;
  private final long smallBytesMax;
  private final long blocksMax;
  private long smallBytes;
  private int blocks;
  private final ArrayDeque<ByteBuffer> spare = new ArrayDeque<>();
  private final ArrayDeque<CompletableFuture<ByteBuffer>> waiting = new ArrayDeque<>();

  /**
   * @param budgetBytes at least two blocks
   */
  WriteBuffers(long budgetBytes, int blockBytes) {
    this.blockBytes = blockBytes;
    this.smallBytesMax = budgetBytes / 4;
    this.blocksMax = (budgetBytes - smallBytesMax) / blockBytes;
  }

  /** A small buffer for so many bytes; empty if that is too much for one, or there is none left. */
  synchronized Optional<ByteBuffer> small(long bytes) {
    for (int size : SMALL) {
      if (bytes <= size && size < blockBytes) {
        if (smallBytes + size > smallBytesMax) {
          return Optional.empty();
        }
        smallBytes += size;
        return Optional.of(ByteBuffer.allocate(size));
      }
    }
    return Optional.empty();
  }

  /** A buffer of a block, now or when those that asked before have theirs. */
  synchronized CompletableFuture<ByteBuffer> block() {
    CompletableFuture<ByteBuffer> ticket = new CompletableFuture<>();
    if (waiting.isEmpty() && blocks < blocksMax) {
      blocks++;
      ByteBuffer used = spare.poll();
      ticket.complete(used == null ? ByteBuffer.allocateDirect(blockBytes) : used.clear());
    } else {
      waiting.addLast(ticket);
    }
    return ticket;
  }

  /** Nobody waits for it any more. */
  void cancel(CompletableFuture<ByteBuffer> ticket) {
    synchronized (this) {
      if (waiting.removeIf(other -> other == ticket)) {
        return;
      }
    }
    release(ticket.join()); // whoever took it from the queue completes it
  }

  /** Takes a buffer back that nobody uses any more. */
  void release(ByteBuffer buffer) {
    if (buffer.capacity() < blockBytes) {
      synchronized (this) {
        smallBytes -= buffer.capacity();
      }
      return;
    }
    CompletableFuture<ByteBuffer> next;
    synchronized (this) {
      next = waiting.poll();
      if (next == null) {
        blocks--;
        spare.push(buffer);
      }
    }
    if (next != null) {
      next.complete(buffer.clear());
    }
  }

  /** True while somebody waits. */
  synchronized boolean isContended() {
    return !waiting.isEmpty();
  }

  /** Bytes on loan. */
  synchronized long usedBytes() {
    return smallBytes + (long) blocks * blockBytes;
  }
}
