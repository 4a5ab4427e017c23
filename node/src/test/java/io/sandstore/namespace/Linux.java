package io.sandstore.namespace;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** System calls of 64-bit Linux on x86. Each gives what it returns, or the negative errno. */
final class Linux {

  static final int O_WRONLY = 1;
  static final int O_RDWR = 2;
  static final int O_CREAT = 0100;
  static final int O_EXCL = 0200;
  static final int O_TRUNC = 01000;
  static final int O_NONBLOCK = 04000;
  static final int O_NOFOLLOW = 0400000;
  static final int O_TMPFILE = 020200000;
  static final int S_IFIFO = 0010000;
  static final int S_IFCHR = 0020000;
  static final int S_IFBLK = 0060000;
  static final int S_IFSOCK = 0140000;
  static final int S_IFREG = 0100000;
  static final int RENAME_NOREPLACE = 1;
  static final int RENAME_EXCHANGE = 2;
  static final int FALLOC_KEEP_SIZE = 1;
  static final int FALLOC_PUNCH_HOLE = 2;
  static final int FALLOC_ZERO_RANGE = 16;
  private static final int AT_FDCWD = -100;
  private static final int AT_SYMLINK_FOLLOW = 0x400;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int CAPABILITIES_VERSION_3 = 0x20080522;
  private static final int CAP_FSETID = 4;
  private static final int VALUE_MAX = 4096;

  private final Linker linker = Linker.nativeLinker();
  private final StructLayout stateLayout = Linker.Option.captureStateLayout();
  private final VarHandle errno =
      stateLayout.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private final Map<String, MethodHandle> handles = new HashMap<>();

