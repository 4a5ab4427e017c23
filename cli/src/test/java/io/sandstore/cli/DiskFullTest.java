package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk that really is full: a small tmpfs where it may be mounted, else a reserve that leaves
 * little.
 */
class DiskFullTest {

  private static final long ROOM_MB = 160;

  @Test
  void aFullDiskRefusesWritersServesReadersAndRecovers(@TempDir Path directory) throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    boolean mounted =
        run("mount", "-t", "tmpfs", "-o", "size=" + ROOM_MB + "m", "tmpfs", small.toString()) == 0;
    long reserve = mounted ? 100 : Files.getFileStore(small).getUsableSpace() / (1 << 20) - 60;
    try (Cluster cluster =
            new Cluster(small, Map.of("SANDSTORE_RESERVE_MB", Long.toString(reserve)));
        SandstoreClient client = cluster.client()) {
      byte[] data = Cluster.content(1, 1 << 20);
      int written = 0;
      Errno errno = Errno.OK;
      while (errno == Errno.OK && written < 500) {
        try {
          Cluster.write(client, "/" + written, data);
          written++;
        } catch (PosixException e) {
          errno = e.errno();
        }
      }
      assertThat(errno).isEqualTo(Errno.ENOSPC);
      assertThat(written).isPositive();
      cluster.awaitAll(); // all nodes are still there
      for (int i = 0; i < written; i++) {
        assertThat(Cluster.read(client, "/" + i)).isEqualTo(data);
      }
      for (DirectoryPage.Entry entry : client.readdir("/")) {
        client.unlink("/" + entry.name());
      }
      FaultsTest.await(
          () -> {
            try {
              Cluster.write(client, "/again", data);
              return true;
            } catch (PosixException e) {
              return false;
            }
          });
      assertThat(Cluster.read(client, "/again")).isEqualTo(data);
    } finally {
      if (mounted) {
        run("umount", "-l", small.toString());
      }
    }
  }

  private static int run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }
}
