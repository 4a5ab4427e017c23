package io.sandstore.cli;

import static io.sandstore.cli.MountedCluster.umount;
import static io.sandstore.cli.MountedCluster.unmount;
import static io.sandstore.cli.SystemCalls.call;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A cluster of three processes, mounted by processes of their own, and used by this one and by
 * others.
 */
@Tag("slow")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MountTest {

  private static final int MIB = 1 << 20;

  @TempDir static Path directory;
  private static MountedCluster mounted;
  private static TestCluster cluster;
  private static SandstoreClient client;
  private static Path first;
  private static Path second;
  private static int tests;

  private Path here;

  @BeforeAll
  @Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  static void start() throws Exception {
    MountedCluster.assumeMountsAreAllowed(directory);
    mounted = new MountedCluster(directory);
    cluster = mounted.nodes;
    client = cluster.client();
    first = mounted.mount("first", "--allow-other");
    second = mounted.mount("second", "--allow-other");
  }

  @AfterAll
  @Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  static void stop() throws Exception {
    try (AutoCloseable all = mounted) {
      if (client != null) {
        client.close();
      }
    }
  }

  @BeforeEach
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void newDirectory() throws Exception {
    here = Files.createDirectory(first.resolve("test" + tests++));
  }

  @AfterEach
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void nothingIsLeftBehind() throws Exception {
    mounted.removeAllBut(List.of(first, second));
    assertThat(Files.readString(mounted.log("first"))).doesNotContain("Exception");
  }

  private static String shell(Path in, String script) throws Exception {
    Process process =
        new ProcessBuilder("sh", "-ec", script)
            .directory(in.toFile())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  private static void needs(String program) throws Exception {
    Process process = new ProcessBuilder("sh", "-c", "command -v " + program).start();
    assumeTrue(process.waitFor() == 0, "there is no " + program);
  }

  // --- What one mount shows ---

  @Test
  void theSameCallsComeToTheSameAsOnALocalDirectory() throws Exception {
    int seeds = Integer.getInteger("oracle.seeds", 3);
    int steps = Integer.getInteger("oracle.steps", 400);
    long from = Long.getLong("oracle.from", 1);
    MountOracle.assumeComparable(Files.createDirectory(directory.resolve("local")));
    for (long seed = from; seed < from + seeds; seed++) {
      Path local = Files.createDirectory(directory.resolve("local" + seed));
      Path mounted = Files.createDirectory(here.resolve("seed" + seed));
      new MountOracle(mounted, local, seed).run(steps);
    }
  }

  /** As fsx does: one file, everything that can be done to its bytes, and what they must be. */
  @Test
  void bytesAreWhatWasWrittenWhateverTheOrder() throws Exception {
    int operations = Integer.getInteger("fsx.operations", 1_000);
    Random random = new Random(Long.getLong("fsx.seed", 11));
    int most = 256 << 10;
    byte[] expected = new byte[most];
    int size = 0;
    Path path = here.resolve("fsx");
    FileChannel file =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    for (int i = 0; i < operations; i++) {
      int at = random.nextInt(most - 1);
      int length = 1 + random.nextInt(Math.min(most - at, 64 << 10));
      switch (random.nextInt(12)) {
        case 0, 1, 2, 3 -> {
          byte[] data = new byte[length];
          random.nextBytes(data);
          assertThat(file.write(ByteBuffer.wrap(data), at)).isEqualTo(length);
          System.arraycopy(data, 0, expected, at, length);
          size = Math.max(size, at + length);
        }
        case 4, 5, 6 -> {
          ByteBuffer read = ByteBuffer.allocate(length);
          int count = file.read(read, at);
          int there = Math.max(0, Math.min(length, size - at));
          assertThat(Math.max(0, count)).isEqualTo(there);
          assertThat(Arrays.equals(read.array(), 0, there, expected, at, at + there))
              .as("operation %d: %d bytes from %d", i, there, at)
              .isTrue();
        }
        case 7 -> {
          file.truncate(at);
          if (at < size) {
            Arrays.fill(expected, at, size, (byte) 0);
            size = at;
          }
        }
        case 8 -> {
          if (size > 0) {
            int from = at % size;
            int part = Math.min(length, size - from);
            MappedByteBuffer map = file.map(FileChannel.MapMode.READ_WRITE, from, part);
            byte[] data = new byte[part];
            map.get(data);
            assertThat(Arrays.equals(data, 0, part, expected, from, from + part))
                .as("operation %d: %d mapped bytes from %d", i, part, from)
                .isTrue();
            random.nextBytes(data);
            map.put(0, data);
            map.force();
            System.arraycopy(data, 0, expected, from, part);
          }
        }
        case 9 -> {
          long fd = call("open", path.toString(), SystemCalls.O_RDWR, 0);
          assertThat(call("fallocate", (int) fd, 3, (long) at, (long) length)).isZero();
          call("close", (int) fd);
          Arrays.fill(expected, at, at + length, (byte) 0);
        }
        case 10 -> {
          file.close();
          file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        }
        default -> assertThat(Files.size(path)).as("operation %d", i).isEqualTo(size);
      }
    }
    file.close();
    assertThat(Files.readAllBytes(path)).isEqualTo(Arrays.copyOf(expected, size));
    Path elsewhere = second.resolve(first.relativize(path));
    assertThat(Files.readAllBytes(elsewhere)).isEqualTo(Arrays.copyOf(expected, size));
  }

  @Test
  void aFileWithoutANameGoesOnAsLongAsItIsOpen() throws Exception {
    Path path = here.resolve("gone");
    try (FileChannel file =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
      Files.delete(path);
      file.write(ByteBuffer.wrap(new byte[] {4}));
      ByteBuffer all = ByteBuffer.allocate(10);
      assertThat(file.read(all, 0)).isEqualTo(4);
      assertThat(file.size()).isEqualTo(4);
      assertThat(path).doesNotExist();
    }
  }

  @Test
  void anUnnamedFileGetsAName() {
    int temporary = 020200000; // O_TMPFILE
    long fd = call("open", here.toString(), temporary | SystemCalls.O_RDWR, 0600);
    assertThat(fd).isPositive();
    String open = "/proc/self/fd/" + fd;
    String name = here.resolve("named").toString();
    int follow = SystemCalls.AT_SYMLINK_FOLLOW;
    assertThat(call("linkat", SystemCalls.AT_FDCWD, open, SystemCalls.AT_FDCWD, name, follow))
        .isZero();
    call("close", (int) fd);
    assertThat(here.resolve("named")).isRegularFile();
  }

  @Test
  void aFileOfManyGigabytesHasHoles() throws Exception {
    Path path = here.resolve("sparse");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(5L << 30);
      file.write(7);
      file.getFD().sync();
      assertThat(file.length()).isEqualTo((5L << 30) + 1);
      file.seek((5L << 30) - 1);
      assertThat(file.read()).isZero();
      assertThat(file.read()).isEqualTo(7);
    }
    long fd = call("open", path.toString(), SystemCalls.O_RDONLY, 0);
    assertThat(call("lseek", (int) fd, 0L, 3)).isEqualTo(5L << 30);
    assertThat(call("lseek", (int) fd, 0L, 4)).isZero();
    call("close", (int) fd);
  }

  @Test
  void aBigFileComesBackAsItWasWritten() throws Exception {
    needs("sha256sum");
    int mib = Integer.getInteger("mount.big.mib", 64);
    String said =
        shell(
            here,
            """
            head -c %dM /dev/urandom | tee >/dev/null big && sync big
            sha256sum < big; dd if=big bs=1M 2>/dev/null | sha256sum; dd if=%s bs=64k | sha256sum
            """
                .formatted(mib, second.resolve(first.relativize(here)).resolve("big")));
    List<String> sums = said.lines().filter(line -> line.matches("[0-9a-f]{64} .*")).toList();
    assertThat(sums).hasSize(3);
    assertThat(new HashSet<>(sums)).hasSize(1);
  }

  @Test
  void tenThousandNamesAreListedOnceWhileOthersComeAndGo() throws Exception {
    int count = 10_000;
    String inCluster = "/" + first.relativize(here) + "/";
    Semaphore atOnce = new Semaphore(64);
    List<Thread> threads = new ArrayList<>();
    List<IOException> failures = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String path = inCluster + "name%05d".formatted(i);
      atOnce.acquire();
      threads.add(
          Thread.startVirtualThread(
              () -> {
                try {
                  client.open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644).close();
                } catch (IOException e) {
                  synchronized (failures) {
                    failures.add(e);
                  }
                } finally {
                  atOnce.release();
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    List<String> names = new ArrayList<>();
    try (var list = Files.newDirectoryStream(here)) {
      for (Path path : list) {
        names.add(path.getFileName().toString());
        if (names.size() % 1000 == 500) { // each of them behind and before where the list is
          Files.createFile(here.resolve("a" + names.size()));
          Files.createFile(here.resolve("z" + names.size()));
          Files.deleteIfExists(here.resolve("a" + (names.size() - 1000)));
        }
      }
    }
    Set<String> stayed = new HashSet<>();
    IntStream.range(0, count).forEach(i -> stayed.add("name%05d".formatted(i)));
    assertThat(names).doesNotHaveDuplicates().containsAll(stayed);
  }

  // --- Programs ---

  @Test
  void aTreeIsCopiedThereAndBack() throws Exception {
    Path sources = Path.of("src").toAbsolutePath();
    shell(here, "cp -a %s there && diff -r %s there".formatted(sources, sources));
    Path back = directory.resolve("back");
    shell(here, "cp -a there %s && diff -r there %s".formatted(back, back));
    shell(here, "tar cf t.tar there && mkdir x && tar xf t.tar -C x && diff -r there x/there");
    shell(here, "rm -r there x && test -z \"$(ls -A | grep -v t.tar)\"");
  }

  @Test
  void gitKeepsARepositoryThere() throws Exception {
    needs("git");
    Path sources = Path.of("src/main").toAbsolutePath();
    shell(
        here,
        """
        export HOME=%s
        git init -q repository; cd repository; cp -r %s .
        git config user.name somebody; git config user.email somebody@example.org
        git add .; git commit -q -m one; git mv main other; git commit -q -m two
        git gc -q; git fsck --strict; git clone -q . ../clone; diff -r other ../clone/other
        test -z "$(git status --porcelain)"
        """
            .formatted(here, sources));
  }

  @Test
  void aDatabaseOfSqliteIsWhole() throws Exception {
    needs("sqlite3");
    for (String journal : List.of("delete", "wal")) {
      String said =
          shell(
              here,
              """
              sqlite3 %s.db <<'END'
              pragma journal_mode=%s;
              create table t(a integer primary key, b);
              with recursive c(x) as (select 1 union all select x+1 from c where x<5000)
                insert into t select x, hex(randomblob(50)) from c;
              create index i on t(b);
              delete from t where a %% 3 = 0;
              vacuum;
              pragma integrity_check;
              select count(*) from t;
              END
              """
                  .formatted(journal, journal));
      assertThat(said.lines()).contains(journal, "ok", "3334");
    }
  }

  // --- Two mounts, as of two machines ---

  private Path there(Path path) {
    return second.resolve(first.relativize(path));
  }

  @Test
  void whatOneMountClosedTheOtherReads() throws Exception {
    for (int i = 0; i < 50; i++) {
      Path path = (i % 2 == 0 ? here : there(here)).resolve("file");
      Path other = (i % 2 == 0 ? there(here) : here).resolve("file");
      Files.writeString(path, "content " + i);
      assertThat(other).hasContent("content " + i);
    }
    Files.move(here.resolve("file"), here.resolve("moved"));
    assertThat(there(here).resolve("file")).doesNotExist();
    assertThat(there(here).resolve("moved")).exists();
    Files.delete(there(here).resolve("moved"));
    assertThat(here.resolve("moved")).doesNotExist();
  }

  @Test
  void whatOneProgramWroteTheOthersOfThisMachineReadBeforeItIsClosed() throws Exception {
    Path path = here.resolve("file");
    try (FileChannel writer =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (int i = 1; i <= 20; i++) {
        writer.write(ByteBuffer.wrap(new byte[] {(byte) i}));
        assertThat(Files.size(path)).isEqualTo(i);
        assertThat(Files.readAllBytes(path)).hasSize(i).endsWith(i);
      }
    }
  }

  @Test
  void appendersOnTwoMountsLoseNothing() throws Exception {
    Path path = Files.createFile(here.resolve("log"));
    List<Thread> threads = new ArrayList<>();
    List<Throwable> failures = new ArrayList<>();
    for (Path at : List.of(path, there(path), path)) {
      int writer = threads.size();
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (FileChannel file =
                        FileChannel.open(at, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
                      for (int i = 0; i < 100; i++) {
                        String line = "%d-%03d\n".formatted(writer, i);
                        file.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
                      }
                    } catch (IOException e) {
                      synchronized (failures) {
                        failures.add(e);
                      }
                    }
                  });
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    assertThat(Files.readAllLines(path)).hasSize(300).doesNotHaveDuplicates();
  }

  @Test
  void locksKeepOthersOutOnAnyMount() throws Exception {
    needs("flock");
    Path path = Files.createFile(here.resolve("lock"));
    long fd = call("open", path.toString(), SystemCalls.O_RDWR, 0);
    assertThat(call("flock", (int) fd, 2)).isZero();
    for (Path at : List.of(path, there(path))) {
      shell(here, "! flock -n %s true".formatted(at));
    }
    Process waits = new ProcessBuilder("flock", there(path).toString(), "true").start();
    assertThat(waits.waitFor(java.time.Duration.ofMillis(300))).isFalse();
    call("close", (int) fd);
    assertThat(waits.waitFor()).isZero();

    try (FileChannel mine = FileChannel.open(path, StandardOpenOption.WRITE);
        FileChannel others = FileChannel.open(there(path), StandardOpenOption.WRITE)) {
      var lock = mine.lock(10, 5, false);
      assertThat(others.tryLock(0, 10, false)).isNotNull();
      assertThat(others.tryLock(14, 5, false)).isNull();
      lock.release();
      assertThat(others.tryLock(14, 5, false)).isNotNull();
    }
  }

  @Test
  void whoWaitsForALockCanBeEndedByASignal() throws Exception {
    needs("flock");
    Path path = Files.createFile(here.resolve("lock"));
    long fd = call("open", path.toString(), SystemCalls.O_RDWR, 0);
    assertThat(call("flock", (int) fd, 2)).isZero();
    Process waits = new ProcessBuilder("flock", path.toString(), "true").start();
    assertThat(waits.waitFor(java.time.Duration.ofMillis(300))).isFalse();
    waits.destroy();
    assertThat(waits.waitFor()).isNotZero();
    call("close", (int) fd);
    shell(here, "flock -n lock true");
  }

  // --- Faults ---

  @Test
  void writersWaitWhileTheNodesAreKilledInTurnAndLoseNothing() throws Exception {
    byte[] data = new byte[MIB];
    Path path = here.resolve("file");
    FutureTask<Void> killing =
        new FutureTask<>(
            () -> {
              for (String node : cluster.nodes.names()) {
                cluster.nodes.kill(node);
                Thread.sleep(500);
                cluster.nodes.start(node);
                cluster.awaitAll();
              }
              return null;
            });
    Thread.ofPlatform().start(killing);
    int written = 0;
    try (FileChannel file =
        FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      while (written < 16 || (!killing.isDone() && written < 200)) {
        new Random(written).nextBytes(data);
        for (ByteBuffer rest = ByteBuffer.wrap(data); rest.hasRemaining(); ) {
          file.write(rest);
        }
        written++;
        Files.createFile(here.resolve("name" + written));
        file.force(false);
      }
    } finally {
      killing.get(); // the next test wants all three
    }
    for (Path at : List.of(path, there(path))) {
      try (FileChannel file = FileChannel.open(at, StandardOpenOption.READ)) {
        assertThat(file.size()).isEqualTo((long) written * MIB);
        for (int i = 0; i < written; i++) {
          ByteBuffer read = ByteBuffer.allocate(MIB);
          while (read.hasRemaining() && file.read(read) > 0) {
            // Until all of it is there.
          }
          new Random(i).nextBytes(data);
          assertThat(Arrays.equals(read.array(), data)).as("MiB %d", i).isTrue();
        }
      }
    }
    try (var names = Files.list(here)) {
      assertThat(names.count()).isEqualTo(written + 1);
    }
  }

  @Test
  void whatAKilledProcessLeavesIsTakenAway() throws Exception {
    Path third = mounted.mount("third");
    Files.writeString(third.resolve("before"), "kept");
    ProcessHandle server = mounted.server(third);
    server.destroyForcibly();
    server.onExit().join();
    assertThat(call("access", third.resolve("before").toString(), 0))
        .isEqualTo(-SystemCalls.ENOTCONN);
    assertThat(cluster.run("mount", third.toString()).err()).contains("sandstore umount");
    unmount(third);
    assertThat(third).isEmptyDirectory();
    mounted.mount("third");
    assertThat(third.resolve("before")).hasContent("kept");
    unmount(third);
    server.onExit().join();
  }

  @Test
  void aMountInUseIsTakenAwayOnlyIfThatIsSaid() throws Exception {
    Path third = mounted.mount("inuse");
    long fd = call("open", third.resolve("a").toString(), SystemCalls.O_RDWR | 0100, 0600);
    assertThat(umount(third)).isNotZero();
    unmount(third, "--lazy");
    assertThat(third).isEmptyDirectory();
    assertThat(call("close", (int) fd)).isZero();
  }

  @Test
  void aProcessThatIsToldToEndUnmounts() throws Exception {
    Path third = mounted.mount("told");
    Files.writeString(third.resolve("told"), "kept");
    ProcessHandle server = mounted.server(third);
    server.destroy();
    server.onExit().join();
    assertThat(third).isEmptyDirectory();
    assertThat(first.resolve("told")).hasContent("kept");
  }

  @Test
  void nothingIsChangedThroughAReadOnlyMount() throws Exception {
    Files.writeString(here.resolve("file"), "content");
    Path third = mounted.mount("readonly", "--read-only");
    Path file = third.resolve(first.relativize(here)).resolve("file");
    assertThat(file).hasContent("content");
    assertThatThrownBy(() -> Files.writeString(file, "other"))
        .isInstanceOf(FileSystemException.class)
        .hasMessageContaining("Read-only");
    unmount(third);
  }

  @Test
  void aCachedMountShowsOthersChangesWhenAFileIsOpened() throws Exception {
    Path third = mounted.mount("cached", "--cache");
    Path mine = third.resolve(first.relativize(here)).resolve("file");
    Path others = here.resolve("file");
    for (int i = 0; i < 5; i++) {
      Files.writeString(others, "content " + i);
      assertThat(mine).hasContent("content " + i);
      Files.writeString(mine, "other " + i);
      assertThat(others).hasContent("other " + i);
    }
    shell(
        mine.getParent(),
        "cp -r %s x && diff -r %s x"
            .formatted(Path.of("src/main").toAbsolutePath(), Path.of("src/main").toAbsolutePath()));
    unmount(third);
  }

  @Test
  void aDeadClusterIsAnErrorAfterTheTimeoutAndTheMountIsTakenAway() throws Exception {
    Path third = mounted.mount("dead", "--timeout", "3");
    Files.writeString(third.resolve("alive"), "content");
    for (String node : cluster.nodes.names()) {
      cluster.nodes.kill(node);
    }
    try {
      long result = call("open", third.resolve("alive").toString(), SystemCalls.O_RDONLY, 0);
      assertThat(result).isEqualTo(-SystemCalls.EIO);
      unmount(third);
      assertThat(third).isEmptyDirectory();
    } finally {
      cluster.nodes.startAll();
      cluster.awaitAll();
    }
    assertThat(first.resolve("alive")).hasContent("content");
  }
}
