package io.sandstore.mount;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The calls of the C library that a mount needs, the same on all 64-bit Linux. Each returns what C
 * does, or the negative errno.
 */
final class FuseKernel {

  static final int O_RDWR = 2;
  static final int O_CLOEXEC = 02000000;
  static final long MS_RDONLY = 1;
  static final long MS_NOSUID = 2;
  static final long MS_NODEV = 4;
  static final int MNT_FORCE = 1;
  static final int MNT_DETACH = 2;
  static final int UMOUNT_NOFOLLOW = 8;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private final MethodHandle open =
      handle("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), 2);
  private final MethodHandle close = handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private final MethodHandle read =
      handle("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private final MethodHandle write =
      handle("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private final MethodHandle mount =
      handle(
          "mount", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
  private final MethodHandle umount =
      handle("umount2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private final MethodHandle pageSize = handle("getpagesize", FunctionDescriptor.of(JAVA_INT));
  private final MethodHandle setsid = handle("setsid", FunctionDescriptor.of(JAVA_INT));
  private final MethodHandle effectiveUser = handle("geteuid", FunctionDescriptor.of(JAVA_INT));

  private FuseKernel() {}

  /**
   * @throws UnsupportedOperationException on another system, with a line that says what to do
   */
  static FuseKernel linux() {
    String system = System.getProperty("os.name");
    String processor = System.getProperty("os.arch");
    boolean known = processor.equals("amd64") || processor.equals("aarch64");
    if (!system.equals("Linux") || !known) {
      throw new UnsupportedOperationException(
          "a cluster can be mounted on Linux, on x86-64 and arm64, not on %s, %s: use 'sandstore'"
                  .formatted(system, processor)
              + " commands, or the Java client");
    }
    return new FuseKernel();
  }

  /** The same bytes as the kernel's are behind these calls; all have the state first. */
  @SuppressWarnings("restricted")
  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"));
  }

  @SuppressWarnings("restricted")
  private static MethodHandle handle(String name, FunctionDescriptor descriptor, int fixed) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixed));
  }

  private interface Call {
    Object invoke(MemorySegment state) throws Throwable;
  }

  private static long call(Call call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = ((Number) call.invoke(state)).longValue();
      return result >= 0 ? result : -(int) ERRNO.get(state, 0L);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e); // C throws nothing
    }
  }

  int open(String path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return (int) call(state -> (int) open.invokeExact(state, name, flags));
    }
  }

  int close(int fd) {
    return (int) call(state -> (int) close.invokeExact(state, fd));
  }

  long read(int fd, MemorySegment into) {
    return call(state -> (long) read.invokeExact(state, fd, into, into.byteSize()));
  }

  long write(int fd, MemorySegment from, long count) {
    MemorySegment bytes = from.asSlice(0, count);
    return call(state -> (long) write.invokeExact(state, fd, bytes, count));
  }

  int mount(String source, String directory, String type, long flags, String data) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocateFrom(source);
      MemorySegment at = arena.allocateFrom(directory);
      MemorySegment kind = arena.allocateFrom(type);
      MemorySegment more = arena.allocateFrom(data);
      return (int) call(state -> (int) mount.invokeExact(state, from, at, kind, flags, more));
    }
  }

  int unmount(String directory, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment at = arena.allocateFrom(directory);
      return (int) call(state -> (int) umount.invokeExact(state, at, flags));
    }
  }

  int pageSize() {
    return (int) call(state -> (int) pageSize.invokeExact(state));
  }

  /** Leaves the terminal's session, so that its end is not this process's. */
  void leaveSession() {
    call(state -> (int) setsid.invokeExact(state));
  }

  boolean isRoot() {
    return call(state -> (int) effectiveUser.invokeExact(state)) == 0;
  }

  /** A piece of memory that a call can fill, at a page's beginning. */
  static MemorySegment memory(long bytes) {
    return Arena.ofAuto().allocate(ValueLayout.JAVA_BYTE.byteSize() * bytes, 4096);
  }
}
