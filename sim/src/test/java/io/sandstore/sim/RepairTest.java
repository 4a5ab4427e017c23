package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.node.Inspection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Every disk comes to hold what it should, whatever happened to it. */
class RepairTest {

  private static final Set<OpenFlag> CREATE = Set.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Predicate<String> BLOCK = path -> path.startsWith("blocks/");

  private final byte[] content = new byte[150_000];
  private final SimCluster cluster = new SimCluster(1);

  RepairTest() {
    new Random(1).nextBytes(content);
    cluster.inClient(() -> write("/f"));
    cluster.awaitWhole();
  }

  private void write(String path) throws IOException {
    try (SandFile file = cluster.client.open(path, CREATE, 0644)) {
      file.write(ByteBuffer.wrap(content));
    }
  }

  private byte[] read(String path) throws IOException {
    ByteBuffer read = ByteBuffer.allocate(content.length);
    try (SandFile file = cluster.client.open(path, Set.of(OpenFlag.O_RDONLY), 0)) {
      while (read.hasRemaining() && file.read(read) > 0) {
        // Until all is there.
      }
    }
    return read.array();
  }

  /** Blocks on a disk. */
  private long holds(String name) {
    return cluster.disks.get(name).files("blocks/");
  }

  private void await(String what, BooleanSupplier condition) {
    assertThat(cluster.world.run(Duration.ofMinutes(5).toNanos(), condition)).as(what).isTrue();
  }

  private Inspection inspect(String name) {
    return cluster.node(name).inspect().orElseThrow();
  }

  /** Nobody reads it: scrubbing finds it. */
  @Test
  void aDamagedBlockIsReplacedByAnotherHoldersCopy() {
    assertThat(cluster.disks.get("n-1").flipBit(BLOCK)).isNotNull();
    assertThat(cluster.whole()).as("one disk is not as it should be").isFalse();
    cluster.awaitWhole();
    assertThat(inspect("n-1").blocks().health().corruptFound()).isEqualTo(1);
    assertThat(inspect("n-1").blocks().health().corruptRepaired()).isEqualTo(1);
    cluster.inClient(() -> assertThat(read("/f")).isEqualTo(content));
  }

  @Test
  void whatWasWrittenWhileAHolderWasAwayComesToItLater() {
    long before = holds("n-2");
    cluster.kill("n-2");
    cluster.inClient(() -> write("/g"));
    cluster.restart("n-2", true);
    await("it has them", () -> holds("n-2") == 2 * before);
    cluster.awaitWhole();
  }

  @Test
  void aWipedDiskIsFilledAgain() {
    cluster.kill("n-0");
    cluster.disks.get("n-0").wipe();
    long before = holds("n-1");
    cluster.restart("n-0", false);
    await("it has what the others have", () -> holds("n-0") == before);
    cluster.awaitWhole();
    cluster.inClient(() -> assertThat(read("/f")).isEqualTo(content));
  }

  @Test
  void whatNothingRefersToLeavesEveryDisk() {
    cluster.inClient(() -> cluster.client.unlink("/f"));
    await("they are gone", () -> SimCluster.NAMES.stream().allMatch(name -> holds(name) == 0));
    cluster.awaitWhole();
  }
}
