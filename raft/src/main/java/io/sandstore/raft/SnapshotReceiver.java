package io.sandstore.raft;

import io.sandstore.host.Clock;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Moves snapshot files between members, piece by piece; neither side holds more than one. */
final class SnapshotReceiver {

  private static final Logger log = LoggerFactory.getLogger(SnapshotReceiver.class);
  private static final int CHUNK_BYTES = 1 << 20;
  private static final String PARTIAL = SnapshotStore.temporary("partial");

  private final Disk disk;
  private final SnapshotStore snapshots;
  private final ReentrantLock receiving = new ReentrantLock();
  private @Nullable DiskFile file;
  private long sender;
  private long index;
  private long next;

  SnapshotReceiver(Disk disk, SnapshotStore snapshots) {
    this.disk = disk;
    this.snapshots = snapshots;
  }

  /** Stores a piece; the meta when it was the last one and the file is whole and durable. */
  Optional<SnapshotMeta> accept(SnapshotChunk chunk, ByteBuffer bytes) throws IOException {
    receiving.lock();
    try {
      if (chunk.getOffset() == 0) {
        begin(chunk);
      }
      DiskFile open = file;
      if (open == null
          || chunk.getFrom() != sender
          || chunk.getIndex() != index
          || chunk.getOffset() != next) {
        throw new PosixException(Errno.EINVAL, "this piece does not continue the snapshot");
      }
      int length = bytes.remaining();
      open.write(bytes.duplicate(), next);
      next += length;
      return chunk.getLast() ? Optional.of(finish(open)) : Optional.empty();
    } finally {
      receiving.unlock();
    }
  }

  private void begin(SnapshotChunk chunk) throws IOException {
    if (file != null) {
      file.close();
    }
    disk.delete(PARTIAL);
    file = disk.open(PARTIAL, true);
    sender = chunk.getFrom();
    index = chunk.getIndex();
    next = 0;
  }

  private SnapshotMeta finish(DiskFile open) throws IOException {
    open.force();
    open.close();
    file = null;
    SnapshotMeta meta;
    try (SnapshotStore.Reader reader = snapshots.read(PARTIAL)) {
      reader.verify();
      meta = reader.meta();
    }
    disk.rename(PARTIAL, whole(meta.getIndex()));
    return meta;
  }

  private static String whole(long index) {
    return SnapshotStore.temporary("whole-%016x".formatted(index));
  }

  void publish(long snapshotIndex) throws IOException {
    snapshots.publish(whole(snapshotIndex), snapshotIndex);
  }

  void discard(long snapshotIndex) throws IOException {
    disk.delete(whole(snapshotIndex));
  }

  /** Sends the newest snapshot; its index, or 0 if that failed. */
  static long send(
      SnapshotStore snapshots,
      Transport transport,
      Clock clock,
      String name,
      long from,
      long to,
      long term) {
    try {
      SnapshotStore.Stored stored = snapshots.newest().orElseThrow();
      log.info("sending the snapshot at {} to {}", stored.index(), name);
      try (DiskFile file = snapshots.open(stored)) {
        long size = file.size();
        for (long offset = 0; offset < size; offset += CHUNK_BYTES) {
          ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, size - offset));
          file.readFully(bytes, offset);
          transport.sendChunk(
              name,
              SnapshotChunk.newBuilder()
                  .setFrom(from)
                  .setTo(to)
                  .setTerm(term)
                  .setIndex(stored.index())
                  .setOffset(offset)
                  .setLast(offset + bytes.capacity() == size)
                  .build(),
              bytes.flip());
        }
      }
      return stored.index();
    } catch (IOException | RuntimeException e) {
      log.info("snapshot to {} broke off: {}", name, e.getMessage());
      pause(clock);
      return 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return 0;
    }
  }

  private static void pause(Clock clock) {
    try {
      clock.sleep(Duration.ofMillis(200));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
