package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An open file as a channel. What was written is visible to others after {@link #force}, {@link
 * #close} or the file's own buffer, see {@link SandFile}; this channel sees it at once.
 *
 * <p>A thread that is interrupted in a call gets ClosedByInterruptException and the channel is
 * closed, as the contract has it. What was written before, and by the interrupted call itself, is
 * in the file all the same: calls that write end before the interrupt has its effect.
 *
 * <p>A map is a copy of that part of the file, made at once: READ_ONLY and PRIVATE. READ_WRITE is
 * refused, for it would have to be shared. Locks keep out other programs, as {@link SandFile#lock}
 * says; a thread that waits for one may be interrupted, which leaves the channel open.
 */
final class SandFileChannel extends FileChannel {

  private static final int TRANSFER_BYTES = 1 << 20;

  /** What one gathering write appends in one piece. */
  private static final int GATHERED_BYTES_MAX = 16 << 20;

  private final SandFileSystem fileSystem;
  private final SandFile file;
  private final boolean readable;
  private final boolean writable;
  private final boolean append;
  private final boolean sync;

  /**
   * @param sync every write is forced
   */
  SandFileChannel(
      SandFileSystem fileSystem,
      SandFile file,
      boolean readable,
      boolean writable,
      boolean append,
      boolean sync) {
    this.fileSystem = fileSystem;
    this.file = file;
    this.readable = readable;
    this.writable = writable;
    this.append = append;
    this.sync = sync;
    file.finishDespiteInterrupts();
    fileSystem.opened(this);
  }

  // --- Calls and interrupts ---

  private interface Call<T> {
    T run() throws IOException;
  }

  private <T> T call(Call<T> call) throws IOException {
    checkOpen();
    checkNotInterrupted();
    try {
      T result = call.run();
      checkNotInterrupted();
      return result;
    } catch (InterruptedIOException e) {
      Thread.currentThread().interrupt();
      throw closedByInterrupt(e);
    } catch (PosixException e) {
      if (e.errno() == Errno.EBADF && !file.isOpen()) {
        throw new ClosedChannelException();
      }
      throw e;
    }
  }

  private void checkNotInterrupted() throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw closedByInterrupt(null);
    }
  }

  private ClosedByInterruptException closedByInterrupt(@Nullable IOException cause) {
    ClosedByInterruptException closed = new ClosedByInterruptException();
    if (cause != null) {
      closed.initCause(cause);
    }
    try {
      close();
    } catch (IOException e) {
      closed.addSuppressed(e);
    }
    return closed;
  }

  private void checkOpen() throws ClosedChannelException {
    if (!isOpen()) {
      throw new ClosedChannelException();
    }
  }

  private void checkReadable() throws ClosedChannelException {
    checkOpen();
    if (!readable) {
      throw new NonReadableChannelException();
    }
  }

  private void checkWritable() throws ClosedChannelException {
    checkOpen();
    if (!writable) {
      throw new NonWritableChannelException();
    }
  }

  boolean isReadable() {
    return readable;
  }

  boolean isWritable() {
    return writable;
  }

  private static void checkNotNegative(long value, String what) {
    if (value < 0) {
      throw new IllegalArgumentException("Negative " + what);
    }
  }

  private static void checkTakes(ByteBuffer buffer) {
    if (buffer.isReadOnly()) {
      throw new IllegalArgumentException("Read-only buffer");
    }
  }

  // --- Reading ---

  @Override
  public int read(ByteBuffer into) throws IOException {
    Objects.requireNonNull(into, "a buffer");
    checkReadable();
    checkTakes(into);
    return call(() -> file.read(into));
  }

  @Override
  public int read(ByteBuffer into, long position) throws IOException {
    Objects.requireNonNull(into, "a buffer");
    checkNotNegative(position, "position");
    checkReadable();
    checkTakes(into);
    return call(() -> file.read(into, position));
  }

  @Override
  public long read(ByteBuffer[] into, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, into.length);
    checkReadable();
    long count = 0;
    for (int i = offset; i < offset + length; i++) {
      while (into[i].hasRemaining()) {
        int part = read(into[i]);
        if (part < 0) {
          return count == 0 ? -1 : count;
        }
        count += part;
      }
    }
    return count;
  }

  // --- Writing ---

  @Override
  public int write(ByteBuffer from) throws IOException {
    Objects.requireNonNull(from, "a buffer");
    checkWritable();
    return call(() -> synced(file.write(from)));
  }

  private int synced(int count) throws IOException {
    if (sync) {
      file.fsync();
    }
    return count;
  }

  @Override
  public int write(ByteBuffer from, long position) throws IOException {
    Objects.requireNonNull(from, "a buffer");
    checkNotNegative(position, "position");
    checkWritable();
    return call(() -> synced(file.write(from, position)));
  }

  /** What is appended is one piece, up to 16 MiB of it. */
  @Override
  public long write(ByteBuffer[] from, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, from.length);
    checkWritable();
    if (append) {
      return gather(from, offset, length);
    }
    long count = 0;
    for (int i = offset; i < offset + length; i++) {
      count += from[i].hasRemaining() ? write(from[i]) : 0;
    }
    return count;
  }

  private long gather(ByteBuffer[] from, int offset, int length) throws IOException {
    long all = 0;
    for (int i = offset; i < offset + length; i++) {
      all += from[i].remaining();
    }
    ByteBuffer record = ByteBuffer.allocate((int) Math.min(all, GATHERED_BYTES_MAX));
    int[] taken = new int[length];
    for (int i = 0; i < length && record.hasRemaining(); i++) {
      ByteBuffer part = from[offset + i].duplicate();
      taken[i] = Math.min(part.remaining(), record.remaining());
      record.put(part.limit(part.position() + taken[i]));
    }
    int count = write(record.flip());
    for (int i = 0; i < length; i++) {
      from[offset + i].position(from[offset + i].position() + taken[i]);
    }
    return count;
  }

  /**
   * Makes what was written durable and visible: a round trip that ends when a majority of disks
   * have forced it.
   */
  @Override
  public void force(boolean metaData) throws IOException {
    call(
        () -> {
          file.fsync();
          return true;
        });
  }

  // --- Place and size ---

  /** Of a channel that appends: the end of the file. */
  @Override
  public long position() throws IOException {
    return append ? size() : call(file::position);
  }

  @Override
  public FileChannel position(long newPosition) throws IOException {
    checkOpen();
    checkNotNegative(newPosition, "position");
    call(
        () -> {
          file.seek(newPosition);
          return true;
        });
    return this;
  }

  @Override
  public long size() throws IOException {
    return call(() -> file.stat().size());
  }

  /** Cuts; never extends, as the interface wants it. */
  @Override
  public FileChannel truncate(long size) throws IOException {
    checkOpen();
    checkNotNegative(size, "size");
    checkWritable();
    call(
        () -> {
          if (size < file.stat().size()) {
            file.truncate(size);
          }
          if (file.position() > size) {
            file.seek(size);
          }
          return true;
        });
    return this;
  }

  // --- Transfers ---

  @Override
  public long transferTo(long position, long count, WritableByteChannel target) throws IOException {
    checkOpen();
    if (!target.isOpen()) {
      throw new ClosedChannelException();
    }
    checkReadable();
    if (target instanceof SandFileChannel other) {
      other.checkWritable();
    }
    checkNotNegative(position, "position");
    checkNotNegative(count, "count");
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(count, TRANSFER_BYTES));
    long done = 0;
    while (done < count) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), count - done));
      if (read(buffer, position + done) < 0) {
        break;
      }
      buffer.flip();
      int wanted = buffer.remaining();
      int written = target.write(buffer);
      done += written;
      if (written < wanted) {
        break; // it takes no more now
      }
    }
    return done;
  }

  @Override
  public long transferFrom(ReadableByteChannel source, long position, long count)
      throws IOException {
    checkOpen();
    if (!source.isOpen()) {
      throw new ClosedChannelException();
    }
    checkWritable();
    checkNotNegative(position, "position");
    checkNotNegative(count, "count");
    if (position > size()) {
      return 0;
    }
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(count, TRANSFER_BYTES));
    long done = 0;
    while (done < count) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), count - done));
      if (source.read(buffer) <= 0) {
        break;
      }
      done += write(buffer.flip(), position + done);
    }
    return done;
  }

  // --- Maps ---

  /**
   * A copy of a part of the file, outside of the heap.
   *
   * @throws UnsupportedOperationException for READ_WRITE
   * @throws IOException if there is no memory for it, or the file ends before and cannot be
   *     extended
   */
  @Override
  public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("Size exceeds Integer.MAX_VALUE");
    }
    prepareMap(mode, position, size);
    try {
      // Every direct buffer of the JDK is of this type; one without a file has nothing to force.
      ByteBuffer copy = ByteBuffer.allocateDirect((int) size);
      fill(copy, position);
      copy.clear();
      return (MappedByteBuffer) (mode == MapMode.READ_ONLY ? copy.asReadOnlyBuffer() : copy);
    } catch (OutOfMemoryError e) {
      throw new IOException("Map failed: a map is a copy in memory", e);
    }
  }

  /** The same in a segment, of any size that memory has room for. */
  @Override
  public MemorySegment map(MapMode mode, long offset, long size, Arena arena) throws IOException {
    Objects.requireNonNull(arena, "an arena");
    prepareMap(mode, offset, size);
    try {
      MemorySegment copy = arena.allocate(size);
      for (long done = 0; done < size; done += TRANSFER_BYTES) {
        long part = Math.min(TRANSFER_BYTES, size - done);
        fill(copy.asSlice(done, part).asByteBuffer(), offset + done);
      }
      return mode == MapMode.READ_ONLY ? copy.asReadOnly() : copy;
    } catch (OutOfMemoryError e) {
      throw new IOException("Map failed: a map is a copy in memory", e);
    }
  }

  private void prepareMap(MapMode mode, long position, long size) throws IOException {
    checkOpen();
    Objects.requireNonNull(mode, "a mode");
    if (mode != MapMode.READ_ONLY) {
      checkWritable();
    }
    checkReadable();
    checkNotNegative(position, "position");
    checkNotNegative(size, "size");
    if (position + size < 0) {
      throw new IllegalArgumentException("Position + size overflow");
    }
    if (mode != MapMode.READ_ONLY && mode != MapMode.PRIVATE) {
      throw new UnsupportedOperationException(
          mode + ": a map is a copy here, which others would not see changes of");
    }
    if (size() < position + size) {
      if (!writable) {
        throw new IOException("Channel not open for writing - cannot extend file to required size");
      }
      call(
          () -> {
            file.truncate(position + size);
            return true;
          });
    }
  }

  private void fill(ByteBuffer copy, long position) throws IOException {
    long start = copy.position();
    while (copy.hasRemaining()) {
      if (read(copy, position + copy.position() - start) < 0) {
        break; // cut meanwhile: the rest is zeros
      }
    }
  }

  // --- Locks ---

  @Override
  public FileLock lock(long position, long size, boolean shared) throws IOException {
    return lock(claim(position, size, shared, null));
  }

  @Override
  public @Nullable FileLock tryLock(long position, long size, boolean shared) throws IOException {
    return tryLock(claim(position, size, shared, null));
  }

  /**
   * Notes a lock before it is asked for.
   *
   * @param through by which it is asked for, if it is not this channel
   */
  ChannelLocks.Lock claim(
      long position, long size, boolean shared, @Nullable AsynchronousFileChannel through)
      throws ClosedChannelException {
    if (shared) {
      checkReadable();
    } else {
      checkWritable();
    }
    return fileSystem.locks().claim(this, through, file, position, size, shared);
  }

  /** Waits for a lock. An interrupt ends the wait and leaves the channel open. */
  FileLock lock(ChannelLocks.Lock claimed) throws IOException {
    boolean held = false;
    try {
      if (Thread.currentThread().isInterrupted()) {
        throw new FileLockInterruptionException();
      }
      held = file.lock(claimed.position(), claimed.size(), claimed.isShared(), SandFile.FOREVER);
      return claimed;
    } catch (InterruptedIOException e) {
      throw new FileLockInterruptionException();
    } catch (PosixException e) {
      if (!isOpen()) {
        throw new AsynchronousCloseException();
      }
      throw e;
    } finally {
      if (!held) {
        fileSystem.locks().drop(claimed);
      }
    }
  }

  @Nullable FileLock tryLock(ChannelLocks.Lock claimed) throws IOException {
    boolean held = false;
    try {
      held = call(() -> file.tryLock(claimed.position(), claimed.size(), claimed.isShared()));
      return held ? claimed : null;
    } finally {
      if (!held) {
        fileSystem.locks().drop(claimed);
      }
    }
  }

  // --- The end ---

  @Override
  protected void implCloseChannel() throws IOException {
    fileSystem.closed(this);
    try {
      file.close();
    } finally {
      fileSystem.locks().dropAllOf(this, file.inode());
    }
  }
}
