package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A disk that really is full: a small tmpfs where it may be mounted, else a reserve that leaves
 * little.
 */
@Tag("slow")
class DiskFullTest {

  private static final long ROOM_MB = 160;

  @Test
  void aFullDiskRefusesWritersServesReadersAndRecovers(@TempDir Path directory) throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    boolean mounted =
        run("mount", "-t", "tmpfs", "-o", "size=" + ROOM_MB + "m", "tmpfs", small.toString()) == 0;
    long reserve = mounted ? 100 : Files.getFileStore(small).getUsableSpace() / (1 << 20) - 60;
    try (TestCluster cluster =
            new TestCluster(small, Map.of("SANDSTORE_RESERVE_MB", Long.toString(reserve)));
        SandstoreClient client = cluster.client()) {
      byte[] data = TestCluster.content(1, 1 << 20);
      int written = 0;
      Errno errno = Errno.OK;
      while (errno == Errno.OK && written < 500) {
        try {
          TestCluster.write(client, "/" + written, data);
          written++;
        } catch (PosixException e) {
          errno = e.errno();
        }
      }
      assertThat(errno).isEqualTo(Errno.ENOSPC);
      assertThat(written).isPositive();
      cluster.awaitAll(); // all nodes are still there
      for (int i = 0; i < written; i++) {
        assertThat(TestCluster.read(client, "/" + i)).isEqualTo(data);
      }
      for (DirectoryPage.Entry entry : client.readdir("/")) {
        client.unlink("/" + entry.name());
      }
      FaultsTest.await(
          () -> {
            try {
              TestCluster.write(client, "/again", data);
              return true;
            } catch (PosixException e) {
              return false;
            }
          });
      assertThat(TestCluster.read(client, "/again")).isEqualTo(data);
    } finally {
      if (mounted) {
        run("umount", "-l", small.toString());
      }
    }
  }

  /** A file system with few inodes; somebody else takes the last ones, those in reserve too. */
  @Test
  void aDiskWithoutInodesServesReadersAndRemovalThroughRestarts(@TempDir Path directory)
      throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    String options = "size=400m,nr_inodes=3000";
    assumeThat(run("mount", "-t", "tmpfs", "-o", options, "tmpfs", small.toString()))
        .as("a tmpfs may be mounted here")
        .isZero();
    try (TestCluster cluster = new TestCluster(small, Map.of());
        SandstoreClient client = cluster.client()) {
      byte[] data = TestCluster.content(1, 1000);
      List<String> written = new ArrayList<>();
      Errno errno = Errno.OK;
      while (errno == Errno.OK && written.size() < 5000) {
        try {
          // Blocks of every size: some come with the log, some beside it.
          String path = "/" + written.size();
          TestCluster.write(
              client, path, written.size() % 4 == 3 ? TestCluster.content(2, 70_000) : data);
          written.add(path);
        } catch (PosixException e) {
          errno = e.errno();
        }
      }
      assertThat(errno).isEqualTo(Errno.ENOSPC);
      assertThat(written).isNotEmpty();
      List<Path> eaten = eatInodes(small.resolve("outsider"));
      for (String node : cluster.nodes.names()) {
        cluster.nodes.kill(node);
      }
      cluster.nodes.startAll();
      cluster.awaitAll();
      for (int i = 0; i < written.size(); i++) {
        assertThat(TestCluster.read(client, written.get(i)))
            .isEqualTo(i % 4 == 3 ? TestCluster.content(2, 70_000) : data);
      }
      for (String path : written) {
        client.unlink(path);
      }
      for (Path path : eaten) {
        Files.delete(path);
      }
      FaultsTest.await(
          () -> {
            try {
              TestCluster.write(client, "/again", data);
              return true;
            } catch (PosixException e) {
              return false;
            }
          });
      assertThat(TestCluster.read(client, "/again")).isEqualTo(data);
    } finally {
      run("umount", "-l", small.toString());
    }
  }

  private static List<Path> eatInodes(Path directory) throws IOException {
    List<Path> eaten = new ArrayList<>();
    try {
      Files.createDirectory(directory);
      while (true) {
        eaten.add(Files.createFile(directory.resolve(Integer.toString(eaten.size()))));
      }
    } catch (FileSystemException e) {
      return eaten; // no more of them
    }
  }

  private static int run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }
}
