package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Wall clocks jump; what the cluster makes of time does not. */
class ClockJumpTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final Duration YEAR = Duration.ofDays(365);
  private static final long BOUND_MS = 20_000;

  @Test
  void aPrimarysClockThatWasAYearAheadForASecondLeavesNothingBehind() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of("SANDSTORE_SESSION_TTL_S", "600"));
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          SandstoreClient client = CalmCluster.client(host);
          client.mkdir("/before", 0755);
          String primary = cluster.primary(host);
          cluster.setWallOffset(primary, YEAR);
          client.mkdir("/meanwhile", 0755);
          host.clock().sleep(Duration.ofSeconds(1));
          client.mkdir("/meanwhile2", 0755);
          cluster.setWallOffset(primary, Duration.ZERO);
          for (String path : new String[] {"/before", "/meanwhile", "/meanwhile2"}) {
            assertThat(client.stat(path).mtimeMs())
                .isBetween(host.clock().millis() - BOUND_MS, host.clock().millis() + BOUND_MS);
          }
          cluster.restartAll();
          client.mkdir("/after", 0755);
          host.clock().sleep(Duration.ofSeconds(15));
          client.mkdir("/later", 0755);
          assertThat(client.stat("/later").mtimeMs())
              .isBetween(host.clock().millis() - BOUND_MS, host.clock().millis() + BOUND_MS);

          SandFile file = client.open("/gone", CREATE, 0644);
          file.write(ByteBuffer.wrap(new byte[100_000]));
          file.close();
          client.unlink("/gone");
          host.clock().sleep(Duration.ofMinutes(3));
          assertThat(cluster.inspections())
              .as("the space of a removed file is given back")
              .allMatch(node -> node.namespace().blocksAfter(0, 1).isEmpty());
          assertThat(cluster.inspections()).allMatch(node -> node.namespace().sessionCount() == 1);
          host.clock().sleep(Duration.ofMinutes(12));
          assertThat(cluster.inspections())
              .as("a silent session expires")
              .allMatch(node -> node.namespace().sessionCount() == 0);
        });
  }

  /** By wall clocks alone, either all is old at once or nothing ever is. */
  @Test
  void filesThatAreOpenStayWhereClocksJumpAndThoseOfTheDeadGo() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          SandstoreClient client = CalmCluster.client(host);
          SandFile file = client.open("/open", CREATE, 0644);
          file.write(ByteBuffer.wrap(new byte[100]));
          file.fsync();
          client.unlink("/open");
          for (int i = 0; i < 20; i++) {
            Duration jump = i % 3 == 0 ? YEAR : i % 3 == 1 ? YEAR.negated() : Duration.ZERO;
            cluster.names().forEach(name -> cluster.setWallOffset(name, jump));
            host.clock().sleep(Duration.ofSeconds(20));
            assertThat(file.stat().size()).isEqualTo(100);
          }
          file.close();
          host.clock().sleep(Duration.ofMinutes(3));
          assertThat(cluster.inspections())
              .allMatch(node -> node.namespace().blocksAfter(0, 1).isEmpty());
          client.close();
          assertThat(cluster.inspect(cluster.primary(host)).namespace().sessionCount()).isZero();
        });
  }
}
