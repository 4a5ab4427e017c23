package io.sandstore.profile;

import io.sandstore.block.MemoryBlockStore;
import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import java.util.List;
import java.util.Set;

/** {@code blocks = memory}: each block in the memory of each of its holders, under one cap. */
final class MemoryBlocks implements BlockKind {

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public String form() {
    return "blocks in memory, three copies by members' slots";
  }

  @Override
  public String promise() {
    return "bytes that fsync or close acknowledged are in the memory of three members as a rule, and"
        + " of two at least, with checksums: they outlast any one of these processes, and the next"
        + " once copies were made anew; no member takes more memory for them than it was given";
  }

  @Override
  public boolean survivesRestart() {
    return false;
  }

  @Override
  public Set<Parts.Copies> copies() {
    return Set.of(Parts.Copies.STAR);
  }

  @Override
  public List<Settings.Key> keys() {
    return ReplicatedBlocks.KEYS_IN_MEMORY;
  }

  @Override
  public void check(Settings settings) {
    // Each of them is in order with any other.
  }

  @Override
  public BlockPlane blocks(Site site, Parts.Copies copies) {
    long bytes = site.settings().bytes(ReplicatedBlocks.MEMORY);
    return new ReplicatedBlocks(site, new MemoryBlockStore(site.host(), bytes));
  }
}
