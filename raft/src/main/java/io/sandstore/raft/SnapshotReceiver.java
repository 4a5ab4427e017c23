package io.sandstore.raft;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Puts together a snapshot that comes in pieces. What came of a file is kept when its stream breaks
 * off: the next stream of the same file goes on from there.
 */
final class SnapshotReceiver {

  /** Forced now and then, so that the last piece need not wait for all of them. */
  private static final long FORCE_BYTES = 32 << 20;

  private static final String PARTIAL = SnapshotStore.temporary("partial");

  /**
   * Which file comes.
   *
   * @param size 0 from a release that sends each stream from its beginning
   */
  private record Source(long from, long index, long size, int crc) {
    static final Source NONE = new Source(0, 0, 0, 0);

    static Source of(SnapshotChunk chunk) {
      return new Source(chunk.getFrom(), chunk.getIndex(), chunk.getSize(), chunk.getCrc());
    }
  }

  /**
   * What became of a piece.
   *
   * @param next where the sender should go on
   * @param whole the meta, if this piece made the file whole and durable
   */
  record Received(long next, Optional<SnapshotMeta> whole) {}

  private final Disk disk;
  private final SnapshotStore snapshots;
  private final ReentrantLock receiving = new ReentrantLock();
  private Source source = Source.NONE;
  private long term;
  private @Nullable DiskFile file;
  private long next;
  private long forced;

  /** Index of a file of which some pieces are here, and some not; 0 if there is none. */
  private volatile long partial;

  SnapshotReceiver(Disk disk, SnapshotStore snapshots) {
    this.disk = disk;
    this.snapshots = snapshots;
  }

  /**
   * Stores a piece, if it is the next one.
   *
   * @throws PosixException EINVAL if it belongs to a stream of a former leader, or does not fit
   * @throws CorruptLogException if it was the last one and the file is damaged
   */
  Received accept(SnapshotChunk chunk, ByteBuffer bytes) throws IOException {
    receiving.lock();
    try {
      if (chunk.getTerm() < term) {
        throw new PosixException(Errno.EINVAL, "a piece of a former leader's snapshot");
      }
      boolean first = chunk.getOffset() == 0;
      boolean known = source.equals(Source.of(chunk)) && chunk.getSize() > 0;
      if (first && !known) {
        begin(chunk);
      }
      term = chunk.getTerm();
      if (!source.equals(Source.of(chunk))) {
        throw new PosixException(Errno.EINVAL, "this piece does not continue the snapshot");
      }
      DiskFile open = file;
      if (open == null || chunk.getOffset() != next || !bytes.hasRemaining()) {
        return new Received(next, Optional.empty());
      }
      return store(open, chunk, bytes);
    } finally {
      receiving.unlock();
    }
  }

  private Received store(DiskFile open, SnapshotChunk chunk, ByteBuffer bytes) throws IOException {
    long end = next + bytes.remaining();
    if (chunk.getSize() > 0 && chunk.getLast() != (end == chunk.getSize())) {
      throw new PosixException(Errno.EINVAL, "the pieces are not the file that was announced");
    }
    try {
      open.write(bytes.duplicate(), next);
      next = end;
      if (chunk.getLast()) {
        return new Received(end, Optional.of(finish(open, chunk)));
      }
      if (next - forced >= FORCE_BYTES) {
        open.force();
        forced = next;
      }
      return new Received(end, Optional.empty());
    } catch (IOException e) {
      forget(); // what a failed write or force left is not known, and nobody goes on with it
      disk.delete(PARTIAL);
      throw e;
    }
  }

  private void begin(SnapshotChunk chunk) throws IOException {
    forget();
    disk.delete(PARTIAL);
    file = disk.open(PARTIAL, true);
    source = Source.of(chunk);
    partial = chunk.getIndex();
  }

  private void forget() throws IOException {
    DiskFile open = file;
    file = null;
    source = Source.NONE;
    next = 0;
    forced = 0;
    partial = 0;
    if (open != null) {
      open.close();
    }
  }

  /**
   * Removes what came of a snapshot that nobody will go on with: the log has brought all of it
   * meanwhile. Does not wait.
   *
   * @param commit last entry known to be committed here
   */
  void dropUpTo(long commit) throws IOException {
    if (partial == 0 || partial > commit || !receiving.tryLock()) {
      return;
    }
    try {
      if (partial != 0 && partial <= commit) {
        forget();
        disk.delete(PARTIAL);
      }
    } finally {
      receiving.unlock();
    }
  }

  private SnapshotMeta finish(DiskFile open, SnapshotChunk chunk) throws IOException {
    open.force();
    SnapshotMeta meta;
    try (SnapshotStore.Reader reader = snapshots.read(PARTIAL)) {
      int crc = reader.verify();
      meta = reader.meta();
      if (meta.getIndex() != chunk.getIndex() || (chunk.getSize() > 0 && crc != chunk.getCrc())) {
        throw new CorruptLogException("the snapshot that came is not the one that was announced");
      }
    }
    file = null; // who asks again is told that all is here
    partial = 0;
    open.close();
    disk.rename(PARTIAL, whole(meta.getIndex()));
    return meta;
  }

  private static String whole(long index) {
    return SnapshotStore.temporary("whole-%016x".formatted(index));
  }

  void publish(long snapshotIndex) throws IOException {
    snapshots.publish(whole(snapshotIndex), snapshotIndex);
  }

  /** Drops a whole snapshot; it would have to be sent again. */
  void discard(long snapshotIndex) throws IOException {
    receiving.lock();
    try {
      disk.delete(whole(snapshotIndex));
      if (source.index() == snapshotIndex && file == null) {
        forget();
      }
    } finally {
      receiving.unlock();
    }
  }
}
