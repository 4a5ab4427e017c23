package io.sandstore.replication;

import io.sandstore.host.Disk;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * A topology: what replicates the log, where blocks lie. A profile only constructs. It is found by
 * its name among all that the class path provides: one in a jar of somebody else's needs nothing
 * but that jar beside ours.
 */
public interface Profile {

  /** By which it is asked for. */
  String name();

  /**
   * The choices that data and messages depend on, in words that change when they do: nodes that do
   * not agree on them keep out of each other's clusters and disks.
   */
  String form();

  /** The name, and a digest of {@link #form}: what disks and clusters remember. */
  default String id() {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(form().getBytes(StandardCharsets.UTF_8));
      return name() + "@" + HexFormat.of().formatHex(digest, 0, 4);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /**
   * True if what a node acknowledged is there again when its process comes back. Otherwise every
   * start is that of a new member, and what the one before had is gone with its process.
   */
  boolean survivesRestart();

  /** True if its log cannot do without {@link Views}: a node that has none does not start. */
  default boolean needsViews() {
    return false;
  }

  /** How many nodes a cluster may have; more of them do not start. */
  default int membersMax() {
    return Configurations.SLOTS_MAX;
  }

  /** What an operator can tell it. */
  List<Settings.Key> keys();

  /**
   * Refuses settings that are in order by themselves but not together.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  void check(Settings settings);

  /** Opens what keeps a node's blocks. Nothing runs yet. */
  BlockPlane blocks(Site site) throws IOException;

  /**
   * Recovers a node's log, and the state that it drives. Nothing runs yet.
   *
   * @throws CorruptLogException if the disk lost what this member may have promised
   */
  CommandLog log(Site site, StateMachine machine) throws IOException;

  /**
   * Sets what a disk has of the log aside, for somebody to look at, until the next time. Goes on
   * where a crash interrupted it.
   */
  void setAside(Disk disk) throws IOException;

  /** Removes what was set aside before: a bad disk must not fill itself. */
  void dropAside(Disk disk) throws IOException;

  /** What a disk has of this profile's log, in words; empty: nothing. */
  Optional<String> holdings(Disk disk) throws IOException;

  /** What a disk has of a log that was set aside, in words; empty: nothing. */
  Optional<String> holdingsAside(Disk disk) throws IOException;

  /**
   * Makes a stopped node the only member of its cluster: an operator's last resort when more
   * members lost their disks than the cluster survives.
   *
   * @throws IOException if what this disk has of the log is not whole
   */
  void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException;

  /** Those that there are, by name. */
  static Map<String, Profile> all() {
    Map<String, Profile> all = new TreeMap<>();
    for (Profile profile : ServiceLoader.load(Profile.class)) {
      all.put(profile.name(), profile);
    }
    return all;
  }

  /**
   * The profile of that name.
   *
   * @throws IllegalArgumentException with those that there are, if there is no such one
   */
  static Profile named(String name) {
    Map<String, Profile> all = all();
    Profile profile = all.get(name);
    if (profile == null) {
      throw new IllegalArgumentException(
          "no profile '%s'; there are %s".formatted(name, all.keySet()));
    }
    return profile;
  }
}
