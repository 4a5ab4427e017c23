package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.cli.TestCluster.Run;
import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tools of a shell, on the cluster. */
@Tag("slow")
class ToolCommandsTest {

  @TempDir static Path directory;
  private static TestCluster cluster;
  private static SandstoreClient client;

  @TempDir Path local;

  @BeforeAll
  static void start() throws Exception {
    cluster = new TestCluster(directory.resolve("cluster"), Map.of());
    client = cluster.client();
  }

  @AfterAll
  static void stop() throws Exception {
    client.close();
    cluster.close();
  }

  @BeforeEach
  void empty() {
    assertThat(cluster.run("rm", "-r", "--no-preserve-root", "/").code()).isZero();
  }

  private static Run run(String... args) {
    return cluster.run(args);
  }

  private static List<String> lines(String... args) {
    Run run = run(args);
    assertThat(run.code()).as(run.err()).isZero();
    return run.lines();
  }

  private static void done(String... args) {
    assertThat(run(args)).satisfies(r -> assertThat(r.code()).as(r.err()).isZero());
  }

  private static void refused(ExitCode code, String words, String... args) {
    assertThat(run(args))
        .satisfies(r -> assertThat(r.err()).contains(words))
        .satisfies(r -> assertThat(r.code()).as(r.err()).isEqualTo(code.number()));
  }

  private static void write(String path, String content) throws Exception {
    TestCluster.write(client, path, content.getBytes(StandardCharsets.UTF_8));
  }

  private static String read(String path) throws Exception {
    return new String(TestCluster.read(client, path), StandardCharsets.UTF_8);
  }

  private static List<String> names(String directory) throws Exception {
    return client.readdir(directory).stream().map(DirectoryPage.Entry::name).toList();
  }

  // --- Patterns ---

  @Test
  void patternsStandForWhatFits() throws Exception {
    client.mkdirs("/p/one");
    client.mkdirs("/p/two");
    for (String name : List.of("/p/one/a.jpg", "/p/two/b.jpg", "/p/two/c.png", "/p/.hidden.jpg")) {
      write(name, name);
    }
    assertThat(lines("cat", "/p/*/*.jpg")).containsExactly("/p/one/a.jpg/p/two/b.jpg");
    assertThat(lines("ls", "/p/*/?.png")).containsExactly("c.png");
  }

  @Test
  void whatHasTheVeryNameIsNoPattern() throws Exception {
    write("/[ab]", "the very");
    write("/a", "a");
    write("/x*", "star");
    write("/xy", "xy");
    assertThat(lines("cat", "/[ab]")).containsExactly("the very");
    done("rm", "/x*");
    assertThat(names("/")).containsExactly("[ab]", "a", "xy");
    done("rm", "/\\[ab\\]*");
    assertThat(names("/")).containsExactly("a", "xy");
  }

  @Test
  void aPatternThatFitsNothingIsNotFound() {
    refused(ExitCode.NOT_FOUND, "nothing fits /none*", "rm", "/none*");
    done("rm", "-f", "/none*");
  }

  @Test
  void aPatternForAllOfTheRootIsTheRoot() throws Exception {
    client.mkdirs("/kept/inside");
    refused(ExitCode.REFUSED, "--no-preserve-root", "rm", "-r", "/*");
    refused(ExitCode.REFUSED, "--no-preserve-root", "rm", "-rf", "//?*");
    assertThat(client.stat("/kept/inside").isDirectory()).isTrue();
    done("rm", "-r", "/k*");
    assertThat(names("/")).isEmpty();
  }

  // --- find, du ---

