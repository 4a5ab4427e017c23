package io.sandstore.cli;

import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** What nodes of a profile on this machine, which is also somebody's desk, are told. */
final class LocalNodes {

  static final String OPTION = "--profile";
  static final String DESCRIPTION =
      "how the nodes are wired: a name that 'sandstore profile list' shows, or a file such as "
          + "mine.conf (default: ${DEFAULT-VALUE})";

  /** Less disk than elsewhere is kept free of file data, where a profile keeps any. */
  private static final String RESERVE = "SANDSTORE_RESERVE_MB";

  private static final String RESERVE_MB = "128";

  private LocalNodes() {}

  /**
   * Their environment.
   *
   * @param name a profile's, or the path of its file
   * @throws IllegalArgumentException if there is no such profile, or it is refused, with the reason
   */
  static Map<String, String> environment(String name) {
    Profile profile = Profile.named(name);
    Map<String, String> environment = new HashMap<>();
    // The nodes run elsewhere, and read the file themselves.
    String where = Profile.isFile(name) ? Path.of(name).toAbsolutePath().toString() : name;
    environment.put("SANDSTORE_PROFILE", where);
    if (takesLessReserve(profile)) {
      environment.put(RESERVE, RESERVE_MB);
    }
    return environment;
  }

  private static boolean takesLessReserve(Profile profile) {
    if (profile.keys().stream().noneMatch(key -> key.name().equals(RESERVE))) {
      return false;
    }
    Map<String, String> values =
        profile.keys().stream()
            .collect(Collectors.toMap(Settings.Key::name, key -> "" + key.standard()));
    values.put(RESERVE, RESERVE_MB);
    try {
      profile.check(Settings.of(profile.keys(), values));
      return true;
    } catch (IllegalArgumentException e) {
      return false; // what it is tuned to needs more
    }
  }
}
