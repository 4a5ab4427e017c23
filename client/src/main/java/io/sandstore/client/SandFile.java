package io.sandstore.client;

import com.google.protobuf.ByteString;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Header;
import io.sandstore.wire.Layout;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.Write;
import io.sandstore.wire.WriteBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An open file. Writes gather in a buffer of one block; a full buffer leaves as a block while the
 * next one fills, several at a time, and becomes visible in the order of writing. {@link #fsync}
 * and {@link #close} return when everything is durable and visible. Reads see this handle's own
 * writes.
 *
 * <p>Thread-safe: calls on one handle follow one another.
 */
public final class SandFile implements Closeable {

  private static final int EXTENTS_PER_COMMAND = 500;

  /** Writes begin in a buffer of this size; most files never need more. */
  private static final int SMALL_BYTES = 64 << 10;

  /** Reads from this size on are checked here, by the checksums that lie with the block. */
  private static final int UNCHECKED_BYTES = 256 << 10;

  /** A block on its way. */
  private record Flying(long offset, int length, CompletableFuture<WriteBlockReply> reply) {}

  private final SandstoreClient client;
  private final long inode;
  private final boolean readable;
  private final boolean writable;
  private final boolean append;
  private final ReentrantLock lock = new ReentrantLock();

  private @Nullable ByteBuffer buffer;
  private long bufferStart;
  private final ArrayDeque<Flying> flying = new ArrayDeque<>();
  private @Nullable IOException failed;
  private final ReadAhead ahead;

  /** Where the last read ended: one that begins here is sequential. */
  private long expected = -1;

  private long position;
  private boolean closed;

  SandFile(
      SandstoreClient client, FileStat stat, boolean readable, boolean writable, boolean append) {
    this.client = client;
    this.inode = stat.inode();
    this.readable = readable;
    this.writable = writable;
    this.append = append;
    this.ahead = new ReadAhead(client);
  }

  public long inode() {
    return inode;
  }

  // --- Writing ---

  /** Writes at the handle's position, or at the end with O_APPEND. */
  public int write(ByteBuffer from) throws IOException {
    lock.lock();
    try {
      int count = put(from, position);
      position += count;
      return count;
    } finally {
      lock.unlock();
    }
  }

  /** Writes at an offset; with O_APPEND at the end all the same, as Linux does. */
  public int write(ByteBuffer from, long offset) throws IOException {
    lock.lock();
    try {
      return put(from, offset);
    } finally {
      lock.unlock();
    }
  }

  private int put(ByteBuffer from, long offset) throws IOException {
    checkOpen(writable);
    if (offset < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    int count = from.remaining();
    while (from.hasRemaining()) {
      long at = offset + count - from.remaining();
      if (buffer != null && !append && at != bufferStart + buffer.position()) {
        ship();
      }
      ByteBuffer room = room(at);
      int part = Math.min(from.remaining(), room.remaining());
      room.put(from.slice(from.position(), part));
      from.position(from.position() + part);
      if (room.position() == client.config().blockBytes()) {
        ship();
      }
    }
    return count;
  }

  /** The buffer with at least a byte of room in it: a small one at first, then one of a block. */
  private ByteBuffer room(long at) {
    ByteBuffer current = buffer;
    if (current == null) {
      bufferStart = at;
      current = ByteBuffer.allocate(SMALL_BYTES);
    } else if (!current.hasRemaining()) {
      current = client.blockBuffer().put(current.flip());
    }
    buffer = current;
    return current;
  }

  /** Sends the buffer away as a block, and commits older ones if there are too many. */
  private void ship() throws IOException {
    ByteBuffer full = buffer;
    if (full == null) {
      return;
    }
    buffer = null;
    full.flip();
    CompletableFuture<WriteBlockReply> reply = new CompletableFuture<>();
    flying.addLast(new Flying(bufferStart, full.remaining(), reply));
    Deadline deadline = client.deadline();
    client.host().threads().start("block", () -> send(full, reply, deadline));
    if (flying.size() >= client.config().blocksInFlight()) {
      settle(flying.size() - client.config().blocksInFlight() + 1);
    }
  }

  private void send(ByteBuffer data, CompletableFuture<WriteBlockReply> reply, Deadline deadline) {
    try {
      Header.Builder request = Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance());
      reply.complete(client.connector().send(request, data, deadline).getWriteBlockReply());
    } catch (IOException | RuntimeException e) {
      reply.completeExceptionally(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      reply.completeExceptionally(e);
    } finally {
      client.recycle(data);
    }
  }

  /** Waits for the oldest blocks and makes them part of the file, in order. */
  private void settle(int count) throws IOException {
    Write.Builder write = Write.newBuilder().setInode(inode).setAppend(append);
    long appended = 0;
    for (int i = 0; i < count && !flying.isEmpty(); i++) {
      Flying flight = flying.pollFirst();
      WriteBlockReply stored;
      try {
        stored = await(flight.reply);
      } catch (IOException e) {
        fail(e);
        throw e;
      }
      write.addExtents(
          NewExtent.newBuilder()
              .setOffset(append ? appended : flight.offset)
              .setLength(flight.length)
              .setBlock(stored.getBlock())
              .setHolders(stored.getHolders()));
      appended += flight.length;
      if (write.getExtentsCount() == EXTENTS_PER_COMMAND) {
        commit(write);
        write = Write.newBuilder().setInode(inode).setAppend(append);
        appended = 0;
      }
    }
    if (write.getExtentsCount() > 0) {
      commit(write);
    }
  }

  private void commit(Write.Builder write) throws IOException {
    try {
      Outcome outcome = client.mutate(Command.newBuilder().setWrite(write));
      if (append) {
        position = outcome.getAttributes().getSize();
      }
    } catch (IOException e) {
      fail(e);
      throw e;
    }
  }

  private WriteBlockReply await(CompletableFuture<WriteBlockReply> reply) throws IOException {
    try {
      return client.clock().await(reply, client.config().timeout().multipliedBy(2));
    } catch (ExecutionException e) {
      if (e.getCause() instanceof PosixException refused) {
        throw PosixException.of(refused.fault());
      }
      throw new IOException("a block could not be stored", e);
    } catch (TimeoutException e) {
      throw new PosixException(Errno.ETIMEDOUT, "a block was not stored in time");
    } catch (InterruptedException e) {
      throw SandstoreClient.interrupted(e);
    }
  }

  /** Data was lost on its way: every later fsync or close must say so. */
  private void fail(IOException cause) {
    failed = cause;
    flying.clear();
  }

  /** Makes everything written so far durable and visible. */
  public void fsync() throws IOException {
    lock.lock();
    try {
      checkOpen(true);
      flush();
    } finally {
      lock.unlock();
    }
  }

  private void flush() throws IOException {
    IOException earlier = failed;
    if (earlier != null) {
      PosixException again =
          new PosixException(Errno.EIO, "earlier data was not written: " + earlier.getMessage());
      again.initCause(earlier);
      throw again;
    }
    ByteBuffer rest = buffer;
    if (rest != null && flying.isEmpty() && rest.position() <= client.config().inlineBytes()) {
      buffer = null;
      commit(
          Write.newBuilder()
              .setInode(inode)
              .setAppend(append)
              .setInlineOffset(append ? 0 : bufferStart)
              .setInlineData(ByteString.copyFrom(rest.flip())));
    } else {
      ship();
      settle(flying.size());
    }
  }

  // --- Reading ---

  /** Reads from the handle's position; the number of bytes, or -1 at the end. */
  public int read(ByteBuffer into) throws IOException {
    lock.lock();
    try {
      int count = get(into, position);
      position += Math.max(0, count);
      return count;
    } finally {
      lock.unlock();
    }
  }

  /** Reads from an offset; the number of bytes, or -1 at or after the end. */
  public int read(ByteBuffer into, long offset) throws IOException {
    lock.lock();
    try {
      return get(into, offset);
    } finally {
      lock.unlock();
    }
  }

  private int get(ByteBuffer into, long offset) throws IOException {
    checkOpen(readable);
    if (offset < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    if (buffer != null || !flying.isEmpty()) {
      flush();
    }
    if (!into.hasRemaining()) {
      return 0;
    }
    boolean sequential = offset == expected;
    if (!sequential) {
      ahead.clear();
    }
    Deadline deadline = client.deadline();
    while (true) {
      long window = sequential ? ReadAhead.WINDOW_BYTES : 0;
      Answer layout = layout(offset, into.remaining() + window);
      long size = layout.getAttributes().getSize();
      if (offset >= size) {
        return -1;
      }
      int length = (int) Math.min(into.remaining(), end(layout, size) - offset);
      int mark = into.position();
      try {
        fill(into, offset, length, layout, sequential, deadline);
        expected = offset + length;
        return length;
      } catch (PosixException e) {
        // The file changed after its layout was read, and the old block is gone.
        ahead.clear();
        if (e.errno() != Errno.ENOENT || deadline.passed()) {
          throw e;
        }
        into.position(mark);
      }
    }
  }

  /** Asked anew for every read: another client's acknowledged write must not be missed. */
  private Answer layout(long offset, long length) throws IOException {
    return client.ask(
        Query.newBuilder()
            .setLayout(Layout.newBuilder().setInode(inode).setOffset(offset).setLength(length)));
  }

  /** Where an answer ends that did not have room for all extents. */
  private static long end(Answer layout, long size) {
    if (!layout.getMore()) {
      return size;
    }
    Extent last = layout.getExtents(layout.getExtentsCount() - 1);
    return last.getOffset() + last.getLength();
  }

  /** Copies extents into the buffer; what no extent covers is zeros. */
  private void fill(
      ByteBuffer into,
      long offset,
      int length,
      Answer layout,
      boolean sequential,
      Deadline deadline)
      throws IOException {
    long end = offset + length;
    long at = offset;
    List<Extent> extents = layout.getExtentsList();
    for (int i = 0; i < extents.size(); i++) {
      Extent extent = extents.get(i);
      long start = Math.max(extent.getOffset(), at);
      long stop = Math.min(extent.getOffset() + extent.getLength(), end);
      if (start >= stop) {
        continue;
      }
      zeros(into, start - at);
      int from = extent.getBlockOffset() + (int) (start - extent.getOffset());
      int count = (int) (stop - start);
      if (sequential) {
        List<Extent> following = extents.subList(i + 1, extents.size());
        ahead.read(into, extent, from, from + count, following, deadline);
      } else {
        readBlock(into, extent, from, count, deadline);
      }
      at = stop;
    }
    zeros(into, end - at);
  }

  private static void zeros(ByteBuffer into, long count) {
    for (long i = 0; i < count; i++) {
      into.put((byte) 0);
    }
  }

  private void readBlock(ByteBuffer into, Extent extent, int offset, int length, Deadline deadline)
      throws IOException {
    // A node checks small parts itself: whole chunks around them would be more to send.
    ReadBlock part =
        ReadBlock.newBuilder()
            .setBlock(extent.getBlock())
            .setOffset(offset)
            .setLength(length)
            .setUnchecked(length >= UNCHECKED_BYTES)
            .build();
    try (Frame answer = client.connector().fetch(part, extent.getHoldersList(), deadline)) {
      into.put(Connector.asked(answer, part));
    } catch (InterruptedException e) {
      throw SandstoreClient.interrupted(e);
    }
  }

  // --- The rest ---

  public long position() {
    return position;
  }

  public void seek(long newPosition) throws IOException {
    if (newPosition < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    lock.lock();
    try {
      position = newPosition;
    } finally {
      lock.unlock();
    }
  }

  /** What the file is now, this handle's own writes included. */
  public FileStat stat() throws IOException {
    lock.lock();
    try {
      checkOpen(true);
      if (buffer != null || !flying.isEmpty()) {
        flush();
      }
      return client.lookup(Lookup.newBuilder().setInode(inode));
    } finally {
      lock.unlock();
    }
  }

  public void truncate(long size) throws IOException {
    lock.lock();
    try {
      checkOpen(writable);
      flush();
      client.setattr(
          SetAttributes.newBuilder().setInode(inode).setSize(size), AttributeChange.NONE);
    } finally {
      lock.unlock();
    }
  }

  public FileStat setattr(AttributeChange change) throws IOException {
    lock.lock();
    try {
      checkOpen(true);
      flush();
      return client.setattr(SetAttributes.newBuilder().setInode(inode), change);
    } finally {
      lock.unlock();
    }
  }

  private void checkOpen(boolean allowed) throws PosixException {
    if (closed) {
      throw new PosixException(Errno.EBADF, "the file is closed");
    }
    if (!allowed) {
      throw new PosixException(Errno.EBADF, "the file is not open for this");
    }
  }

  public boolean isOpen() {
    return !closed;
  }

  /** Flushes and closes. A second call does nothing. */
  @Override
  public void close() throws IOException {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      try {
        if (failed != null || buffer != null || !flying.isEmpty()) {
          flush();
        }
      } finally {
        closed = true;
        ahead.clear();
        client.forget(this);
      }
    } finally {
      lock.unlock();
    }
  }
}
