package io.sandstore.sim;

import io.sandstore.host.Disk;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/** As {@code raft}, and yet another one: found beside it, as one of somebody else's would be. */
public class OtherProfile implements Profile {

  private final Profile raft = Profile.named("raft");

  @Override
  public String name() {
    return "other";
  }

  @Override
  public String form() {
    return "another form";
  }

  @Override
  public boolean survivesRestart() {
    return raft.survivesRestart();
  }

  @Override
  public List<Settings.Key> keys() {
    return raft.keys();
  }

  @Override
  public void check(Settings settings) {
    raft.check(settings);
  }

  @Override
  public BlockPlane blocks(Site site) throws IOException {
    return raft.blocks(site);
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) throws IOException {
    return raft.log(site, machine);
  }

  @Override
  public void setAside(Disk disk) throws IOException {
    raft.setAside(disk);
  }

  @Override
  public void dropAside(Disk disk) throws IOException {
    raft.dropAside(disk);
  }

  @Override
  public Optional<String> holdings(Disk disk) throws IOException {
    return raft.holdings(disk);
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) throws IOException {
    return raft.holdingsAside(disk);
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    raft.standAlone(disk, random, identity);
  }
}
