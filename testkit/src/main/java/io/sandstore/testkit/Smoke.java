package io.sandstore.testkit;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.client.TreeRemoval;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Walks through what a file store must do, through the client as any program would, and says of
 * each step whether it held and how long it took. Works in a directory of its own and removes it.
 */
public final class Smoke {

  /** A step's verdict; {@code failure} is empty if it passed. */
  public record Step(String name, double millis, String failure) {
    public boolean passed() {
      return failure.isEmpty();
    }
  }

  private interface Check {
    void run() throws IOException;
  }

  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);
  private static final Set<OpenFlag> WRITE = EnumSet.of(OpenFlag.O_WRONLY);
  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);

  private final SandstoreClient client;
  private final String dir;
  private final List<Step> steps = new ArrayList<>();
  private final java.util.function.Consumer<Step> onStep;

  public Smoke(SandstoreClient client, String dir, java.util.function.Consumer<Step> onStep) {
    this.client = client;
    this.dir = dir;
    this.onStep = onStep;
  }

  public List<Step> run() throws IOException {
    client.mkdir(dir, 0755);
    try {
      filesAndBuffers();
      flags();
      offsets();
      names();
      directories();
    } finally {
      TreeRemoval.remove(client, dir);
    }
    return List.copyOf(steps);
  }

  private void step(String name, Check check) {
    long begin = System.nanoTime();
    String failure = "";
    try {
      check.run();
    } catch (IOException | AssertionError e) {
      failure = e.toString();
    }
    Step step = new Step(name, (System.nanoTime() - begin) / 1e6, failure);
    steps.add(step);
    onStep.accept(step);
  }

  private void filesAndBuffers() {
    step("create a file", () -> client.open(dir + "/a", CREATE, 0644).close());
    step(
        "a buffered write is not visible before it is flushed",
        () -> {
          try (SandFile file = client.open(dir + "/a", WRITE, 0)) {
            file.write(bytes("hello"));
            expect(0L, client.stat(dir + "/a").size());
            file.fsync();
            expect(5L, client.stat(dir + "/a").size());
          }
        });
    step("fsync made it readable", () -> expect("hello", read(dir + "/a")));
    step(
        "a full buffer is flushed, in order",
        () -> {
          byte[] data = random(9 << 20, 1);
          try (SandFile file = client.open(dir + "/big", CREATE, 0644)) {
            for (int at = 0; at < data.length; at += 1 << 20) {
              file.write(ByteBuffer.wrap(data, at, 1 << 20));
            }
          }
          expectBytes(data, readAll(dir + "/big"));
        });
    step(
        "close flushes",
        () -> {
          SandFile file = client.open(dir + "/a", WRITE, 0);
          file.write(bytes("HELLO"));
          file.close();
          expect("HELLO", read(dir + "/a"));
        });
    step(
        "a closed file refuses",
        () -> {
          SandFile file = client.open(dir + "/a", CREATE, 0);
          file.close();
          refused(Errno.EBADF, () -> file.write(bytes("x")));
          refused(Errno.EBADF, () -> file.read(ByteBuffer.allocate(1)));
          refused(Errno.EBADF, file::fsync);
        });
  }

  private void flags() {
    step(
        "O_EXCL refuses an existing file",
        () ->
            refused(
                Errno.EEXIST,
                () ->
                    client.open(
                        dir + "/a",
                        EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL),
                        0644)));
    step(
        "O_TRUNC empties",
        () -> {
          client.open(dir + "/a", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_TRUNC), 0).close();
          expect(0L, client.stat(dir + "/a").size());
        });
    step(
        "O_APPEND writes at the end, whoever else does",
        () -> {
          Set<OpenFlag> append = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND);
          try (SandFile one = client.open(dir + "/a", append, 0);
              SandFile two = client.open(dir + "/a", append, 0)) {
            one.write(bytes("one,"));
            one.fsync();
            two.write(bytes("two,"));
            two.fsync();
            one.write(bytes("three"));
          }
          expect("one,two,three", read(dir + "/a"));
        });
    step(
        "a file open for reading refuses writes",
        () -> {
          try (SandFile file = client.open(dir + "/a", READ, 0)) {
            refused(Errno.EBADF, () -> file.write(bytes("x")));
          }
        });
  }

  private void offsets() {
    step(
        "a ranged read at any offset",
        () -> {
          byte[] data = random(9 << 20, 1);
          try (SandFile file = client.open(dir + "/big", READ, 0)) {
            for (int offset : new int[] {0, 1, 65535, (4 << 20) - 3, (9 << 20) - 7}) {
              ByteBuffer some = ByteBuffer.allocate(7);
              while (some.hasRemaining() && file.read(some, offset + some.position()) > 0) {
                // Until all seven are there.
              }
              expectBytes(java.util.Arrays.copyOfRange(data, offset, offset + 7), some.array());
            }
            expect(-1, file.read(ByteBuffer.allocate(1), 9 << 20));
          }
        });
    step(
        "a sparse write reads zeros before it",
        () -> {
          try (SandFile file = client.open(dir + "/sparse", CREATE, 0644)) {
            file.write(bytes("end"), 10_000_000);
            file.fsync();
            byte[] data = readAll(dir + "/sparse");
            byte[] wanted = new byte[10_000_003];
            System.arraycopy(bytes("end").array(), 0, wanted, 10_000_000, 3);
            expectBytes(wanted, data);
          }
        });
    step(
        "an overwrite in the middle changes only that",
        () -> {
          byte[] data = random(9 << 20, 1);
          byte[] patch = random(100_000, 2);
          try (SandFile file = client.open(dir + "/big", WRITE, 0)) {
            file.write(ByteBuffer.wrap(patch), 4_000_000);
          }
          System.arraycopy(patch, 0, data, 4_000_000, patch.length);
          expectBytes(data, readAll(dir + "/big"));
        });
    step(
        "truncate cuts and extends",
        () -> {
          client.truncate(dir + "/a", 3);
          expect("one", read(dir + "/a"));
          client.truncate(dir + "/a", 5);
          expect("one\0\0", read(dir + "/a"));
        });
  }

  private void names() {
    step(
        "rename",
        () -> {
          client.rename(dir + "/a", dir + "/b");
          refused(Errno.ENOENT, () -> client.stat(dir + "/a"));
          expect("one\0\0", read(dir + "/b"));
        });
    step(
        "rename of an open file: it goes on",
        () -> {
          try (SandFile file = client.open(dir + "/b", CREATE, 0)) {
            client.rename(dir + "/b", dir + "/c");
            file.write(bytes("ONE"), 0);
          }
          expect("ONE\0\0", read(dir + "/c"));
        });
    step(
        "rename replaces a file",
        () -> {
          write(dir + "/d", "new");
          client.rename(dir + "/d", dir + "/c");
          expect("new", read(dir + "/c"));
        });
    step(
        "remove an open file: it stays readable until closed",
        () -> {
          try (SandFile file = client.open(dir + "/c", READ, 0)) {
            client.unlink(dir + "/c");
            refused(Errno.ENOENT, () -> client.stat(dir + "/c"));
            ByteBuffer data = ByteBuffer.allocate(3);
            file.read(data, 0);
            expect("new", new String(data.array(), StandardCharsets.UTF_8));
          }
        });
    step("remove a closed file", () -> client.unlink(dir + "/sparse"));
    step(
        "a symbolic link leads to its target",
        () -> {
          write(dir + "/target", "there");
          client.symlink("target", dir + "/link");
          expect("target", client.readlink(dir + "/link"));
          expect("there", read(dir + "/link"));
          expect(FileStat.Type.SYMLINK, client.lstat(dir + "/link").type());
        });
    step(
        "missing paths are ENOENT",
        () -> {
          refused(Errno.ENOENT, () -> client.open(dir + "/none", READ, 0));
          refused(Errno.ENOENT, () -> client.unlink(dir + "/none"));
          refused(Errno.ENOENT, () -> client.open(dir + "/none/file", CREATE, 0644));
          refused(Errno.ENOTDIR, () -> client.stat(dir + "/target/file"));
        });
  }

  private void directories() {
    step(
        "mkdir, and EEXIST the second time",
        () -> {
          client.mkdir(dir + "/sub", 0755);
          refused(Errno.EEXIST, () -> client.mkdir(dir + "/sub", 0755));
        });
    step(
        "listing",
        () -> {
          for (String name : List.of("x", "y", "z")) {
            write(dir + "/sub/" + name, name);
          }
          expect(
              List.of("x", "y", "z"),
              client.readdir(dir + "/sub").stream().map(DirectoryPage.Entry::name).toList());
          DirectoryPage page = client.readdir(dir + "/sub", "x", 1);
          expect("y", page.entries().getFirst().name());
          expect(true, page.more());
        });
    step(
        "rmdir refuses a directory with files",
        () -> refused(Errno.ENOTEMPTY, () -> client.rmdir(dir + "/sub")));
    step(
        "a directory cannot move into itself",
        () -> refused(Errno.EINVAL, () -> client.rename(dir + "/sub", dir + "/sub/sub")));
    step(
        "rmdir of an empty directory",
        () -> {
          for (String name : List.of("x", "y", "z")) {
            client.unlink(dir + "/sub/" + name);
          }
          client.rmdir(dir + "/sub");
          refused(Errno.ENOENT, () -> client.stat(dir + "/sub"));
        });
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] random(int size, long seed) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private void write(String path, String text) throws IOException {
    try (SandFile file = client.open(path, CREATE, 0644)) {
      file.write(bytes(text));
    }
  }

  private String read(String path) throws IOException {
    return new String(readAll(path), StandardCharsets.UTF_8);
  }

  private byte[] readAll(String path) throws IOException {
    try (SandFile file = client.open(path, READ, 0)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()));
      while (all.hasRemaining() && file.read(all) > 0) {
        // Until all is there.
      }
      return all.array();
    }
  }

  private static void expect(Object wanted, Object got) {
    if (!wanted.equals(got)) {
      throw new AssertionError("expected '" + wanted + "', got '" + got + "'");
    }
  }

  private static void expectBytes(byte[] wanted, byte[] got) {
    int at = java.util.Arrays.mismatch(wanted, got);
    if (at >= 0) {
      throw new AssertionError(
          "bytes differ at %d (of %d, got %d)".formatted(at, wanted.length, got.length));
    }
  }

  private static void refused(Errno errno, Check check) throws IOException {
    try {
      check.run();
    } catch (PosixException e) {
      expect(errno, e.errno());
      return;
    }
    throw new AssertionError("should have been refused with " + errno);
  }
}
