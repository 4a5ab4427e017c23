package io.sandstore.client;

import io.sandstore.wire.FileType;

/**
 * Something that changed below a directory that is watched. A name that moved is {@link
 * Kind#REMOVED} and then {@link Kind#ADDED}, one behind the other and of the same inode.
 *
 * @param path below the directory that is watched, by the directories' names of now; of content and
 *     attributes one of the file's names, and empty if that is not known: a file that has several
 *     (of which only root is told), or one in a very large directory
 * @param position from which a watcher goes on behind this change
 */
public record FileChange(Kind kind, String path, long inode, FileType type, String position) {

  /** What became of it. */
  public enum Kind {
    /** The directory has one more name. */
    ADDED,
    /** The directory has one name less. */
    REMOVED,
    /** Bytes or the size changed. */
    CONTENT,
    /** Mode, owner, times or extended attributes were set. */
    ATTRIBUTES
  }
}
