package io.sandstore.sim;

import io.sandstore.block.MemoryBlockStore;
import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The log of {@code raft} over blocks in memory: every start is that of a new member, which copies
 * what it should hold from the others.
 */
public final class MemoryProfile extends OtherProfile {

  /** Three of them fit into a test's process. */
  private static final int SMALL_MB = 24;

  @Override
  public String name() {
    return "memory";
  }

  @Override
  public String form() {
    return "log of Raft; blocks in memory";
  }

  @Override
  public boolean survivesRestart() {
    return false;
  }

  @Override
  public List<Settings.Key> keys() {
    List<Settings.Key> keys = new ArrayList<>(super.keys());
    Settings.Key memory = ReplicatedBlocks.MEMORY;
    keys.add(new Settings.Key(memory.name(), SMALL_MB, memory.unit(), memory.meaning()));
    return keys;
  }

  /** On the heap: where it is short of other memory, a JVM waits for its collector in real time. */
  @Override
  public BlockPlane blocks(Site site) {
    long bytes = site.settings().bytes(ReplicatedBlocks.MEMORY);
    return new ReplicatedBlocks(
        site, new MemoryBlockStore(site.host(), bytes, ByteBuffer::allocate));
  }
}
