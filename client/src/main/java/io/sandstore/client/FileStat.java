package io.sandstore.client;

import io.sandstore.wire.Attributes;
import io.sandstore.wire.FileType;
import java.time.Instant;

/**
 * What stat(2) tells. Times are milliseconds since 1970, and what they have beyond that in
 * nanoseconds, 0 to 999,999; {@link #atime}, {@link #mtime} and {@link #ctime} are both together.
 *
 * @param size bytes of a file, length of a symbolic link's target
 * @param mode permission bits; kept, not enforced
 * @param links names of a file; of a directory, directories in it and 2
 * @param device number of a character or block device, else 0
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
    long ctimeMs,
    int atimeNs,
    int mtimeNs,
    int ctimeNs,
    long device) {

  /** Kinds of files. */
  public enum Type {
    FILE,
    DIRECTORY,
    SYMLINK,
    FIFO,
    SOCKET,
    CHARACTER_DEVICE,
    BLOCK_DEVICE;

    FileType wire() {
      return switch (this) {
        case FILE -> FileType.REGULAR;
        case DIRECTORY -> FileType.DIRECTORY;
        case SYMLINK -> FileType.SYMLINK;
        case FIFO -> FileType.FIFO;
        case SOCKET -> FileType.SOCKET;
        case CHARACTER_DEVICE -> FileType.CHARACTER_DEVICE;
        case BLOCK_DEVICE -> FileType.BLOCK_DEVICE;
      };
    }
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
        a.getCtimeMs(),
        a.getAtimeNs(),
        a.getMtimeNs(),
        a.getCtimeNs(),
        a.getDevice());
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

  public Instant atime() {
    return Instant.ofEpochMilli(atimeMs).plusNanos(atimeNs);
  }

  public Instant mtime() {
    return Instant.ofEpochMilli(mtimeMs).plusNanos(mtimeNs);
  }

  public Instant ctime() {
    return Instant.ofEpochMilli(ctimeMs).plusNanos(ctimeNs);
  }
}
