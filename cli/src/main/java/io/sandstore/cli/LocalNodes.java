package io.sandstore.cli;

import io.sandstore.replication.Profile;
import java.util.Map;

/** What nodes of a profile on this machine, which is also somebody's desk, are told. */
final class LocalNodes {

  static final String OPTION = "--profile";
  static final String DESCRIPTION =
      "how the nodes are wired: a name that 'sandstore profile list' shows, or a file such as "
          + "mine.conf (default: ${DEFAULT-VALUE})";

  private LocalNodes() {}

  /**
   * Their environment: less disk than elsewhere is kept free of file data, where a profile has any.
   *
   * @param name a profile's, or the path of its file
   * @throws IllegalArgumentException if there is no such profile, or it is refused, with the reason
   */
  static Map<String, String> environment(String name) {
    return Profile.environment(name, Map.of("SANDSTORE_RESERVE_MB", "128"));
  }
}
