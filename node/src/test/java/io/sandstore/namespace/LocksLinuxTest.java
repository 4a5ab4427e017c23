package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sandstore.namespace.FileLocks.Held;
import io.sandstore.namespace.FileLocks.Owner;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Locks that are not waited for, against those of this machine's kernel: flock, and the locks of
 * ranges that belong to an open file (F_OFD_SETLK).
 */
@SuppressWarnings("restricted")
class LocksLinuxTest {

  // Of 64 bit Linux, the same on amd64 and arm64; probed before anything is compared.
  private static final int O_RDWR_CREAT = 2 | 0100;
  private static final int F_OFD_GETLK = 36;
  private static final int F_OFD_SETLK = 37;
  private static final short F_RDLCK = 0;
  private static final short F_WRLCK = 1;
  private static final short F_UNLCK = 2;
  private static final int LOCK_SH = 1;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;
  private static final int LOCK_UN = 8;
  private static final int EAGAIN = 11;

  private static final StructLayout FLOCK =
      MemoryLayout.structLayout(
          ValueLayout.JAVA_SHORT.withName("type"),
          ValueLayout.JAVA_SHORT.withName("whence"),
          MemoryLayout.paddingLayout(4),
          ValueLayout.JAVA_LONG.withName("start"),
          ValueLayout.JAVA_LONG.withName("length"),
          ValueLayout.JAVA_INT.withName("pid"),
          MemoryLayout.paddingLayout(4));

  private static final int FILES = 3;

  @TempDir Path directory;
  private final Arena arena = Arena.ofConfined();
  private final int[] open = new int[FILES];
  private final Locks locks = new Locks();

  private record Calls(
      MethodHandle open, MethodHandle fcntl, MethodHandle flock, MethodHandle close) {

    static Calls ofThisMachine() {
      Linker linker = Linker.nativeLinker();
      Linker.Option errno = Linker.Option.captureCallState("errno");
      ValueLayout.OfInt number = ValueLayout.JAVA_INT;
      return new Calls(
          linker.downcallHandle(
              linker.defaultLookup().find("open").orElseThrow(),
              FunctionDescriptor.of(number, ValueLayout.ADDRESS, number, number),
              errno,
              Linker.Option.firstVariadicArg(2)),
          linker.downcallHandle(
              linker.defaultLookup().find("fcntl").orElseThrow(),
              FunctionDescriptor.of(number, number, number, ValueLayout.ADDRESS),
              errno,
              Linker.Option.firstVariadicArg(2)),
          linker.downcallHandle(
              linker.defaultLookup().find("flock").orElseThrow(),
              FunctionDescriptor.of(number, number, number),
              errno),
          linker.downcallHandle(
              linker.defaultLookup().find("close").orElseThrow(),
              FunctionDescriptor.of(number, number),
              errno));
    }
  }

  private Calls calls;
  private MemorySegment errno;

  private static VarHandle field(StructLayout of, String name) {
    return of.varHandle(MemoryLayout.PathElement.groupElement(name));
  }

  private int errno() {
    return (int) field(Linker.Option.captureStateLayout(), "errno").get(errno, 0L);
  }

