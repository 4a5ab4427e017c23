package io.sandstore.replication;

import io.sandstore.host.Disk;
import io.sandstore.wire.Identity;
import java.io.IOException;
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
