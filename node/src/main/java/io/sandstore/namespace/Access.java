package io.sandstore.namespace;

import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import java.util.List;

/**
 * What a caller may do: Linux's rules, of an inode and of who asks alone, so that every replica
 * comes to the same verdict.
 *
 * <p>Three kinds of callers. One whose identity is not known ({@link #unchecked}: tools, nodes, and
 * all below the feature level) may do everything. Root may do everything but execute what nobody
 * may execute. For anybody else the bits of a file count: those of the owner, else of its group,
 * else of the others.
 */
sealed interface Access {

  int EXECUTE = 1;
  int WRITE = 2;
  int READ = 4;

  int SET_UID = 04000;
  int SET_GID = 02000;
  int STICKY = 01000;
  int GROUP_EXECUTE = 010;

  /** What names of extended attributes begin with that only root sees. */
  String TRUSTED = "trusted.";

  /** Nobody is known to ask. */
  static Access unchecked() {
    return Unchecked.CALLER;
  }

  /**
   * @throws Refused EINVAL if there are too many groups
   */
  static Access of(Credentials credentials) {
    CommandCheck.check(credentials);
    return new Checked(credentials.getUid(), credentials.getGid(), credentials.getGroupsList());
  }

  /**
   * True if this caller may do all that the mask names.
   *
   * @param mask of {@link #READ}, {@link #WRITE} and {@link #EXECUTE}, which of a directory is to
   *     search it
   */
  boolean may(Inode inode, int mask);

  /** True of whoever may change what only an owner may change: the owner, and root. */
  boolean owns(Inode inode);

  /** True of whoever may do what is only root's. */
  boolean isRoot();

  boolean isIn(int group);

  /**
   * Refuses what the bits do not allow.
   *
   * @param name of the file on the way to which, or at which, the caller is; empty: of the root or
   *     an open file
   * @throws Refused EACCES
   */
  default void require(Inode inode, int mask, String name) {
    if (!may(inode, mask)) {
      String what =
          switch (mask) {
            case EXECUTE -> inode.isDirectory() ? "search" : "execute";
            case WRITE, WRITE | EXECUTE -> inode.isDirectory() ? "change" : "write";
            case READ -> inode.isDirectory() ? "list" : "read";
            default -> "use";
          };
      throw new Refused(Errno.EACCES, "no permission to %s %s".formatted(what, called(name)));
    }
  }

  private static String called(String name) {
    return name.isEmpty() ? "this file" : name;
  }

  /**
   * Refuses to whoever does not own it.
   *
   * @throws Refused EPERM
   */
  default void requireOwner(Inode inode, String name) {
    if (!owns(inode)) {
      throw new Refused(Errno.EPERM, called(name) + " belongs to somebody else");
    }
  }

  /**
   * Refuses to give a file to somebody, or into a group, but to root; an owner may give it into a
   * group of its own.
   *
   * @throws Refused EPERM
   */
  default void requireGive(Inode inode, int uid, int gid, String name) {
    boolean stays = owns(inode) && uid == inode.uid();
    boolean ownGroup = gid == inode.gid() || isIn(gid);
    if (!isRoot() && !(stays && ownGroup)) {
      throw new Refused(Errno.EPERM, "only root gives %s away".formatted(called(name)));
    }
  }

  /**
   * Refuses to make something in a directory.
   *
   * @throws Refused EACCES
   */
  default void requireAdd(Inode directory) {
    require(directory, WRITE | EXECUTE, "the directory");
  }

  /**
   * Refuses to take a name out of a directory.
   *
   * @throws Refused EACCES, or EPERM in a sticky directory where neither it nor what is named is
   *     the caller's
   */
  default void requireRemove(Inode directory, Inode named, String name) {
    require(directory, WRITE | EXECUTE, "the directory of " + name);
    if ((directory.mode() & STICKY) != 0 && !owns(directory) && !owns(named)) {
      throw new Refused(
          Errno.EPERM, name + " is in a sticky directory, and belongs to somebody else");
    }
  }