  @Test
  void findFindsByNameTypeSizeAndTime() throws Exception {
    client.mkdirs("/f/sub");
    write("/f/old", "x");
    write("/f/sub/big", "x".repeat(5000));
    write("/f/sub/none", "");
    client.symlink("old", "/f/link");
    client.setattr("/f/old", AttributeChange.NONE.withMtime(1_000));
    assertThat(lines("find", "/f"))
        .containsExactly("/f", "/f/link", "/f/old", "/f/sub", "/f/sub/big", "/f/sub/none");
    assertThat(lines("find", "/f", "-type", "d")).containsExactly("/f", "/f/sub");
    assertThat(lines("find", "/f", "-type", "l")).containsExactly("/f/link");
    assertThat(lines("find", "/f", "-name", "[bn]*")).containsExactly("/f/sub/big", "/f/sub/none");
    assertThat(lines("find", "/f", "-size", "+1k")).containsExactly("/f/sub/big");
    assertThat(lines("find", "/f", "-size", "5k")).containsExactly("/f/sub/big");
    assertThat(lines("find", "/f", "-type", "f", "-size", "-2"))
        .containsExactly("/f/old", "/f/sub/none");
    assertThat(lines("find", "/f", "-type", "f", "-mtime", "+7")).containsExactly("/f/old");
    assertThat(lines("find", "/f", "-type", "f", "-mtime", "-1"))
        .containsExactly("/f/sub/big", "/f/sub/none");
    assertThat(lines("find", "/f", "-type", "f", "-newer", "/f/old"))
        .containsExactly("/f/sub/big", "/f/sub/none");
    assertThat(lines("find", "/f", "-empty")).containsExactly("/f/sub/none");
    assertThat(lines("find", "/f", "-maxdepth", "1", "-mindepth", "1"))
        .containsExactly("/f/link", "/f/old", "/f/sub");
    assertThat(run("find", "/f", "-print0", "-type", "l").out()).isEqualTo("/f/link\0");
    refused(ExitCode.USAGE, "-type takes", "find", "/f", "-type", "x");
    refused(ExitCode.USAGE, "-size takes", "find", "/f", "-size", "many");
    refused(ExitCode.NOT_FOUND, "ENOENT", "find", "/missing");
  }

  @Test
  void findRemovesWhatItFindsAndNothingElse() throws Exception {
    client.mkdirs("/f/a/b");
    write("/f/a/b/x.tmp", "x");
    write("/f/a/y", "y");
    done("find", "/f", "-name", "*.tmp", "-delete");
    assertThat(lines("find", "/f")).containsExactly("/f", "/f/a", "/f/a/b", "/f/a/y");
    refused(ExitCode.NOT_CREATED, "ENOTEMPTY", "find", "/f", "-type", "d", "-delete");
    assertThat(read("/f/a/y")).isEqualTo("y");
    done("find", "/f", "-delete");
    assertThat(names("/")).isEmpty();
    client.mkdirs("/kept");
    refused(ExitCode.USAGE, "where", "find", "-delete");
    refused(ExitCode.USAGE, "where", "find", "-name", "*", "-delete");
    refused(ExitCode.REFUSED, "--no-preserve-root", "find", "/", "-delete");
    assertThat(names("/")).containsExactly("kept");
  }

  @Test
  void duSumsWhatIsBelow() throws Exception {
    client.mkdirs("/d/sub/deep");
    write("/d/one", "x".repeat(10));
    write("/d/sub/two", "x".repeat(200));
    write("/d/sub/deep/three", "x".repeat(3000));
    client.mkdirs("/d/z");
    assertThat(lines("du", "/d"))
        .containsExactly(
            "3000       /d/sub/deep", "3200       /d/sub", "0          /d/z", "3210       /d");
    assertThat(lines("du", "-s", "/d")).containsExactly("3210       /d");
    assertThat(lines("du", "-d", "1", "/d"))
        .containsExactly("3200       /d/sub", "0          /d/z", "3210       /d");
    assertThat(lines("du", "-s", "-h", "/d")).containsExactly("3.1 KiB    /d");
    assertThat(lines("du", "-s", "/d/*"))
        .containsExactly("10         /d/one", "3200       /d/sub", "0          /d/z");
  }

  // --- Names and attributes ---

  @Test
  void lnMakesLinksAsTheyAreWritten() throws Exception {
    client.mkdirs("/l/dir");
    write("/l/file", "x");
    done("ln", "-s", "../elsewhere", "/l/link");
    assertThat(client.readlink("/l/link")).isEqualTo("../elsewhere");
    done("ln", "-s", "../file", "/l/dir");
    assertThat(read("/l/dir/file")).isEqualTo("x");
    refused(ExitCode.NOT_CREATED, "EEXIST", "ln", "-s", "other", "/l/link");
    done("ln", "-sf", "other", "/l/link");
    assertThat(client.readlink("/l/link")).isEqualTo("other");
    done("ln", "-s", "dir", "/l/todir");
    done("ln", "-sfn", "file", "/l/todir");
    assertThat(client.readlink("/l/todir")).isEqualTo("file");
    assertThat(names("/l")).containsExactly("dir", "file", "link", "todir");
  }

