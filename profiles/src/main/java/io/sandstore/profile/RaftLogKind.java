package io.sandstore.profile;

import io.sandstore.block.ReplicatedBlocks;
import io.sandstore.host.Disk;
import io.sandstore.raft.RaftDriver;
import io.sandstore.raft.Salvage;
import io.sandstore.raft.Timing;
import io.sandstore.raft.TrafficTransport;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/** {@code log = raft}: Raft orders commands and keeps them on its members' disks. */
final class RaftLogKind implements LogKind {

  private static final Settings.Key HEARTBEAT =
      new Settings.Key(
          "SANDSTORE_HEARTBEAT_MS",
          100,
          Settings.Unit.MILLISECONDS,
          "pause between a leader's heartbeats");

  private static final Settings.Key ELECTION =
      new Settings.Key(
          "SANDSTORE_ELECTION_MS",
          700,
          Settings.Unit.MILLISECONDS,
          "silence after which a leader is replaced");

  private static final Settings.Key SNAPSHOT =
      new Settings.Key(
          "SANDSTORE_SNAPSHOT_MB",
          64,
          Settings.Unit.MEGABYTES,
          "log written between two snapshots");

  private static final Settings.Key SEGMENT =
      new Settings.Key(
          "SANDSTORE_SEGMENT_MB",
          16,
          4,
          1024,
          Settings.Unit.MEGABYTES,
          "size of one file of the log");

  /** An election that takes longer than this outlasts what clients wait for. */
  private static final Duration ELECTION_MAX = Duration.ofSeconds(10);

  /** How much slower another member's clock may run: what a lease allows for. */
  private static final int CLOCK_DRIFT_PERCENT = 10;

  @Override
  public String name() {
    return "raft";
  }

  @Override
  public String form() {
    return "log of Raft in segments";
  }

  @Override
  public String promise() {
    return "names and attributes that were acknowledged are on the disks of a majority of the"
        + " members, forced: they outlast every restart and power loss, and the loss of any"
        + " minority of the disks";
  }

  @Override
  public boolean survivesRestart() {
    return true;
  }

  @Override
  public int mayLose(int members) {
    return (members - 1) / 2;
  }

  @Override
  public Parts.Store store() {
    return Parts.Store.FILE;
  }

  @Override
  public boolean everyoneReads() {
    return true;
  }

  @Override
  public List<Settings.Key> keys() {
    return List.of(HEARTBEAT, ELECTION, SNAPSHOT, SEGMENT);
  }

  @Override
  public void check(Settings settings) {
    Duration election = settings.time(ELECTION);
    Duration heartbeat = settings.time(HEARTBEAT);
    require(
        heartbeat.multipliedBy(3).compareTo(election) <= 0,
        "SANDSTORE_ELECTION_MS (%d) must be at least three times SANDSTORE_HEARTBEAT_MS (%d): one lost heartbeat must not cost a leader"
            .formatted(election.toMillis(), heartbeat.toMillis()));
    require(
        election.compareTo(ELECTION_MAX) <= 0,
        "SANDSTORE_ELECTION_MS must be at most %d: clients would give up before there is a leader"
            .formatted(ELECTION_MAX.toMillis()));
    long reserve = settings.bytes(ReplicatedBlocks.RESERVE);
    long snapshot = settings.bytes(SNAPSHOT);
    long segment = settings.bytes(SEGMENT);
    require(
        reserve >= snapshot + 2 * segment,
        "SANDSTORE_RESERVE_MB (%d) must be at least SANDSTORE_SNAPSHOT_MB (%d) and twice SANDSTORE_SEGMENT_MB (%d) together: the log goes on when the disk is full"
            .formatted(reserve >> 20, snapshot >> 20, segment >> 20));
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  @Override
  public CommandLog log(Site site, StateMachine machine, boolean everyoneReads) throws IOException {
    if (site.identity().getLogBegun() && !RaftDriver.hasLog(site.disk())) {
      throw new CorruptLogException("the log is gone");
    }
    Settings settings = site.settings();
    RaftDriver driver =
        new RaftDriver(
            site.host(),
            site.disk(),
            new Timing(settings.time(HEARTBEAT), settings.time(ELECTION), CLOCK_DRIFT_PERCENT),
            new RaftDriver.Sizes(
                Math.toIntExact(settings.bytes(SEGMENT)), settings.bytes(SNAPSHOT)),
            site.memberId(),
            site.identity().getFounders(),
            machine,
            new TrafficTransport(site.name(), site.traffic()));
    return everyoneReads ? driver.readingEverywhere() : driver;
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
