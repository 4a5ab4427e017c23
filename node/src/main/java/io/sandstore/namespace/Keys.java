package io.sandstore.namespace;

import java.util.Comparator;

/** Keys and values of the namespace's maps. */
final class Keys {

  private Keys() {}

  /**
   * A name in a directory. Its natural order is that of UTF-16, in which names were before feature
   * level POSIX; from that level on it is {@link #BY_BYTES}.
   */
  record Dentry(long parent, String name) implements Comparable<Dentry> {

    /** A directory's names in the order of their UTF-8 bytes. */
    static final Comparator<Dentry> BY_BYTES =
        (a, b) ->
            a.parent != b.parent ? Long.compare(a.parent, b.parent) : compareBytes(a.name, b.name);

    @Override
    public int compareTo(Dentry other) {
      int byParent = Long.compare(parent, other.parent);
      return byParent != 0 ? byParent : name.compareTo(other.name);
    }
  }

  /**
   * Compares as UTF-8 would. UTF-16 differs only where one has a surrogate, which stands for what
   * is above all characters that need none.
   */
  private static int compareBytes(String a, String b) {
    int common = Math.min(a.length(), b.length());
    for (int i = 0; i < common; i++) {
      char one = a.charAt(i);
      char other = b.charAt(i);
      if (one != other) {
        int bySurrogate = Boolean.compare(Character.isSurrogate(one), Character.isSurrogate(other));
        return bySurrogate != 0 ? bySurrogate : one - other;
      }
    }
    return a.length() - b.length();
  }

  /** An extended attribute of a file. */
  record Xattr(long inode, String name) implements Comparable<Xattr> {
    @Override
    public int compareTo(Xattr other) {
      int byInode = Long.compare(inode, other.inode);
      return byInode != 0 ? byInode : compareBytes(name, other.name);
    }
  }

  /** A position in a file. */
  record Offset(long inode, long offset) implements Comparable<Offset> {
    @Override
    public int compareTo(Offset other) {
      int byInode = Long.compare(inode, other.inode);
      return byInode != 0 ? byInode : Long.compare(offset, other.offset);
    }
  }

  /** Bytes of a file that lie in a block. */
  record Run(int length, long block, int blockOffset) {
    Run from(int skip) {
      return new Run(length - skip, block, blockOffset + skip);
    }

    Run cut(int newLength) {
      return new Run(newLength, block, blockOffset);
    }
  }

  /**
   * A block that files refer to.
   *
   * @param references number of extents
   * @param where for {@link io.sandstore.replication.Whereabouts} to understand
   */
  record Block(int length, int references, long where) {}

  record Request(long session, long sequence) implements Comparable<Request> {
    @Override
    public int compareTo(Request other) {
      int bySession = Long.compare(session, other.session);
      return bySession != 0 ? bySession : Long.compare(sequence, other.sequence);
    }
  }

  /**
   * A client.
   *
   * @param outcomes how many of its requests are remembered
   */
  record Session(long nonce, long usedMs, long acknowledgedBelow, int outcomes) {
    /** True if no request came under it yet, so that nothing is lost with it. */
    boolean isUnused() {
      return acknowledgedBelow == 0 && outcomes == 0;
    }
  }
}