  @Test
  void chmodAndChownChangeFilesAndTrees() throws Exception {
    client.mkdirs("/c/sub");
    write("/c/file", "x");
    write("/c/sub/run", "x");
    client.setattr("/c/sub/run", AttributeChange.NONE.withMode(0744));
    client.symlink("file", "/c/link");
    done("chmod", "6755", "/c/file");
    assertThat(client.stat("/c/file").mode()).isEqualTo(06755);
    assertThat(lines("ls", "-l", "/c/file").getFirst()).startsWith("-rwsr-sr-x");
    done("chmod", "-R", "u=rwX,go=", "/c");
    assertThat(client.stat("/c").mode()).isEqualTo(0700);
    assertThat(client.stat("/c/sub/run").mode()).isEqualTo(0700);
    done("chmod", "a+r", "/c/link");
    assertThat(client.stat("/c/file").mode() & 0777).isEqualTo(0744);
    refused(ExitCode.USAGE, "neither octal", "chmod", "-R", "9", "/c");

    done("chown", "7:8", "/c/file");
    done("chown", ":9", "/c/file");
    assertThat(client.stat("/c/file").uid()).isEqualTo(7);
    assertThat(client.stat("/c/file").gid()).isEqualTo(9);
    done("chown", "-R", "5", "/c");
    assertThat(client.stat("/c/sub/run").uid()).isEqualTo(5);
    assertThat(client.stat("/c/file").gid()).isEqualTo(9);
    refused(ExitCode.USAGE, "as numbers", "chown", "ann", "/c");
    refused(ExitCode.USAGE, "as numbers", "chown", ":", "/c");
  }

  @Test
  void touchMakesFilesAndSetsTimes() throws Exception {
    done("touch", "-c", "/t");
    assertThat(names("/")).isEmpty();
    done("touch", "/t");
    assertThat(client.stat("/t").size()).isZero();
    done("touch", "-d", "2024-05-01T12:00Z", "/t");
    assertThat(client.stat("/t").mtimeMs()).isEqualTo(1_714_564_800_000L);
    assertThat(client.stat("/t").atimeMs()).isEqualTo(1_714_564_800_000L);
    done("touch", "-a", "-d", "@1", "/t");
    done("touch", "-m", "-d", "@2", "/t");
    assertThat(client.stat("/t").atimeMs()).isEqualTo(1_000);
    assertThat(client.stat("/t").mtimeMs()).isEqualTo(2_000);
    done("touch", "-r", "/t", "/u");
    assertThat(client.stat("/u").mtimeMs()).isEqualTo(2_000);
    assertThat(client.stat("/u").atimeMs()).isEqualTo(1_000);
    refused(ExitCode.USAGE, "2024-05-01", "touch", "-d", "yesterday", "/t");
    refused(ExitCode.NOT_FOUND, "ENOENT", "touch", "/no/such");
  }

  @Test
  void mktempMakesWhatNobodyHas() throws Exception {
    client.mkdirs("/tmp");
    String file = lines("mktemp", "/tmp/job.XXXXXX.log").getFirst();
    assertThat(file).matches("/tmp/job\\.[a-zA-Z0-9]{6}\\.log");
    assertThat(client.stat(file).mode()).isEqualTo(0600);
    String made = lines("mktemp", "-d").getFirst();
    assertThat(made).matches("/tmp\\.\\w{10}");
    assertThat(client.stat(made).isDirectory()).isTrue();
    assertThat(client.stat(made).mode()).isEqualTo(0700);
    refused(ExitCode.USAGE, "XXX", "mktemp", "/tmp/job");
    refused(ExitCode.NOT_FOUND, "ENOENT", "mktemp", "/none/job.XXX");
  }

  // --- head, tail ---

