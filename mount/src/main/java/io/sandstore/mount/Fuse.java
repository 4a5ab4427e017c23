package io.sandstore.mount;

/**
 * Numbers of the kernel's FUSE protocol, version 7 (linux/fuse.h). What a number means never
 * changes; what is new is announced by a flag of INIT.
 */
final class Fuse {

  static final int MAJOR = 7;

  /** What this speaks; the kernel and it use the lower of the two. */
  static final int MINOR = 40;

  /** 2019: with all that is needed here. */
  static final int MINOR_MIN = 31;

  static final int IN_HEADER_BYTES = 40;
  static final int OUT_HEADER_BYTES = 16;
  static final int ATTR_BYTES = 88;
  static final int ENTRY_BYTES = 40 + ATTR_BYTES;
  static final int DIRENT_BYTES = 24;

  static final int LOOKUP = 1;
  static final int FORGET = 2;
  static final int GETATTR = 3;
  static final int SETATTR = 4;
  static final int READLINK = 5;
  static final int SYMLINK = 6;
  static final int MKNOD = 8;
  static final int MKDIR = 9;
  static final int UNLINK = 10;
  static final int RMDIR = 11;
  static final int RENAME = 12;
  static final int LINK = 13;
  static final int OPEN = 14;
  static final int READ = 15;
  static final int WRITE = 16;
  static final int STATFS = 17;
  static final int RELEASE = 18;
  static final int FSYNC = 20;
  static final int SETXATTR = 21;
  static final int GETXATTR = 22;
  static final int LISTXATTR = 23;
  static final int REMOVEXATTR = 24;
  static final int FLUSH = 25;
  static final int INIT = 26;
  static final int OPENDIR = 27;
  static final int READDIR = 28;
  static final int RELEASEDIR = 29;
  static final int FSYNCDIR = 30;
  static final int GETLK = 31;
  static final int SETLK = 32;
  static final int SETLKW = 33;
  static final int ACCESS = 34;
  static final int CREATE = 35;
  static final int INTERRUPT = 36;
  static final int DESTROY = 38;
  static final int IOCTL = 39;
  static final int BATCH_FORGET = 42;
  static final int FALLOCATE = 43;
  static final int READDIRPLUS = 44;
  static final int RENAME2 = 45;
  static final int LSEEK = 46;
  static final int COPY_FILE_RANGE = 47;
  static final int TMPFILE = 51;

  // Flags of INIT.
  static final long ASYNC_READ = 1;
  static final long POSIX_LOCKS = 1 << 1;
  static final long ATOMIC_O_TRUNC = 1 << 3;
  static final long BIG_WRITES = 1 << 5;
  static final long FLOCK_LOCKS = 1 << 10;
  static final long AUTO_INVAL_DATA = 1 << 12;
  static final long DO_READDIRPLUS = 1 << 13;
  static final long READDIRPLUS_AUTO = 1 << 14;
  static final long ASYNC_DIO = 1 << 15;
  static final long PARALLEL_DIROPS = 1 << 18;
  static final long MAX_PAGES = 1 << 22;
  static final long HANDLE_KILLPRIV_V2 = 1 << 28;
  static final long INIT_EXT = 1 << 30;
  static final long DIRECT_IO_ALLOW_MMAP = 1L << 36;

  // Of an answer to OPEN.
  static final int FOPEN_DIRECT_IO = 1;
  static final int FOPEN_KEEP_CACHE = 1 << 1;
  static final int FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;

  // What SETATTR sets.
  static final int FATTR_MODE = 1;
  static final int FATTR_UID = 1 << 1;
  static final int FATTR_GID = 1 << 2;
  static final int FATTR_SIZE = 1 << 3;
  static final int FATTR_ATIME = 1 << 4;
  static final int FATTR_MTIME = 1 << 5;
  static final int FATTR_FH = 1 << 6;
  static final int FATTR_ATIME_NOW = 1 << 7;
  static final int FATTR_MTIME_NOW = 1 << 8;

  static final int WRITE_LOCKOWNER = 1 << 1;
  static final int LK_FLOCK = 1;
  static final int LOCK_READ = 0;
  static final int LOCK_WRITE = 1;
  static final int LOCK_NONE = 2;

  // Of open(2), the same on x86-64 and arm64.
  static final int O_ACCMODE = 3;
  static final int O_WRONLY = 1;
  static final int O_RDWR = 2;
  static final int FMODE_EXEC = 040;
  static final int O_EXCL = 0200;
  static final int O_TRUNC = 01000;
  static final int O_APPEND = 02000;
  static final int O_DSYNC = 010000;

  static final int S_IFMT = 0170000;
  static final int S_IFSOCK = 0140000;
  static final int S_IFLNK = 0120000;
  static final int S_IFREG = 0100000;
  static final int S_IFBLK = 0060000;
  static final int S_IFDIR = 0040000;
  static final int S_IFCHR = 0020000;
  static final int S_IFIFO = 0010000;

  static final int RENAME_NOREPLACE = 1;
  static final int RENAME_EXCHANGE = 2;
  static final int FALLOC_KEEP_SIZE = 1;
  static final int FALLOC_PUNCH_HOLE = 2;
  static final int FALLOC_ZERO_RANGE = 16;
  static final int XATTR_CREATE = 1;
  static final int XATTR_REPLACE = 2;
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  private Fuse() {}
}
