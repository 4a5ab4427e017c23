package io.sandstore.node;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.NoRoomException;
import io.sandstore.replication.Profile;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who this node is, on its own disk: magic 8, version 4, crc 4, record. A disk without it is blank,
 * and a blank disk gets an identity that nobody has ever voted or promised under.
 */
public final class Identities {

  private static final Logger log = LoggerFactory.getLogger(Identities.class);

  static final int VERSION = 1;
  private static final long MAGIC = 0x53414E444E4F4431L; // SANDNOD1
  private static final String FILE = "identity";
  private static final String TEMPORARY = FILE + ".tmp";
  private static final int HEADER_BYTES = 16;
  private static final int BYTES_MAX = 1 << 20;

  /** The one profile that there was when identities did not say theirs. */
  private static final String FIRST_PROFILE = "raft";

  private Identities() {}

  /** Who a disk belongs to; empty if it has no identity. */
  public static Optional<Identity> read(Disk disk) throws IOException {
    return disk.exists(FILE) ? Optional.of(load(disk)) : Optional.empty();
  }

  static Identity loadOrCreate(Disk disk, String name, Profile profile, RandomGenerator random)
      throws IOException {
    disk.delete(TEMPORARY); // of one that was never taken
    disk.forceDirectory(""); // of one that was taken, and acted by, from now on
    if (disk.exists(FILE)) {
      Identity identity = load(disk);
      if (!identity.getName().equals(name)) {
        throw new IOException(
            "the data directory belongs to node '%s', not '%s'"
                .formatted(identity.getName(), name));
      }
      String same = ofProfile(identity, profile);
      return profile.survivesRestart()
          ? running(disk, identity, same)
          : renew(disk, name, same, "", random); // what the member before promised is gone
    }
    if (!disk.list("raft").isEmpty() || !disk.list("blocks").isEmpty()) {
      throw new IOException(
          "the data directory has a log or blocks, but no identity: restore that file, or empty the"
              + " directory to begin as a new node");
    }
    return renew(disk, name, profile.id(), "", random);
  }

  /** The profile that a disk is of, which must be this one: its data means nothing to another. */
  private static String ofProfile(Identity identity, Profile profile) throws IOException {
    String was = identity.getProfile();
    if (!was.equals(profile.id()) && !(was.isEmpty() && profile.name().equals(FIRST_PROFILE))) {
      throw new IOException(
          "the data directory is of profile %s, this node would run profile %s: empty it to begin"
                  .formatted(was.isEmpty() ? FIRST_PROFILE : was, profile.id())
              + " anew, or set SANDSTORE_PROFILE back");
    }
    return profile.id();
  }

  /** A rollout is an event: the first start of another release says so. */
  private static Identity running(Disk disk, Identity before, String profile) throws IOException {
    if (!before.getRelease().equals(Node.VERSION)) {
      log.info(
          "{} runs release {} now, before: {}",
          before.getName(),
          Node.VERSION,
          before.getRelease().isEmpty() ? "an older one" : before.getRelease());
    }
    Identity now = before.toBuilder().setRelease(Node.VERSION).setProfile(profile).build();
    if (!now.equals(before)) {
      try {
        save(disk, now);
      } catch (NoRoomException e) {
        log.info("the next start says so again: {}", e.getMessage());
      }
    }
    return now;
  }

  /**
   * Makes this node a stranger under its old name.
   *
   * @param formerCluster whose blocks may be on the disk; empty if there are none
   */
  static Identity renew(
      Disk disk, String name, String profile, String formerCluster, RandomGenerator random)
      throws IOException {
    long id;
    do {
      id = random.nextLong();
    } while (id == 0);
    Identity identity =
        Identity.newBuilder()
            .setName(name)
            .setMemberId(id)
            .setProfile(profile)
            .setFormerCluster(formerCluster)
            .setRelease(Node.VERSION)
            .build();
    save(disk, identity);
    return identity;
  }

  private static Identity load(Disk disk) throws IOException {
    try (DiskFile file = disk.open(FILE, false)) {
      long size = file.size();
      if (size < HEADER_BYTES || size > BYTES_MAX) {
        throw new IOException("the identity file is damaged");
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) size);
      file.readFully(bytes, 0);
      bytes.flip();
      if (bytes.getLong(0) != MAGIC || bytes.getInt(12) != crc(bytes)) {
        throw new IOException("the identity file is damaged");
      }
      if (bytes.getInt(8) != VERSION) {
        throw new IOException(
            "the identity file has format version %d; this release reads version %d"
                .formatted(bytes.getInt(8), VERSION));
      }
      return Identity.parseFrom(bytes.position(HEADER_BYTES));
    } catch (InvalidProtocolBufferException e) {
      throw new IOException("the identity file is damaged", e);
    }
  }

  static void save(Disk disk, Identity identity) throws IOException {
    byte[] record = identity.toByteArray();
    ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + record.length);
    bytes.putLong(MAGIC).putInt(VERSION).putInt(0).put(record).flip();
    bytes.putInt(12, crc(bytes));
    disk.delete(TEMPORARY);
    try (DiskFile file = disk.open(TEMPORARY, true)) {
      file.write(bytes, 0);
      file.force();
    }
    disk.rename(TEMPORARY, FILE);
    disk.forceDirectory("");
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(HEADER_BYTES, bytes.limit() - HEADER_BYTES));
    return (int) crc.getValue();
  }
}
