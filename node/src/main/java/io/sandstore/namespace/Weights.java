package io.sandstore.namespace;

import com.google.protobuf.ByteString;

/**
 * About how many bytes of the heap the entries of the namespace's maps take, with compact object
 * headers and compressed references: 8 bytes a header, 4 a reference, objects in steps of 8. The
 * measure of admission; a name that was accepted by it is accepted again after a restart.
 */
final class Weights {

  private static final int ENTRY = 32;
  private static final int LONG = 16;
  private static final int INODE = 96;
  private static final int DENTRY = 24;
  private static final int STRING = 24;

  private Weights() {}

  static long inode(Long id, Inode inode) {
    return ENTRY + LONG + INODE + (inode.target().isEmpty() ? 0 : string(inode.target()));
  }

  /** The value is the inode's own key. */
  static long dentry(Keys.Dentry name, Long inode) {
    return ENTRY + DENTRY + string(name.name());
  }

  static long xattr(Keys.Xattr key, ByteString value) {
    long noted = key.name().equals(CacheFiles.MARK) ? ENTRY + LONG : 0;
    return noted + ENTRY + DENTRY + string(key.name()) + 16 + array(value.size());
  }

  static long extent(Keys.Offset at, Keys.Run run) {
    return ENTRY + 24 + 24;
  }

  static long block(Long id, Keys.Block block) {
    return ENTRY + LONG + 24;
  }

  static long session(Long id, Keys.Session session) {
    return ENTRY + LONG + 40;
  }

  static long outcome(Keys.Request request, ByteString outcome) {
    return ENTRY + 24 + 16 + array(outcome.size());
  }

  static long orphan(Long inode, Long usedMs) {
    return ENTRY + LONG + LONG;
  }

  /** With what is noted of each beside it. */
  static long locks(Long inode, FileLocks locks) {
    return ENTRY + LONG + 72 + 136L * locks.held().size() + 248L * locks.waiters().size();
  }

  /** One byte a character while all fit into it, as most names do; else two. */
  private static long string(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) > 0xFF) {
        return STRING + array(2 * text.length());
      }
    }
    return STRING + array(text.length());
  }

  private static long array(int bytes) {
    return (12L + bytes + 7) & ~7L;
  }
}
