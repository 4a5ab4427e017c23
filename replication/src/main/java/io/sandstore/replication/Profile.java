package io.sandstore.replication;

import io.sandstore.host.Disk;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * A topology: what replicates the log, where blocks lie. A profile only constructs. It is found by
 * its name among all that the class path provides: one in a jar of somebody else's needs nothing
 * but that jar beside ours. Most are files, of which {@link ProfileSource} makes profiles.
 */
public interface Profile {

  /** By which it is asked for. */
  String name();

  /** What it is for, in its author's words; may be empty. */
  default String description() {
    return "";
  }

  /**
   * One of the choices that made it.
   *
   * @param meaning what was chosen with it, in a sentence for people
   */
  record Part(String key, String value, String meaning) {}

  /** What it is made of; none: it is a class of its own. */
  default List<Part> parts() {
    return List.of();
  }

  /** Its parts in a line of letters, colons and commas, which every configuration can carry. */
  default String line() {
    return parts().stream()
        .map(part -> part.key + ":" + part.value)
        .collect(Collectors.joining(","));
  }

  /** What those who use it can rely on, each in a sentence. */
  default List<String> promises() {
    return List.of();
  }

  /** How many of so many members may be lost while the others go on. */
  default int mayLose(int members) {
    return 0;
  }

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

  /** How many nodes a cluster may have; more of them do not start. */
  default int membersMax() {
    return Configurations.SLOTS_MAX;
  }

  /**
   * True if its nodes cannot agree without {@link Views} that outlast them, as etcd's do: one that
   * has none does not start.
   */
  default boolean needsViews() {
    return false;
  }

  /**
   * True if members that order no commands answer queries as well ({@link CommandLog#queries}):
   * clients are told so, and spread theirs.
   */
  default boolean readsEverywhere() {
    return false;
  }

  /** What an operator can tell it. */
  List<Settings.Key> keys();

  /** What it has others of the {@link #NODE_KEYS} be by default. */
  default Map<String, String> ofNodes() {
    return Map.of();
  }

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

  /**
   * Settings that every node has, and that a profile may have its own defaults for. Who a node is
   * and where it lies are none of a profile's business.
   */
  SortedSet<String> NODE_KEYS =
      Collections.unmodifiableSortedSet(
          new TreeSet<>(
              List.of(
                  "SANDSTORE_BLOCK_GRACE_S",
                  "SANDSTORE_BUFFERS",
                  "SANDSTORE_CACHE_FULL",
                  "SANDSTORE_CACHE_HIGH_PERCENT",
                  "SANDSTORE_DRAIN_MS",
                  "SANDSTORE_LOG_FORMAT",
                  "SANDSTORE_LOG_LEVEL",
                  "SANDSTORE_METRICS",
                  "SANDSTORE_ORPHAN_GRACE_S",
                  "SANDSTORE_SESSION_TTL_S",
                  "SANDSTORE_SLOW_MS",
                  "SANDSTORE_SQUASH")));

  /** What names of profiles may be: they are parts of names of images, files and keys. */
  static boolean isName(String name) {
    return name.matches("[a-z0-9][a-z0-9-]{0,31}");
  }

  /** Those that there are, by name, but for those that are refused. */
  static Map<String, Profile> all() {
    Map<String, Profile> all = new TreeMap<>();
    for (String name : names()) {
      try {
        all.put(name, named(name));
      } catch (IllegalArgumentException e) {
        // Who asks for it by its name is told why.
      }
    }
    return all;
  }

  /** Names of those that there are. */
  static Set<String> names() {
    Set<String> names = new TreeSet<>();
    ServiceLoader.load(Profile.class).forEach(profile -> names.add(profile.name()));
    ServiceLoader.load(ProfileSource.class).forEach(source -> names.addAll(source.names()));
    return names;
  }

  /** True if this says where a profile's file lies, and not only what it is called. */
  static boolean isFile(String name) {
    return name.endsWith(".conf") || name.indexOf('/') >= 0;
  }

  /**
   * The profile of that name, or in that file.
   *
   * @throws IllegalArgumentException with those that there are, if there is no such one; or with
   *     what is wrong with it
   */
  static Profile named(String name) {
    if (isFile(name)) {
      return source().read(Path.of(name));
    }
    for (ProfileSource source : ServiceLoader.load(ProfileSource.class)) {
      if (source.names().contains(name)) {
        return source.named(name);
      }
    }
    for (Profile profile : ServiceLoader.load(Profile.class)) {
      if (profile.name().equals(name)) {
        return profile;
      }
    }
    throw new IllegalArgumentException("no profile '%s'; there are %s".formatted(name, names()));
  }

  /**
   * A profile of that name which is made of what a {@link #line} says.
   *
   * @throws IllegalArgumentException with what is wrong with it
   */
  static Profile of(String name, String parts) {
    return source().of(name, parts);
  }

  /**
   * The environment of nodes on this machine: the profile, and those of some settings that it has.
   * If the latter do not go together with what it is tuned to, none of them.
   *
   * @param name of the profile, or the path of its file
   * @throws IllegalArgumentException as {@link #named}
   */
  static Map<String, String> environment(String name, Map<String, String> wanted) {
    Profile profile = named(name);
    Map<String, String> environment = new TreeMap<>(wanted);
    environment.keySet().retainAll(profile.keys().stream().map(Settings.Key::name).toList());
    try {
      profile.check(Settings.of(profile.keys(), environment));
    } catch (IllegalArgumentException e) {
      environment.clear();
    }
    wanted.forEach(
        (key, value) -> {
          if (NODE_KEYS.contains(key)) {
            environment.put(key, value);
          }
        });
    // Nodes read the file themselves, from wherever they are started.
    String where = isFile(name) ? Path.of(name).toAbsolutePath().toString() : name;
    environment.put("SANDSTORE_PROFILE", where);
    return environment;
  }

  private static ProfileSource source() {
    return ServiceLoader.load(ProfileSource.class)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("nothing here reads profiles' files"));
  }
}
