package io.sandstore.mount;

import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A request of the kernel: a header, and a body that is read from its beginning to its end.
 * Whatever is asked of it beyond its end is refused.
 */
final class FuseRequest {

  private final int opcode;
  private final long unique;
  private final long node;
  private final int uid;
  private final int gid;
  private final int pid;
  private final ByteBuffer body;
  private final @Nullable MemorySegment memory;

  private FuseRequest(ByteBuffer in, @Nullable MemorySegment memory) throws KernelException {
    in.order(ByteOrder.nativeOrder());
    if (in.remaining() < Fuse.IN_HEADER_BYTES || in.getInt(0) != in.remaining()) {
      throw new KernelException(
          KernelException.EIO, "not a request: %d bytes".formatted(in.limit()));
    }
    in.getInt(); // the length
    opcode = in.getInt();
    unique = in.getLong();
    node = in.getLong();
    uid = in.getInt();
    gid = in.getInt();
    pid = in.getInt();
    in.getInt(); // extensions, which nobody asked for
    body = in.slice().order(ByteOrder.nativeOrder());
    this.memory = memory;
  }

  /** One that lies in memory of its own. */
  static FuseRequest of(byte[] bytes) throws KernelException {
    return new FuseRequest(ByteBuffer.wrap(bytes), null);
  }

  /** One that lies at the beginning of a piece of memory, where the answer may go as well. */
  static FuseRequest in(MemorySegment memory, long length) throws KernelException {
    return new FuseRequest(memory.asSlice(0, length).asByteBuffer(), memory);
  }

  int opcode() {
    return opcode;
  }

  /** Names the request until it is answered. */
  long unique() {
    return unique;
  }

  /** The inode that it is about; the root is 1. */
  long node() {
    return node;
  }

  int uid() {
    return uid;
  }

  int gid() {
    return gid;
  }

  /** The thread that asks; 0 if it is none, or cannot be named here. */
  int pid() {
    return pid;
  }

  int nextInt() throws KernelException {
    return body(4).getInt();
  }

  long nextLong() throws KernelException {
    return body(8).getLong();
  }

  /** A number of bytes that cannot be negative. */
  long nextOffset() throws KernelException {
    long offset = nextLong();
    if (offset < 0) {
      throw new KernelException(KernelException.EINVAL, "an offset of " + offset);
    }
    return offset;
  }

  FuseRequest skip(int bytes) throws KernelException {
    ByteBuffer all = body(bytes);
    all.position(all.position() + bytes);
    return this;
  }

  /** The next bytes up to a NUL, which are UTF-8. */
  String nextName() throws KernelException {
    int end = body.position();
    while (end < body.limit() && body.get(end) != 0) {
      end++;
    }
    if (end == body.limit()) {
      throw new KernelException(KernelException.EIO, "a name without an end");
    }
    ByteBuffer name = body.slice(body.position(), end - body.position());
    body.position(end + 1);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(name).toString();
    } catch (CharacterCodingException e) {
      throw new KernelException(KernelException.EILSEQ, "names are UTF-8 in the store");
    }
  }

  /** The next bytes, which stay where they are. */
  ByteBuffer next(int bytes) throws KernelException {
    ByteBuffer all = body(bytes);
    ByteBuffer part = all.slice(all.position(), bytes);
    all.position(all.position() + bytes);
    return part;
  }

  private ByteBuffer body(int bytes) throws KernelException {
    if (bytes < 0 || body.remaining() < bytes) {
      BufferUnderflowException why = new BufferUnderflowException();
      KernelException shorter =
          new KernelException(
              KernelException.EIO,
              "operation %d has %d bytes, not %d".formatted(opcode, body.remaining(), bytes));
      shorter.initCause(why);
      throw shorter;
    }
    return body;
  }

  /**
   * Room for an answer behind its header. What is written there may overwrite the request.
   *
   * @throws KernelException EINVAL if there is not so much
   */
  ByteBuffer room(int bytes) throws KernelException {
    if (bytes < 0 || bytes > FuseSession.IO_BYTES_MAX) {
      throw new KernelException(KernelException.EINVAL, "an answer of %d bytes".formatted(bytes));
    }
    return memory == null
        ? ByteBuffer.allocate(bytes)
        : memory.asSlice(Fuse.OUT_HEADER_BYTES, bytes).asByteBuffer();
  }

  @Nullable MemorySegment memory() {
    return memory;
  }
}
