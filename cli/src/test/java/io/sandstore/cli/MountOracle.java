package io.sandstore.cli;

import static io.sandstore.cli.SystemCalls.call;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Makes the same random system calls in a mounted directory and in one of this machine's own, as
 * root and as a user, and wants the same errors and the same trees.
 */
final class MountOracle {

  private static final int USER = 4711;
  private static final int EEXIST = 17;
  private static final int[] ALLOCATE_MODES = {0, 1, 3, 3, 16};
  private static final String[] NAMES = {"a", "b", "c", "d"};

  private final Path mounted;
  private final Path local;
  private final Random random;
  private final StringBuilder story = new StringBuilder();

  MountOracle(Path mounted, Path local, long seed) {
    this.mounted = mounted;
    this.local = local;
    this.random = new Random(seed);
  }

  /** Skips the test where the local file system lacks calls that are compared. */
  static void assumeComparable(Path local) throws IOException {
    Path probe = Files.writeString(local.resolve("probe"), "probe");
    Path other = Files.writeString(local.resolve("other"), "other");
    String says = "the local file system has no ";
    assumeTrue(setxattr(probe.toString(), "user.x", 0) == 0, says + "extended attributes");
    assumeTrue(rename2(probe.toString(), other.toString(), 1) == -EEXIST, says + "NOREPLACE");
    assumeTrue(rename2(probe.toString(), other.toString(), 2) == 0, says + "EXCHANGE");
    for (int mode : ALLOCATE_MODES) {
      assumeTrue(allocate(probe.toString(), mode, 3) == 0, says + "fallocate with mode " + mode);
    }
    Files.delete(probe);
    Files.delete(other);
  }

  private interface Step {
    long run(Path root);
  }

  void run(int steps) throws IOException {
    // Both belong to everybody, so that the user has something to do.
    for (Path root : List.of(mounted, local)) {
      assertThat(call("chmod", root.toString(), 0777)).isZero();
    }
    for (int i = 0; i < steps; i++) {
      boolean user = random.nextInt(3) == 0;
      Step step = step();
      long there = as(user, () -> step.run(mounted));
      long here = as(user, () -> step.run(local));
      story.append(user ? "  (user) " : "  ").append(here).append('\n');
      assertThat(there).as(() -> "step by step:\n" + last()).isEqualTo(here);
      if (i % 20 == 0 || i == steps - 1) {
        assertThat(tree(mounted)).as(() -> "step by step:\n" + last()).isEqualTo(tree(local));
      }
    }
  }

  private String last() {
    return story.substring(Math.max(0, story.length() - 3000));
  }

  /** The file system's user of this thread alone, with which its privileges go. */
  private static long as(boolean user, java.util.function.LongSupplier step) {
    if (!user) {
      return step.getAsLong();
    }
    call("setfsgid", USER);
    call("setfsuid", USER);
    try {
      return step.getAsLong();
    } finally {
      call("setfsuid", 0);
      call("setfsgid", 0);
    }
  }

  private String path() {
    StringBuilder path = new StringBuilder();
    int depth = 1 + random.nextInt(3) * random.nextInt(2);
    for (int i = 0; i < depth; i++) {
      path.append('/').append(NAMES[random.nextInt(NAMES.length)]);
    }
    return path.toString();
  }

  private static final int[] MODES = {0644, 0600, 0755, 0700, 0444, 04755, 02755, 0777, 01777, 0};

