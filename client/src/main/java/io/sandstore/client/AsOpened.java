package io.sandstore.client;

import io.sandstore.host.Frame;
import java.nio.ByteBuffer;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * All bytes of a small file as they came with the answer to open. They stay in the link's buffer,
 * so that nothing is copied but to the reader, while one of the client's {@link
 * SandstoreClient#aheads} can be had for that; else, or when others want the buffer, they are
 * copied. Not thread-safe: the file's lock guards it.
 */
final class AsOpened {

  private ByteBuffer bytes;
  private final Semaphore aheads;
  private @Nullable Frame frame;

  private AsOpened(Frame frame, Semaphore aheads) {
    this.frame = frame;
    this.bytes = frame.payload();
    this.aheads = aheads;
  }

  /** Takes a frame over. */
  static AsOpened of(Frame frame, Semaphore aheads) {
    boolean mayStay = aheads.tryAcquire();
    AsOpened opened = new AsOpened(frame, aheads);
    if (!mayStay) {
      opened.bytes = copied(frame.payload());
      opened.frame = null;
      frame.close();
    }
    return opened;
  }

  private static ByteBuffer copied(ByteBuffer payload) {
    return ByteBuffer.allocate(payload.remaining()).put(payload.duplicate()).flip();
  }

  /** True while the bytes are in a link's buffer. */
  boolean holds() {
    return frame != null;
  }

  /** Gives the buffer back, and keeps the bytes. */
  void settle() {
    if (frame != null) {
      bytes = copied(bytes);
      close();
    }
  }

  /** Copies from an offset: as many as there are and fit, or -1 at the end. */
  int read(ByteBuffer into, long offset) {
    if (offset >= bytes.remaining()) {
      return -1;
    }
    int count = Math.min(into.remaining(), bytes.remaining() - (int) offset);
    into.put(bytes.slice(bytes.position() + (int) offset, count));
    return count;
  }

  /** Gives the buffer back. */
  void close() {
    Frame held = frame;
    frame = null;
    if (held != null) {
      held.close();
      aheads.release();
    }
  }
}
