package io.sandstore.host.jvm;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.BufferPool;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.host.Link;
import io.sandstore.host.Telemetry;
import io.sandstore.wire.Header;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Frames over one TCP connection. Lengths are checked before anything is allocated for them; a
 * violation closes the connection. Both sides first send the preface, so that a stranger or another
 * version is told so instead of being misread.
 */
final class TcpLink implements Link {

  static final short WIRE_VERSION = 1;
  private static final byte[] MAGIC = "SANDST".getBytes(StandardCharsets.US_ASCII);
  private static final int PREFACE_BYTES = 8;
  private static final int BUFFER_BYTES = 32 << 10;

  /** Payloads up to this size share the output buffer with their header. */
  private static final int INLINE_BYTES = 16 << 10;

  /** Payloads up to this size are not worth a block buffer. */
  private static final int SMALL_BYTES = 64 << 10;

  private final SocketChannel channel;
  private final String remote;
  private final Runnable onClose;
  private final Telemetry telemetry;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final BufferPool peerPool;
  private BufferPool pool;

  private final ByteBuffer in = ByteBuffer.allocateDirect(BUFFER_BYTES).limit(0);
  private boolean prefaceRead;

  // For those who look whether it is stuck.
  private volatile boolean receiving;
  private volatile long receivedAt;
  private volatile boolean sending;
  private volatile long sentAt;

