package io.sandstore.client;

import java.util.List;

/**
 * Some entries of a directory, in the order of their names.
 *
 * @param more true if there are entries after the last one here
 */
public record DirectoryPage(List<Entry> entries, boolean more) {

  /** A name and what it names; symbolic links are not followed. */
  public record Entry(String name, FileStat stat) {}

  public DirectoryPage {
    entries = List.copyOf(entries);
  }
}
