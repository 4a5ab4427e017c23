package io.sandstore.host.jvm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

/**
 * syncfs(2): one call makes every small block since the last snapshot durable, where a force per
 * file would take one journal commit each. Since Linux 5.8 it also reports write-back errors.
 */
final class SyncFs {

  private static final int O_RDONLY = 0;
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Optional<MethodHandle> SYNCFS =
      handle("syncfs", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
  private static final Optional<MethodHandle> OPEN =
      handle(
          "open",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
  private static final Optional<MethodHandle> CLOSE =
      handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private SyncFs() {}

  static boolean available() {
    return SYNCFS.isPresent() && OPEN.isPresent() && CLOSE.isPresent();
  }

  static void sync(Path directory) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment path = arena.allocateFrom(directory.toString());
      int fd = (int) OPEN.orElseThrow().invokeExact(path, O_RDONLY);
      if (fd < 0) {
        throw new IOException("cannot open " + directory + " to sync it");
      }
      try {
        if ((int) SYNCFS.orElseThrow().invokeExact(fd) != 0) {
          throw new IOException("syncfs failed on " + directory);
        }
      } finally {
        int ignored = (int) CLOSE.orElseThrow().invokeExact(fd);
      }
    } catch (IOException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IOException("syncfs failed on " + directory, e);
    }
  }

  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> handle(String name, FunctionDescriptor type) {
    return LINKER.defaultLookup().find(name).map(symbol -> LINKER.downcallHandle(symbol, type));
  }
}
