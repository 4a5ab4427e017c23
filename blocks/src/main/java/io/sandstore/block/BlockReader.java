package io.sandstore.block;

import io.sandstore.host.BufferPool;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.rpc.DamagedException;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Member;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.ReadBlockReply;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.random.RandomGenerator;

/**
 * The read path of file data: from this node's disk if it has the block whole, else from another
 * holder, so that any node answers for any block.
 */
public final class BlockReader {

  private static final Duration HOLDER_LIMIT = Duration.ofSeconds(3);

  private final Clock clock;
  private final RandomGenerator random;
  private final Telemetry telemetry;
  private final Cluster cluster;
  private final Catalog catalog;
  private final BlockStore store;
  private final LongConsumer onDamage;

  /**
   * @param onDamage is told of a block that is damaged or missing here though it should not be
   */
  public BlockReader(
      Host host, Cluster cluster, Catalog catalog, BlockStore store, LongConsumer onDamage) {
    this.clock = host.clock();
    this.random = host.random();
    this.telemetry = host.telemetry();
    this.cluster = cluster;
    this.catalog = catalog;
    this.store = store;
    this.onDamage = onDamage;
  }

  /**
   * The asked bytes as an answer, to be released by the caller.
   *
   * @throws PosixException ENOENT if no holder has the block: the file changed since its layout was
   *     read
   */
  public Reply read(ReadBlock request, Deadline deadline) throws IOException, InterruptedException {
    long begin = clock.nanos();
    try {
      if (request.getUnchecked() && !store.isStaged(request.getBlock())) {
        return find(request, begin);
      }
      BufferPool.Lease bytes =
          store.read(request.getBlock(), request.getOffset(), request.getLength());
      telemetry.blockRead(
          store.isInMemory(request.getBlock()) ? "memory" : "disk", clock.nanos() - begin);
      return new Reply(
          Header.newBuilder().setReadBlockReply(ReadBlockReply.getDefaultInstance()),
          bytes.buffer(),
          null,
          bytes.release());
    } catch (CorruptBlockException e) {
      onDamage.accept(request.getBlock());
      if (request.getLocal()) {
        throw new PosixException(Errno.EIO, String.valueOf(e.getMessage()));
      }
    } catch (PosixException e) {
      if (request.getLocal() || e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
    Reply answer = Reply.of(fetch(request, deadline));
    telemetry.blockRead("node", clock.nanos() - begin);
    return answer;
  }

  /** What is kept goes to the client as it is: of a file, past this process's memory. */
  private Reply find(ReadBlock request, long begin) throws IOException {
    BlockStore.Chunks chunks =
        store.find(request.getBlock(), request.getOffset(), request.getLength());
    ReadBlockReply.Builder reply =
        ReadBlockReply.newBuilder()
            .setChunkBytes(BlockStore.CHUNK_BYTES)
            .addAllChunkCrcs(chunks.crcs());
    return new Reply(
        Header.newBuilder().setReadBlockReply(reply),
        chunks.bytes().buffer(),
        chunks.region(),
        () -> {
          close(chunks);
          telemetry.blockRead(chunks.region() == null ? "memory" : "disk", clock.nanos() - begin);
        });
  }

  private static void close(BlockStore.Chunks chunks) {
    try {
      chunks.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // it was only read
    }
  }

  /**
   * The asked bytes from another node, checked here: if they may be unchecked, whole chunks around
   * them with the checksums that lie on that node's disk.
   */
  Frame fetch(ReadBlock asked, Deadline deadline) throws IOException, InterruptedException {
    long block = asked.getBlock();
    PosixException refusal = new PosixException(Errno.ENOENT, "no node has block " + block);
    ReadBlock request = asked.toBuilder().setLocal(true).build();
    for (String name : others(block)) {
      if (deadline.passed()) {
        break;
      }
      try {
        RpcClient peer = cluster.peer(name);
        Deadline limit = clock.deadline(deadline.leftAtMost(HOLDER_LIMIT));
        Frame answer = ask(peer, request, limit);
        boolean chunks = answer.header().getReadBlockReply().getChunkBytes() != 0;
        int length = answer.payload().remaining();
        if (chunks ? length >= asked.getLength() : length == asked.getLength()) {
          return answer;
        }
        answer.close();
      } catch (PosixException e) {
        refusal = e.errno() == Errno.ENOENT ? refusal : e;
      } catch (IOException e) {
        silent(name);
        refusal = new PosixException(Errno.EAGAIN, name + " does not answer: " + e.getMessage());
      }
    }
    throw refusal;
  }

  /** What is damaged is asked for again, for the other node to check, who finds and mends it. */
  private static Frame ask(RpcClient peer, ReadBlock request, Deadline limit)
      throws IOException, InterruptedException {
    Header.Builder header = Header.newBuilder().setReadBlock(request);
    try {
      return peer.call(peer.bulkLane(), header, Frame.NO_PAYLOAD, limit);
    } catch (DamagedException e) {
      header.getReadBlockBuilder().clearUnchecked();
      return peer.call(peer.bulkLane(), header, Frame.NO_PAYLOAD, limit);
    }
  }

  private void silent(String name) {
    try {
      cluster.peer(name).failed();
    } catch (IOException e) {
      // It has no address any more.
    }
  }

  private boolean isSuspect(String name) {
    try {
      return cluster.peer(name).isSuspect();
    } catch (IOException e) {
      return true;
    }
  }

  /** The other members: holders first, otherwise at random; those that do not answer last. */
  private List<String> others(long block) {
    Configuration members = catalog.configuration();
    long where = catalog.where(block).orElse(0);
    List<String> first = new ArrayList<>();
    List<String> rest = new ArrayList<>();
    for (Member member : members.getMembersList()) {
      if (!member.getName().equals(cluster.self())) {
        (HolderMask.has(where, member) ? first : rest).add(member.getName());
      }
    }
    if (first.size() > 1 && random.nextBoolean()) {
      Collections.swap(first, 0, first.size() - 1);
    }
    first.addAll(rest);
    first.sort(Comparator.comparing(this::isSuspect));
    return first;
  }
}
