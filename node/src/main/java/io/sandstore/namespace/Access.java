package io.sandstore.namespace;

import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import java.util.List;

/**
 * What a caller may do: Linux's rules, of an inode and of who asks alone, so that every replica
 * comes to the same verdict.
 *
 * <p>Three kinds of callers. One whose identity is not known ({@link #UNCHECKED}: tools, nodes, and
 * all below the feature level) may do everything, and nothing is changed that it did not ask for.
 * Root may do everything but execute what nobody may execute. For anybody else the bits of a file
 * count: those of the owner, else of its group, else of the others.
 */
sealed interface Access {

  int EXECUTE = 1;
  int WRITE = 2;
  int READ = 4;

  int SET_UID = 04000;
  int SET_GID = 02000;
  int STICKY = 01000;
  int GROUP_EXECUTE = 010;

  Access UNCHECKED = new Unchecked();

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

  /** True of a caller who is somebody: whose files are its own, and whose bits may have to go. */
  boolean isKnown();

  /** Owner of what this caller makes, if the command says that it is {@code uid}. */
  int ownerOfNew(int uid);

  /** Group of what this caller makes in a directory, if the command says that it is {@code gid}. */
  int groupOfNew(Inode directory, int gid);

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

  /** Permission bits of what this caller makes in a directory. */
  default int modeOfNew(Inode directory, FileType type, int mode) {
    if (!isKnown()) {
      return mode;
    }
    boolean inherits = (directory.mode() & SET_GID) != 0;
    if (type == FileType.DIRECTORY) {
      return (mode & (0777 | STICKY)) | (inherits ? SET_GID : 0);
    }
    boolean runsAsGroup = (mode & (SET_GID | GROUP_EXECUTE)) == (SET_GID | GROUP_EXECUTE);
    boolean strange = inherits && !isRoot() && !isIn(directory.gid());
    return runsAsGroup && strange ? mode & ~SET_GID : mode;
  }

  /** Permission bits that a change of them comes to: nobody lends a group that is not its own. */
  default int modeOfChange(int mode, int group) {
    return isRoot() || isIn(group) ? mode : mode & ~SET_GID;
  }

  /**
   * Permission bits after a file's content was changed: what runs as its owner or group is not what
   * these trusted any more.
   */
  default int modeOfWritten(Inode inode) {
    if (isRoot() || !inode.isRegular()) {
      return inode.mode();
    }
    return withoutSetGid(inode, inode.mode() & ~SET_UID);
  }

  /** Permission bits after a file was given to somebody, also by root. */
  default int modeOfGiven(Inode inode) {
    if (!isKnown() || inode.isDirectory()) {
      return inode.mode();
    }
    return withoutSetGid(inode, inode.mode() & ~SET_UID);
  }

  private int withoutSetGid(Inode inode, int mode) {
    boolean stays = (mode & GROUP_EXECUTE) == 0 && (isRoot() || isIn(inode.gid()));
    return stays ? mode : mode & ~SET_GID;
  }

  /** Nobody is known to ask. */
  record Unchecked() implements Access {

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

    @Override
    public boolean isKnown() {
      return false;
    }

    @Override
    public int ownerOfNew(int uid) {
      return uid;
    }

    @Override
    public int groupOfNew(Inode directory, int gid) {
      return gid;
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
    public boolean isKnown() {
      return true;
    }

    @Override
    public int ownerOfNew(int ignored) {
      return uid;
    }

    @Override
    public int groupOfNew(Inode directory, int ignored) {
      return (directory.mode() & SET_GID) != 0 ? directory.gid() : gid;
    }
  }
}
