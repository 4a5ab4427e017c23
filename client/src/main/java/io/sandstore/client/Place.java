package io.sandstore.client;

import java.io.IOException;

/**
 * Where something is in a cluster.
 *
 * @param directory what the path begins in, unless it is absolute
 */
record Place(SandDirectory directory, String path) {

  /** Finds a place when it is needed: what a path leads to may be another one by then. */
  interface Finder {
    Place find() throws IOException;
  }

  FileStat stat(boolean follow) throws IOException {
    return follow ? directory.stat(path) : directory.lstat(path);
  }

  FileStat setattr(AttributeChange change, boolean follow) throws IOException {
    return follow ? directory.setattr(path, change) : directory.lsetattr(path, change);
  }

  ExtendedAttributes xattrs(boolean follow) {
    return follow ? directory.xattrs(path) : directory.lxattrs(path);
  }
}
