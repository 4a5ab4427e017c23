package io.sandstore.profile;

import io.sandstore.host.Disk;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/** A way to replicate commands: what {@code log = NAME} in a profile chooses. */
public interface LogKind {

  /** By which profiles choose it. */
  String name();

  /** What data and messages depend on, in words that change when they do. */
  String form();

  /** What it promises of names and attributes, in a sentence for people. */
  String promise();

  /** True if what it acknowledged is there again when its process comes back. */
  boolean survivesRestart();

  /** How many of so many members may be lost while the others go on. */
  int mayLose(int members);

  /** Where it can keep its commands. */
  Parts.Store store();

  /** True if members other than the primary can answer reads. */
  boolean everyoneReads();

  /** True if nodes cannot agree without {@link io.sandstore.replication.Views} that etcd keeps. */
  default boolean needsViews() {
    return false;
  }

  /** How many nodes a cluster may have. */
  default int membersMax() {
    return Configurations.SLOTS_MAX;
  }

  /** What an operator can tell it. */
  List<Settings.Key> keys();

  /**
   * Refuses settings that are in order by themselves but not together, those of the blocks
   * included.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  void check(Settings settings);

  /**
   * Recovers a node's log, and the state that it drives. Nothing runs yet.
   *
   * @param everyoneReads only where {@link #everyoneReads()} says so
   * @throws CorruptLogException if the disk lost what this member may have promised
   */
  CommandLog log(Site site, StateMachine machine, boolean everyoneReads) throws IOException;

  /** As {@link io.sandstore.replication.Profile#setAside}. */
  void setAside(Disk disk) throws IOException;

  /** As {@link io.sandstore.replication.Profile#dropAside}. */
  void dropAside(Disk disk) throws IOException;

  /** As {@link io.sandstore.replication.Profile#holdings}. */
  Optional<String> holdings(Disk disk) throws IOException;

  /** As {@link io.sandstore.replication.Profile#holdingsAside}. */
  Optional<String> holdingsAside(Disk disk) throws IOException;

  /** As {@link io.sandstore.replication.Profile#standAlone}. */
  void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException;
}
