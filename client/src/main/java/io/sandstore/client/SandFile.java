package io.sandstore.client;

import com.google.protobuf.ByteString;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Command;
import io.sandstore.wire.CopyRange;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Header;
import io.sandstore.wire.Layout;
import io.sandstore.wire.LockFile;
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
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NavigableSet;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An open file. Writes gather in a buffer of one block; a full buffer leaves as a block while the
 * next one fills, several at a time, and becomes visible in the order of writing, after some
 * seconds at the latest. {@link #fsync} and {@link #close} return when everything is durable and
 * visible. Reads see this handle's own writes.
 *
 * <p>With O_APPEND a call of {@link #write} is one record: it becomes visible whole and without
 * gaps, however many blocks it takes, up to {@value #RECORD_BLOCKS_MAX} of them (256 MiB even in
 * the smallest blocks; a longer one is several records). The handle's position is the end of what
 * it appended.
 *
 * <p>One read shows the file as it was at one moment. If blocks of that moment are gone before they
 * were fetched, because the file was overwritten meanwhile, the read ends behind the bytes that
 * were copied, and the next one goes on from there. Time limits are for each block, not for the
 * whole of a call.
 *
 * <p>Thread-safe: calls on one handle follow one another.
 */
public final class SandFile implements Closeable {

  private static final int EXTENTS_PER_COMMAND = 500;

  /** Blocks of one record: their extents are one command, which has at most 256 KiB. */
  private static final int RECORD_BLOCKS_MAX = 4096;

  private static final int COPIED_AT_ONCE = 1 << 20;

  private static final int ARRAY_BYTES_MAX = Integer.MAX_VALUE - 8;

  /** The longest file. */
  private static final long FILE_BYTES_MAX = 1L << 60;

  /** How often somebody who waits for a buffer looks for files that have become idle. */
  private static final Duration LOOK_FOR_IDLE = Duration.ofMillis(50);

  /** Reads from this size on are checked here, by the checksums that lie with the block. */
  private static final int UNCHECKED_BYTES = 256 << 10;

  /**
   * A block on its way.
   *
   * @param endsRecord what is behind it need not become visible together with it
   */
  private record Flying(
      long offset,
      int length,
      boolean endsRecord,
      long shippedAtNanos,
      CompletableFuture<WriteBlockReply> reply) {}

  private final SandstoreClient client;
  private final long serial;
  private final long inode;
  private final FileStat opened;
  private final boolean readable;
  private final boolean writable;
  private final boolean append;
  private final boolean directory;
  private final ReentrantLock lock = new ReentrantLock();

  /** Written under the lock; others look at it to find idle files. */
  private volatile @Nullable ByteBuffer buffer;

  private long bufferStart;
  private final ArrayDeque<Flying> flying = new ArrayDeque<>();

  /** Blocks that are stored and not named in a command yet: the cluster must not collect them. */
  private final NavigableSet<Long> unnamed = new ConcurrentSkipListSet<>();

  /** True while blocks are on their way or wait to become part of the file. */
  private volatile boolean shipped;

  private final AtomicBoolean settling = new AtomicBoolean();
  private volatile @Nullable IOException failed;
  private final ReadAhead ahead;

  /** Where the last read ended: one that begins here is sequential. */
  private long expected = -1;

  private long position;

  /** All of the file as it was when it was opened; null: every read asks what is there. */
  private volatile @Nullable AsOpened asOpened;

  // Of O_APPEND, whose place in the file is known once the file has it: bytes that were taken, how
  // many of them were when the last write that moves the position ended, and how many are there.
  private long taken;
  private long takenForPosition;
  private long appended;

  /** Blocks that left since the last end of a record. */
  private int recordBlocks;

  private final HandleLocks locks;
  private volatile boolean closed;
  private boolean finishing;

  SandFile(
      SandstoreClient client,
      long serial,
      FileStat stat,
      boolean readable,
      boolean writable,
      boolean append) {
    this.client = client;
    this.serial = serial;
    this.inode = stat.inode();
    this.opened = stat;
    this.readable = readable;
    this.writable = writable;
    this.append = append;
    this.directory = stat.isDirectory();
    this.locks = new HandleLocks(client, client.lockKeeper(), inode, serial + 1);
    this.ahead = new ReadAhead(client, this);
  }

  /**
   * From now on an interrupt does not end what a write or flush waits for, after which data that
   * was taken before would be lost: it is found afterwards. To be called before the file is used.
   */
  public void finishDespiteInterrupts() {
    finishing = true;
  }

  private <T> T finished(Uninterrupted.Action<T> wait) throws IOException {
    return finishing ? Uninterrupted.run(client.host(), wait) : wait.run();
  }

  /** From now on reads show this, if it is something. To be called before the file is used. */
  void showAsOpened(@Nullable AsOpened bytes) {
    asOpened = bytes;
  }

  /** Counts the files that a client opened. */
  long serial() {
    return serial;
  }

  public long inode() {
    return inode;
  }

  /** What the file was when it was opened, or made. */
  public FileStat statWhenOpened() {
    return opened;
  }

  // --- Writing ---

  /** Writes at the handle's position, or at the end with O_APPEND. */
  public int write(ByteBuffer from) throws IOException {
    lock.lock();
    try {
      int count = put(from, position);
      position += append ? 0 : count;
      takenForPosition = taken;
      return count;
    } finally {
      lock.unlock();
      makeRoomForOthers();
    }
  }

  /** Writes at an offset; with O_APPEND at the end all the same, as Linux does. Moves nothing. */
  public int write(ByteBuffer from, long offset) throws IOException {
    lock.lock();
    try {
      return put(from, offset);
    } finally {
      lock.unlock();
      makeRoomForOthers();
    }
  }

  private int put(ByteBuffer from, long offset) throws IOException {
    checkOpen(writable);
    checkNothingFailed();
    if (offset < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    int count = from.remaining();
    if (append && buffer != null && buffer.position() + count > client.config().blockBytes()) {
      ship(true); // a record shares a block with earlier ones or has blocks of its own
    }
    while (from.hasRemaining()) {
      long at = offset + count - from.remaining();
      if (buffer != null && !append && at != bufferStart + buffer.position()) {
        ship(true);
      }
      ByteBuffer room = room(at, from.remaining());
      int part = Math.min(from.remaining(), room.remaining());
      room.put(from.slice(from.position(), part));
      from.position(from.position() + part);
      if (room.position() == client.config().blockBytes()) {
        ship(!append || !from.hasRemaining());
      }
    }
    taken += count;
    return count;
  }

  /** The buffer with at least a byte of room in it: a small one as long as that will do. */
  private ByteBuffer room(long at, int wanted) throws IOException {
    ByteBuffer current = buffer;
    if (current != null && current.hasRemaining()) {
      return current;
    }
    if (current == null) {
      bufferStart = at;
    }
    long needed = (current == null ? 0L : current.capacity()) + wanted;
    ByteBuffer next = client.buffers().small(needed).orElse(null);
    next = next == null ? finished(this::blockBuffer) : next;
    if (current != null) {
      next.put(current.flip());
      client.buffers().release(current);
    }
    buffer = next;
    return next;
  }

  /** Waits until there is a buffer of a block, and sees to it that there will be. */
  private ByteBuffer blockBuffer() throws IOException {
    CompletableFuture<ByteBuffer> ticket = client.buffers().block();
    Deadline deadline = client.deadline();
    try {
      while (!ticket.isDone() && !deadline.passed()) {
        client.shipEarly(this);
        try {
          client.clock().await(ticket, deadline.leftAtMost(LOOK_FOR_IDLE));
        } catch (TimeoutException e) {
          // Once more.
        }
      }
      if (ticket.isDone()) {
        return ticket.get();
      }
    } catch (InterruptedException e) {
      client.buffers().cancel(ticket);
      throw SandstoreClient.interrupted(e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // nobody fails a ticket
    }
    client.buffers().cancel(ticket);
    PosixException none =
        new PosixException(Errno.ETIMEDOUT, "nothing was stored in time that makes room for more");
    fail(none);
    throw none;
  }

  /** Bytes in a buffer that others could use, if this file is idle; 0 if it is not. */
  int idleBytes() {
    ByteBuffer idle = buffer;
    if (idle == null || idle.capacity() < client.config().blockBytes() || lock.isLocked()) {
      return 0;
    }
    return Math.max(1, idle.position());
  }

  /** Sends what is buffered although there is room for more; true if it did. */
  boolean shipEarly() {
    if (!lock.tryLock()) {
      return false; // it is in use, and makes room when that is over
    }
    try {
      ByteBuffer idle = buffer;
      if (idle == null || idle.capacity() < client.config().blockBytes()) {
        return false;
      }
      send(true);
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void makeRoomForOthers() {
    if (client.buffers().isContended()) {
      shipEarly();
    }
  }

  /**
   * Sends the buffer away as a block; if there are too many, waits for older ones and makes them
   * part of the file.
   */
  private void ship(boolean endsRecord) throws IOException {
    send(endsRecord);
    if (flying.size() >= client.config().blocksInFlight()) {
      settle(flying.size() - client.config().blocksInFlight() + 1);
    }
  }

  private void send(boolean endsRecord) {
    ByteBuffer full = buffer;
    if (full == null) {
      return;
    }
    buffer = null;
    full.flip();
    recordBlocks++;
    boolean ends = endsRecord || recordBlocks == RECORD_BLOCKS_MAX;
    recordBlocks = ends ? 0 : recordBlocks;
    CompletableFuture<WriteBlockReply> reply = new CompletableFuture<>();
    shipped = true;
    flying.addLast(new Flying(bufferStart, full.remaining(), ends, client.clock().nanos(), reply));
    Deadline deadline = client.deadline();
    client.host().threads().start("block", () -> store(full, reply, deadline));
  }

  private void store(ByteBuffer data, CompletableFuture<WriteBlockReply> reply, Deadline deadline) {
    try {
      // They go with the bytes to every disk, and back to whoever reads them.
      ChunkSums sums = ChunkSums.of(data, client.host().telemetry());
      Header.Builder request =
          Header.newBuilder()
              .setWriteBlock(WriteBlock.getDefaultInstance())
              .setChunkBytes(sums.chunkBytes())
              .addAllChunkCrcs(sums.crcs());
      WriteBlockReply stored =
          client.clusterClient().send(request, data, deadline).getWriteBlockReply();
      unnamed.add(stored.getBlock());
      reply.complete(stored);
    } catch (IOException | RuntimeException e) {
      reply.completeExceptionally(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      reply.completeExceptionally(e);
    } finally {
      client.buffers().release(data);
    }
  }

  /** Waits for the oldest blocks; those that end whole records become part of the file. */
  private void settle(int count) throws IOException {
    List<Flying> oldest = flying.stream().limit(count).toList();
    int whole = 0;
    for (int i = 0; i < oldest.size(); i++) {
      try {
        CompletableFuture<WriteBlockReply> reply = oldest.get(i).reply;
        finished(() -> await(reply));
      } catch (IOException e) {
        fail(e);
        throw e;
      }
      whole = oldest.get(i).endsRecord ? i + 1 : whole;
    }
    Write.Builder write = newWrite();
    long bytes = 0;
    for (Flying flight : oldest.subList(0, whole)) {
      flying.removeFirst();
      WriteBlockReply stored = flight.reply.resultNow();
      write.addExtents(
          NewExtent.newBuilder()
              .setOffset(append ? bytes : flight.offset)
              .setLength(flight.length)
              .setBlock(stored.getBlock())
              .setWhere(stored.getWhere()));
      bytes += flight.length;
      if (flight.endsRecord && write.getExtentsCount() >= EXTENTS_PER_COMMAND) {
        commit(write, bytes);
        write = newWrite();
        bytes = 0;
      }
    }
    if (write.getExtentsCount() > 0) {
      commit(write, bytes);
    }
    shipped = !flying.isEmpty();
  }

  boolean hasShipped() {
    return shipped;
  }

  private Write.Builder newWrite() {
    return Write.newBuilder().setInode(inode).setAppend(append);
  }

  /** A change of what this handle may have locked: under the lock's session or not at all. */
  private Outcome changed(Command.Builder command) throws IOException {
    return client.mutate(command, locks.session(), client.deadline());
  }

  private void commit(Write.Builder write, long bytes) throws IOException {
    try {
      Outcome outcome = finished(() -> changed(Command.newBuilder().setWrite(write)));
      if (append && takenForPosition > appended) {
        position = outcome.getValue() + Math.min(bytes, takenForPosition - appended);
      }
      appended += bytes;
    } catch (IOException e) {
      fail(e);
      throw e;
    } finally {
      write.getExtentsList().forEach(extent -> unnamed.remove(extent.getBlock()));
    }
  }

  /**
   * Makes blocks part of the file that were shipped so long ago, so that what a slow writer wrote
   * does not wait for the next full buffer. What goes wrong is told by the next write, fsync or
   * close. Waits for nothing but the command itself and other calls on this handle.
   */
  void settleShippedBefore(long nanos) {
    if (!settling.compareAndSet(false, true)) {
      return;
    }
    lock.lock();
    try {
      int count = 0;
      for (Flying flight : flying) {
        if (!flight.reply.isDone() || flight.shippedAtNanos - nanos > 0) {
          break;
        }
        count++;
      }
      settle(count);
    } catch (IOException e) {
      // It is remembered, see fail().
    } finally {
      lock.unlock();
      settling.set(false);
    }
  }

  /** The lowest block that this handle may still name in a command. */
  OptionalLong lowestUnnamed() {
    Iterator<Long> ids = unnamed.iterator();
    return failed == null && ids.hasNext() ? OptionalLong.of(ids.next()) : OptionalLong.empty();
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

  /** Data was lost on its way: every later write, fsync or close must say so. */
  private void fail(IOException cause) {
    failed = cause;
    flying.clear();
    recordBlocks = 0;
    shipped = false;
    ByteBuffer lost = buffer;
    buffer = null;
    if (lost != null) {
      client.buffers().release(lost);
    }
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

  private boolean isPending() {
    return buffer != null || !flying.isEmpty();
  }

  private void flushIfPending() throws IOException {
    if (isPending()) {
      flush();
    }
  }

  private void checkNothingFailed() throws PosixException {
    IOException earlier = failed;
    if (earlier != null) {
      PosixException again =
          new PosixException(Errno.EIO, "earlier data was not written: " + earlier.getMessage());
      again.initCause(earlier);
      throw again;
    }
  }

  private void flush() throws IOException {
    checkNothingFailed();
    ByteBuffer rest = buffer;
    if (rest != null && flying.isEmpty() && rest.position() <= client.config().inlineBytes()) {
      buffer = null;
      ByteString data = ByteString.copyFrom(rest.flip());
      client.buffers().release(rest);
      commit(newWrite().setInlineOffset(append ? 0 : bufferStart).setInlineData(data), data.size());
    } else {
      ship(true);
      settle(flying.size());
    }
  }

  // --- Reading ---

  /** Reads from the handle's position; the number of bytes, or -1 at the end. */
  public int read(ByteBuffer into) throws IOException {
    lock.lock();
    try {
      checkOpen(readable);
      flushIfPending(); // which says where the position of O_APPEND is
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
    if (directory) {
      throw new PosixException(Errno.EISDIR, "a directory is read by its names");
    }
    if (offset < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    flushIfPending();
    if (!into.hasRemaining()) {
      return 0;
    }
    AsOpened opened = asOpened;
    if (opened != null) {
      return opened.read(into, offset);
    }
    boolean sequential = offset == expected || into.remaining() >= ReadAhead.WINDOW_BYTES;
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
        fill(into, offset, length, layout, sequential);
        expected = offset + length;
        return length;
      } catch (PosixException e) {
        // The file changed after its layout was read, and the old block is gone.
        ahead.clear();
        int copied = into.position() - mark;
        if (e.errno() == Errno.ENOENT && copied > 0) {
          expected = offset + copied;
          return copied; // what follows belongs to another moment of the file
        }
        if (e.errno() != Errno.ENOENT || deadline.passed()) {
          throw e;
        }
        sequential = false; // block by block: the first must be had before it is overwritten, too
      }
    }
  }

  /** Everything from the beginning on. */
  byte[] readAll() throws IOException {
    long size = stat().size();
    if (size > ARRAY_BYTES_MAX) {
      throw new PosixException(Errno.EFBIG, "more bytes than an array can hold");
    }
    ByteBuffer all = ByteBuffer.allocate((int) size);
    while (all.hasRemaining() && read(all, all.position()) > 0) {
      // Until all is there, or the file has become shorter.
    }
    return Arrays.copyOf(all.array(), all.position());
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
  private void fill(ByteBuffer into, long offset, int length, Answer layout, boolean sequential)
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
        ahead.read(into, extent, from, from + count, following);
      } else {
        readBlock(into, extent, from, count);
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

  private void readBlock(ByteBuffer into, Extent extent, int offset, int length)
      throws IOException {
    // A node checks small parts itself: whole chunks around them would be more to send.
    ReadBlock part =
        ReadBlock.newBuilder()
            .setBlock(extent.getBlock())
            .setOffset(offset)
            .setLength(length)
            .setUnchecked(length >= UNCHECKED_BYTES)
            .build();
    try (Frame answer =
        client.clusterClient().fetch(part, extent.getHoldersList(), client.deadline())) {
      into.put(ClusterClient.asked(answer, part));
    } catch (InterruptedException e) {
      throw SandstoreClient.interrupted(e);
    }
  }

  /** Gives back what was read ahead and is not used, or more than a fair share. */
  void shareAhead(int share) {
    if (lock.tryLock()) {
      try {
        ahead.share(share);
        AsOpened opened = asOpened;
        if (opened != null) {
          opened.settle();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  int aheadHeld() {
    AsOpened opened = asOpened;
    return ahead.held() + (opened != null && opened.holds() ? 1 : 0);
  }

  // --- The rest ---

  /** Where the next read begins. With O_APPEND this flushes: only then the end is known. */
  public long position() throws IOException {
    lock.lock();
    try {
      if (append) {
        flushIfPending();
      }
      return position;
    } finally {
      lock.unlock();
    }
  }

  public void seek(long newPosition) throws IOException {
    if (newPosition < 0) {
      throw new PosixException(Errno.EINVAL, "negative offset");
    }
    lock.lock();
    try {
      if (append) {
        flushIfPending();
      }
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
      flushIfPending();
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
          SetAttributes.newBuilder().setInode(inode).setSize(size),
          AttributeChange.NONE,
          locks.session());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Shows bytes of another file, or of another place in the same, here as well: the files share
   * their blocks from then on, and no byte travels. The bytes are those that the source has when
   * this is applied, what was written to its handle before among them.
   *
   * @param source of the same cluster, open to read
   * @param length at most; it ends at the source's end
   * @return bytes that were copied; 0 at the source's end
   * @throws PosixException EINVAL if ranges of one file overlap, EXDEV if it is of another client,
   *     EBADF if a handle is not open for it, or this one appends; EPROTO while a node of a release
   *     before this command may be in the cluster
   */
  public long copyFrom(SandFile source, long sourceOffset, long offset, long length)
      throws IOException {
    if (source.client.clusterClient() != client.clusterClient()) {
      throw new PosixException(Errno.EXDEV, "a file of another client");
    }
    source.makeVisible(source.readable);
    lock.lock();
    try {
      checkOpen(writable && !append);
      flush();
      long most = FILE_BYTES_MAX - Math.max(sourceOffset, offset);
      long wanted = Math.min(length, most);
      long copied = 0;
      while (copied < wanted) {
        CopyRange.Builder range =
            CopyRange.newBuilder()
                .setSource(source.inode)
                .setSourceOffset(sourceOffset + copied)
                .setTarget(inode)
                .setTargetOffset(offset + copied)
                .setLength(wanted - copied);
        long more = changed(Command.newBuilder().setCopyRange(range)).getValue();
        if (more == 0) {
          break;
        }
        copied += more;
      }
      return copied;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Copies all of another file, to the same offsets: by {@link #copyFrom(SandFile, long, long,
   * long)} where that can be, else by reading and writing.
   */
  public void copyFrom(SandFile source) throws IOException {
    try {
      copyFrom(source, 0, 0, Long.MAX_VALUE);
    } catch (PosixException e) {
      if (e.errno() != Errno.EXDEV && e.errno() != Errno.EPROTO) {
        throw e;
      }
      ByteBuffer piece = ByteBuffer.allocate(COPIED_AT_ONCE);
      for (long offset = 0; source.read(piece, offset) >= 0; piece.clear()) {
        offset += write(piece.flip(), offset);
      }
    }
  }

  private void makeVisible(boolean allowed) throws IOException {
    lock.lock();
    try {
      checkOpen(allowed);
      flushIfPending();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sees to it that the file has a range, as fallocate(2) does: if it is shorter and {@code
   * keepSize} is not said, it grows by zeros. Reserves no room on the disks.
   *
   * @param length at least 1; the range ends at 2^60 at most
   * @throws PosixException EINVAL for other numbers, EFBIG for a longer file, EBADF if it is not
   *     open to write, EPROTO below feature level 3
   */
  public void allocate(long offset, long length, boolean keepSize) throws IOException {
    allocate(offset, length, Allocate.How.EXTEND, keepSize);
  }

  /** Makes a range a hole, which reads as zeros; the size stays. See {@link #allocate}. */
  public void punchHole(long offset, long length) throws IOException {
    allocate(offset, length, Allocate.How.PUNCH, true);
  }

  /**
   * Makes a range zeros; if the file is shorter and {@code keepSize} is not said, it grows. See
   * {@link #allocate}.
   */
  public void zeroRange(long offset, long length, boolean keepSize) throws IOException {
    allocate(offset, length, Allocate.How.ZERO, keepSize);
  }

  private void allocate(long offset, long length, Allocate.How how, boolean keepSize)
      throws IOException {
    lock.lock();
    try {
      checkOpen(writable);
      flush();
      Allocate.Builder op =
          Allocate.newBuilder()
              .setInode(inode)
              .setOffset(offset)
              .setLength(length)
              .setHow(how)
              .setKeepSize(keepSize);
      changed(Command.newBuilder().setAllocate(op));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Where the first bytes at or after an offset lie that were written, as SEEK_DATA has it; the
   * handle's position stays. Bytes in blocks are data, zeros or not.
   *
   * @throws PosixException ENXIO if there are none, or the offset is not in the file
   */
  public long seekData(long offset) throws IOException {
    return seek(offset, true);
  }

  /**
   * Where the first hole at or after an offset begins, as SEEK_HOLE has it; the end of the file is
   * one. The handle's position stays. In a file that others change meanwhile, one of the holes that
   * there were.
   *
   * @throws PosixException ENXIO if the offset is not in the file
   */
  public long seekHole(long offset) throws IOException {
    return seek(offset, false);
  }

  private long seek(long offset, boolean toData) throws IOException {
    lock.lock();
    try {
      checkOpen(true);
      flushIfPending();
      long at = offset;
      while (true) {
        Answer layout = at < 0 ? Answer.getDefaultInstance() : layout(at, Long.MAX_VALUE - at);
        long size = layout.getAttributes().getSize();
        if (at < 0 || at >= size) {
          if (toData || at == offset) {
            throw new PosixException(Errno.ENXIO, "nothing there from " + offset + " on");
          }
          return size;
        }
        for (Extent extent : layout.getExtentsList()) {
          long end = extent.getOffset() + extent.getLength();
          if (toData && end > at) {
            return Math.max(at, extent.getOffset());
          }
          if (extent.getOffset() > at) {
            return at;
          }
          at = Math.max(at, end);
        }
        if (!layout.getMore()) {
          if (toData) {
            throw new PosixException(Errno.ENXIO, "no data from " + offset + " on");
          }
          return Math.min(at, size);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** The file's attributes beside those of stat(2). */
  public ExtendedAttributes xattrs() {
    return ExtendedAttributes.of(client, inode);
  }

  public FileStat setattr(AttributeChange change) throws IOException {
    lock.lock();
    try {
      checkOpen(true);
      flush();
      return client.setattr(SetAttributes.newBuilder().setInode(inode), change, locks.session());
    } finally {
      lock.unlock();
    }
  }

  // --- Locks ---

  /** As long as it takes. */
  public static final Duration FOREVER = Duration.ofDays(36_500);

  /**
   * Locks a range of the file against others, programs on this client with another handle among
   * them. Locks are advisory: they keep out who asks for one. What this handle has there is
   * replaced, so that a shared lock becomes an exclusive one and back. A lock of a range knows
   * nothing of one of the file as such ({@link #flock}).
   *
   * <p>Who waits gets it after those that waited before for something that is in its way. Closing
   * the handle gives up all its locks. A client that the cluster does not hear of for a minute
   * loses them; then every use of the handle fails with ESTALE, and nothing that was written and
   * not flushed becomes part of the file.
   *
   * @param start first byte
   * @param length in bytes; 0: to the end of whatever there will be
   * @param shared with others that have shared ones; needs a file that is open for reading, an
   *     exclusive one a file that is open for writing
   * @param timeout how long to wait; zero: not at all
   * @return false if it was others' for all of that time
   * @throws PosixException EDEADLK if it would wait for one that waits for this handle; ENOLCK if
   *     there are too many locks or waits of this file or client (4,096; 256; 65,536); EPROTO if
   *     the cluster's feature level has no locks yet; ETIMEDOUT if the cluster does not answer: the
   *     lock may be held then, until it is unlocked or the handle closed
   * @throws java.io.InterruptedIOException if the thread is interrupted while it waits; then the
   *     lock is not held
   */
  public boolean lock(long start, long length, boolean shared, Duration timeout)
      throws IOException {
    checkOpen(shared ? readable : writable);
    return locks.acquire(
        LockFile.newBuilder().setShared(shared).setStart(start).setLength(length), timeout);
  }

  /** Like {@link #lock}, without waiting. */
  public boolean tryLock(long start, long length, boolean shared) throws IOException {
    return lock(start, length, shared, Duration.ZERO);
  }

  /** Gives up what the handle has in a range, after what was written is there for others. */
  public void unlock(long start, long length) throws IOException {
    unlock(LockFile.newBuilder().setStart(start).setLength(length));
  }

  /**
   * Locks the file as such. Otherwise like {@link #lock}, but as on Linux a lock of the other type
   * is given up before the new one is asked for, and stays so if that is not given.
   */
  public boolean flock(boolean shared, Duration timeout) throws IOException {
    checkOpen(true);
    return locks.acquire(LockFile.newBuilder().setWhole(true).setShared(shared), timeout);
  }

  /** Gives up the lock of the file as such, after what was written is there for others. */
  public void funlock() throws IOException {
    unlock(LockFile.newBuilder().setWhole(true));
  }

  private void unlock(LockFile.Builder op) throws IOException {
    checkOpen(true);
    try {
      lock.lock();
      try {
        flushIfPending();
      } finally {
        lock.unlock();
      }
    } finally {
      locks.unlock(op);
    }
  }

  /**
   * Makes sure that locks of this handle, if there are any, are its own still.
   *
   * @throws PosixException ESTALE if they are not, EBADF if it is closed
   */
  public void checkLocks() throws IOException {
    checkOpen(true);
  }

  /** Who has locks of a range of this file, or waits for some: of all clients, 1,000 at most. */
  public List<LockHolder> locks(long start, long length) throws IOException {
    checkOpen(true);
    return locks.holders(start, length);
  }

  private void checkOpen(boolean allowed) throws IOException {
    if (closed) {
      throw new PosixException(Errno.EBADF, "the file is closed");
    }
    if (!allowed) {
      throw new PosixException(Errno.EBADF, "the file is not open for this");
    }
    locks.check();
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
        if (failed != null || isPending()) {
          flush();
        }
      } finally {
        closed = true;
        AsOpened opened = asOpened;
        if (opened != null) {
          opened.close();
        }
        ByteBuffer rest = buffer;
        buffer = null;
        if (rest != null) {
          client.buffers().release(rest); // of a flush that failed
        }
        ahead.clear();
        locks.close();
        client.forget(this);
      }
    } finally {
      lock.unlock();
    }
  }
}
