package io.sandstore.block;

import io.sandstore.host.ChunkSums;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Member;
import io.sandstore.wire.StoreBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The write path of file data. The node that a client happens to talk to gives the block an id and
 * sends it to its holders, all at once; each answers when the block is durable.
 *
 * <p>A majority is enough. A holder that is merely slow is waited for, up to a limit; one that
 * refused is left out for a while, one that did not answer until it answers a probe. It repairs
 * itself later: one bad node costs one pause and not one for every block.
 */
public final class BlockWriter {

  private static final Logger log = LoggerFactory.getLogger(BlockWriter.class);
  private static final Duration STRAGGLER_LIMIT = Duration.ofMillis(1500);
  private static final Duration STORE_LIMIT = Duration.ofSeconds(5);
  private static final Duration LEFT_OUT = Duration.ofSeconds(2);

  private final Host host;
  private final Clock clock;
  private final Cluster cluster;
  private final Catalog catalog;
  private final BlockStore store;
  private final BlockIds ids;
  private final Map<String, Long> leftOutUntil = new ConcurrentHashMap<>();

  public BlockWriter(Host host, Cluster cluster, Catalog catalog, BlockStore store) {
    this.host = host;
    this.clock = host.clock();
    this.cluster = cluster;
    this.catalog = catalog;
    this.store = store;
    this.ids = new BlockIds(clock, cluster);
  }

  private record Copy(Member member, CompletableFuture<Boolean> stored) {}

  /**
   * Stores a new block on a majority of its holders at least.
   *
   * @param data may be used until this returns and all copies ended
   * @param given the client's checksums, which every holder stores; or none
   * @throws PosixException ENOSPC if too many holders are full, EAGAIN if too many are away
   */
  public WriteBlockReply write(ByteBuffer data, Optional<ChunkSums> given, Deadline deadline)
      throws IOException, InterruptedException {
    long begin = clock.nanos();
    long id = ids.next(deadline);
    long named = clock.nanos();
    ChunkSums sums = store.sums(given, data);
    List<Member> holders = Placement.of(id, catalog.configuration());
    int needed = holders.size() / 2 + 1;
    List<Copy> copies = new ArrayList<>();
    for (Member member : holders) {
      if (!isLeftOut(member)) {
        copies.add(new Copy(member, new CompletableFuture<>()));
      }
    }
    if (copies.size() < needed) {
      leftOutUntil.clear(); // better to ask those who failed than to fail
      copies.clear();
      holders.forEach(member -> copies.add(new Copy(member, new CompletableFuture<>())));
    }
    try {
      for (Copy copy : copies) {
        host.threads().start("copy to " + copy.member.getName(), () -> store(id, data, sums, copy));
      }
      long stored = collect(copies, needed, deadline);
      host.telemetry().blockWritten(named - begin, clock.nanos() - named);
      return WriteBlockReply.newBuilder().setBlock(id).setWhere(stored).build();
    } finally {
      release(copies);
    }
  }

  private void store(long id, ByteBuffer data, ChunkSums sums, Copy copy) {
    String name = copy.member.getName();
    try {
      if (name.equals(cluster.self())) {
        store.put(id, data.duplicate(), sums);
      } else {
        Header.Builder request =
            Header.newBuilder()
                .setBlockCall(StoreBlock.newBuilder().setBlock(id).build().toByteString())
                .setChunkBytes(sums.chunkBytes())
                .addAllChunkCrcs(sums.crcs());
        RpcClient peer = cluster.peer(name);
        peer.call(peer.bulkLane(), request, data.duplicate(), clock.deadline(STORE_LIMIT)).close();
      }
      copy.stored.complete(true);
    } catch (IOException | RuntimeException e) {
      copy.stored.completeExceptionally(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      copy.stored.completeExceptionally(e);
    }
  }

  /** Waits for all copies, but for those beyond a majority not longer than a slow disk explains. */
  private long collect(List<Copy> copies, int needed, Deadline deadline)
      throws IOException, InterruptedException {
    Deadline patience = clock.deadline(STRAGGLER_LIMIT);
    long stored = 0;
    @Nullable Throwable failure = null;
    for (Copy copy : copies) {
      try {
        clock.await(copy.stored, deadline.leftAtMost(patience.left()));
        stored |= HolderMask.bit(copy.member);
      } catch (ExecutionException | TimeoutException e) {
        failure = e.getCause() == null ? e : e.getCause();
        leaveOut(copy.member, failure);
      }
    }
    if (Long.bitCount(stored) < needed) {
      throw refusal(failure, copies, needed);
    }
    return stored;
  }

  private static PosixException refusal(
      @Nullable Throwable failure, List<Copy> copies, int needed) {
    if (failure instanceof PosixException posix && posix.errno() == Errno.ENOSPC) {
      return posix;
    }
    return new PosixException(
        Errno.EAGAIN,
        "fewer than %d of %d holders made the block durable: %s"
            .formatted(needed, copies.size(), failure));
  }

  private boolean isLeftOut(Member member) {
    String name = member.getName();
    if (name.equals(cluster.self())) {
      return false;
    }
    Long until = leftOutUntil.get(name);
    try {
      return (until != null && clock.nanos() < until) || cluster.peer(name).isSuspect();
    } catch (IOException e) {
      return true; // no address of it is known
    }
  }

  private void leaveOut(Member member, @Nullable Throwable failure) {
    if (!(failure instanceof PosixException) && !member.getName().equals(cluster.self())) {
      try {
        cluster.peer(member.getName()).failed();
      } catch (IOException e) {
        // Then nobody asks it.
      }
    }
    if (leftOutUntil.put(member.getName(), clock.nanos() + LEFT_OUT.toNanos()) == null) {
      log.info("{} does not take blocks: {}", member.getName(), String.valueOf(failure));
    }
  }

  /** The caller takes the data's memory back: no copy may still be reading it. */
  private void release(List<Copy> copies) throws InterruptedException {
    for (Copy copy : copies) {
      if (copy.stored.isDone()) {
        continue;
      }
      try {
        cluster.peer(copy.member.getName()).drop();
        clock.await(copy.stored, STORE_LIMIT.plusSeconds(1));
      } catch (IOException | ExecutionException e) {
        // It ended, which is all that matters here.
      } catch (TimeoutException e) {
        log.warn("a copy to {} does not end", copy.member.getName());
      }
    }
  }
}
