package io.sandstore.sim;

import io.sandstore.block.MemoryBlockStore;
import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.chain.ChainLog;
import io.sandstore.chain.ChainView;
import io.sandstore.chain.Timing;
import io.sandstore.host.Disk;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * A chain in memory orders the metadata, over blocks in memory, and every member answers reads. For
 * the contract suites, until whole nodes are shown to keep its promise.
 */
public final class ChainProfile implements Profile {

  private static final Settings.Key BEAT =
      new Settings.Key(
          "SANDSTORE_CHAIN_BEAT_MS",
          100,
          Settings.Unit.MILLISECONDS,
          "pause between heartbeats of members of a chain");

  private static final Settings.Key LEASE =
      new Settings.Key(
          "SANDSTORE_CHAIN_LEASE_MS",
          500,
          Settings.Unit.MILLISECONDS,
          "silence after which a member of a chain is left out");

  private static final Settings.Key COPY =
      new Settings.Key(
          "SANDSTORE_CHAIN_COPY_MB",
          1024,
          Settings.Unit.MEGABYTES,
          "largest state that a process takes when it joins a chain");

  /** Three of them fit into a test's process. */
  private static final int SMALL_MB = 24;

  private static final Duration LEASE_MAX = Duration.ofSeconds(10);

  /** How much slower another member's clock may run: what a lease allows for. */
  private static final int CLOCK_DRIFT_PERCENT = 10;

  @Override
  public String name() {
    return "chain";
  }

  @Override
  public String form() {
    return "log of a chain in memory; blocks in memory";
  }

  @Override
  public boolean survivesRestart() {
    return false;
  }

  @Override
  public boolean needsViews() {
    return true;
  }

  @Override
  public boolean readsEverywhere() {
    return true;
  }

  @Override
  public int membersMax() {
    return ChainView.MEMBERS_MAX;
  }

  @Override
  public List<Settings.Key> keys() {
    List<Settings.Key> keys = new ArrayList<>(List.of(BEAT, LEASE, COPY));
    for (Settings.Key key : ReplicatedBlocks.KEYS_IN_MEMORY) {
      boolean cap = key.name().equals(ReplicatedBlocks.MEMORY.name());
      keys.add(cap ? new Settings.Key(key.name(), SMALL_MB, key.unit(), key.meaning()) : key);
    }
    return keys;
  }

  @Override
  public void check(Settings settings) {
    Duration lease = settings.time(LEASE);
    Duration beat = settings.time(BEAT);
    if (beat.multipliedBy(3).compareTo(lease) > 0 || lease.compareTo(LEASE_MAX) > 0) {
      throw new IllegalArgumentException(
          "SANDSTORE_CHAIN_LEASE_MS (%d) must be at least three times SANDSTORE_CHAIN_BEAT_MS (%d), and at most %d"
              .formatted(lease.toMillis(), beat.toMillis(), LEASE_MAX.toMillis()));
    }
  }

  /** On the heap: where it is short of other memory, a JVM waits for its collector in real time. */
  @Override
  public BlockPlane blocks(Site site) {
    long bytes = site.settings().bytes(ReplicatedBlocks.MEMORY);
    return new ReplicatedBlocks(
        site, new MemoryBlockStore(site.host(), bytes, ByteBuffer::allocate));
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) throws IOException {
    Settings settings = site.settings();
    return new ChainLog(
        site,
        new Timing(settings.time(BEAT), settings.time(LEASE), CLOCK_DRIFT_PERCENT),
        settings.bytes(COPY),
        machine);
  }

  @Override
  public void setAside(Disk disk) {
    // Nothing of the log is on the disk.
  }

  @Override
  public void dropAside(Disk disk) {
    // Nothing of the log is on the disk.
  }

  @Override
  public Optional<String> holdings(Disk disk) {
    return Optional.empty();
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) {
    return Optional.empty();
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    throw new IOException("a chain's log is in memory only: a stopped node has nothing of it");
  }
}
