package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Files without a name stay for those that have them open: for all of them, and no longer. */
class OpenFilesTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);

  /** See {@code SandstoreClient.open}. */
  private static final int OPEN_MAX = 65_536;

  @Test
  void nineThousandUnlinkedFilesStayWhileTheyAreOpenAndGoOnceTheyAreNot() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          List<SandFile> files = new ArrayList<>();
          for (int i = 0; i < 9000; i++) {
            files.add(client.open("/f" + i, CREATE, 0644));
            client.unlink("/f" + i);
          }
          host.clock().sleep(Duration.ofMinutes(2));
          for (SandFile file : files) {
            assertThat(file.stat().size()).isZero();
          }
          client.close();
          host.clock().sleep(Duration.ofMinutes(2));
          assertThat(cluster.inspections())
              .allMatch(node -> !node.namespace().anyOrphanUnusedSince(Long.MAX_VALUE));
        });
  }

  @Test
  void oneFileMoreThanTheBoundIsRefusedWithAClearErrorAndARoomIsGivenBack() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          List<SandFile> files = new ArrayList<>();
          files.add(client.open("/f", CREATE, 0644));
          assertThatThrownBy(() -> client.open("/missing", READ, 0))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
          while (files.size() < OPEN_MAX) {
            files.add(client.open("/f", READ, 0));
          }
          assertThatThrownBy(() -> client.open("/f", READ, 0))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EMFILE))
              .hasMessageContaining("65536 files open");
          files.getLast().close();
          files.getLast().close();
          client.open("/f", READ, 0).close();
          client.close();
        });
  }
}