  @Test
  void headAndTailShowTheEndsOfFiles() throws Exception {
    String numbers =
        String.join("\n", IntStream.rangeClosed(1, 50_000).mapToObj(Integer::toString).toList());
    write("/n", numbers + "\n");
    write("/open", numbers);
    write("/empty", "");
    assertThat(lines("head", "/n")).hasSize(10).startsWith("1").endsWith("10");
    assertThat(lines("head", "-n", "3", "/n")).containsExactly("1", "2", "3");
    assertThat(run("head", "-c", "5", "/n").out()).isEqualTo("1\n2\n3");
    assertThat(run("head", "-n", "60000", "/n").out()).isEqualTo(numbers + "\n");
    assertThat(lines("head", "-n", "0", "/n")).isEmpty();
    assertThat(lines("tail", "/n")).hasSize(10).startsWith("49991").endsWith("50000");
    assertThat(lines("tail", "-n", "2", "/open")).containsExactly("49999", "50000");
    assertThat(run("tail", "-c", "6", "/n").out()).isEqualTo("50000\n");
    assertThat(run("tail", "-n", "30000", "/n").lines()).hasSize(30_000).startsWith("20001");
    assertThat(run("tail", "-n", "60000", "/n").out()).isEqualTo(numbers + "\n");
    assertThat(lines("tail", "-n", "0", "/n")).isEmpty();
    assertThat(lines("tail", "/empty")).isEmpty();
    assertThat(lines("head", "-n", "1", "/n", "/open"))
        .containsExactly("==> /n <==", "1", "==> /open <==", "1");
    refused(ExitCode.USAGE, "-n or -c", "head", "-n", "1", "-c", "1", "/n");
    refused(ExitCode.USAGE, "one file", "tail", "-f", "/n", "/open");
  }

  private static void append(String path, String text) throws Exception {
    try (SandFile file =
        client.open(
            path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_APPEND), 0644)) {
      file.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  @Test
  void tailFollowsAFileThatGrowsIsCutAndReplaced() throws Exception {
    append("/log", "one\n");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("tail", "-f", "--interval", "5", "/log", "-t", cluster.nodes.seeds()));
    Process tail = new ProcessBuilder(command).start();
    try (BufferedReader out =
        new BufferedReader(new InputStreamReader(tail.getInputStream(), StandardCharsets.UTF_8))) {
      assertThat(out.readLine()).isEqualTo("one");
      append("/log", "two\n");
      assertThat(out.readLine()).isEqualTo("two");
      client.truncate("/log", 0);
      append("/log", "3\n");
      assertThat(out.readLine()).isEqualTo("3");
      append("/new", "another, and longer than that before\n");
      client.rename("/new", "/log");
      assertThat(out.readLine()).isEqualTo("another, and longer than that before");
    } finally {
      tail.destroy();
      assertThat(tail.waitFor(TestCluster.LIMIT)).isTrue();
    }
  }

  @Test
  void lnGivesAFileOneMoreName() throws Exception {
    client.mkdir("/hard", 0755);
    append("/hard/a", "text");
    append("/hard/old", "other");
    done("ln", "/hard/a", "/hard/b");
    refused(ExitCode.NOT_CREATED, "EEXIST", "ln", "/hard/a", "/hard/old");
    done("ln", "-f", "/hard/a", "/hard/old");
    done("ln", "-f", "/hard/a", "/hard/b"); // which it is already
    assertThat(client.stat("/hard/old").inode()).isEqualTo(client.stat("/hard/a").inode());
    assertThat(client.stat("/hard/a").links()).isEqualTo(3);
    assertThat(client.readdir("/hard")).hasSize(3);
    refused(ExitCode.NOT_PERMITTED, "EPERM", "ln", "/hard", "/hard/c");
  }

  @Test
  void whatIsNeitherFileDirectoryNorLinkIsFoundAndNotCopiedInSilence() throws Exception {
    client.mkdir("/odd", 0755);
    append("/odd/file", "text");
    client.makeNode("/odd/pipe", FileStat.Type.FIFO, 0644, 0);
    assertThat(lines("find", "/odd", "-type", "p")).containsExactly("/odd/pipe");
    refused(ExitCode.DATA, "pipe", "cp", "-r", "/odd", "/copied");
    assertThat(run("cat", "/copied/file").out()).isEqualTo("text");
    refused(ExitCode.DATA, "/odd/pipe", "cp", "/odd/pipe", "/copied/pipe");
    refused(ExitCode.DATA, "pipe", "get", "/odd", directory.resolve("odd").toString());
  }

  // --- watch ---

