package io.sandstore.host.jvm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * statvfs(3): how many inodes a file system has left, which the JDK does not tell. On 64-bit Linux
 * only; elsewhere, and on file systems that make inodes as they need them, nobody counts.
 */
final class StatVfs {

  // struct statvfs of glibc and musl on 64-bit Linux: eleven words, room for what may be added.
  private static final int STRUCT_BYTES = 256;
  private static final int F_FILES = 40;
  private static final int F_FAVAIL = 56;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Optional<MethodHandle> STATVFS = handle();

  private StatVfs() {}

  /** Inodes that are left; {@link Long#MAX_VALUE} if nobody counts them. */
  static long freeFiles(Path directory) throws IOException {
    if (STATVFS.isEmpty()) {
      return Long.MAX_VALUE;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment path = arena.allocateFrom(directory.toString());
      MemorySegment result = arena.allocate(STRUCT_BYTES, 8);
      if ((int) STATVFS.get().invokeExact(path, result) != 0) {
        throw new IOException("statvfs failed on " + directory);
      }
      boolean counted = result.get(ValueLayout.JAVA_LONG, F_FILES) > 0;
      return counted ? result.get(ValueLayout.JAVA_LONG, F_FAVAIL) : Long.MAX_VALUE;
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IOException("statvfs failed on " + directory, e);
    }
  }

  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> handle() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    if (!system.contains("linux") || ValueLayout.ADDRESS.byteSize() != 8) {
      return Optional.empty();
    }
    return LINKER
        .defaultLookup()
        .find("statvfs")
        .map(
            symbol ->
                LINKER.downcallHandle(
                    symbol,
                    FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS)));
  }
}
