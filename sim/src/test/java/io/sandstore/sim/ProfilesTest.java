package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** One profile a cluster, one a disk; whatever else there is is refused by name. */
class ProfilesTest {

  private static final Set<OpenFlag> CREATE = Set.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Duration A_WHILE = Duration.ofSeconds(30);

  @Test
  void profilesAreFoundByName() {
    assertThat(Profile.all()).containsOnlyKeys("chain", "memory", "other", "raft", "read", "toy");
    assertThatThrownBy(() -> Profile.named("rafd"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no profile 'rafd'; there are [chain, memory, other, raft, read, toy]");
  }

  /** Other words would keep every disk that there is out of its own cluster. */
  @Test
  void whatDisksRememberOfAProfileStays() {
    assertThat(Profile.named("raft").id()).isEqualTo("raft@aa9fb6cb");
  }

  @Test
  void nodesOfTwoProfilesFoundNothing() throws IOException {
    SimCluster cluster =
        new SimCluster(1, SimCluster.NAMES, name -> name.equals("n-2") ? "other" : "raft");
    cluster.world.run(A_WHILE.toNanos(), () -> false);
    assertThat(cluster.inspections()).isEmpty();
    assertThat(cluster.node("n-0").status().ofThis().getNotReadyList().toString())
        .contains("n-2 runs profile other@", "n-0 profile raft@");
  }

  @Test
  void aNodeOfAnotherProfileStaysOutOfACluster() throws IOException {
    AtomicReference<String> profile = new AtomicReference<>("raft");
    SimCluster cluster =
        new SimCluster(2, SimCluster.NAMES, name -> name.equals("n-2") ? profile.get() : "raft");
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
    SimCluster cluster =
        new SimCluster(3, SimCluster.NAMES, name -> name.equals("n-1") ? profile.get() : "raft");
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

  /** What somebody else wrote, of other parts: one node that keeps everything in memory. */
  @Test
  void aProfileOfOtherPartsServesFiles() {
    SimCluster cluster = new SimCluster(4, List.of("n-0"), name -> "toy");
    SandstoreClient client = cluster.client;
    byte[] bytes = new byte[200_000];
    new Random(4).nextBytes(bytes);
    cluster.inClient(
        () -> {
          client.mkdir("/d", 0755);
          for (String name : List.of("large", "small")) {
            try (SandFile file = client.open("/d/" + name, CREATE, 0644)) {
              file.write(ByteBuffer.wrap(bytes, 0, name.equals("small") ? 10 : bytes.length));
            }
          }
          client.rename("/d/small", "/d/tiny");
          ByteBuffer read = ByteBuffer.allocate(bytes.length);
          try (SandFile file = client.open("/d/large", Set.of(OpenFlag.O_RDONLY), 0)) {
            while (read.hasRemaining() && file.read(read) > 0) {
              // Until all is there.
            }
          }
          assertThat(read.array()).isEqualTo(bytes);
          assertThat(client.readdir("/d").stream().map(DirectoryPage.Entry::name))
              .containsExactly("large", "tiny");
          client.unlink("/d/large");
        });
    cluster.awaitWhole();
  }

  /** What was in its memory is gone: under its old name, it would pass for somebody who has it. */
  @Test
  void aStartOfAProfileInMemoryIsThatOfANewMember() {
    SimCluster cluster = new SimCluster(5, List.of("n-0"), name -> "toy");
    cluster.inClient(() -> cluster.client.mkdir("/d", 0755));
    long before = cluster.inspections().getFirst().memberId();
    cluster.restart("n-0", false);
    cluster.awaitWhole();
    assertThat(cluster.inspections().getFirst().memberId()).isNotEqualTo(before);
    cluster.inClient(
        () -> {
          assertThatThrownBy(() -> cluster.client.readdir("/"))
              .as("who knew the former cluster does not take this one for it")
              .hasMessageContaining("belongs to cluster");
          SandstoreClient client = cluster.anotherClient();
          assertThat(client.readdir("/")).isEmpty();
          client.mkdir("/d", 0755);
        });
  }

  /** Each of them would be a cluster of its own. */
  @Test
  void moreNodesThanAProfileCanHaveDoNotStart() {
    SimCluster cluster = new SimCluster(6, SimCluster.NAMES, name -> "toy");
    cluster.world.run(A_WHILE.toNanos(), () -> !cluster.haltedBy("n-2").isEmpty());
    assertThat(cluster.haltedBy("n-1"))
        .contains("profile toy runs on 1 node at most, and there are 3");
  }
}
