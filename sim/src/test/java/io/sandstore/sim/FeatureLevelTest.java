package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Host;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Build;
import io.sandstore.node.Inspection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Updates from a build that lacks a command to this one, and back. */
class FeatureLevelTest {

  private static final Build OLDER = new Build(FeatureLevel.BASE, Duration.ofHours(1));
  private static final String TOO_OLD =
      "knows feature levels up to 1, the cluster is at "
          + FeatureLevel.newest().number()
          + ": it needs release ";

  private static void roll(CalmCluster cluster, Host host, Build build)
      throws InterruptedException {
    for (String name : cluster.names()) {
      cluster.kill(name);
      cluster.start(name, build);
      cluster.awaitAll(host);
    }
  }

  private static List<FeatureLevel> levels(CalmCluster cluster) {
    return cluster.inspections().stream().map(i -> i.namespace().level()).distinct().toList();
  }

  private static long merged(CalmCluster cluster) {
    return cluster.inspections().stream().mapToLong(Inspection::mergedPieces).sum();
  }

  private static void appendInSmallPieces(Host host, String path) throws IOException {
    try (SandstoreClient client = CalmCluster.client(host);
        SandFile file =
            client.open(
                path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_APPEND), 0644)) {
      for (int i = 0; i < 600; i++) {
        file.write(ByteBuffer.wrap(new byte[] {(byte) i}));
        file.fsync();
      }
    }
  }

  @Test
  void aNewClusterBeginsAtTheNewestLevelThatAllItsFoundersKnow() throws Exception {
    for (Build build : List.of(OLDER, Build.THIS)) {
      CalmCluster cluster = new CalmCluster(Map.of(), build);
      cluster.run(
          host -> {
            cluster.awaitAll(host);
            assertThat(levels(cluster)).containsExactly(build.known());
          });
    }
  }

  @Test
  void theLevelRisesAnHourAfterTheLastMemberWasUpdatedAndNothingIsMergedBefore() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of(), OLDER);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          roll(cluster, host, Build.THIS);
          appendInSmallPieces(host, "/log");
          host.clock().sleep(Duration.ofMinutes(55));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.BASE);
          assertThat(merged(cluster)).isZero();
          host.clock().sleep(Duration.ofMinutes(10));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.newest());
          assertThat(merged(cluster)).isPositive();
        });
  }

  @Test
  void untilThenTheOlderBuildCanBeBroughtBack() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of(), OLDER);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          roll(cluster, host, Build.THIS);
          host.clock().sleep(Duration.ofMinutes(55));
          roll(cluster, host, OLDER);
          host.clock().sleep(Duration.ofMinutes(65));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.BASE);
          // The grace begins anew.
          roll(cluster, host, Build.THIS);
          host.clock().sleep(Duration.ofMinutes(55));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.BASE);
        });
  }

  @Test
  void afterwardsTheOlderBuildSaysWhyItEnds() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of(), OLDER);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          roll(cluster, host, Build.THIS);
          host.clock().sleep(Duration.ofMinutes(65));
          String name = cluster.names().getFirst();
          cluster.kill(name);
          cluster.start(name, OLDER);
          host.clock().sleep(Duration.ofMinutes(1));
          assertThat(cluster.haltedBy(name)).contains(TOO_OLD);
          cluster.start(name, Build.THIS);
          cluster.awaitAll(host);
        });
  }

  /** Whoever coordinates is of the newer build, and asks a member of the older one. */
  @Test
  void theLevelDoesNotRiseOverAMemberOfTheOlderBuild() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of(), OLDER);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          roll(cluster, host, Build.THIS);
          for (String name : cluster.names()) {
            cluster.kill(name);
            cluster.start(name, OLDER);
            cluster.awaitAll(host);
            host.clock().sleep(Duration.ofMinutes(65));
            assertThat(levels(cluster)).containsExactly(FeatureLevel.BASE);
            cluster.kill(name);
            cluster.start(name, Build.THIS);
            cluster.awaitAll(host);
          }
        });
  }

  @Test
  void theLevelDoesNotRiseWhileAMemberIsAway() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of(), OLDER);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          roll(cluster, host, Build.THIS);
          cluster.kill(cluster.names().getLast());
          host.clock().sleep(Duration.ofMinutes(65));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.BASE);
          cluster.start(cluster.names().getLast());
          host.clock().sleep(Duration.ofMinutes(65));
          assertThat(levels(cluster)).containsExactly(FeatureLevel.newest());
        });
  }

  @Test
  void mergingGoesOnWhileAMemberIsAway() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          cluster.kill(cluster.names().getLast());
          host.clock().sleep(Duration.ofMinutes(5));
          appendInSmallPieces(host, "/log");
          host.clock().sleep(Duration.ofMinutes(1));
          assertThat(merged(cluster)).isPositive();
        });
  }

  @Test
  void aNodeThatIsTooOldIsNotTakenIn() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String name = cluster.names().getLast();
          cluster.kill(name);
          cluster.wipe(name);
          cluster.start(name, OLDER);
          host.clock().sleep(Duration.ofMinutes(1));
          assertThat(cluster.node(name).status().ofThis().getNotReadyList())
              .anyMatch(reason -> reason.contains(name + " " + TOO_OLD));
          cluster.kill(name);
          cluster.start(name);
          cluster.awaitAll(host);
        });
  }
}