  @Test
  void watchShowsWhatChangedSinceAPositionAndEndsWhenItHasShownEnough() throws Exception {
    client.mkdir("/watched", 0755);
    String position = client.watch("/watched", true).position();
    append("/watched/a", "text");
    client.rename("/watched/a", "/watched/b");
    client.mkdir("/elsewhere", 0755);
    assertThat(lines("watch", "-r", "-n", "4", "--after", position, "/watched"))
        .containsExactly(
            "added /watched/a",
            "content /watched/b", // by its name of now
            "removed /watched/a",
            "added /watched/b");
    assertThat(run("watch", "-n", "1", "--json", "--after", position, "/watched").out())
        .contains("\"change\":\"added\"", "\"path\":\"/watched/a\"", "\"type\":\"REGULAR\"");
    refused(ExitCode.REFUSED, "no position", "watch", "--after", "yesterday", "/watched");
  }

  // --- cp ---

  @Test
  void cpCopiesWithinTheCluster() throws Exception {
    client.mkdirs("/a/sub");
    byte[] big = TestCluster.content(1, 5 << 20);
    TestCluster.write(client, "/a/sub/big", big);
    client.symlink("sub/big", "/a/link");
    client.setattr(
        "/a/sub/big", AttributeChange.NONE.withMode(0750).withMtime(5_000).withOwner(3, 4));
    client.setattr("/a/sub", AttributeChange.NONE.withMode(0500).withMtime(6_000));
    refused(ExitCode.NOT_CREATED, "use -r", "cp", "-q", "/a", "/b");
    done("cp", "-q", "-r", "/a", "/b");
    assertThat(TestCluster.read(client, "/b/sub/big")).isEqualTo(big);
    assertThat(client.readlink("/b/link")).isEqualTo("sub/big");
    assertThat(client.stat("/b/sub/big").mode()).isEqualTo(0750);
    assertThat(client.stat("/b/sub/big").mtimeMs()).isNotEqualTo(5_000);
    assertThat(client.stat("/b/sub").mode()).isEqualTo(0500);
    done("cp", "-q", "-r", "-p", "/a", "/b");
    assertThat(client.stat("/b/a/sub/big"))
        .satisfies(s -> assertThat(s.mtimeMs()).isEqualTo(5_000))
        .satisfies(s -> assertThat(List.of(s.uid(), s.gid())).containsExactly(3, 4));
    assertThat(client.stat("/b/a/sub").mtimeMs()).isEqualTo(6_000);
    refused(ExitCode.REFUSED, "into itself", "cp", "-q", "-r", "/a", "/a/sub/x");
    refused(ExitCode.REFUSED, "the same", "cp", "-q", "/a/sub/big", "/a/link");
    assertThat(TestCluster.read(client, "/a/sub/big")).isEqualTo(big);
  }

  @Test
  void cpReplacesAFileAsAWholeOrLeavesIt() throws Exception {
    write("/one", "1");
    write("/two", "22");
    client.mkdirs("/into");
    long inode = client.stat("/two").inode();
    done("cp", "-q", "-n", "/one", "/two");
    assertThat(read("/two")).isEqualTo("22");
    done("cp", "-q", "/one", "/two");
    assertThat(read("/two")).isEqualTo("1");
    assertThat(client.stat("/two").inode()).as("a new file took its name").isNotEqualTo(inode);
    done("cp", "-q", "/one", "/two", "/into");
    assertThat(names("/into")).containsExactly("one", "two");
    refused(ExitCode.NOT_CREATED, "no directory", "cp", "-q", "/one", "/two", "/three");
    done("mv", "/on*", "/tw*", "/into");
    assertThat(names("/")).containsExactly("into");
  }

  // --- sync ---

  private void makeTree() throws Exception {
    Path sub = Files.createDirectories(local.resolve("tree/sub"));
    Files.writeString(sub.resolve("file"), "one");
    Files.writeString(local.resolve("tree/top"), "two");
    Files.createSymbolicLink(local.resolve("tree/link"), Path.of("top"));
    Files.setPosixFilePermissions(sub, PosixFilePermissions.fromString("rwxr-x---"));
    Files.setLastModifiedTime(sub, FileTime.fromMillis(1_000_000));
    Files.setLastModifiedTime(sub.resolve("file"), FileTime.fromMillis(2_000_000));
  }

