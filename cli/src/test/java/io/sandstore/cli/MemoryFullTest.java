package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** More names than the nodes' heaps can hold: refused, and nobody dies of it. */
@Tag("slow")
class MemoryFullTest {

  private static final int WRITERS = 32;
  private static final int LINKS_MAX = 200_000;
  private static final String TARGET = "t".repeat(4000);

  @Test
  void aFullHeapRefusesMoreFilesAndServesOn(@TempDir Path directory) throws Exception {
    try (TestCluster cluster = new TestCluster(directory, Map.of("SANDSTORE_SNAPSHOT_MB", "64"));
        SandstoreClient client = cluster.client()) {
      client.mkdir("/links", 0755);
      AtomicInteger next = new AtomicInteger();
      AtomicReference<PosixException> refused = new AtomicReference<>();
      try (ExecutorService writers = Executors.newVirtualThreadPerTaskExecutor()) {
        for (int i = 0; i < WRITERS; i++) {
          writers.submit(
              () -> {
                while (refused.get() == null && next.get() < LINKS_MAX) {
                  int number = next.getAndIncrement();
                  try {
                    client.symlink(TARGET, "/links/" + number);
                  } catch (PosixException e) {
                    refused.set(e);
                  }
                }
                return null;
              });
        }
        writers.shutdown();
        assertThat(writers.awaitTermination(TestCluster.LIMIT.toSeconds(), TimeUnit.SECONDS))
            .isTrue();
      }
      assertThat(refused.get()).isNotNull();
      assertThat(refused.get().errno()).isEqualTo(Errno.ENOSPC);
      assertThat(refused.get()).hasMessageContaining("memory");
      for (String name : cluster.nodes.names()) {
        assertThat(cluster.nodes.process(name)).as(name).isPresent();
      }
      assertThat(client.readlink("/links/0")).isEqualTo(TARGET);
      for (int i = 0; i < next.get() / 2; i++) {
        try {
          client.unlink("/links/" + i);
        } catch (PosixException e) {
          assertThat(e.errno()).isEqualTo(Errno.ENOENT); // the refused ones
        }
      }
      FaultsTest.await(
          () -> {
            try {
              client.symlink(TARGET, "/links/again");
              return true;
            } catch (PosixException e) {
              assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
              return false;
            }
          });
    }
  }
}
