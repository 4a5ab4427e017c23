package io.sandstore.namespace;

import io.sandstore.wire.Attributes;
import io.sandstore.wire.FileType;

/**
 * A file, directory or symbolic link.
 *
 * @param parent of a directory: the directory it is in, itself for the root
 * @param target of a symbolic link
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
    String target) {

  static final long ROOT = 1;
  static final int MODE_MASK = 0xFFF;

  static Inode create(
      long id, FileType type, int mode, int uid, int gid, long parent, String target, long nowMs) {
    int links = type == FileType.DIRECTORY ? 2 : 1;
    return new Inode(
        id,
        type,
        mode & MODE_MASK,
        uid,
        gid,
        target.length(),
        links,
        nowMs,
        nowMs,
        nowMs,
        parent,
        target);
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

  Inode withContent(long newSize, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, newSize, links, atimeMs, nowMs, nowMs, parent, target);
  }

  Inode withMode(int newMode) {
    return newMode == mode
        ? this
        : new Inode(
            id, type, newMode, uid, gid, size, links, atimeMs, mtimeMs, ctimeMs, parent, target);
  }

  Inode withLinks(int newLinks, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, size, newLinks, atimeMs, mtimeMs, nowMs, parent, target);
  }

  /** A directory whose entries changed. */
  Inode touched(int linkChange, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, size, links + linkChange, atimeMs, nowMs, nowMs, parent, target);
  }

  Inode movedTo(long newParent, long nowMs) {
    return new Inode(
        id, type, mode, uid, gid, size, links, atimeMs, mtimeMs, nowMs, newParent, target);
  }

  Inode withAttributes(
      int newMode, int newUid, int newGid, long newAtimeMs, long newMtimeMs, long nowMs) {
    return new Inode(
        id,
        type,
        newMode & MODE_MASK,
        newUid,
        newGid,
        size,
        links,
        newAtimeMs,
        newMtimeMs,
        nowMs,
        parent,
        target);
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
        target);
  }
}