  @Test
  void syncCopiesWhatDiffersAndNothingElse() throws Exception {
    makeTree();
    String tree = local.resolve("tree").toString();
    assertThat(lines("sync", "-q", "-n", tree, "sand:/s"))
        .containsExactly("mkdir  ", "mkdir  sub", "copy   link", "copy   sub/file", "copy   top");
    assertThat(names("/")).isEmpty();
    done("sync", "-q", tree, "sand:/s");
    assertThat(read("/s/sub/file")).isEqualTo("one");
    assertThat(client.readlink("/s/link")).isEqualTo("top");
    assertThat(client.stat("/s/sub").mtimeMs()).isEqualTo(1_000_000);
    assertThat(client.stat("/s/sub").mode()).isEqualTo(0750);
    long inode = client.stat("/s/top").inode();
    assertThat(lines("sync", "-q", "-v", tree, "sand:/s")).isEmpty();
    Files.writeString(local.resolve("tree/sub/file"), "three");
    assertThat(lines("sync", "-q", "-v", tree, "sand:/s")).containsExactly("copy   sub/file");
    assertThat(read("/s/sub/file")).isEqualTo("three");
    assertThat(client.stat("/s/top").inode()).isEqualTo(inode);

    Path back = local.resolve("back");
    done("sync", "-q", "sand:/s", back.toString());
    assertThat(back.resolve("sub/file")).hasContent("three");
    assertThat(Files.readSymbolicLink(back.resolve("link"))).isEqualTo(Path.of("top"));
    assertThat(lines("sync", "-q", "-v", "sand:/s", back.toString())).isEmpty();
  }

  /** The same size at the same time is what only sums can tell apart. */
  @Test
  void syncComparesBytesWhereItIsAskedTo() throws Exception {
    makeTree();
    String tree = local.resolve("tree").toString();
    done("sync", "-q", tree, "sand:/s");
    Path file = local.resolve("tree/sub/file");
    Files.writeString(file, "eno");
    Files.setLastModifiedTime(file, FileTime.fromMillis(2_000_000));
    assertThat(lines("sync", "-q", "-v", tree, "sand:/s")).doesNotContain("copy   sub/file");
    assertThat(lines("sync", "-q", "-v", "--checksum", tree, "sand:/s"))
        .containsExactly("copy   sub/file");
    assertThat(read("/s/sub/file")).isEqualTo("eno");
  }

  @Test
  void syncRemovesOnlyWhenItIsTold() throws Exception {
    makeTree();
    String tree = local.resolve("tree").toString();
    client.mkdirs("/s/more/below");
    write("/s/more/below/file", "x");
    client.mkdirs("/s/top/was/a/directory");
    refused(ExitCode.NOT_CREATED, "another kind", "sync", "-q", tree, "sand:/s");
    assertThat(names("/s")).as("nothing was begun").containsExactly("more", "top");
    done("rm", "-r", "/s/top");
    done("sync", "-q", tree, "sand:/s");
    assertThat(names("/s")).containsExactly("link", "more", "sub", "top");
    client.mkdirs("/s/sub/file2");
    done("sync", "-q", "--delete", tree, "sand:/s");
    assertThat(lines("find", "/s"))
        .containsExactly("/s", "/s/link", "/s/sub", "/s/sub/file", "/s/top");

    Path back = Files.createDirectories(local.resolve("back/surplus/below"));
    Files.createDirectories(local.resolve("back/link"));
    done("sync", "-q", "--delete", "sand:/s", local.resolve("back").toString());
    assertThat(back).doesNotExist();
    assertThat(local.resolve("back/link")).isSymbolicLink();
  }

  /** A link in the target must not lead what is copied, or removed, out of it. */
  @Test
  void syncDoesNotFollowLinksOutOfItsTarget() throws Exception {
    makeTree();
    done("sync", "-q", local.resolve("tree").toString(), "sand:/s");
    Path outside = Files.createDirectories(local.resolve("outside"));
    Files.writeString(outside.resolve("precious"), "x");
    Path back = Files.createDirectories(local.resolve("back"));
    Files.createSymbolicLink(back.resolve("sub"), outside);
    refused(ExitCode.NOT_CREATED, "another kind", "sync", "-q", "sand:/s", back.toString());
    done("sync", "-q", "--delete", "sand:/s", back.toString());
    assertThat(outside.resolve("precious")).hasContent("x");
    assertThat(back.resolve("sub")).isDirectory();
    assertThat(Files.isSymbolicLink(back.resolve("sub"))).isFalse();
  }

  @Test
  void syncWantsOneEndInTheCluster() {
    refused(ExitCode.USAGE, "sand:", "sync", "a", "b");
    refused(ExitCode.USAGE, "sand:", "sync", "sand:/a", "sand:/b");
    refused(ExitCode.NOT_FOUND, "nowhere", "sync", "--delete", "nowhere", "sand:/s");
    refused(ExitCode.NOT_FOUND, "sand:/none", "sync", "--delete", "sand:/none", local.toString());
  }

