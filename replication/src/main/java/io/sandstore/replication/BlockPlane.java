package io.sandstore.replication;

import com.google.protobuf.ByteString;
import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Deadline;
import io.sandstore.rpc.Reply;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Keeps the bytes of files: immutable blocks, each with an id, on as many members as the profile
 * wants. Thread-safe.
 */
public interface BlockPlane extends Closeable {

  /** What the namespace tells of blocks: bytes that came with commands, and garbage. */
  BlockSink sink();

  /** What the namespace's notes of where blocks are mean. */
  Whereabouts whereabouts();

  /** Connects it with what says where blocks should be. Once, before anything below. */
  void connect(Catalog catalog, Cluster cluster);

  /** Begins to keep what is here as the catalog says. */
  void start();

  /**
   * Stores a new block, durably where the profile promises it.
   *
   * @param data may be used until this returns and all copies ended
   * @param sums the client's, if it made some: {@code data} was checked by them
   * @throws io.sandstore.rpc.PosixException ENOSPC if too many members are full, EAGAIN if too many
   *     are away
   */
  WriteBlockReply write(ByteBuffer data, Optional<ChunkSums> sums, Deadline deadline)
      throws IOException, InterruptedException;

  /**
   * The asked bytes as an answer, to be released by the caller.
   *
   * @throws io.sandstore.rpc.PosixException ENOENT if nobody has the block: the file changed since
   *     its layout was read
   */
  Reply read(ReadBlock request, Deadline deadline) throws IOException, InterruptedException;

  /**
   * Answers a request of this plane on another node.
   *
   * @param sums the sender's, if it made some: {@code payload} was checked by them
   * @throws io.sandstore.rpc.PosixException EPROTO if it is malformed
   */
  ByteString handle(ByteString request, ByteBuffer payload, Optional<ChunkSums> sums)
      throws IOException, InterruptedException;

  /** What is too little here to take a command that adds something; empty: nothing. */
  String lacks() throws IOException;

  /**
   * Room on this member.
   *
   * @param availableBytes for files
   */
  record Capacity(long totalBytes, long freeBytes, long availableBytes) {}

  Capacity capacity() throws IOException;

  /**
   * How this member's blocks are.
   *
   * @param blocks here
   * @param corruptFound since the start
   * @param complete every block that should be here has been looked for since the start
   */
  record Health(long blocks, long corruptFound, long corruptRepaired, boolean complete) {}

  Health health();

  /** True if this member has a block, whatever is in it. */
  boolean has(long block);

  /**
   * The asked bytes if they are here whole, to be released by the caller. Damage has no
   * consequences: this is for those who watch.
   */
  BufferPool.Lease peek(long block, int offset, int length) throws IOException;

  /**
   * Reads everything: what is wrong with one of the blocks here, if anything is. Costs time in
   * proportion to them.
   */
  Optional<String> audit() throws IOException;
}
