package io.sandstore.mount;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * A directory on which a cluster is mounted, or will be. Does not look at the directory itself:
 * behind one whose process or cluster is dead every look is an error, or waits.
 */
public final class MountPoint {

  /** As /proc/self/mountinfo and mount(8) show it. */
  static final String TYPE = "fuse.sandstore";

  private static final Path MOUNTS = Path.of("/proc/self/mountinfo");

  private final Path directory;

  private MountPoint(Path directory) {
    this.directory = directory;
  }

  /**
   * @throws IOException if the directory above it cannot be found
   */
  public static MountPoint of(Path directory) throws IOException {
    Path absolute = directory.toAbsolutePath().normalize();
    Path parent = absolute.getParent();
    Path name = absolute.getFileName();
    if (parent == null || name == null) {
      throw new IllegalArgumentException("the root cannot be a mount point");
    }
    return new MountPoint(parent.toRealPath().resolve(name));
  }

  public Path directory() {
    return directory;
  }

  /** Numbers the mount that is on top; empty if what is there is no cluster. */
  public OptionalLong mounted() throws IOException {
    return Files.readAllLines(MOUNTS, StandardCharsets.UTF_8).stream()
        .map(line -> List.of(line.split(" ", -1)))
        .filter(words -> words.size() > 9 && unescaped(words.get(4)).equals(directory.toString()))
        .reduce((lower, upper) -> upper)
        .filter(words -> words.get(words.indexOf("-") + 1).equals(TYPE))
        .map(words -> OptionalLong.of(Long.parseLong(words.getFirst())))
        .orElse(OptionalLong.empty());
  }

  /** Blanks and the like are three octal digits there. */
  static String unescaped(String word) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < word.length(); i++) {
      if (word.charAt(i) == '\\' && i + 3 < word.length()) {
        out.append((char) Integer.parseInt(word.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        out.append(word.charAt(i));
      }
    }
    return out.toString();
  }

  /**
   * Takes the cluster away from the directory. Never waits for the cluster.
   *
   * @param lazily also while programs use it: they can go on, and others see it no more
   * @param force what programs wait for fails
   * @throws IOException with a line that says what to do if programs use it, or nothing is mounted
   */
  public void unmount(boolean lazily, boolean force) throws IOException {
    FuseKernel kernel = FuseKernel.linux();
    if (mounted().isEmpty()) {
      throw new IOException("no cluster is mounted on " + directory);
    }
    int flags = FuseKernel.UMOUNT_NOFOLLOW;
    flags |= lazily ? FuseKernel.MNT_DETACH : 0;
    flags |= force ? FuseKernel.MNT_FORCE : 0;
    int result = kernel.unmount(directory.toString(), flags);
    if (result == -KernelException.EPERM) {
      Fusermount.unmount(directory, lazily || force);
    } else if (result == -KernelException.EBUSY) {
      throw new IOException(
          directory + " is in use: end what uses it (fuser -m), or say --lazy or --force");
    } else if (result < 0) {
      throw new IOException("umount of %s: error %d".formatted(directory, -result));
    }
  }
}