  @BeforeEach
  void open() throws Throwable {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && ValueLayout.ADDRESS.byteSize() == 8
            && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN,
        "not a Linux of 64 bits: there is no kernel to compare with");
    calls = Calls.ofThisMachine();
    errno = arena.allocate(Linker.Option.captureStateLayout());
    String path = directory.resolve("file").toString();
    for (int i = 0; i < FILES; i++) {
      open[i] = (int) calls.open.invoke(errno, arena.allocateFrom(path), O_RDWR_CREAT, 0600);
      assumeTrue(open[i] >= 0, () -> "the kernel opens no file: errno " + errno());
    }
    assumeTrue(
        attempt(0, F_WRLCK, 0, 1) == Locks.Result.GRANTED
            && attempt(1, F_WRLCK, 0, 1) == Locks.Result.REFUSED
            && attempt(0, F_UNLCK, 0, 0) == Locks.Result.GRANTED,
        "this kernel or file system has no locks of open files (F_OFD_SETLK)");
    assumeTrue(
        flock(0, LOCK_EX) == Locks.Result.GRANTED
            && flock(1, LOCK_SH) == Locks.Result.REFUSED
            && flock(0, LOCK_UN) == Locks.Result.GRANTED,
        "this kernel or file system has no flock");
  }

  @AfterEach
  void close() throws Throwable {
    if (calls != null) {
      for (int file : open) {
        int ignored = (int) calls.close.invoke(errno, file);
      }
    }
    arena.close();
  }

  private Locks.Result result(int returned) {
    assertThat(returned == 0 || errno() == EAGAIN).as("errno %s", errno()).isTrue();
    return returned == 0 ? Locks.Result.GRANTED : Locks.Result.REFUSED;
  }

  private MemorySegment range(short type, long start, long length) {
    MemorySegment range = arena.allocate(FLOCK);
    field(FLOCK, "type").set(range, 0L, type);
    field(FLOCK, "start").set(range, 0L, start);
    field(FLOCK, "length").set(range, 0L, length);
    return range;
  }

  private Locks.Result attempt(int file, short type, long start, long length) throws Throwable {
    return result(
        (int) calls.fcntl.invoke(errno, open[file], F_OFD_SETLK, range(type, start, length)));
  }

  private Locks.Result flock(int file, int operation) throws Throwable {
    return result((int) calls.flock.invoke(errno, open[file], operation | LOCK_NB));
  }

  /** A lock of another one that is in the way; its owner is not told. */
  private Optional<Held> inTheWay(int file, short type, long start, long length) throws Throwable {
    MemorySegment asked = range(type, start, length);
    assertThat((int) calls.fcntl.invoke(errno, open[file], F_OFD_GETLK, asked)).isZero();
    short found = (short) field(FLOCK, "type").get(asked, 0L);
    long from = (long) field(FLOCK, "start").get(asked, 0L);
    long count = (long) field(FLOCK, "length").get(asked, 0L);
    return found == F_UNLCK
        ? Optional.empty()
        : Optional.of(new Held(NOBODY, false, found == F_RDLCK, from, end(from, count)));
  }

  private static final Owner NOBODY = new Owner(0, 0);

  private static long end(long start, long length) {
    return length == 0 ? Long.MAX_VALUE : start + length - 1;
  }

  private static long start(Random random) {
    return switch (random.nextInt(10)) {
      case 0 -> Long.MAX_VALUE - random.nextInt(3);
      case 1 -> (1L << 60) + random.nextInt(3);
      default -> random.nextInt(30);
    };
  }

  private static long length(Random random, long start) {
    return switch (random.nextInt(6)) {
      case 0 -> 0;
      case 1 -> Long.MAX_VALUE - Math.max(start, 1) + 1;
      default -> 1 + random.nextInt((int) Math.min(11, Long.MAX_VALUE - start) + 1);
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void theKernelSaysTheSame(int seed) throws Throwable {
    Random random = new Random(seed);
    for (int step = 0; step < 5000; step++) {
      int file = random.nextInt(FILES);
      Owner owner = new Owner(1 + file / 2, file);
      long start = start(random);
      long length = length(random, start);
      boolean shared = random.nextBoolean();
      short type = shared ? F_RDLCK : F_WRLCK;
      Held range = new Held(owner, false, shared, start, end(start, length));
      String what = "%d: file %d, %s, length %d".formatted(step, file, range, length);
      switch (random.nextInt(8)) {
        case 0 -> {
          assertThat(flock(file, LOCK_UN)).isEqualTo(Locks.Result.GRANTED);
          locks.unlock(1, Held.whole(owner, false));
        }
        case 1, 2 ->
            assertThat(locks.attempt(1, Held.whole(owner, shared)))
                .as(what)
                .isEqualTo(flock(file, shared ? LOCK_SH : LOCK_EX));
        case 3, 4 -> {
          assertThat(attempt(file, F_UNLCK, start, length)).isEqualTo(Locks.Result.GRANTED);
          locks.unlock(1, range);
        }
        default ->
            assertThat(locks.attempt(1, range))
                .as(what)
                .isEqualTo(attempt(file, type, start, length));
      }
      Optional<Held> kernel = inTheWay(file, type, start, length);
      assertThat(kernel.isPresent()).as(what).isEqualTo(locks.of(1).isHeldAgainst(range));
      if (kernel.isPresent()) {
        Held found = kernel.get();
        assertThat(locks.of(1).held().stream().filter(range::conflicts))
            .as("%s: %s, exactly so long", what, found)
            .anyMatch(
                one ->
                    one.shared() == found.shared()
                        && one.start() == found.start()
                        && one.end() == found.end());
      }
    }
  }
}
