package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.cli.TestCluster.Run;
import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandstoreClient;
import io.sandstore.testkit.LocalCluster;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a shell user does on a bad day: nothing may be lost, or pass for done, without a word. */
@Tag("slow")
class FileCommandsTest {

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

  private static Run run(String... args) {
    return cluster.run(args);
  }

  private static List<String> names(String directory) throws Exception {
    return client.readdir(directory).stream().map(DirectoryPage.Entry::name).toList();
  }

  /** Runs a shell line with {@code $S} as the command line in a process of its own. */
  private Run shell(Map<String, String> environment, String script) throws Exception {
    List<String> java = new ArrayList<>();
    java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    java.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"));
    java.add("'" + System.getProperty("java.class.path") + "'");
    java.add(Main.class.getName());
    Path err = local.resolve("shell.err");
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", "S='" + String.join(" ", java) + "'; " + script);
    builder.directory(local.toFile());
    builder.environment().putAll(environment);
    builder.environment().put("SANDSTORE_SEEDS", cluster.nodes.seeds());
    builder.redirectError(err.toFile()).redirectOutput(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    if (!process.waitFor(TestCluster.LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("does not end: " + script);
    }
    return new Run(process.exitValue(), "", Files.readString(err));
  }

  // --- What is named ---

  @Test
  void anEmptyPathIsRefusedByEveryCommand() throws Exception {
    client.mkdirs("/precious/inside");
    Files.writeString(local.resolve("file"), "x");
    for (List<String> command :
        List.of(
            List.of("rm", "-r", ""),
            List.of("rm", "-rf", ""),
            List.of("ls", ""),
            List.of("stat", ""),
            List.of("cat", ""),
            List.of("mkdir", "-p", ""),
            List.of("mv", "", "/elsewhere"),
            List.of("mv", "/precious", ""),
            List.of("truncate", "-s", "0", ""),
            List.of("get", "", local.resolve("out").toString()),
            List.of("put", local.resolve("file").toString(), ""))) {
      assertThat(run(command.toArray(String[]::new)))
          .as(command.toString())
          .satisfies(r -> assertThat(r.code()).isEqualTo(ExitCode.USAGE.number()))
          .satisfies(r -> assertThat(r.err()).contains("empty path"));
    }
    assertThat(client.stat("/precious/inside").isDirectory()).isTrue();
  }

  @Test
  void theRootIsEmptiedOnlyWhenThatIsSaid() throws Exception {
    client.mkdirs("/kept/inside");
    for (String root : List.of("/", "//", "///")) {
      assertThat(run("rm", "-r", root))
          .satisfies(r -> assertThat(r.code()).isEqualTo(ExitCode.REFUSED.number()))
          .satisfies(r -> assertThat(r.err()).contains("--no-preserve-root"));
    }
    assertThat(client.stat("/kept/inside").isDirectory()).isTrue();
  }

  @Test
  void aTrailingSlashNamesTheDirectory() throws Exception {
    client.mkdirs("/slash/src/inside");
    client.mkdirs("/slash/dst");
    assertThat(run("mv", "/slash/src/", "/slash/dst").code()).isZero();
    assertThat(client.stat("/slash/dst/src/inside").isDirectory()).isTrue();
    assertThat(run("get", "-q", "/slash/dst/", local.toString()).code()).isZero();
    assertThat(local.resolve("dst/src/inside")).isDirectory();
  }

  @Test
  void theWholeTreeComesOutIntoTheCurrentDirectory() throws Exception {
    client.mkdirs("/all");
    TestCluster.write(client, "/all/file", new byte[] {1});
    assertThat(shell(Map.of(), "$S get -q / .").code()).isZero();
    assertThat(local.resolve("all/file")).hasBinaryContent(new byte[] {1});
  }

  @Test
  void directoriesAreNotMadeOverAFile() throws Exception {
    TestCluster.write(client, "/afile", new byte[] {1});
    assertThat(run("mkdir", "-p", "/afile").code()).isEqualTo(ExitCode.NOT_CREATED.number());
    assertThat(run("mkdir", "-p", "/afile/below").code()).isEqualTo(ExitCode.NOT_CREATED.number());
    client.symlink("afile", "/alink");
    assertThat(run("mkdir", "-p", "/alink").code()).isEqualTo(ExitCode.NOT_CREATED.number());
  }

  // --- Names ---

  @Test
  void aBackslashIsALetterLikeAnyOther() throws Exception {
    Path tree = Files.createDirectories(local.resolve("tree"));
    Files.writeString(tree.resolve("a\\b"), "one");
    assertThat(run("put", "-q", tree.toString(), "/backslash").code()).isZero();
    assertThat(names("/backslash")).containsExactly("a\\b");
    assertThat(run("get", "-q", "/backslash", local.resolve("back").toString()).code()).isZero();
    assertThat(local.resolve("back/a\\b")).hasContent("one");
  }

  /** In the C locale every letter beyond ASCII would become the same replacement. */
  @Test
  void namesThatTheLocaleCannotSayAreRefusedNotReplaced() throws Exception {
    Path tree = Files.createDirectories(local.resolve("tree"));
    Files.writeString(tree.resolve("ä"), "one");
    Files.writeString(tree.resolve("ö"), "two");
    Run refused = shell(Map.of("LC_ALL", "C"), "$S put -q tree /locale");
    assertThat(refused.code()).isEqualTo(ExitCode.DATA.number());
    assertThat(refused.err()).contains("cannot be read in this locale").contains("UTF-8");
    assertThat(shell(Map.of("LC_ALL", "C.UTF-8"), "$S put -q tree /locale").code()).isZero();
    assertThat(names("/locale")).containsExactlyInAnyOrder("ä", "ö");
    Run out = shell(Map.of("LC_ALL", "C"), "$S get -q /locale out");
    assertThat(out.code()).isEqualTo(ExitCode.DATA.number());
    assertThat(out.err()).contains("cannot be written in this locale");
  }

  @Test
  void namesThatAreNotUtf8AreRefusedNotReplaced() throws Exception {
    Run run =
        shell(
            Map.of("LC_ALL", "C.UTF-8"),
            "mkdir tree; echo 1 > tree/$'x\\xe4'; echo 2 > tree/$'x\\xf6'; $S put -q tree /bytes");
    assertThat(run.code()).isEqualTo(ExitCode.DATA.number());
    assertThat(run.err()).contains("cannot be read in this locale");
  }

  // --- What is copied ---

  @Test
  void whatIsNoFileIsNamedAndTheRestCopied() throws Exception {
    Run run =
        shell(
            Map.of(),
            "mkdir tree; echo a > tree/a; mkfifo tree/fifo; echo z > tree/z; $S put -q tree /odd");
    assertThat(run.code()).isEqualTo(ExitCode.DATA.number());
    assertThat(run.err()).contains("fifo").contains("neither file, directory nor link");
    assertThat(names("/odd")).containsExactly("a", "z");
  }

  @Test
  void aPipeThatIsNamedIsReadToItsEnd() throws Exception {
    Run run = shell(Map.of(), "$S put -q <(seq 1 100000) /piped");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(TestCluster.read(client, "/piped")).hasSize(588_895);
  }

  @Test
  void directoriesKeepTheirModeAndTimes() throws Exception {
    Path closed = Files.createDirectories(local.resolve("tree/closed"));
    Files.writeString(closed.resolve("file"), "x");
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
    FileTime time = FileTime.fromMillis(1_234_567_000);
    Files.setLastModifiedTime(closed, time);
    assertThat(run("put", "-q", local.resolve("tree").toString(), "/modes").code()).isZero();
    assertThat(client.stat("/modes/closed").mtimeMs()).isEqualTo(time.toMillis());
    assertThat(client.stat("/modes/closed").mode()).isEqualTo(0700);
    Path back = local.resolve("back");
    assertThat(run("get", "-q", "/modes", back.toString()).code()).isZero();
    assertThat(Files.getPosixFilePermissions(back.resolve("closed")))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    assertThat(Files.getLastModifiedTime(back.resolve("closed"))).isEqualTo(time);
  }

  /** A directory that nobody may write must be filled before it is closed. */
  @Test
  void readOnlyDirectoriesAreFilledFirst() throws Exception {
    client.mkdirs("/readonly/inside");
    TestCluster.write(client, "/readonly/inside/file", new byte[] {7});
    client.setattr("/readonly/inside", AttributeChange.NONE.withMode(0500));
    assertThat(run("get", "-q", "/readonly", local.resolve("out").toString()).code()).isZero();
    assertThat(local.resolve("out/inside/file")).hasBinaryContent(new byte[] {7});
    assertThat(Files.getPosixFilePermissions(local.resolve("out/inside")))
        .isEqualTo(PosixFilePermissions.fromString("r-x------"));
  }

  /** Killed half-way, a copy over a file leaves the file as it was. */
  @Test
  void aCopyOverAFileThatIsKilledLeavesTheFile() throws Exception {
    byte[] old = TestCluster.content(1, 100_000);
    TestCluster.write(client, "/whole", old);
    // The reader never gets more than the first line, so that the copy cannot have ended.
    Run run =
        shell(
            Map.of(),
            "mkfifo more; (seq 1 2000000; sleep 600) > more & w=$!; $S put -q more /whole & p=$!; "
                + "until [ \"$($S ls / | grep -c sandstore-put)\" = 1 ]; do :; done; "
                + "kill -9 $p; pkill -P $w; kill $w; true");
    assertThat(run.code()).isZero();
    assertThat(TestCluster.read(client, "/whole")).isEqualTo(old);
  }

  /** Killed half-way, a copy to a new name leaves nothing of that name. */
  @Test
  void aCopyOfANewFileThatIsKilledLeavesNoFile() throws Exception {
    client.mkdirs("/killed");
    Run run =
        shell(
            Map.of(),
            "mkfifo rest; (seq 1 2000000; sleep 600) > rest & w=$!; "
                + "$S put -q rest /killed/new & p=$!; "
                + "until [ -n \"$($S ls /killed)\" ]; do :; done; "
                + "kill -9 $p; pkill -P $w; kill $w; true");
    assertThat(run.code()).isZero();
    assertThat(names("/killed")).hasSize(1).doesNotContain("new");
  }

  @Test
  void aCopyOverAFileKeepsNothingOfItAndLeavesNothingBeside() throws Exception {
    Path file = Files.write(local.resolve("file"), TestCluster.content(2, 5_000));
    client.mkdirs("/over");
    TestCluster.write(client, "/over/file", TestCluster.content(1, 100_000));
    assertThat(run("put", "-q", file.toString(), "/over/file").code()).isZero();
    assertThat(TestCluster.read(client, "/over/file")).isEqualTo(Files.readAllBytes(file));
    assertThat(names("/over")).containsExactly("file");
    Path out = Files.write(local.resolve("out"), new byte[10]);
    assertThat(run("get", "-q", "/over/file", out.toString()).code()).isZero();
    assertThat(out).hasSameBinaryContentAs(file);
    try (var beside = Files.list(local)) {
      assertThat(beside).containsExactlyInAnyOrder(file, out);
    }
  }

  /** As cp does: the link stays, what it names is written. */
  @Test
  void aCopyOverALinkWritesWhatTheLinkNames() throws Exception {
    Path file = Files.writeString(local.resolve("file"), "new");
    client.mkdirs("/linked");
    TestCluster.write(client, "/linked/real", new byte[5]);
    client.symlink("real", "/linked/link");
    assertThat(run("put", "-q", file.toString(), "/linked/link").code()).isZero();
    assertThat(client.lstat("/linked/link").isSymlink()).isTrue();
    assertThat(TestCluster.read(client, "/linked/real"))
        .isEqualTo("new".getBytes(StandardCharsets.UTF_8));
    Path real = Files.writeString(local.resolve("real"), "old");
    Path link = Files.createSymbolicLink(local.resolve("link"), Path.of("real"));
    assertThat(run("get", "-q", "/linked/real", link.toString()).code()).isZero();
    assertThat(Files.exists(link, LinkOption.NOFOLLOW_LINKS)).isTrue();
    assertThat(Files.isSymbolicLink(link)).isTrue();
    assertThat(real).hasContent("new");
  }

  @Test
  void howManyAtATimeMustBeANumberOfSome() throws Exception {
    Path file = Files.writeString(local.resolve("file"), "x");
    for (String parallel : List.of("0", "-1", "100000")) {
      assertThat(run("put", "--parallel", parallel, file.toString(), "/p").code())
          .isEqualTo(ExitCode.USAGE.number());
    }
  }

  // --- Output ---

  @Test
  void outputThatCannotBeWrittenIsAFailure() throws Exception {
    TestCluster.write(client, "/big", TestCluster.content(3, 20 << 20));
    for (String command : List.of("cat /big", "ls -l /", "stat /big", "df", "status")) {
      Run full = shell(Map.of(), "$S " + command + " > /dev/full");
      assertThat(full.code()).as(command).isEqualTo(ExitCode.IO.number());
      assertThat(full.err()).contains("standard output");
    }
  }

  /**
   * As other programs of a pipe: the end of the reader is the end of the writer, without a word.
   */
  @Test
  void aReaderThatHasSeenEnoughEndsTheCommand() throws Exception {
    TestCluster.write(client, "/long", new byte[64 << 20]);
    Run run = shell(Map.of(), "$S cat /long /long /long | head -c 10; exit ${PIPESTATUS[0]}");
    assertThat(run.code()).isEqualTo(ExitCode.OUTPUT_CLOSED.number());
    assertThat(run.err()).isEmpty();
  }

  // --- Processes ---

  /** A process id in a file may be somebody else's by now. */
  @Test
  void aStaleProcessIdKillsNobody() throws Exception {
    LocalCluster stale = new LocalCluster(local, 29_870, Map.of());
    Process innocent =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Sleeper.class.getName())
            .redirectErrorStream(true)
            .start();
    try {
      assertThat(innocent.getInputStream().read()).isEqualTo('!');
      Path pid = Files.createDirectories(local.resolve("sandstore-0")).resolve("pid");
      Files.writeString(pid, Long.toString(innocent.pid()));
      assertThat(stale.process("sandstore-0")).isEmpty();
      Files.writeString(pid, innocent.pid() + " 12345");
      assertThat(stale.process("sandstore-0")).isEmpty();
      Files.writeString(pid, "");
      assertThat(stale.process("sandstore-0")).isEmpty();
      stale.kill("sandstore-0");
      stale.stopAll();
      assertThat(innocent.isAlive()).isTrue();
    } finally {
      innocent.destroyForcibly().waitFor();
    }
  }

  /** Some other program in Java. */
  static final class Sleeper {
    private Sleeper() {}

    public static void main(String[] args) throws Exception {
      System.out.print('!');
      System.out.flush();
      Thread.sleep(Duration.ofMinutes(10));
    }
  }

  @Test
  void whoIsNamedOwnsWhatItMakesAndMayDoWhatItMay() throws Exception {
    client.mkdir("/people", 0777);
    assertThat(run("mkdir", "/people/anne", "--as", "1001:100").code()).isZero();
    assertThat(client.stat("/people/anne").uid()).isEqualTo(1001);
    assertThat(client.stat("/people/anne").gid()).isEqualTo(100);
    assertThat(run("mkdir", "/people/anne/inside", "--as", "1002"))
        .satisfies(r -> assertThat(r.code()).isEqualTo(ExitCode.NOT_PERMITTED.number()))
        .satisfies(r -> assertThat(r.err()).contains("no permission to change"));
    assertThat(shell(Map.of("SANDSTORE_AS", "1002"), "$S mkdir /people/anne/inside").code())
        .isEqualTo(ExitCode.NOT_PERMITTED.number());
    assertThat(run("mkdir", "/people/anne/inside").code()).isZero();
    assertThat(run("ls", "/people", "--as", "anne"))
        .satisfies(r -> assertThat(r.code()).isEqualTo(ExitCode.USAGE.number()))
        .satisfies(r -> assertThat(r.err()).contains("must be UID[:GID[,GROUP...]]"));
  }

  @Test
  void openFilesOfOthersAreNotInTheWay() throws Exception {
    TestCluster.write(client, "/held", new byte[10]);
    try (var held = client.open("/held", EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      Path file = Files.write(local.resolve("file"), new byte[20]);
      assertThat(run("put", "-q", file.toString(), "/held").code()).isZero();
      assertThat(held.stat().size()).isEqualTo(10);
    }
    assertThat(client.stat("/held").size()).isEqualTo(20);
  }
}
