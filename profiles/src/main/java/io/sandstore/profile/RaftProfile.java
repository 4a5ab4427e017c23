package io.sandstore.profile;

import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.host.Disk;
import io.sandstore.raft.RaftDriver;
import io.sandstore.raft.Salvage;
import io.sandstore.raft.Timing;
import io.sandstore.raft.TrafficTransport;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * {@code raft}: a Raft log on disk orders the metadata, blocks lie on the same disk, three copies
 * each. For clusters that must keep what they acknowledged.
 */
public final class RaftProfile implements Profile {

  /** How much slower another member's clock may run: what a lease allows for. */
  private static final int CLOCK_DRIFT_PERCENT = 10;

  @Override
  public String name() {
    return "raft";
  }

  @Override
  public BlockPlane blocks(Site site) throws IOException {
    return new ReplicatedBlocks(site);
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) throws IOException {
    if (site.identity().getLogBegun() && !RaftDriver.hasLog(site.disk())) {
      throw new CorruptLogException("the log is gone");
    }
    Site.Settings settings = site.settings();
    return new RaftDriver(
        site.host(),
        site.disk(),
        new Timing(settings.heartbeat(), settings.election(), CLOCK_DRIFT_PERCENT),
        new RaftDriver.Sizes(settings.segmentBytes(), settings.snapshotBytes()),
        site.memberId(),
        site.identity().getFounders(),
        machine,
        new TrafficTransport(site.name(), site.traffic()));
  }

  @Override
  public void setAside(Disk disk) throws IOException {
    Salvage.setAside(disk);
  }

  @Override
  public void dropAside(Disk disk) throws IOException {
    Salvage.dropAside(disk);
  }

  @Override
  public Optional<String> holdings(Disk disk) throws IOException {
    return Salvage.look(disk).map(Salvage.Holdings::toString);
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) throws IOException {
    return Salvage.lookAside(disk).map(Salvage.Holdings::toString);
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    Salvage.standAlone(
        disk,
        random,
        RaftDriver.Sizes.standard().segmentBytes(),
        identity.getMemberId(),
        identity.getFounders());
  }
}