  private final ReentrantLock writing = new ReentrantLock();
  private final AtomicInteger senders = new AtomicInteger();
  private final ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES);

  TcpLink(
      SocketChannel channel,
      BufferPool pool,
      BufferPool peerPool,
      Telemetry telemetry,
      Runnable onClose)
      throws IOException {
    this.channel = channel;
    this.remote = String.valueOf(channel.getRemoteAddress());
    this.pool = pool;
    this.peerPool = peerPool;
    this.telemetry = telemetry;
    this.onClose = onClose;
    out.put(MAGIC).putShort(WIRE_VERSION);
  }

  @Override
  public boolean isStuck(Duration limit) {
    long since = System.nanoTime() - limit.toNanos();
    return (receiving && receivedAt - since < 0) || (sending && sentAt - since < 0);
  }

  @Override
  public void markNode() {
    pool = peerPool;
  }

  /**
   * Copies the frame into the output buffer and lets the last of the waiting senders write it out:
   * under load many frames share a system call, without a thread of its own.
   */
  @Override
  public void send(Frame frame) throws IOException {
    int headerBytes = frame.header().getSerializedSize();
    int payloadBytes = frame.payloadBytes();
    FileRegion region = frame.region();
    if (headerBytes > Frame.HEADER_BYTES_MAX || payloadBytes > Frame.PAYLOAD_BYTES_MAX) {
      throw new IllegalArgumentException("frame of " + headerBytes + " + " + payloadBytes);
    }
    senders.incrementAndGet();
    writing.lock();
    try {
      boolean inline = payloadBytes <= INLINE_BYTES && region == null;
      int copied = 8 + headerBytes + (inline ? payloadBytes : 0);
      if (out.remaining() < copied) {
        flush();
      }
      if (copied <= out.remaining()) {
        out.putInt(headerBytes).putInt(payloadBytes);
        encode(frame.header(), out);
      } else {
        ByteBuffer large = ByteBuffer.allocate(8 + headerBytes);
        large.putInt(headerBytes).putInt(payloadBytes);
        encode(frame.header(), large);
        flush();
        writeFully(large.flip());
      }
      ByteBuffer payload = frame.payload().duplicate();
      if (region != null) {
        flush();
        transfer(region);
      } else if (inline && payloadBytes <= out.remaining()) {
        out.put(payload);
      } else if (payloadBytes > 0) {
        flush();
        writeFully(payload);
      }
      if (senders.decrementAndGet() == 0) {
        flush();
      }
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    } finally {
      writing.unlock();
    }
  }

  private static void encode(Header header, ByteBuffer into) throws IOException {
    CodedOutputStream coded = CodedOutputStream.newInstance(into);
    header.writeTo(coded);
    coded.flush();
  }

  private void flush() throws IOException {
    out.flip();
    try {
      writeFully(out);
    } finally {
      out.clear();
    }
  }

  /** From the file to the socket; when that is full, a piece goes by way of a buffer and waits. */
  private void transfer(FileRegion region) throws IOException {
    long end = region.position() + region.length();
    for (long at = region.position(); at < end; ) {
      long moved = region.file().transferTo(at, end - at, channel);
      if (moved > 0) {
        telemetry.network(moved, 0);
        sentAt = System.nanoTime();
      } else {
        out.clear().limit((int) Math.min(out.capacity(), end - at));
        region.file().readFully(out, at);
        moved = out.position();
        flush();
      }
      at += moved;
    }
  }

  private void writeFully(ByteBuffer bytes) throws IOException {
    telemetry.network(bytes.remaining(), 0);
    sentAt = System.nanoTime();
    sending = true;
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
        sentAt = System.nanoTime();
      }
    } finally {
      sending = false;
    }
  }

  @Override
  public @Nullable Frame receive() throws IOException {
    try {
      if (!prefaceRead) {
        readPreface();
      }
      if (!fill(8, true)) {
        return null;
      }
      int headerBytes = in.getInt();
      int payloadBytes = in.getInt();
      if (headerBytes < 0
          || headerBytes > Frame.HEADER_BYTES_MAX
          || payloadBytes < 0
          || payloadBytes > Frame.PAYLOAD_BYTES_MAX) {
        throw new IOException(
            "%s sent a frame over the limit (%d + %d bytes)"
                .formatted(remote, headerBytes, payloadBytes));
      }
      receivedAt = System.nanoTime();
      receiving = true;
      Header header = readHeader(headerBytes);
      return readPayload(header, payloadBytes);
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    } finally {
      receiving = false;
    }
  }

  private void readPreface() throws IOException {
    writing.lock();
    try {
      flush();
    } finally {
      writing.unlock();
    }
    fill(PREFACE_BYTES, false);
    byte[] magic = new byte[MAGIC.length];
    in.get(magic);
    short version = in.getShort();
    if (!java.util.Arrays.equals(magic, MAGIC)) {
      throw new IOException(remote + " does not speak Sand Store's protocol");
    }
    if (version != WIRE_VERSION) {
      throw new IOException(
          "%s speaks version %d of Sand Store's protocol, this side %d: use the same release"
              .formatted(remote, version, WIRE_VERSION));
    }
    prefaceRead = true;
  }

  private Header readHeader(int bytes) throws IOException {
    try {
      if (bytes <= in.capacity()) {
        fill(bytes, false);
        Header header =
            Header.parseFrom(CodedInputStream.newInstance(in.slice(in.position(), bytes)));
        in.position(in.position() + bytes);
        return header;
      }
      ByteBuffer large = ByteBuffer.allocate(bytes);
      readInto(large);
      return Header.parseFrom(large.flip());
    } catch (InvalidProtocolBufferException e) {
      throw new IOException(remote + " sent a malformed header", e);
    }
  }

  private Frame readPayload(Header header, int bytes) throws IOException {
    if (bytes == 0) {
      return Frame.of(header);
    }
    if (bytes <= SMALL_BYTES) {
      ByteBuffer small = ByteBuffer.allocate(bytes);
      readInto(small);
      return Frame.of(header, small.flip());
    }
    BufferPool.Lease lease = pool.take(bytes);
    receivedAt = System.nanoTime(); // the wait for memory was ours
    try {
      readInto(lease.buffer());
      return new Frame(header, lease.buffer().flip(), lease.release());
    } catch (IOException | RuntimeException e) {
      lease.close();
      throw e;
    }
  }

  /** Takes what is buffered, then reads the rest straight into the target. */
  private void readInto(ByteBuffer target) throws IOException {
    int buffered = Math.min(in.remaining(), target.remaining());
    target.put(in.slice(in.position(), buffered));
    in.position(in.position() + buffered);
    telemetry.network(0, target.remaining());
    while (target.hasRemaining()) {
      if (channel.read(target) < 0) {
        throw new EOFException(remote + " closed in the middle of a frame");
      }
      receivedAt = System.nanoTime();
    }
  }

  /** Makes sure that this many bytes are buffered; false at a clean end of the stream. */
  private boolean fill(int bytes, boolean mayEnd) throws IOException {
    if (in.remaining() >= bytes) {
      return true;
    }
    in.compact();
    try {
      while (in.position() < bytes) {
        int count = channel.read(in);
        if (count < 0) {
          if (mayEnd && in.position() == 0) {
            return false;
          }
          throw new EOFException(remote + " closed the connection");
        }
        telemetry.network(0, count);
      }
    } finally {
      in.flip();
    }
    return true;
  }

  @Override
  public String remote() {
    return remote;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        channel.close();
      } catch (IOException e) {
        // Nothing is lost: every answer that matters has been acknowledged above this layer.
      }
      onClose.run();
    }
  }
}
