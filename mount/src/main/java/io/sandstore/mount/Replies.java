package io.sandstore.mount;

import io.sandstore.client.FileStat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * What the kernel is answered, behind the header.
 *
 * @param validSeconds how long it may believe in names and attributes without asking
 */
record Replies(int validSeconds) {

  static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private static final int BLOCK = 512;

  /** What reads and writes are best made of, as programs ask. */
  private static final int PREFERRED_BYTES = 128 << 10;

  static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  static int mode(FileStat stat) {
    int type =
        switch (stat.type()) {
          case FILE -> Fuse.S_IFREG;
          case DIRECTORY -> Fuse.S_IFDIR;
          case SYMLINK -> Fuse.S_IFLNK;
          case FIFO -> Fuse.S_IFIFO;
          case SOCKET -> Fuse.S_IFSOCK;
          case CHARACTER_DEVICE -> Fuse.S_IFCHR;
          case BLOCK_DEVICE -> Fuse.S_IFBLK;
        };
    return type | (stat.mode() & 07777);
  }

  /** fuse_attr. */
  private static void put(ByteBuffer out, FileStat stat) {
    out.putLong(stat.inode())
        .putLong(stat.size())
        .putLong((stat.size() + BLOCK - 1) / BLOCK)
        .putLong(Math.floorDiv(stat.atimeMs(), 1000L))
        .putLong(Math.floorDiv(stat.mtimeMs(), 1000L))
        .putLong(Math.floorDiv(stat.ctimeMs(), 1000L))
        .putInt(nanos(stat.atimeMs(), stat.atimeNs()))
        .putInt(nanos(stat.mtimeMs(), stat.mtimeNs()))
        .putInt(nanos(stat.ctimeMs(), stat.ctimeNs()))
        .putInt(mode(stat))
        .putInt(stat.links())
        .putInt(stat.uid())
        .putInt(stat.gid())
        .putInt((int) stat.device())
        .putInt(PREFERRED_BYTES)
        .putInt(0);
  }

  private static int nanos(long ms, int beyond) {
    return (int) Math.floorMod(ms, 1000L) * 1_000_000 + beyond;
  }

  /** fuse_entry_out. */
  private void putEntry(ByteBuffer out, FileStat stat) {
    out.putLong(stat.inode())
        .putLong(0) // no number is used twice
        .putLong(validSeconds)
        .putLong(validSeconds)
        .putInt(0)
        .putInt(0);
    put(out, stat);
  }

  ByteBuffer entry(FileStat stat) {
    ByteBuffer out = buffer(Fuse.ENTRY_BYTES);
    putEntry(out, stat);
    return out.flip();
  }

  /** fuse_attr_out. */
  ByteBuffer attributes(FileStat stat) {
    ByteBuffer out = buffer(16 + Fuse.ATTR_BYTES);
    out.putLong(validSeconds).putInt(0).putInt(0);
    put(out, stat);
    return out.flip();
  }

  static ByteBuffer opened(long handle, int flags) {
    return buffer(16).putLong(handle).putInt(flags).putInt(0).flip();
  }

  ByteBuffer created(FileStat stat, long handle, int flags) {
    ByteBuffer out = buffer(Fuse.ENTRY_BYTES + 16);
    putEntry(out, stat);
    return out.put(opened(handle, flags)).flip();
  }

  static ByteBuffer number(long value) {
    return buffer(8).putLong(value).flip();
  }

  /** A number of 32 bits and four bytes that mean nothing. */
  static ByteBuffer count(int value) {
    return buffer(8).putInt(value).putInt(0).flip();
  }

  static ByteBuffer text(String value) {
    return ByteBuffer.wrap(value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Puts an entry of a directory.
   *
   * @param next the offset of the entry behind it
   * @param mode type bits, as in stat
   * @return false if there is no room for it
   */
  static boolean putName(ByteBuffer out, long inode, long next, int mode, String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    int size = aligned(Fuse.DIRENT_BYTES + bytes.length);
    if (out.remaining() < size) {
      return false;
    }
    int end = out.position() + size;
    out.putLong(inode).putLong(next).putInt(bytes.length).putInt((mode & Fuse.S_IFMT) >> 12);
    out.put(bytes);
    while (out.position() < end) {
      out.put((byte) 0);
    }
    return true;
  }

  /** The same with attributes, so that nobody needs to ask for them. */
  boolean putEntry(ByteBuffer out, FileStat stat, long next, String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (out.remaining() < Fuse.ENTRY_BYTES + aligned(Fuse.DIRENT_BYTES + bytes)) {
      return false;
    }
    putEntry(out, stat);
    return putName(out, stat.inode(), next, mode(stat), name);
  }

  /** One of which nothing is known but its name: the kernel asks when it needs more. */
  static boolean putUnknown(ByteBuffer out, long inode, long next, String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (out.remaining() < Fuse.ENTRY_BYTES + aligned(Fuse.DIRENT_BYTES + bytes)) {
      return false;
    }
    out.put(new byte[Fuse.ENTRY_BYTES]);
    return putName(out, inode, next, Fuse.S_IFDIR, name);
  }

  private static int aligned(int bytes) {
    return (bytes + 7) & ~7;
  }
}
