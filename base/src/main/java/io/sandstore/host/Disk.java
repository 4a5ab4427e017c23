package io.sandstore.host;

import java.io.IOException;
import java.util.List;

/**
 * A directory of files. Paths are relative with '/' between components; parents are made on demand.
 *
 * <p>Durability is explicit, as on POSIX: bytes are durable after {@link DiskFile#force}, and the
 * names in a directory (creation, removal, rename) after {@link #forceDirectory}. A failed force
 * leaves the disk in an unknown state: the caller must end the process, never try again.
 *
 * <p>What makes something new (a file, a directory, more bytes) throws {@link NoRoomException} when
 * that runs out; reading, overwriting and removing what is there needs no room but a descriptor.
 */
public interface Disk {

  /** Opens a file for reading and writing; makes it if {@code create}. */
  DiskFile open(String path, boolean create) throws IOException;

  /**
   * Opens a file for appends that are forced one by one. Where the system can do that, writes of
   * {@link DiskFile#wholeBlocks whole blocks} go past its cache, which takes a third of the time.
   */
  DiskFile openDirect(String path, boolean create) throws IOException;

  /** Names directly in a directory, sorted; empty if there is no such directory. */
  List<String> list(String directory) throws IOException;

  boolean exists(String path);

  /** Removes a file if it is there. */
  void delete(String path) throws IOException;

  /** Moves a file over another, atomically, within this disk. */
  void rename(String from, String to) throws IOException;

  /** Makes the names in a directory durable. */
  void forceDirectory(String directory) throws IOException;

  /** Makes everything written to this disk so far durable. */
  void forceAll() throws IOException;

  long freeBytes() throws IOException;

  long totalBytes() throws IOException;

  /** How many files more there may be; {@link Long#MAX_VALUE} where nobody counts. */
  default long freeFiles() throws IOException {
    return Long.MAX_VALUE;
  }
}
