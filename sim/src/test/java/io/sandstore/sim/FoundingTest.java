package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.node.Inspection;
import io.sandstore.wire.Configuration;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How nodes without a cluster get one. */
class FoundingTest {

  private static final Duration A_WHILE = Duration.ofSeconds(30);

  private List<Configuration> configurations(SimCluster cluster) {
    return cluster.inspections().stream().map(i -> i.namespace().configuration()).toList();
  }

  private static long memberId(SimCluster cluster, String name) {
    return cluster.node(name).inspect().map(Inspection::memberId).orElseThrow();
  }

  /** The one that is missing may know of a cluster. */
  @Test
  void nobodyFoundsAClusterBeforeAllHaveAnswered() throws IOException {
    SimCluster cluster = new SimCluster(1);
    cluster.kill("n-2");
    cluster.world.run(A_WHILE.toNanos(), () -> false);
    assertThat(cluster.inspections()).isEmpty();
    assertThat(cluster.node("n-0").status().ofThis().getNotReadyList().toString())
        .contains("1 of 2 other nodes answer");
    cluster.restart("n-2", false);
    cluster.awaitWhole();
    assertThat(configurations(cluster).stream().distinct()).hasSize(1);
    assertThat(configurations(cluster).getFirst().getMembersCount()).isEqualTo(3);
  }

  /** The founder ends before the others hear of it: they find out when it is back. */
  @Test
  void aFounderThatEndsBeforeItToldTheOthersFoundsNoSecondCluster() {
    SimCluster cluster = new SimCluster(2);
    SimDisk disk = cluster.disks.get("n-0");
    disk.observer =
        (change, path) -> {
          if (change == SimDisk.Change.NAME && path.startsWith("raft/")) {
            cluster.network.cut("n-0", "n-1"); // from here on, it has a cluster
            cluster.network.cut("n-0", "n-2");
          }
        };
    cluster.world.run(A_WHILE.toNanos(), () -> cluster.inspections().size() > 0);
    cluster.restart("n-0", true);
    disk.observer = (change, path) -> {};
    cluster.network.heal();
    cluster.awaitWhole();
    assertThat(configurations(cluster).stream().distinct()).hasSize(1);
  }

  @Test
  void aWipedNodeComesBackAsAnotherMemberInItsPlace() {
    SimCluster cluster = new SimCluster(3);
    cluster.awaitWhole();
    long before = memberId(cluster, "n-1");
    long other = memberId(cluster, "n-0");
    cluster.kill("n-1");
    cluster.disks.get("n-1").wipe();
    cluster.restart("n-1", false);
    cluster.awaitWhole();
    assertThat(memberId(cluster, "n-1")).isNotEqualTo(before);
    assertThat(memberId(cluster, "n-0")).isEqualTo(other);
    assertThat(configurations(cluster))
        .allSatisfy(members -> assertThat(members.getMembersCount()).isEqualTo(3));
  }

  @Test
  void aNodeThatComesBackIsWhoItWas() {
    SimCluster cluster = new SimCluster(4);
    cluster.awaitWhole();
    long before = memberId(cluster, "n-1");
    cluster.restart("n-1", true);
    cluster.awaitWhole();
    assertThat(memberId(cluster, "n-1")).isEqualTo(before);
  }
}
