package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.ChangeFeed;
import io.sandstore.client.FileChange;
import io.sandstore.client.Identity;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Those who watch are told of every change, in order, whatever nodes do meanwhile. */
class ChangeFeedTest {

  private static void write(SandstoreClient client, String path) throws IOException {
    try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644)) {
      file.write(ByteBuffer.allocate(10));
    }
  }

  private static List<String> told(ChangeFeed feed) throws IOException {
    List<String> told = new ArrayList<>();
    List<FileChange> more;
    while (!(more = feed.next(Duration.ofMillis(100))).isEmpty()) {
      more.forEach(change -> told.add(change.kind() + " " + change.path()));
    }
    return told;
  }

  @Test
  void namesContentAndAttributesAreToldInTheirOrder() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
            client.mkdir("/d/sub", 0755);
            ChangeFeed flat = client.watch("/d", false);
            ChangeFeed deep = client.watch("/d", true);
            ChangeFeed all = client.watch("/", true);
            write(client, "/d/a");
            client.rename("/d/a", "/d/sub/b");
            client.setattr("/d/sub/b", AttributeChange.NONE.withMode(0600));
            write(client, "/elsewhere");
            client.rename("/d/sub", "/d/moved");
            client.unlink("/d/moved/b");

            assertThat(told(flat))
                .containsExactly("ADDED a", "REMOVED a", "REMOVED sub", "ADDED moved");
            // Directories by their names of now; of what is gone by now nothing else is told.
            assertThat(told(deep))
                .containsExactly(
                    "ADDED a",
                    "REMOVED a",
                    "ADDED moved/b",
                    "REMOVED sub",
                    "ADDED moved",
                    "REMOVED moved/b");
            assertThat(told(all)).contains("ADDED elsewhere", "ADDED d/moved", "ADDED d/moved/b");
            assertThat(told(flat)).isEmpty();
          }
        });
  }

  /** Not even that a file was changed which it cannot see, wherever its names are. */
  @Test
  void whoWatchesIsToldOfWhatItCouldListAndOfNothingElse() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
            client.mkdir("/d/private", 0700);
            client.mkdir("/elsewhere", 0700);
            write(client, "/elsewhere/secret");
            client.link("/elsewhere/secret", "/elsewhere/again");
            ChangeFeed theirs = client.as(Identity.of(1001, 100)).watch("/d", true);
            ChangeFeed ours = client.watch("/d", true);
            write(client, "/d/private/a");
            client.setattr("/elsewhere/secret", AttributeChange.NONE.withMode(0600));
            write(client, "/d/b");
            assertThat(told(theirs)).containsExactly("ADDED b", "CONTENT b");
            assertThat(told(ours))
                .containsExactly(
                    "ADDED private/a", "CONTENT private/a", "ATTRIBUTES ", "ADDED b", "CONTENT b");
            assertThatThrownBy(() -> client.as(Identity.of(1001, 100)).watch("/d/private", false))
                .hasMessageContaining("no permission to list");
          }
        });
  }

  @Test
  void aFeedGoesOnWhereItWasOverRestartsAndInAnotherProcess() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          String position;
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
            ChangeFeed feed = client.watch("/d", true);
            write(client, "/d/first");
            assertThat(told(feed)).containsExactly("ADDED first", "CONTENT first");
            position = feed.position();
            write(client, "/d/second");
          }
          cluster.kill(cluster.primary(host));
          try (SandstoreClient client = CalmCluster.client(host)) {
            write(client, "/d/third");
            ChangeFeed feed = client.watch("/d", true, position);
            assertThat(told(feed))
                .containsExactly("ADDED second", "CONTENT second", "ADDED third", "CONTENT third");
            cluster.restartAll();
            write(client, "/d/fourth");
            assertThat(told(feed)).containsExactly("ADDED fourth", "CONTENT fourth");
          }
        });
  }

  @Test
  void oneWhoComesTooLateIsToldSoAndGoesOnFromNow() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
            ChangeFeed feed = client.watch("/d", true, "0.7");
            assertThatThrownBy(() -> feed.next(Duration.ZERO)).hasMessageContaining("anew");
            assertThat(feed.isGone()).isFalse();
            client.mkdir("/d/y", 0755);
            assertThat(told(feed)).containsExactly("ADDED y");
            assertThatThrownBy(() -> client.watch("/d", true, "12")).hasMessageContaining("12");
          }
        });
  }

  @Test
  void aWaitEndsWithTheFirstChangeAndADirectoryThatIsRemovedIsGone() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient client = CalmCluster.client(host)) {
            client.mkdir("/d", 0755);
            ChangeFeed feed = client.watch("/d", true);
            host.threads()
                .start(
                    "later",
                    () -> {
                      try {
                        host.clock().sleep(Duration.ofSeconds(20));
                        client.mkdir("/d/x", 0755);
                      } catch (IOException | InterruptedException e) {
                        throw new IllegalStateException(e);
                      }
                    });
            long begin = host.clock().nanos();
            assertThat(feed.next(Duration.ofMinutes(5))).hasSize(1);
            assertThat(Duration.ofNanos(host.clock().nanos() - begin))
                .isBetween(Duration.ofSeconds(20), Duration.ofSeconds(21));
            client.rmdir("/d/x");
            client.rmdir("/d");
            assertThatThrownBy(() -> feed.next(Duration.ofSeconds(1))).isNotNull();
            assertThat(feed.isGone()).isTrue();
          }
        });
  }
}
