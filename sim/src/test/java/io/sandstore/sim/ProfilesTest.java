package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.replication.Profile;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** One profile a cluster, one a disk; whatever else there is is refused by name. */
class ProfilesTest {

  private static final Duration A_WHILE = Duration.ofSeconds(30);

  @Test
  void profilesAreFoundByName() {
    assertThat(Profile.all()).containsOnlyKeys("other", "raft");
    assertThatThrownBy(() -> Profile.named("rafd"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no profile 'rafd'; there are [other, raft]");
  }

  @Test
  void nodesOfTwoProfilesFoundNothing() throws IOException {
    SimCluster cluster = new SimCluster(1, name -> name.equals("n-2") ? "other" : "raft");
    cluster.world.run(A_WHILE.toNanos(), () -> false);
    assertThat(cluster.inspections()).isEmpty();
    assertThat(cluster.node("n-0").status().ofThis().getNotReadyList().toString())
        .contains("n-2 runs profile other@", "n-0 profile raft@");
  }

  @Test
  void aNodeOfAnotherProfileStaysOutOfACluster() throws IOException {
    AtomicReference<String> profile = new AtomicReference<>("raft");
    SimCluster cluster = new SimCluster(2, name -> name.equals("n-2") ? profile.get() : "raft");
    cluster.awaitWhole();
    profile.set("other");
    cluster.disks.get("n-2").wipe();
    cluster.restart("n-2", false);
    cluster.world.run(A_WHILE.toNanos(), () -> false);
    assertThat(cluster.node("n-2").inspect()).isEmpty();
    assertThat(cluster.node("n-2").status().ofThis().getNotReadyList().toString())
        .contains("runs profile raft@", "n-2 profile other@");
  }

  @Test
  void aDiskOfAnotherProfileIsRefused() {
    AtomicReference<String> profile = new AtomicReference<>("raft");
    SimCluster cluster = new SimCluster(3, name -> name.equals("n-1") ? profile.get() : "raft");
    cluster.awaitWhole();
    profile.set("other");
    cluster.restart("n-1", false);
    cluster.world.run(A_WHILE.toNanos(), () -> !cluster.haltedBy("n-1").isEmpty());
    assertThat(cluster.haltedBy("n-1"))
        .contains("the data directory is of profile raft@", "this node would run profile other@");
    profile.set("raft");
    cluster.restart("n-1", false);
    cluster.awaitWhole();
  }
}
