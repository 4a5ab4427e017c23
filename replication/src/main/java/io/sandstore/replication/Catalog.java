package io.sandstore.replication;

import io.sandstore.wire.Configuration;
import java.util.List;
import java.util.OptionalLong;

/** What the namespace says of blocks, as of the last command that was applied here. */
public interface Catalog {

  /** The members of the cluster. */
  Configuration configuration();

  /**
   * Where a block is, for {@link Whereabouts} to say what that means; empty: nothing refers to it.
   */
  OptionalLong where(long block);

  /** Bytes; 0 if nothing refers to the block. */
  int blockLength(long block);

  /** Ids of the next blocks that something refers to, in order. */
  List<Long> blocksAfter(long block, int atMost);

  /** Ids of the next blocks that fewer members have than should, in order. */
  List<Long> underReplicatedAfter(long block, int atMost);

  /** No id below can become referred to any more. */
  long blockFloor();
}
