package io.sandstore.namespace;

import io.sandstore.wire.Command;
import java.util.Optional;

/**
 * What all members of a cluster are sure to know. A release knows levels up to its newest; the
 * cluster's level is part of the replicated state, never falls, and is raised by a command of the
 * log once every member knows the next one. What came with a level is not used below it.
 *
 * <p>Who adds a command, a field of one that changes what it does, or a message that an older
 * member would take amiss adds a level here: a command above the level is proposed by nobody and
 * refused by all, and a new field is acted upon only from its level on. A member that meets a
 * command that it does not know ends itself: to refuse it here while others carry it out would make
 * replicas differ.
 */
public enum FeatureLevel {
  /**
   * Of a cluster that only releases without levels have run. They asked each other for {@code
   * Merge}, so that its log may hold some: those are carried out, but none is proposed any more.
   */
  BEFORE_LEVELS("0.1"),

  /** What every release knows. No release ends here: it is the older build of tests that roll. */
  BASE("0.1"),

  /** The command {@code Merge}. */
  MERGE("0.2"),

  /**
   * What a POSIX file system has beyond what the store began with: hard links, special files,
   * extended attributes, exchange, holes, nanoseconds, paths and set-id bits as on Linux, names in
   * the order of their bytes, and who asks.
   */
  POSIX("0.3"),

  /** Advisory locks. */
  LOCKS("0.3"),

  /** Files that leave a cache. */
  CACHE("0.3");

  private final String since;

  FeatureLevel(String since) {
    this.since = since;
  }

  /** As in snapshots and on the wire. */
  public int number() {
    return ordinal();
  }

  /** The highest that this release knows. */
  public static FeatureLevel newest() {
    return values()[values().length - 1];
  }

  /** Empty if this release knows none of that number. */
  public static Optional<FeatureLevel> numbered(int number) {
    return number < 0 || number >= values().length
        ? Optional.empty()
        : Optional.of(values()[number]);
  }

  /** True if what came with the other one may be used at this one. */
  public boolean includes(FeatureLevel other) {
    return compareTo(other) >= 0;
  }

  /** True if a log may hold what came with the other one while the cluster is at this one. */
  boolean carriesOut(FeatureLevel other) {
    return includes(other) || (this == BEFORE_LEVELS && other == MERGE);
  }

  /**
   * For people: why one that knows levels up to a known one can have no part in a cluster.
   *
   * @param who whose release is too old
   * @param level number of the cluster's, which this release may not know itself
   */
  public static String tooOld(String who, int known, int level) {
    return "%s knows feature levels up to %d, the cluster is at %d: it needs %s"
        .formatted(
            who,
            known,
            level,
            numbered(level).map(l -> "release " + l.since + " or later").orElse("a later release"));
  }

  /** With which level a command came. One that is new and not judged here does not compile. */
  static FeatureLevel of(Command command) {
    return switch (command.getOpCase()) {
      case EVICT -> CACHE;
      case LOCK_FILE, CANCEL_LOCK, KEEP_SESSION, EXPIRE_LOCKS -> LOCKS;
      case LINK, MAKE_NODE, SET_XATTR, EXCHANGE, ALLOCATE, CREATE_UNNAMED, COPY_RANGE -> POSIX;
      case MERGE -> MERGE;
      case OPEN_SESSION,
          CLOSE_SESSION,
          CREATE,
          MKDIR,
          SYMLINK,
          UNLINK,
          RMDIR,
          RENAME,
          SET_ATTRIBUTES,
          WRITE,
          RETAIN_ORPHANS,
          ALLOCATE_BLOCKS,
          RAISE_BLOCK_FLOOR,
          ADD_HOLDER,
          EXPIRE_SESSIONS,
          REAP_ORPHANS,
          RAISE_LEVEL, // proposed when all know a level that it came with, or a later one
          OP_NOT_SET ->
          BEFORE_LEVELS;
    };
  }
}
