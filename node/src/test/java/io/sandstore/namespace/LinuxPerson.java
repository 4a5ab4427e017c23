package io.sandstore.namespace;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.sandstore.wire.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Somebody to this machine's kernel: a thread whose user, groups, umask and working directory are
 * its own, as Linux has them for each thread. What it calls are the functions of the C library, and
 * for users and groups the system calls under them, since that library would change all threads.
 */
final class LinuxPerson implements AutoCloseable {

  /** Numbers of setgroups, setresgid and setresuid, by {@code os.arch}. */
  private static final Map<String, long[]> CALLS =
      Map.of("amd64", new long[] {116, 119, 117}, "aarch64", new long[] {159, 149, 147});

  private static final int CLONE_FS = 0x200;
  private static final Set<String> VARIADIC = Set.of("open", "syscall");

  private static final Linker LINKER = Linker.nativeLinker();
  private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Map<String, MethodHandle> HANDLES = new ConcurrentHashMap<>();

  private final ExecutorService thread;

  /**
   * @throws IllegalStateException if this machine does not let the process be others, with a line
   *     that says what it lacks
   */
  LinuxPerson(int uid, int gid, List<Integer> groups, Path directory) {
    this.thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("person " + uid).daemon().factory());
    try {
      become(uid, gid, groups, directory);
    } catch (IllegalStateException e) {
      close();
      throw e;
    }
  }

  private void become(int uid, int gid, List<Integer> groups, Path directory) {
    long[] calls = CALLS.get(System.getProperty("os.arch"));
    if (calls == null || !System.getProperty("os.name").equals("Linux")) {
      throw new IllegalStateException("this is not Linux on a processor that is known here");
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment list = arena.allocate(ValueLayout.JAVA_INT, Math.max(1, groups.size()));
      for (int i = 0; i < groups.size(); i++) {
        list.setAtIndex(ValueLayout.JAVA_INT, i, groups.get(i));
      }
      need("unshare", CLONE_FS);
      need("umask", 0);
      need("chdir", directory.toString());
      need("syscall", calls[0], (long) groups.size(), list.address());
      need("syscall", calls[1], (long) gid, (long) gid, (long) gid);
      need("syscall", calls[2], (long) uid, (long) uid, (long) uid);
    }
  }

  private void need(String function, Object... arguments) {
    Errno errno = call(function, arguments);
    if (errno != Errno.OK) {
      throw new IllegalStateException(
          "this machine does not let a test be somebody else: %s says %s"
              .formatted(function, errno));
    }
  }

  /**
   * Calls a function of the C library as this person.
   *
   * @param arguments strings, ints, longs and, for a pointer, addresses as longs
   * @return OK if it did not say -1
   */
  Errno call(String function, Object... arguments) {
    return on(() -> invoke(function, arguments) instanceof Failed(int errno) ? errno(errno) : Errno.OK);
  }

  /** Opens a file, and closes it again; in between writes something if wanted. */
  Errno open(String path, int flags, int mode, boolean write) {
    return on(
        () ->
            switch (invoke("open", path, flags, mode)) {
              case Failed(int errno) -> errno(errno);
              case Value(long value) -> {
                Result wrote =
                    write ? invoke("write", (int) value, "x", 1L) : new Value(0);
                invoke("close", (int) value);
                yield wrote instanceof Failed(int errno) ? errno(errno) : Errno.OK;
              }
            });
  }

  private Errno on(Callable<Errno> task) {
    try {
      return thread.submit(task).get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  private static Errno errno(int number) {
    Errno errno = Errno.forNumber(number);
    if (errno == null) {
      throw new IllegalStateException("an errno that the store does not have: " + number);
    }
    return errno;
  }

  private sealed interface Result {}

  private record Value(long value) implements Result {}

  private record Failed(int errno) implements Result {}

  private static Result invoke(String function, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      List<Object> all = new ArrayList<>();
      MemorySegment state = arena.allocate(STATE);
      all.add(state);
      for (Object argument : arguments) {
        all.add(argument instanceof String text ? arena.allocateFrom(text, UTF_8) : argument);
      }
      long value = ((Number) handle(function, arguments).invokeWithArguments(all)).longValue();
      return value == -1 ? new Failed((int) ERRNO.get(state, 0L)) : new Value(value);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MethodHandle handle(String function, Object... arguments) {
    MemoryLayout[] layouts = new MemoryLayout[arguments.length];
    for (int i = 0; i < layouts.length; i++) {
      layouts[i] =
          switch (arguments[i]) {
            case String _ -> ValueLayout.ADDRESS;
            case Integer _ -> ValueLayout.JAVA_INT;
            case Long _ -> ValueLayout.JAVA_LONG;
            default -> throw new IllegalArgumentException(String.valueOf(arguments[i]));
          };
    }
    return HANDLES.computeIfAbsent(
        function + layouts.length,
        _ -> {
          List<Linker.Option> options = new ArrayList<>();
          options.add(Linker.Option.captureCallState("errno"));
          if (VARIADIC.contains(function)) {
            options.add(Linker.Option.firstVariadicArg(function.equals("open") ? 2 : 1));
          }
          boolean wide = Set.of("syscall", "write", "getxattr").contains(function);
          return LINKER.downcallHandle(
              LINKER.defaultLookup().findOrThrow(function),
              FunctionDescriptor.of(
                  wide ? ValueLayout.JAVA_LONG : ValueLayout.JAVA_INT, layouts),
              options.toArray(Linker.Option[]::new));
        });
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