  // --- resume ---

  private static List<String> begun(List<String> names) {
    return names.stream().filter(n -> n.startsWith(".sandstore-")).toList();
  }

  /**
   * A copy that broke off is played by what it leaves: its beginning, right or wrong, beside the
   * target.
   */
  @Test
  void aCopyIntoTheClusterGoesOnWithWhatIsRight() throws Exception {
    byte[] bytes = TestCluster.content(7, 3_000_000);
    Path file = Files.write(local.resolve("file"), bytes);
    write("/file", "old");
    String beside = interruptedPut(file, 1_500_000);
    try (SandFile begun = client.open("/" + beside, EnumSet.of(OpenFlag.O_WRONLY), 0)) {
      begun.write(ByteBuffer.wrap(new byte[10]), 1_200_000); // not what was sent
    }
    long inode = client.stat("/" + beside).inode();
    assertThat(read("/file")).isEqualTo("old");
    done("put", "-q", "--resume", file.toString(), "/file");
    assertThat(TestCluster.read(client, "/file")).isEqualTo(bytes);
    assertThat(client.stat("/file").inode()).as("it went on").isEqualTo(inode);
    assertThat(names("/")).containsExactly("file");
    done("put", "-q", "--resume", file.toString(), "/file");
    assertThat(client.stat("/file").inode()).as("nothing to do").isEqualTo(inode);
  }

  /** Leaves what a killed copy leaves, under the name that it gave it. */
  private static String interruptedPut(Path file, long length) throws Exception {
    TreeCopy.Item item = TreeCopy.plan(file).files().getFirst();
    String beside = ".sandstore-put-" + TreeCopy.begun(item, "/file");
    byte[] bytes = Files.readAllBytes(file);
    TestCluster.write(client, "/" + beside, Arrays.copyOf(bytes, (int) length));
    return beside;
  }

  @Test
  void aCopyOutOfTheClusterGoesOnWithWhatIsRight() throws Exception {
    byte[] bytes = TestCluster.content(8, 3_000_000);
    TestCluster.write(client, "/file", bytes);
    Path target = local.resolve("file");
    TreeCopy.Item item = new TreeCopy(client, 1).plan("/file").files().getFirst();
    Path beside = local.resolve(".sandstore-get-" + TreeCopy.begun(item, target.toString()));
    Files.write(beside, Arrays.copyOf(bytes, 2_000_000));
    Object key = Files.getAttribute(beside, "unix:ino");
    done("get", "-q", "--resume", "/file", target.toString());
    assertThat(target).hasBinaryContent(bytes);
    assertThat(Files.getAttribute(target, "unix:ino")).as("it went on").isEqualTo(key);
    assertThat(begun(List.of(local.toFile().list()))).isEmpty();
    done("get", "-q", "--resume", "/file", target.toString());
    assertThat(Files.getAttribute(target, "unix:ino")).as("nothing to do").isEqualTo(key);
  }

  @Test
  void aFileThatIsWrittenInPlaceKeepsItsIdentity() throws Exception {
    Path file = Files.writeString(local.resolve("file"), "new");
    write("/file", "old, and longer");
    long inode = client.stat("/file").inode();
    done("put", "-q", "--in-place", file.toString(), "/file");
    assertThat(read("/file")).isEqualTo("new");
    assertThat(client.stat("/file").inode()).isEqualTo(inode);
    refused(ExitCode.USAGE, "not both", "put", "--in-place", "--resume", file.toString(), "/file");
  }

  @Test
  void severalFilesComeOutIntoADirectory() throws Exception {
    write("/a1", "1");
    write("/a2", "2");
    done("get", "-q", "/a*", local.toString());
    assertThat(local.resolve("a1")).hasContent("1");
    assertThat(local.resolve("a2")).hasContent("2");
    refused(ExitCode.NOT_CREATED, "no directory", "get", "/a*", local.resolve("x").toString());
  }

  @Test
  void theWaitOfAFollowerIsAtLeastAMillisecond() throws Exception {
    write("/w", "x");
    refused(ExitCode.USAGE, "interval", "tail", "-f", "--interval", "0", "/w");
  }
}
