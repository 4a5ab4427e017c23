package io.sandstore.namespace;

import io.sandstore.wire.Attributes;
import io.sandstore.wire.FileType;

/**
 * A file, directory, symbolic link or special file.
 *
 * @param parent of a directory: the directory it is in, itself for the root; of anything else:
 *     where it was made or last moved to, which nothing may rely on, since it may have other names
 * @param target of a symbolic link
 * @param atimeNs what the time has beyond its millisecond; as with all times that commands set, and
 *     0 of those that come from a batch
 * @param device number of a character or block device
 */
record Inode(
    long id,
    FileType type,
    int mode,
    int uid,
    int gid,
    long size,
    int links,
    long atimeMs,
    long mtimeMs,
    long ctimeMs,
    long parent,
    String target,
    int atimeNs,
    int mtimeNs,
    long device) {

  static final long ROOT = 1;
  static final int MODE_MASK = 07777;
  static final int SET_UID = 04000;
  static final int SET_GID = 02000;
  private static final int GROUP_EXECUTE = 010;

  /**
   * What is to be made, wherever that will be.
   *
   * @param size length of a symbolic link's target
   */
  record Draft(FileType type, int mode, int uid, int gid, String target, int size, long device) {
    Draft(FileType type, int mode, int uid, int gid) {
      this(type, mode, uid, gid, "", 0, 0);
    }

    /** In a directory that hands on its group. */
    Draft ofGroup(int newGid) {
      int inherited = type == FileType.DIRECTORY ? mode | SET_GID : mode;
      return new Draft(type, inherited, uid, newGid, target, size, device);
    }
  }

  static Inode create(long id, Draft draft, long parent, long nowMs) {
    return new Inode(
        id,
        draft.type,
        draft.mode & MODE_MASK,
        draft.uid,
        draft.gid,
        draft.size,
        draft.type == FileType.DIRECTORY ? 2 : 1,
        nowMs,
        nowMs,
        nowMs,
        parent,
        draft.target,
        0,
        0,
        draft.device);
  }

  boolean isDirectory() {
    return type == FileType.DIRECTORY;
  }

  boolean isRegular() {
    return type == FileType.REGULAR;
  }

  boolean isSymlink() {
    return type == FileType.SYMLINK;
  }

  /** A FIFO, a socket or a device: kept, but nothing can be read from it or written to it here. */
  boolean isSpecial() {
    return !isDirectory() && !isRegular() && !isSymlink();
  }

  boolean handsOnItsGroup() {
    return (mode & SET_GID) != 0;
  }

  Inode withContent(long newSize, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, newSize, links, atimeMs, nowMs, nowMs, parent, target, atimeNs, 0,
        device);
  }

  Inode withLinks(int newLinks, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, size, newLinks, atimeMs, mtimeMs, nowMs, parent, target, atimeNs,
        mtimeNs, device);
  }

  /** A directory whose entries changed. */
  Inode touched(int linkChange, long nowMs) {
    return new Inode(
        id,
        type,
        mode,
        uid,
        gid,
        size,
        links + linkChange,
        atimeMs,
        nowMs,
        nowMs,
        parent,
        target,
        atimeNs,
        0,
        device);
  }

  Inode movedTo(long newParent, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, size, links, atimeMs, mtimeMs, nowMs, newParent, target, atimeNs,
        mtimeNs, device);
  }

  Inode withMode(int newMode) {
    return withOwner(newMode, uid, gid, ctimeMs);
  }

  Inode withOwner(int newMode, int newUid, int newGid, long nowMs) {
    return new Inode(
        id,
        type,
        newMode & MODE_MASK,
        newUid,
        newGid,
        size,
        links,
        atimeMs,
        mtimeMs,
        nowMs,
        parent,
        target,
        atimeNs,
        mtimeNs,
        device);
  }

  Inode withTimes(long newAtimeMs, int newAtimeNs, long newMtimeMs, int newMtimeNs) {
    return new Inode(
        id,
        type,
        mode,
        uid,
        gid,
        size,
        links,
        newAtimeMs,
        newMtimeMs,
        ctimeMs,
        parent,
        target,
        newAtimeNs,
        newMtimeNs,
        device);
  }

  /** The mode without what would let others act as the owner; a group without execution stays. */
  int modeWithoutSetId() {
    int cleared = SET_UID | ((mode & GROUP_EXECUTE) != 0 ? SET_GID : 0);
    return isDirectory() ? mode : mode & ~cleared;
  }

  Attributes attributes() {
    return Attributes.newBuilder()
        .setInode(id)
        .setType(type)
        .setMode(mode)
        .setUid(uid)
        .setGid(gid)
        .setSize(size)
        .setLinks(links)
        .setAtimeMs(atimeMs)
        .setMtimeMs(mtimeMs)
        .setCtimeMs(ctimeMs)
        .setAtimeNs(atimeNs)
        .setMtimeNs(mtimeNs)
        .setDevice(device)
        .build();
  }

  static Inode of(Attributes a, long parent, String target) {
    return new Inode(
        a.getInode(),
        a.getType(),
        a.getMode(),
        a.getUid(),
        a.getGid(),
        a.getSize(),
        a.getLinks(),
        a.getAtimeMs(),
        a.getMtimeMs(),
        a.getCtimeMs(),
        parent,
        target,
        a.getAtimeNs(),
        a.getMtimeNs(),
        a.getDevice());
  }
}
