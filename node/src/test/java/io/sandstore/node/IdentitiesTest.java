package io.sandstore.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Disk;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.replication.Profile;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who a disk belongs to, as releases wrote it. */
class IdentitiesTest {

  private static final Profile RAFT = Profile.named("raft");

  @TempDir Path directory;
  private Disk disk;

  @BeforeEach
  void open() throws IOException {
    disk = new FileDisk(directory);
  }

  private Identity load() throws IOException {
    return Identities.loadOrCreate(disk, "n-0", RAFT, new Random(2));
  }

  /** It says nothing of its release, its profile, or whether its log has begun. */
  @Test
  void oneOfAnEarlierReleaseIsRead() throws IOException {
    try (InputStream in = getClass().getResourceAsStream("/formats/identity-v1")) {
      Files.write(directory.resolve("identity"), Objects.requireNonNull(in).readAllBytes());
    }
    Identity read = Identities.read(disk).orElseThrow();
    assertThat(read.getProfile()).isEmpty();
    Identity now = load();
    assertThat(now.getClusterId()).isEqualTo("00c1");
    assertThat(now.getMemberId()).isEqualTo(read.getMemberId());
    assertThat(now.getFounders()).isEqualTo(read.getFounders());
    assertThat(now.getLogBegun()).isFalse();
    assertThat(now.getProfile()).isEqualTo(RAFT.id());
    assertThat(load()).as("and so it stays").isEqualTo(now);
  }

  @Test
  void aLaterFormatIsRefusedByItsNumber() throws IOException {
    load();
    Path file = directory.resolve("identity");
    byte[] bytes = Files.readAllBytes(file);
    bytes[11] = 2;
    Files.write(file, bytes);
    assertThatThrownBy(this::load)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("format version 2; this release reads version 1");
  }

  @Test
  void aDamagedOneIsRefused() throws IOException {
    load();
    Path file = directory.resolve("identity");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    assertThatThrownBy(this::load).isInstanceOf(IOException.class).hasMessageContaining("damaged");
  }

  @Test
  void anotherNodesDiskIsRefused() throws IOException {
    load();
    assertThatThrownBy(() -> Identities.loadOrCreate(disk, "n-1", RAFT, new Random(3)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("belongs to node 'n-0', not 'n-1'");
  }
}
