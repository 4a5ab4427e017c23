package io.sandstore.profile;

import io.sandstore.raft.RaftDriver;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import java.io.IOException;

/**
 * {@code read}: as {@code raft}, but every member that follows the primary answers reads, and
 * clients spread theirs. For work that reads much more than it writes.
 */
public final class ReadProfile extends RaftProfile {

  @Override
  public String name() {
    return "read";
  }

  @Override
  public boolean readsEverywhere() {
    return true;
  }

  @Override
  public RaftDriver log(Site site, StateMachine machine) throws IOException {
    return super.log(site, machine).readingEverywhere();
  }
}
