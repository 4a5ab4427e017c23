package io.sandstore.raft;

import io.sandstore.replication.CorruptLogException;
import io.sandstore.rpc.LostException;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the newest snapshot to a member, piece by piece, from where the member has it. The file is
 * read and checked as a whole before the first byte leaves: sent damaged, it would be refused at
 * its end, again and again.
 */
final class SnapshotSender {

  private static final Logger log = LoggerFactory.getLogger(SnapshotSender.class);

  /** Takes a new snapshot and waits until it is durable. */
  @FunctionalInterface
  interface Renewal {
    void renew(String why) throws IOException, InterruptedException;
  }

  private final SnapshotStore snapshots;
  private final Transport transport;
  private final Renewal renewal;
  private final long self;
  private final int pieceBytes;

  SnapshotSender(
      SnapshotStore snapshots, Transport transport, Renewal renewal, long self, int pieceBytes) {
    this.snapshots = snapshots;
    this.transport = transport;
    this.renewal = renewal;
    this.self = self;
    this.pieceBytes = pieceBytes;
  }

  /**
   * Returns the index of the snapshot when the member has all of it.
   *
   * @param wanted asked between two pieces
   * @throws IOException if the member refuses it or is silent, or no snapshot here is intact
   */
  long send(String name, long to, long term, BooleanSupplier wanted)
      throws IOException, InterruptedException {
    try {
      return sendNewest(name, to, term, wanted);
    } catch (CorruptLogException damaged) {
      renewal.renew(String.valueOf(damaged.getMessage()));
      return sendNewest(name, to, term, wanted);
    }
  }

  private long sendNewest(String name, long to, long term, BooleanSupplier wanted)
      throws IOException, InterruptedException {
    SnapshotStore.Stored stored = snapshots.newest().orElseThrow();
    try (SnapshotStore.Reader file = snapshots.read(stored.path())) {
      int crc = file.verify();
      SnapshotChunk.Builder piece =
          SnapshotChunk.newBuilder()
              .setFrom(self)
              .setTo(to)
              .setTerm(term)
              .setIndex(stored.index())
              .setSize(file.size())
              .setCrc(crc);
      long next = transport.sendChunk(name, piece.build(), ByteBuffer.allocate(0));
      log.info("sending the snapshot at {} to {} from byte {} on", stored.index(), name, next);
      while (next < file.size()) {
        if (!wanted.getAsBoolean()) {
          throw new LostException("leadership went elsewhere");
        }
        ByteBuffer bytes = file.at(next, (int) Math.min(pieceBytes, file.size() - next));
        long end = next + bytes.remaining();
        piece.setOffset(next).setLast(end == file.size());
        next = transport.sendChunk(name, piece.build(), bytes);
        if (next != end) {
          throw new LostException("the receiver wants it from byte " + next + " on");
        }
      }
      return stored.index();
    }
  }
}
