package io.sandstore.client;

import io.sandstore.wire.Attributes;
import io.sandstore.wire.FileType;

/**
 * What stat(2) tells. Times are milliseconds since 1970.
 *
 * @param size bytes of a file, length of a symbolic link's target
 * @param mode permission bits; kept, not enforced
 */
public record FileStat(
    long inode,
    Type type,
    int mode,
    int uid,
    int gid,
    long size,
    int links,
    long atimeMs,
    long mtimeMs,
    long ctimeMs) {

  /** Kinds of files. */
  public enum Type {
    FILE,
    DIRECTORY,
    SYMLINK,
    FIFO,
    SOCKET,
    CHARACTER_DEVICE,
    BLOCK_DEVICE
  }

  static FileStat of(Attributes a) {
    FileType type = a.getType();
    return new FileStat(
        a.getInode(),
        switch (type) {
          case REGULAR, FILE_TYPE_UNKNOWN, UNRECOGNIZED -> Type.FILE;
          case DIRECTORY -> Type.DIRECTORY;
          case SYMLINK -> Type.SYMLINK;
          case FIFO -> Type.FIFO;
          case SOCKET -> Type.SOCKET;
          case CHARACTER_DEVICE -> Type.CHARACTER_DEVICE;
          case BLOCK_DEVICE -> Type.BLOCK_DEVICE;
        },
        a.getMode(),
        a.getUid(),
        a.getGid(),
        a.getSize(),
        a.getLinks(),
        a.getAtimeMs(),
        a.getMtimeMs(),
        a.getCtimeMs());
  }

  public boolean isDirectory() {
    return type == Type.DIRECTORY;
  }

  public boolean isFile() {
    return type == Type.FILE;
  }

  public boolean isSymlink() {
    return type == Type.SYMLINK;
  }
}
