package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.node.Inspection;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** When a block counts as written. */
class BlockWriteTest {

  private static final Set<OpenFlag> CREATE = Set.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);

  private final SimCluster cluster = new SimCluster(1);

  private static void write(SandstoreClient client, String path) throws IOException {
    try (SandFile file = client.open(path, CREATE, 0644)) {
      file.write(ByteBuffer.wrap(new byte[50_000])); // a block of its own
    }
  }

  private boolean coordinates(String name) {
    return cluster.node(name).inspect().map(Inspection::coordinates).orElse(false);
  }

  /** Two of three disks are full: the copy on the third is no majority. */
  @Test
  void whatOneHolderTookIsRefusedUntilAnotherTakesItToo() {
    cluster.inClient(() -> write(cluster.client, "/before"));
    cluster.awaitWhole();
    cluster.disks.forEach(
        (name, disk) -> {
          if (!coordinates(name)) {
            disk.capacityBytes = disk.used();
          }
        });
    cluster.inClient(
        () ->
            assertThatThrownBy(() -> write(cluster.client, "/while"))
                .isInstanceOfSatisfying(
                    PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC)));
    cluster.disks.values().forEach(disk -> disk.capacityBytes = Long.MAX_VALUE);
    cluster.inClient(
        () -> {
          write(cluster.client, "/after");
          assertThat(cluster.client.stat("/after").size()).isEqualTo(50_000);
        });
    cluster.awaitWhole();
  }
}
