package io.sandstore.replication;

import java.nio.file.Path;
import java.util.List;

/**
 * Profiles that are no classes, but made of what somebody wrote. Found by the class path, as {@link
 * Profile}s are.
 */
public interface ProfileSource {

  /** Names of those that come with it; one of them may still be written so that it is refused. */
  List<String> names();

  /**
   * One of {@link #names}.
   *
   * @throws IllegalArgumentException with a line that says why it is refused
   */
  Profile named(String name);

  /**
   * One that is written in a file.
   *
   * @throws IllegalArgumentException with a line that says why it is refused, or cannot be read
   */
  Profile read(Path file);

  /**
   * One that is written in a line.
   *
   * @throws IllegalArgumentException with a line that says why it is refused
   */
  Profile of(String name, String parts);
}
