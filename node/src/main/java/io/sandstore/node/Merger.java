package io.sandstore.node;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.namespace.Namespace;
import io.sandstore.namespace.Namespace.Piece;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Cluster;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Merge;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Merges small pieces of files into larger blocks, on the one member that coordinates, in the
 * background: walks over all files, reads what {@link MergePlan} chooses, writes it as a block like
 * any other, and asks the log to lay that over the pieces. What was written to the file meanwhile
 * stays as it is.
 *
 * <p>Bounds: {@link #BYTES_PER_SECOND} written, {@link #WALK} pieces looked at in a second, one
 * block of at most {@link MergePlan#BLOCK_BYTES_MAX} in memory.
 */
public final class Merger {

  private static final Logger log = LoggerFactory.getLogger(Merger.class);
  private static final int BYTES_PER_SECOND = 8 << 20;
  private static final int PAGE = 2048;
  private static final int WALK = 16 * PAGE;
  private static final Duration EVERY = Duration.ofSeconds(1);
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(10);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final Clock clock;
  private final Cluster cluster;
  private final Namespace namespace;
  private final BlockPlane blocks;
  private final BooleanSupplier coordinates;
  private final AtomicLong merged = new AtomicLong();
  private volatile boolean running = true;
  private long nextInode;
  private long nextOffset;

  /**
   * @param coordinates true while this member is the one that merges
   */
  public Merger(
      Host host,
      Cluster cluster,
      Namespace namespace,
      BlockPlane blocks,
      BooleanSupplier coordinates) {
    this.clock = host.clock();
    this.cluster = cluster;
    this.namespace = namespace;
    this.blocks = blocks;
    this.coordinates = coordinates;
  }

  /** Pieces that went into a larger block, since the start. */
  public long merged() {
    return merged.get();
  }

  public void close() {
    running = false;
  }

  /** Until {@link #close}. */
  public void run() {
    while (running) {
      try {
        clock.sleep(EVERY);
        if (coordinates.getAsBoolean() && namespace.level().includes(FeatureLevel.MERGE)) {
          walk();
        }
      } catch (IOException | RuntimeException e) {
        log.debug("merging will be tried again: {}", e.toString());
        pause();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Blocks that were written in vain are garbage for a while, and there must not be many. */
  private void pause() {
    try {
      clock.sleep(AFTER_FAILURE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Looks at some more files, from the first again after the last. */
  private void walk() throws IOException, InterruptedException {
    for (int looked = 0; running && looked < WALK; looked += PAGE) {
      List<Piece> page = namespace.piecesFrom(nextInode, nextOffset, PAGE);
      boolean last = page.size() < PAGE;
      int from = 0;
      while (from < page.size()) {
        int to = from + 1;
        while (to < page.size() && MergePlan.continues(page.get(to - 1), page.get(to))) {
          to++;
        }
        if (to == page.size() && !last && from > 0) {
          break; // goes on in the next page, which begins with it
        }
        for (List<Piece> part : MergePlan.of(page.subList(from, to))) {
          merge(part);
        }
        from = to;
      }
      if (last) {
        nextInode = 0;
        nextOffset = 0;
        return;
      }
      Piece next = page.get(Math.min(from, page.size() - 1));
      nextInode = next.inode();
      nextOffset = from < page.size() ? next.offset() : next.end();
    }
  }

  private void merge(List<Piece> pieces) throws IOException, InterruptedException {
    long offset = pieces.getFirst().offset();
    int length = (int) (pieces.getLast().end() - offset);
    Deadline deadline = clock.deadline(LIMIT);
    try {
      ByteBuffer whole = ByteBuffer.allocate(length); // holes are zeros
      for (Piece piece : pieces) {
        read(piece, whole.slice((int) (piece.offset() - offset), piece.length()), deadline);
      }
      WriteBlockReply stored = blocks.write(whole, Optional.empty(), deadline);
      Outcome outcome = cluster.mutate(command(pieces, stored), deadline);
      if (outcome.hasFault()) {
        throw PosixException.of(outcome.getFault());
      }
      merged.addAndGet(pieces.size());
    } catch (PosixException e) {
      if (e.errno() != Errno.ENOENT && e.errno() != Errno.ESTALE && e.errno() != Errno.EAGAIN) {
        throw e;
      }
      // The file changed, or is gone: there are others.
      log.debug("{} pieces were not merged: {}", pieces.size(), e.getMessage());
    }
    clock.sleep(Duration.ofNanos(1_000_000_000L * length / BYTES_PER_SECOND));
  }

  private void read(Piece piece, ByteBuffer into, Deadline deadline)
      throws IOException, InterruptedException {
    ReadBlock request =
        ReadBlock.newBuilder()
            .setBlock(piece.block())
            .setOffset(piece.blockOffset())
            .setLength(piece.length())
            .build();
    try (Reply part = blocks.read(request, deadline)) {
      into.put(part.payload());
    }
  }

  private static Command command(List<Piece> pieces, WriteBlockReply stored) {
    Merge.Builder merge =
        Merge.newBuilder()
            .setInode(pieces.getFirst().inode())
            .setOffset(pieces.getFirst().offset())
            .setLength((int) (pieces.getLast().end() - pieces.getFirst().offset()))
            .setBlock(stored.getBlock())
            .setWhere(stored.getWhere());
    for (Piece piece : pieces) {
      merge.addPieces(
          Extent.newBuilder()
              .setOffset(piece.offset())
              .setLength(piece.length())
              .setBlock(piece.block())
              .setBlockOffset(piece.blockOffset()));
    }
    return Command.newBuilder().setMerge(merge).build();
  }
}
