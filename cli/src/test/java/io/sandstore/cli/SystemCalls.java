package io.sandstore.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Functions of the C library on 64-bit Linux. Each gives what it returns, or the negative errno.
 */
final class SystemCalls {

  static final int AT_FDCWD = -100;
  static final int AT_SYMLINK_FOLLOW = 0x400;
  static final int AT_SYMLINK_NOFOLLOW = 0x100;
  static final int O_RDONLY = 0;
  static final int O_WRONLY = 1;
  static final int O_RDWR = 2;
  static final int O_CREAT = 0100;
  static final int O_EXCL = 0200;
  static final int O_TRUNC = 01000;
  static final int O_NONBLOCK = 04000;
  static final int O_APPEND = 02000;
  static final int EIO = 5;
  static final int EBUSY = 16;
  static final int ENOTCONN = 107;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final Map<String, MethodHandle> HANDLES = new ConcurrentHashMap<>();

  private SystemCalls() {}

  /**
   * @param arguments strings, segments, ints and longs
   */
  @SuppressWarnings("restricted")
  static long call(String function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      List<Object> all = new ArrayList<>(List.of(state));
      List<MemoryLayout> types = new ArrayList<>();
      StringBuilder key = new StringBuilder(function);
      for (Object argument : arguments) {
        Object passed = argument instanceof String text ? arena.allocateFrom(text) : argument;
        MemoryLayout type =
            passed instanceof Integer
                ? ValueLayout.JAVA_INT
                : passed instanceof Long ? ValueLayout.JAVA_LONG : ValueLayout.ADDRESS;
        all.add(passed);
        types.add(type);
        key.append(type);
      }
      MethodHandle handle =
          HANDLES.computeIfAbsent(
              key.toString(),
              ignored ->
                  Linker.nativeLinker()
                      .downcallHandle(
                          Linker.nativeLinker().defaultLookup().findOrThrow(function),
                          FunctionDescriptor.of(
                              ValueLayout.JAVA_LONG, types.toArray(MemoryLayout[]::new)),
                          Linker.Option.captureCallState("errno")));
      // Most return an int: in a register of 64 bits, of which half is anything.
      long result = (long) handle.invokeWithArguments(all);
      boolean isLong = function.matches("p?read|p?write|readlink|l?(get|list)xattr|lseek|copy.*");
      long value = isLong ? result : (int) result;
      return value >= 0 ? value : -(int) ERRNO.get(state, 0L);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