  /**
   * What is to be made in a directory, as this caller makes it: it is its own.
   *
   * @throws Refused EACCES if it may not change the directory, EPERM for a device, but to root
   */
  default Inode.Draft toMake(Inode.Draft draft, Inode directory) {
    requireAdd(directory);
    boolean device =
        draft.type() == FileType.CHARACTER_DEVICE || draft.type() == FileType.BLOCK_DEVICE;
    if (device && !isRoot()) {
      throw new Refused(Errno.EPERM, "only root makes devices");
    }
    return draft;
  }

  /**
   * Refuses to read or change an extended attribute.
   *
   * @throws Refused EPERM, ENODATA or EACCES
   */
  default void requireXattr(Inode inode, String name, boolean write) {
    if (name.startsWith(TRUSTED)) {
      if (!isRoot()) {
        throw new Refused(write ? Errno.EPERM : Errno.ENODATA, "only root sees " + name);
      }
    } else if (name.startsWith("security.")) {
      if (write && !isRoot()) {
        throw new Refused(Errno.EPERM, "only root sets " + name);
      }
    } else if (name.startsWith("system.")) {
      if (write) {
        requireOwner(inode, "");
      }
    } else {
      boolean sticky = inode.isDirectory() && (inode.mode() & STICKY) != 0;
      if (write && sticky && name.startsWith("user.")) {
        requireOwner(inode, "");
      }
      require(inode, write ? WRITE : READ, "");
    }
  }

  /** Permission bits that a change of them comes to: nobody lends a group that is not its own. */
  default int modeOfChange(int mode, int group) {
    return isRoot() || isIn(group) ? mode : mode & ~SET_GID;
  }

  /**
   * Permission bits after a file's content was changed: what runs as its owner or group is not what
   * these trusted any more.
   */
  int modeOfWritten(Inode inode);

  /** Permission bits after a file was given to somebody, also by root. */
  default int modeOfGiven(Inode inode) {
    if (inode.isDirectory()) {
      return inode.mode();
    }
    boolean groupStays = (inode.mode() & GROUP_EXECUTE) == 0 && (isRoot() || isIn(inode.gid()));
    return inode.mode() & ~(groupStays ? SET_UID : SET_UID | SET_GID);
  }

  /** Nobody is known to ask. */
  enum Unchecked implements Access {
    CALLER;

    @Override
    public boolean may(Inode inode, int mask) {
      return true;
    }

    @Override
    public boolean owns(Inode inode) {
      return true;
    }

    @Override
    public boolean isRoot() {
      return true;
    }

    @Override
    public boolean isIn(int group) {
      return true;
    }

    /** It may be anybody. */
    @Override
    public int modeOfWritten(Inode inode) {
      return modeOfGiven(inode);
    }
  }

  /** Somebody asks. */
  record Checked(int uid, int gid, List<Integer> groups) implements Access {

    @Override
    public boolean may(Inode inode, int mask) {
      if (isRoot()) {
        boolean executable = inode.isDirectory() || (inode.mode() & 0111) != 0;
        return (mask & EXECUTE) == 0 || executable;
      }
      int shift = 0;
      if (uid == inode.uid()) {
        shift = 6;
      } else if (isIn(inode.gid())) {
        shift = 3;
      }
      return (inode.mode() >> shift & mask) == mask;
    }

    @Override
    public boolean owns(Inode inode) {
      return isRoot() || uid == inode.uid();
    }

    @Override
    public boolean isRoot() {
      return uid == 0;
    }

    @Override
    public boolean isIn(int group) {
      return gid == group || groups.contains(group);
    }

    @Override
    public int modeOfWritten(Inode inode) {
      return isRoot() ? inode.mode() : modeOfGiven(inode);
    }

    @Override
    public Inode.Draft toMake(Inode.Draft draft, Inode directory) {
      Access.super.toMake(draft, directory);
      boolean runsAsGroup =
          draft.type() != FileType.DIRECTORY
              && (draft.mode() & (SET_GID | GROUP_EXECUTE)) == (SET_GID | GROUP_EXECUTE);
      boolean lent = directory.handsOnItsGroup() && !isRoot() && !isIn(directory.gid());
      int mode = runsAsGroup && lent ? draft.mode() & ~SET_GID : draft.mode();
      return draft.ofOwner(mode, uid, gid);
    }
  }
}