  private Step step() {
    String one = path();
    String two = path();
    int mode = MODES[random.nextInt(MODES.length)];
    int number = random.nextInt(10_000);
    int flags =
        new int[] {
              SystemCalls.O_RDONLY,
              SystemCalls.O_WRONLY | SystemCalls.O_CREAT,
              SystemCalls.O_RDWR | SystemCalls.O_CREAT | SystemCalls.O_EXCL,
              SystemCalls.O_WRONLY | SystemCalls.O_TRUNC,
              SystemCalls.O_WRONLY | SystemCalls.O_APPEND,
              SystemCalls.O_RDWR
            }
            [random.nextInt(6)];
    int which = random.nextInt(22);
    story.append(
        "%d %s %s mode %o number %d flags %o:".formatted(which, one, two, mode, number, flags));
    return switch (which) {
      case 0, 1, 2, 3 -> root -> write(root + one, flags, mode, number);
      case 4, 5 -> root -> call("mkdir", root + one, mode);
      case 6 -> root -> call("unlink", root + one);
      case 7 -> root -> call("rmdir", root + one);
      case 8, 9 -> root -> call("rename", root + one, root + two);
      case 10 -> root -> call("link", root + one, root + two);
      case 11 -> root -> call("symlink", two.substring(1), root + one);
      case 12 -> root -> call("chmod", root + one, mode);
      case 13 -> root -> call("lchown", root + one, number % 2 * USER, number % 3 * USER);
      case 14 -> root -> call("truncate", root + one, (long) number);
      case 15 -> root -> readlink(root + one);
      case 16 -> root -> rename2(root + one, root + two, 1 + number % 2);
      case 17 -> root -> call("mknod", root + one, 0010000 | (mode & 0777), 0L);
      case 18 -> root -> setxattr(root + one, "user.x" + number % 3, number % 3 - 1);
      case 19 -> root -> getxattr(root + one, "user.x" + number % 3);
      case 20 -> root -> call("removexattr", root + one, "user.x" + number % 3);
      default -> root -> allocate(root + one, ALLOCATE_MODES[number % 5], number);
    };
  }

  private static long write(String path, int flags, int mode, int number) {
    long fd = call("open", path, flags | SystemCalls.O_NONBLOCK, mode);
    if (fd < 0) {
      return fd;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(1 + number).fill((byte) number);
      long result =
          number % 3 == 0
              ? call("pwrite", (int) fd, data, data.byteSize(), (long) number)
              : call("write", (int) fd, data, data.byteSize());
      long back = call("pread", (int) fd, data, data.byteSize(), (long) number / 2);
      long first = back > 0 ? data.get(ValueLayout.JAVA_BYTE, 0) : 0;
      long closed = call("close", (int) fd);
      return closed != 0 ? closed : result * 31 + back * 7 + first;
    }
  }

  private static long allocate(String path, int mode, int number) {
    long fd = call("open", path, SystemCalls.O_RDWR | SystemCalls.O_NONBLOCK, 0);
    if (fd < 0) {
      return fd;
    }
    long result = call("fallocate", (int) fd, mode, (long) number, (long) number + 1);
    long closed = call("close", (int) fd);
    return closed != 0 ? closed : result;
  }

  private static long readlink(String path) {
    try (Arena arena = Arena.ofConfined()) {
      return call("readlink", path, arena.allocate(4096), 4096L);
    }
  }

  private static long rename2(String from, String to, int flags) {
    return call("renameat2", SystemCalls.AT_FDCWD, from, SystemCalls.AT_FDCWD, to, flags);
  }

  private static long setxattr(String path, String name, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return call("setxattr", path, name, arena.allocate(10), 10L, Math.max(0, flags));
    }
  }

  private static long getxattr(String path, String name) {
    try (Arena arena = Arena.ofConfined()) {
      return call("getxattr", path, name, arena.allocate(100), 100L);
    }
  }

  /** What is below a directory: kinds, bits, owners, links, sizes and bytes. */
  static Map<String, String> tree(Path root) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        Map<String, Object> is =
            Files.readAttributes(path, "unix:mode,nlink,uid,gid,size", LinkOption.NOFOLLOW_LINKS);
        boolean directory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
        boolean file = Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
        all.put(
            root.relativize(path).toString(),
            "%o uid %s gid %s links %s size %s content %s"
                .formatted(
                    (int) is.get("mode"),
                    is.get("uid"),
                    is.get("gid"),
                    directory ? "-" : is.get("nlink"), // what a directory's are is its own affair
                    directory ? "-" : is.get("size"),
                    file ? java.util.Arrays.hashCode(Files.readAllBytes(path)) : 0));
      }
    }
    return all;
  }
}