  /** Skips the test on other machines. */
  static Linux orSkip() {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "its system calls are those of Linux on amd64");
    return new Linux();
  }

  /** Arguments are strings (a path, UTF-8), byte arrays, ints and longs. */
  private long call(String function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(stateLayout);
      List<Object> all = new ArrayList<>(List.of(state));
      for (Object argument : arguments) {
        all.add(
            switch (argument) {
              case String text -> arena.allocateFrom(text);
              case byte[] bytes -> {
                MemorySegment copy = arena.allocate(Math.max(1, bytes.length), 8);
                MemorySegment.copy(bytes, 0, copy, ValueLayout.JAVA_BYTE, 0, bytes.length);
                yield copy;
              }
              default -> argument;
            });
      }
      long result = (long) handle(function, arguments).invokeWithArguments(all);
      for (int i = 0; i < arguments.length; i++) {
        if (arguments[i] instanceof byte[] bytes) {
          MemorySegment copy = (MemorySegment) all.get(i + 1);
          MemorySegment.copy(copy, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
        }
      }
      return result < 0 ? -(int) errno.get(state, 0L) : result;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(function, e);
    }
  }

  @SuppressWarnings("restricted")
  private MethodHandle handle(String function, Object... arguments) {
    return handles.computeIfAbsent(
        function,
        name -> {
          MemoryLayout[] layouts =
              Arrays.stream(arguments).map(Linux::layout).toArray(MemoryLayout[]::new);
          boolean wide = name.equals("pwrite") || name.equals("readlink") || name.endsWith("xattr");
          List<Linker.Option> options =
              new ArrayList<>(List.of(Linker.Option.captureCallState("errno")));
          if (name.equals("open")) {
            options.add(Linker.Option.firstVariadicArg(2));
          }
          MemorySegment symbol = linker.defaultLookup().find(name).orElse(MemorySegment.NULL);
          assumeTrue(!symbol.equals(MemorySegment.NULL), "the C library has no " + name);
          MethodHandle handle =
              linker.downcallHandle(
                  symbol,
                  FunctionDescriptor.of(
                      wide ? ValueLayout.JAVA_LONG : ValueLayout.JAVA_INT, layouts),
                  options.toArray(Linker.Option[]::new));
          return handle.asType(handle.type().changeReturnType(long.class));
        });
  }

  private static MemoryLayout layout(Object argument) {
    return switch (argument) {
      case Integer i -> ValueLayout.JAVA_INT;
      case Long l -> ValueLayout.JAVA_LONG;
      default -> ValueLayout.ADDRESS;
    };
  }

  int open(String path, int flags, int mode) {
    return (int) call("open", path, flags, mode);
  }

  int close(int fd) {
    return (int) call("close", fd);
  }

  /** Opens and closes it; 0 if that went well. */
  int touch(String path, int flags, int mode) {
    int fd = open(path, flags, mode);
    return fd < 0 ? fd : close(fd);
  }

  int mkdir(String path, int mode) {
    return (int) call("mkdir", path, mode);
  }

  int symlink(String target, String path) {
    return (int) call("symlink", target, path);
  }

  int mknod(String path, int mode, long device) {
    return (int) call("mknod", path, mode, device);
  }

  int unlink(String path) {
    return (int) call("unlink", path);
  }

  int rmdir(String path) {
    return (int) call("rmdir", path);
  }

  int rename(String from, String to, int flags) {
    return (int) call("renameat2", AT_FDCWD, from, AT_FDCWD, to, flags);
  }

  int link(String from, String to, boolean follow) {
    return (int) call("linkat", AT_FDCWD, from, AT_FDCWD, to, follow ? AT_SYMLINK_FOLLOW : 0);
  }

  int link(int fd, String to) {
    return (int) call("linkat", fd, "", AT_FDCWD, to, AT_EMPTY_PATH);
  }

  int chmod(String path, int mode) {
    return (int) call("chmod", path, mode);
  }

  int chown(String path, int uid, int gid, boolean follow) {
    return (int) call(follow ? "chown" : "lchown", path, uid, gid);
  }

  int truncate(String path, long size) {
    return (int) call("truncate", path, size);
  }

  int write(int fd, byte[] data, long offset) {
    return (int) call("pwrite", fd, data, (long) data.length, offset);
  }

  int allocate(int fd, int mode, long offset, long length) {
    return (int) call("fallocate", fd, mode, offset, length);
  }

  int setXattr(String path, String name, byte[] value, int flags, boolean follow) {
    String function = follow ? "setxattr" : "lsetxattr";
    return (int) call(function, path, name, value, (long) value.length, flags);
  }

  int removeXattr(String path, String name, boolean follow) {
    return (int) call(follow ? "removexattr" : "lremovexattr", path, name);
  }

  /** The value as text, or the negative errno. */
  String getXattr(String path, String name, boolean follow) {
    byte[] value = new byte[VALUE_MAX];
    String function = follow ? "getxattr" : "lgetxattr";
    long length = call(function, path, name, value, (long) value.length);
    return length < 0
        ? Long.toString(length)
        : new String(value, 0, (int) length, StandardCharsets.UTF_8);
  }

  /** Names in order; of security modules none. */
  List<String> listXattrs(String path) {
    byte[] names = new byte[1 << 16];
    long length = call("llistxattr", path, names, (long) names.length);
    return Arrays.stream(
            new String(names, 0, (int) Math.max(0, length), StandardCharsets.UTF_8).split("\0"))
        .filter(name -> name.startsWith("user.") || name.startsWith("trusted."))
        .sorted()
        .toList();
  }

  /** The target, or the negative errno. */
  String readLink(String path) {
    byte[] target = new byte[VALUE_MAX];
    long length = call("readlink", path, target, (long) target.length);
    return length < 0
        ? "errno " + -length
        : new String(target, 0, (int) length, StandardCharsets.UTF_8);
  }

  /** Of this process; to ask the kernel for it means to change it. */
  static int umask() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("Umask:"))
        .mapToInt(line -> Integer.parseInt(line.substring("Umask:".length()).strip(), 8))
        .findFirst()
        .orElse(022);
  }

  int userId() {
    return (int) call("geteuid");
  }

  /**
   * Whether this thread may change what has set-id bits without losing them.
   *
   * @return 0, or the negative errno
   */
  int keepSetId(boolean keep) {
    byte[] header = new byte[8];
    MemorySegment.ofArray(header).set(ValueLayout.JAVA_INT_UNALIGNED, 0, CAPABILITIES_VERSION_3);
    byte[] sets = new byte[24];
    int got = (int) call("capget", header, sets);
    if (got < 0) {
      return got;
    }
    sets[0] = (byte) (keep ? sets[0] | 1 << CAP_FSETID : sets[0] & ~(1 << CAP_FSETID));
    return (int) call("capset", header, sets);
  }

  /** What stat(2) tells of a link itself. */
  static Map<String, Object> stat(Path path) throws IOException {
    return Files.readAttributes(
        path, "unix:mode,ino,nlink,uid,gid,rdev,size", java.nio.file.LinkOption.NOFOLLOW_LINKS);
  }
}
