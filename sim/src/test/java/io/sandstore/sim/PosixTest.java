package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.ExtendedAttributes;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandDirectory;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.client.TreeRemoval;
import io.sandstore.host.Host;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Build;
import io.sandstore.node.Inspection;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/**
 * What a POSIX file system has beyond bytes under names, through a client: it is so when it was
 * made, after every node has taken a snapshot, when it was read from that, and at a node that got
 * it from another.
 */
class PosixTest {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);
  private static final Set<OpenFlag> WRITE = EnumSet.of(OpenFlag.O_WRONLY);
  private static final int BLOCK = 64 << 10;

  private interface Step {
    void run(SandstoreClient client) throws Exception;
  }

  /** Makes something and looks at it, now and whenever the nodes got their state anew. */
  private static void stays(Step make, Step look) throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of("SANDSTORE_SNAPSHOT_MB", "1"));
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          make.run(client);
          look.run(client);
          takeSnapshots(cluster, host, client);
          look.run(client);
          cluster.restartAll();
          cluster.awaitAll(host);
          look.run(client);
          String one = cluster.names().get(1);
          cluster.kill(one);
          cluster.wipe(one);
          cluster.start(one);
          cluster.awaitAll(host);
          look.run(client);
          client.close();
          awaitEqual(cluster, host);
        });
  }

  private static void takeSnapshots(CalmCluster cluster, Host host, SandstoreClient client)
      throws Exception {
    try (SandFile file = client.open("/log", CREATE, 0644)) {
      for (int i = 0; !allHaveSnapshots(cluster); i++) {
        assertThat(i).as("flushes without a snapshot").isLessThan(2000);
        file.write(ByteBuffer.allocate(4 << 10), 0);
        file.fsync();
      }
    }
    client.unlink("/log");
  }

  private static boolean allHaveSnapshots(CalmCluster cluster) throws IOException {
    for (String name : cluster.names()) {
      if (cluster.node(name).status().ofThis().getSnapshots() == 0) {
        return false;
      }
    }
    return true;
  }

  private static void awaitEqual(CalmCluster cluster, Host host) throws InterruptedException {
    for (int i = 0; !areEqual(cluster); i++) {
      assertThat(i).as("replicas do not become equal").isLessThan(1000);
      host.clock().sleep(Duration.ofMillis(100));
    }
  }

  private static boolean areEqual(CalmCluster cluster) {
    List<Inspection> all = cluster.inspections();
    return all.stream().map(Inspection::appliedIndex).distinct().count() == 1
        && all.stream().map(i -> i.namespace().digest()).distinct().count() == 1;
  }

  private static void assertRefused(Errno errno, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno));
  }

  private static void write(SandstoreClient client, String path, String text) throws IOException {
    try (SandFile file = client.open(path, CREATE, 0644)) {
      file.write(ByteBuffer.wrap(bytes(text)));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] read(SandstoreClient client, String path) throws IOException {
    try (SandFile file = client.open(path, READ, 0)) {
      return read(file);
    }
  }

  private static byte[] read(SandFile file) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()) + 1);
    while (file.read(all, all.position()) > 0) {
      // Until all is there.
    }
    return Arrays.copyOf(all.array(), all.position());
  }

  private static String text(SandstoreClient client, String path) throws IOException {
    return new String(read(client, path), StandardCharsets.UTF_8);
  }

  private static List<String> names(SandstoreClient client, String path) throws IOException {
    return client.readdir(path).stream().map(DirectoryPage.Entry::name).toList();
  }

  // --- Names ---

  @Test
  void aFileHasSeveralNamesAndGoesWithTheLast() throws Exception {
    stays(
        client -> {
          client.mkdir("/d", 0755);
          write(client, "/d/a", "one");
          client.link("/d/a", "/b");
          client.symlink("/d/a", "/s");
          client.link("/s", "/s2");
          client.link("/s", "/c", true);
          write(client, "/c", "two");
          client.unlink("/d/a");
        },
        client -> {
          assertThat(text(client, "/b")).isEqualTo("two");
          assertThat(client.stat("/b")).isEqualTo(client.stat("/c"));
          assertThat(client.stat("/b").links()).isEqualTo(2);
          assertThat(client.lstat("/s2")).isEqualTo(client.lstat("/s"));
          assertThat(client.lstat("/s").links()).isEqualTo(2);
          assertThat(client.lstat("/s").isSymlink()).isTrue();
          assertThat(client.lstat("/d").links()).isEqualTo(2);
          assertRefused(Errno.EEXIST, () -> client.link("/b", "/c"));
          assertRefused(Errno.EPERM, () -> client.link("/d", "/d2"));
          assertRefused(Errno.ENOENT, () -> client.link("/d/a", "/e"));
          assertRefused(Errno.ENOENT, () -> client.link("/b", "/missing/e"));
          assertRefused(Errno.ENOTDIR, () -> client.link("/b", "/c/e"));
          client.rename("/b", "/c"); // of two names of one file both stay
          assertThat(names(client, "/")).contains("b", "c");
        });
  }

  @Test
  void whatAnOpenFileHasPendingIsThereWhenItGetsAnotherName() throws Exception {
    stays(
        client -> {
          try (SandFile file = client.open("/a", CREATE, 0644)) {
            file.write(ByteBuffer.wrap(new byte[3 * BLOCK + 1]));
            client.link(file, "/b");
            assertThat(client.stat("/b").size()).isEqualTo(3 * BLOCK + 1);
          }
        },
        client -> {
          assertThat(read(client, "/b")).isEqualTo(new byte[3 * BLOCK + 1]);
          assertThat(client.stat("/a")).isEqualTo(client.stat("/b"));
        });
  }

  @Test
  void aFileWithoutANameGetsOneOrGoes() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          client.mkdir("/d", 0755);
          SandFile kept = client.createUnnamed("/d", 0640);
          SandFile lost = client.createUnnamed("/d", 0640);
          kept.write(ByteBuffer.wrap(bytes("kept")));
          lost.write(ByteBuffer.wrap(bytes("lost")));
          assertThat(kept.stat().links()).isZero();
          assertThat(names(client, "/d")).isEmpty();
          host.clock().sleep(Duration.ofMinutes(2));
          client.link(kept, "/d/kept");
          assertRefused(Errno.EEXIST, () -> client.link(lost, "/d/kept"));
          assertThat(new String(read(lost), StandardCharsets.UTF_8)).isEqualTo("lost");
          kept.close();
          lost.close();
          assertRefused(Errno.EBADF, () -> client.link(kept, "/d/again"));
          assertRefused(Errno.ENOTDIR, () -> client.createUnnamed("/d/kept", 0600));
          assertRefused(Errno.ENOENT, () -> client.createUnnamed("/missing", 0600));
          host.clock().sleep(Duration.ofMinutes(2));
          assertThat(cluster.inspections())
              .allMatch(node -> !node.namespace().anyOrphanUnusedSince(Long.MAX_VALUE));
          assertRefused(Errno.ESTALE, () -> client.open(lost.inode(), READ));
          assertThat(text(client, "/d/kept")).isEqualTo("kept");
          assertThat(client.stat("/d/kept").mode()).isEqualTo(0640);
          assertThat(client.stat("/d/kept").links()).isEqualTo(1);
          client.close();
        });
  }

  @Test
  void anUnnamedFileIsKeptOverARestartOfAllNodesWhileItIsOpen() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of("SANDSTORE_SNAPSHOT_MB", "1"));
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          SandFile file = client.createUnnamed("/", 0600);
          file.write(ByteBuffer.wrap(bytes("text")));
          file.xattrs().set("user.a", bytes("1"));
          file.fsync();
          takeSnapshots(cluster, host, client);
          cluster.restartAll();
          cluster.awaitAll(host);
          host.clock().sleep(Duration.ofMinutes(2));
          client.link(file, "/named");
          file.close();
          assertThat(text(client, "/named")).isEqualTo("text");
          assertThat(client.xattrs("/named").get("user.a")).isEqualTo(bytes("1"));
          client.close();
          awaitEqual(cluster, host);
        });
  }

  @Test
  void fifosSocketsAndDevicesAreKeptButHaveNoBytes() throws Exception {
    stays(
        client -> {
          client.makeNode("/fifo", FileStat.Type.FIFO, 0600, 0);
          client.makeNode("/socket", FileStat.Type.SOCKET, 0755, 0);
          client.makeNode("/tty", FileStat.Type.CHARACTER_DEVICE, 0620, 0x0501);
          client.makeNode("/disk", FileStat.Type.BLOCK_DEVICE, 0660, Long.MAX_VALUE);
          client.makeNode("/plain", FileStat.Type.FILE, 0644, 0);
          client.link("/fifo", "/fifo2");
          client.rename("/tty", "/console");
        },
        client -> {
          assertThat(client.stat("/fifo2").type()).isEqualTo(FileStat.Type.FIFO);
          assertThat(client.stat("/fifo").links()).isEqualTo(2);
          assertThat(client.stat("/socket").type()).isEqualTo(FileStat.Type.SOCKET);
          assertThat(client.stat("/console").type()).isEqualTo(FileStat.Type.CHARACTER_DEVICE);
          assertThat(client.stat("/console").device()).isEqualTo(0x0501);
          assertThat(client.stat("/disk").type()).isEqualTo(FileStat.Type.BLOCK_DEVICE);
          assertThat(client.stat("/disk").device()).isEqualTo(Long.MAX_VALUE);
          assertThat(read(client, "/plain")).isEmpty();
          assertRefused(Errno.ENXIO, () -> client.open("/fifo", READ, 0));
          assertRefused(Errno.ENXIO, () -> client.open("/socket", CREATE, 0));
          assertRefused(Errno.EEXIST, () -> client.makeNode("/fifo", FileStat.Type.FIFO, 0600, 0));
          assertRefused(
              Errno.EINVAL, () -> client.makeNode("/new", FileStat.Type.DIRECTORY, 0755, 0));
        });
  }

  @Test
  void twoNamesChangeWhatTheyName() throws Exception {
    stays(
        client -> {
          client.mkdirs("/a/sub");
          client.mkdir("/b", 0755);
          write(client, "/b/file", "text");
          client.exchange("/a/sub", "/b/file");
        },
        client -> {
          assertThat(text(client, "/a/sub")).isEqualTo("text");
          assertThat(client.stat("/b/file").isDirectory()).isTrue();
          assertThat(client.stat("/a").links()).isEqualTo(2);
          assertThat(client.stat("/b").links()).isEqualTo(3);
          assertRefused(Errno.ENOENT, () -> client.exchange("/a", "/missing"));
          assertRefused(Errno.EINVAL, () -> client.exchange("/b", "/b/file"));
          assertRefused(Errno.EINVAL, () -> client.exchange("/b/file", "/b"));
          client.exchange("/b", "/b");
        });
  }

  // --- Attributes ---

  @Test
  void extendedAttributesAreSetReplacedListedAndRemoved() throws Exception {
    byte[] longest = new byte[64 << 10];
    Arrays.fill(longest, (byte) 7);
    stays(
        client -> {
          write(client, "/f", "");
          client.symlink("/f", "/s");
          ExtendedAttributes xattrs = client.xattrs("/s");
          xattrs.create("user.b", bytes("1"));
          xattrs.replace("user.b", bytes("2"));
          xattrs.set("user.a", longest);
          xattrs.set("user.empty", new byte[0]);
          xattrs.set("user.gone", bytes("x"));
          xattrs.remove("user.gone");
          client.lxattrs("/s").set("trusted.of-the-link", bytes("3"));
          client.link("/f", "/g");
        },
        client -> {
          ExtendedAttributes xattrs = client.xattrs("/g");
          assertThat(xattrs.list()).containsExactly("user.a", "user.b", "user.empty");
          assertThat(xattrs.get("user.b")).isEqualTo(bytes("2"));
          assertThat(xattrs.get("user.a")).isEqualTo(longest);
          assertThat(xattrs.get("user.empty")).isEmpty();
          assertThat(client.lxattrs("/s").list()).containsExactly("trusted.of-the-link");
          try (SandFile file = client.open("/f", READ, 0)) {
            assertThat(file.xattrs().get("user.b")).isEqualTo(bytes("2"));
          }
          assertRefused(Errno.EEXIST, () -> xattrs.create("user.b", bytes("3")));
          assertRefused(Errno.ENODATA, () -> xattrs.replace("user.gone", bytes("3")));
          assertRefused(Errno.ENODATA, () -> xattrs.remove("user.gone"));
          assertRefused(Errno.ENODATA, () -> xattrs.get("user.gone"));
          assertRefused(Errno.E2BIG, () -> xattrs.set("user.c", new byte[(64 << 10) + 1]));
          assertRefused(Errno.ERANGE, () -> xattrs.set("user." + "x".repeat(251), bytes("")));
          assertRefused(Errno.ERANGE, () -> xattrs.set("", bytes("")));
          assertRefused(Errno.ENOENT, () -> client.xattrs("/missing").list());
        });
  }

  @Test
  void timesAreKeptToTheNanosecondOfFilesAndOfLinks() throws Exception {
    Instant atime = Instant.parse("1969-12-31T23:59:59.123456789Z");
    Instant mtime = Instant.parse("2262-04-11T23:47:16.999999999Z");
    stays(
        client -> {
          write(client, "/f", "");
          client.symlink("/f", "/s");
          client.setattr("/s", AttributeChange.NONE.withAtime(atime).withMtime(mtime));
          client.lsetattr("/s", AttributeChange.NONE.withAtime(mtime).withMtime(atime));
        },
        client -> {
          FileStat file = client.stat("/f");
          assertThat(file.atime()).isEqualTo(atime);
          assertThat(file.mtime()).isEqualTo(mtime);
          FileStat link = client.lstat("/s");
          assertThat(link.atime()).isEqualTo(mtime);
          assertThat(link.mtime()).isEqualTo(atime);
          client.setattr("/f", AttributeChange.NONE.withAtime(5L));
          assertThat(client.stat("/f").atime()).isEqualTo(Instant.ofEpochMilli(5));
          assertThat(client.stat("/f").mtime()).isEqualTo(mtime);
          client.setattr("/f", AttributeChange.NONE.withAtime(atime).withUid(7).withGid(8));
          assertThat(client.stat("/f").uid()).isEqualTo(7);
          assertThat(client.stat("/f").gid()).isEqualTo(8);
        });
  }

  // --- Ranges ---

  @Test
  void holesArePunchedFoundAndFilled() throws Exception {
    byte[] bytes = new byte[4 * BLOCK];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (1 + i % 100);
    }
    byte[] left = Arrays.copyOf(bytes, 6 * BLOCK);
    Arrays.fill(left, 1000, BLOCK + 1000, (byte) 0);
    Arrays.fill(left, 3 * BLOCK, 4 * BLOCK, (byte) 0);
    stays(
        client -> {
          try (SandFile file = client.open("/f", CREATE, 0644)) {
            file.write(ByteBuffer.wrap(bytes));
            file.punchHole(1000, BLOCK);
            file.zeroRange(3 * BLOCK, 2 * BLOCK, false);
            file.allocate(0, 6 * BLOCK, false);
            file.allocate(0, 9 * BLOCK, true);
            file.zeroRange(6 * BLOCK, BLOCK, true);
            file.punchHole(7 * BLOCK, BLOCK);
            file.allocate(0, 10, false);
          }
        },
        client -> {
          assertThat(read(client, "/f")).isEqualTo(left);
          try (SandFile file = client.open("/f", READ, 0)) {
            assertThat(file.seekData(0)).isZero();
            assertThat(file.seekData(500)).isEqualTo(500);
            assertThat(file.seekHole(0)).isEqualTo(1000);
            assertThat(file.seekHole(1000)).isEqualTo(1000);
            assertThat(file.seekData(1000)).isEqualTo(BLOCK + 1000);
            assertThat(file.seekHole(BLOCK + 1000)).isEqualTo(3 * BLOCK);
            assertThat(file.seekHole(6 * BLOCK - 1)).isEqualTo(6 * BLOCK - 1);
            assertThat(file.position()).isZero();
            assertRefused(Errno.ENXIO, () -> file.seekData(3 * BLOCK));
            assertRefused(Errno.ENXIO, () -> file.seekHole(6 * BLOCK));
            assertRefused(Errno.ENXIO, () -> file.seekData(-1));
            assertRefused(Errno.EBADF, () -> file.punchHole(0, 1));
          }
          try (SandFile file = client.open("/f", WRITE, 0)) {
            assertRefused(Errno.EINVAL, () -> file.punchHole(-1, 1));
            assertRefused(Errno.EINVAL, () -> file.zeroRange(0, 0, false));
            assertRefused(Errno.EFBIG, () -> file.allocate(1L << 60, 1, false));
          }
        });
  }

  // --- Opening ---

  @Test
  void openingTakesLinksDirectoriesAndInodesAsItIsTold() throws Exception {
    stays(
        client -> {
          client.mkdir("/d", 0755);
          write(client, "/d/f", "text");
          client.symlink("/d/f", "/s");
          client.symlink("/d", "/sd");
          client.symlink("/nowhere", "/dangling");
        },
        client -> {
          Set<OpenFlag> noFollow = EnumSet.of(OpenFlag.O_RDONLY, OpenFlag.O_NOFOLLOW);
          Set<OpenFlag> create = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT, OpenFlag.O_NOFOLLOW);
          Set<OpenFlag> directory = EnumSet.of(OpenFlag.O_RDONLY, OpenFlag.O_DIRECTORY);
          assertRefused(Errno.ELOOP, () -> client.open("/s", noFollow, 0));
          assertRefused(Errno.ELOOP, () -> client.open("/s", create, 0));
          assertRefused(Errno.ELOOP, () -> client.open("/dangling", create, 0));
          client.open("/sd/f", create, 0).close(); // only the last name counts
          assertRefused(Errno.ENOTDIR, () -> client.open("/d/f", directory, 0));
          assertRefused(Errno.EISDIR, () -> client.open("/d", READ, 0));
          try (SandFile open = client.open("/sd", directory, 0)) {
            assertThat(open.stat()).isEqualTo(client.stat("/d"));
            assertRefused(Errno.EISDIR, () -> open.read(ByteBuffer.allocate(1)));
            assertRefused(Errno.EBADF, () -> open.write(ByteBuffer.allocate(1)));
            open.fsync();
          }
          try (SandFile file = client.open(client.stat("/d/f").inode(), READ)) {
            assertThat(read(file)).isEqualTo(bytes("text"));
          }
          assertRefused(Errno.ELOOP, () -> client.open(client.lstat("/s").inode(), READ));
          assertRefused(Errno.ESTALE, () -> client.open(1L << 40, READ));
          assertRefused(Errno.EINVAL, () -> client.open(client.stat("/d/f").inode(), CREATE));
        });
  }

  @Test
  void aDirectoryThatIsOpenIsFoundWhateverItsNameIs() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          client.mkdirs("/a/b");
          client.symlink("/a", "/s");
          SandDirectory a = client.openDirectory("/s");
          SandDirectory b = a.openDirectory("b");
          client.rename("/a", "/z");
          b.mkdir("c", 0755);
          b.open("c/f", CREATE, 0644).close();
          b.symlink("f", "c/s");
          b.link("c/f", a, "f");
          b.rename("c/s", a, "s", true);
          b.makeNode("fifo", FileStat.Type.FIFO, 0600, 0);
          a.exchange("f", b, "fifo");
          b.lxattrs("/z/s").set("trusted.a", bytes("1"));
          try (SandFile file = b.createUnnamed(0600)) {
            b.link(file, "unnamed");
          }
          assertThat(a.readlink("s")).isEqualTo("f");
          assertThat(a.lstat("s")).isEqualTo(client.lstat("/z/s"));
          assertThat(a.lstat("f").type()).isEqualTo(FileStat.Type.FIFO);
          assertThat(b.stat("fifo")).isEqualTo(b.stat("c/f"));
          assertThat(b.readdir("", 100).entries().stream().map(DirectoryPage.Entry::name))
              .containsExactly("c", "fifo", "unnamed");
          assertThat(b.stat("")).isEqualTo(client.stat("/z/b"));
          assertThat(client.directory(b.inode()).stat("c")).isEqualTo(client.stat("/z/b/c"));
          assertRefused(Errno.ELOOP, () -> a.openDirectory("s"));
          assertRefused(Errno.ENOTDIR, () -> b.openDirectory("fifo"));
          assertRefused(Errno.EINVAL, () -> b.stat("../f"));
          a.unlink("s");
          b.unlink("c/f");
          b.rmdir("c");
          SandDirectory gone = b;
          TreeRemoval.remove(client, "/z");
          assertRefused(Errno.ESTALE, () -> gone.readdir("", 10));
          assertRefused(Errno.ESTALE, () -> gone.mkdir("x", 0755));
          client.close();
        });
  }

  // --- Many and deep ---

  @Test
  void namesAreListedInTheOrderOfTheirBytesInPagesOfAnySize() throws Exception {
    // In UTF-16 the last but one, of two units, would come before the one before it.
    List<String> ordered =
        List.of("A", "a", "a.b", "é", "中", "\uFFFD", "\uD83D\uDE00", "\uDBFF\uDFFF");
    stays(
        client -> {
          client.mkdir("/d", 0755);
          for (String name : ordered.reversed()) {
            write(client, "/d/" + name, name);
          }
        },
        client -> {
          assertThat(names(client, "/d")).isEqualTo(ordered);
          for (int limit : new int[] {1, 3}) {
            List<String> paged = new ArrayList<>();
            DirectoryPage page;
            do {
              page = client.readdir("/d", paged.isEmpty() ? "" : paged.getLast(), limit);
              page.entries().forEach(entry -> paged.add(entry.name()));
            } while (page.more());
            assertThat(paged).isEqualTo(ordered);
          }
        });
  }

  @Test
  void aTreeDeeperThanTheLongestPathIsWalkedAndRemoved() throws Exception {
    int depth = 5000;
    String name = "d".repeat(255);
    stays(
        client -> {
          client.mkdir("/deep", 0755);
          SandDirectory at = client.openDirectory("/deep");
          for (int i = 0; i < depth; i++) {
            String here = i % 100 == 0 ? name : "d";
            at.mkdir(here, 0755);
            at = at.openDirectory(here);
            if (i % 1000 == 999) {
              at.open("file", CREATE, 0644).close();
            }
          }
        },
        client -> {
          assertThat(walk(client, "/deep")).isEqualTo(depth + depth / 1000);
          assertRefused(Errno.ENAMETOOLONG, () -> client.stat("/deep/" + name + "/d".repeat(2048)));
        });
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          client.mkdir("/deep", 0755);
          SandDirectory at = client.openDirectory("/deep");
          for (int i = 0; i < depth; i++) {
            at.mkdir("d", 0755);
            at.open("f", CREATE, 0644).close();
            at.mkdir("e", 0755);
            at = at.openDirectory("d");
          }
          TreeRemoval.remove(client, "/deep");
          assertThat(names(client, "/")).isEmpty();
          assertThat(client.statfs().getDirectories()).isEqualTo(1);
          client.symlink("/", "/s");
          assertRefused(Errno.ELOOP, () -> TreeRemoval.remove(client, "/s"));
          assertThat(names(client, "/")).containsExactly("s");
          client.close();
        });
  }

  /** How much is below a directory. */
  private static int walk(SandstoreClient client, String path) throws IOException {
    ArrayDeque<SandDirectory> open = new ArrayDeque<>(List.of(client.openDirectory(path)));
    int found = 0;
    while (!open.isEmpty()) {
      for (DirectoryPage.Entry entry : open.removeLast().readdir("", 1000).entries()) {
        found++;
        if (entry.stat().isDirectory()) {
          open.addLast(client.directory(entry.stat().inode()));
        }
      }
    }
    return found;
  }

  // --- Before all members know it ---

  @Test
  void belowTheLevelWhatCameWithItIsRefusedAndTheRestIsAsBefore() throws Exception {
    CalmCluster cluster =
        new CalmCluster(Map.of(), new Build(FeatureLevel.MERGE, Duration.ofHours(1)));
    cluster.run(
        host -> {
          SandstoreClient client = CalmCluster.client(host);
          write(client, "/f", "text");
          assertRefused(Errno.EPROTO, () -> client.link("/f", "/g"));
          assertRefused(Errno.EPROTO, () -> client.exchange("/f", "/f"));
          assertRefused(Errno.EPROTO, () -> client.makeNode("/n", FileStat.Type.FIFO, 0600, 0));
          assertRefused(Errno.EPROTO, () -> client.createUnnamed("/", 0600));
          assertRefused(Errno.EPROTO, () -> client.xattrs("/f").set("user.a", bytes("1")));
          try (SandFile file = client.open("/f", WRITE, 0)) {
            assertRefused(Errno.EPROTO, () -> file.punchHole(0, 1));
          }
          Instant time = Instant.parse("2001-02-03T04:05:06.123456789Z");
          client.setattr("/f", AttributeChange.NONE.withMtime(time));
          assertThat(client.stat("/f").mtime())
              .isEqualTo(Instant.parse("2001-02-03T04:05:06.123Z"));
          assertThat(text(client, "/f")).isEqualTo("text");
          client.close();
        });
  }
}
