package io.sandstore.client;

import io.sandstore.wire.Credentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * On whose behalf a client acts. Users and groups are the cluster's numbers, from 0 to 2^32 - 2, as
 * Java's {@code int} has them without a sign.
 *
 * @param groups besides {@code gid}; at most 1,024
 * @param umask permission bits that what is made does not get, 0 to 0777
 */
public record Identity(int uid, int gid, List<Integer> groups, int umask) {

  /** Most groups besides the first. */
  public static final int GROUPS_MAX = 1024;

  /** The usual one of a shell. */
  public static final int UMASK = 022;

  private static final Path PROCESS = Path.of("/proc/self/status");

  /**
   * @throws IllegalArgumentException if it is nobody's
   */
  public Identity {
    groups = List.copyOf(groups);
    if (uid == -1 || gid == -1 || groups.contains(-1)) {
      throw new IllegalArgumentException("4294967295 is neither a user nor a group");
    }
    if (groups.size() > GROUPS_MAX) {
      throw new IllegalArgumentException("more than " + GROUPS_MAX + " groups");
    }
    if ((umask & ~0777) != 0) {
      throw new IllegalArgumentException("a umask is from 0 to 0777");
    }
  }

  /** With a umask of 022. */
  public static Identity of(int uid, int gid, Integer... groups) {
    return new Identity(uid, gid, Arrays.asList(groups), UMASK);
  }

  /**
   * Parses {@code UID[:GID[,GROUP...]]}. Without a group, the one with the user's number.
   *
   * @throws IllegalArgumentException with a line that says what to write
   */
  public static Identity parse(String text) {
    String[] parts = text.strip().split(":", 2);
    try {
      int uid = Integer.parseUnsignedInt(parts[0]);
      if (parts.length == 1) {
        return of(uid, uid);
      }
      List<Integer> groups =
          Arrays.stream(parts[1].split(",", -1)).map(Integer::parseUnsignedInt).toList();
      return new Identity(uid, groups.getFirst(), groups.subList(1, groups.size()), UMASK);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "must be UID[:GID[,GROUP...]] in numbers, not '" + text + "'", e);
    }
  }

  public Identity withUmask(int newUmask) {
    return new Identity(uid, gid, groups, newUmask);
  }

  /**
   * Who this process is to the kernel, its umask included.
   *
   * @throws UnsupportedOperationException where the system does not say so in Linux's way
   */
  public static Identity ofProcess() throws IOException {
    if (!Files.isReadable(PROCESS)) {
      throw new UnsupportedOperationException("only Linux says who a process is, in " + PROCESS);
    }
    List<String> lines = Files.readAllLines(PROCESS);
    return new Identity(
        Integer.parseUnsignedInt(values(lines, "Uid:")[3]), // real, effective, saved, of files
        Integer.parseUnsignedInt(values(lines, "Gid:")[3]),
        Arrays.stream(values(lines, "Groups:"))
            .filter(group -> !group.isEmpty())
            .map(Integer::parseUnsignedInt)
            .toList(),
        Integer.parseInt(values(lines, "Umask:")[0], 8));
  }

  private static String[] values(List<String> lines, String key) {
    return lines.stream()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(key.length()).strip().split("\\s+", -1))
        .findFirst()
        .orElseThrow(() -> new UnsupportedOperationException(PROCESS + " says nothing of " + key));
  }

  Credentials credentials() {
    return Credentials.newBuilder().setUid(uid).setGid(gid).addAllGroups(groups).build();
  }
}
