package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** What holds for every command of the table. */
class CommandsTest {

  private record Run(int code, String out, String err) {}

  private static Run run(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        Main.commandLine()
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .execute(args);
    return new Run(code, out.toString(), err.toString());
  }

  static Stream<String> names() {
    return Commands.ALL.stream().map(Commands.Entry::name);
  }

  private static Commands.Entry entry(String name) {
    return Commands.ALL.stream().filter(e -> e.name().equals(name)).findFirst().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyCommandHasHelpWithAnExampleThatIsUnderstood(String name) {
    Run help = run(name, "--help");
    assertThat(help.code()).isEqualTo(ExitCode.DONE.number());
    assertThat(help.out()).contains(entry(name).summary()).contains("Usage: sandstore " + name);
    for (String example : entry(name).examples()) {
      assertThat(help.out()).contains(example);
      String line =
          example.replaceAll(".*(sandstore " + name + ")", "$1").replaceAll(" [|)].*|\\)$", "");
      String[] words =
          Arrays.stream(line.split(" ", -1))
              .skip(1)
              .map(w -> w.replace("'", ""))
              .toArray(String[]::new);
      assertThat(Main.commandLine().parseArgs(words).subcommand()).as(example).isNotNull();
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyCommandRefusesWhatItDoesNotKnowWithTheCodeOfUsage(String name) {
    Run run = run(name, "--no-such-option");
    assertThat(run.code()).isEqualTo(ExitCode.USAGE.number());
    assertThat(run.err()).contains("see: sandstore " + name + " --help");
  }

  /** Words with which each command that asks a cluster is understood. */
  private static final Map<String, List<String>> WORDS =
      Map.ofEntries(
          Map.entry("ls", List.of("/a")),
          Map.entry("stat", List.of("/a")),
          Map.entry("cat", List.of("/a")),
          Map.entry("head", List.of("/a")),
          Map.entry("tail", List.of("/a")),
          Map.entry("put", List.of(".", "/a")),
          Map.entry("get", List.of("/a", "nowhere")),
          Map.entry("sync", List.of("sand:/a", "nowhere")),
          Map.entry("cp", List.of("/a", "/b")),
          Map.entry("mv", List.of("/a", "/b")),
          Map.entry("rm", List.of("/a")),
          Map.entry("mkdir", List.of("/a")),
          Map.entry("mktemp", List.of()),
          Map.entry("ln", List.of("-s", "a", "/b")),
          Map.entry("touch", List.of("/a")),
          Map.entry("chmod", List.of("755", "/a")),
          Map.entry("chown", List.of("1:1", "/a")),
          Map.entry("truncate", List.of("-s", "0", "/a")),
          Map.entry("find", List.of("/a")),
          Map.entry("du", List.of("/a")),
          Map.entry("watch", List.of("/a")),
          Map.entry("df", List.of()),
          Map.entry("status", List.of()),
          Map.entry("smoke", List.of()));

  static Stream<String> thoseThatAskACluster() {
    // 'bench' measures the machine first, for half a minute; 'mount' asks it for root (MountTest).
    return names()
        .filter(n -> !n.equals("bench") && !n.equals("mount"))
        .filter(
            n ->
                Main.commandLine().getSubcommands().get(n).getCommandSpec().findOption("-t")
                    != null);
  }

  @ParameterizedTest
  @MethodSource("thoseThatAskACluster")
  void everyCommandSaysThatThereIsNoClusterWithItsCode(String name) {
    assertThat(WORDS).containsKey(name);
    String[] words =
        Stream.of(List.of(name), WORDS.get(name), List.of("--timeout", "1", "-t", "127.0.0.1:1"))
            .flatMap(List::stream)
            .toArray(String[]::new);
    Run run = run(words);
    assertThat(run.code()).as(run.err()).isEqualTo(ExitCode.UNAVAILABLE.number());
  }

  @Test
  void eachWayToEndHasANumberOfItsOwn() {
    assertThat(Arrays.stream(ExitCode.values()).map(ExitCode::number)).doesNotHaveDuplicates();
    String help = run("--help").out();
    for (ExitCode code : ExitCode.values()) {
      assertThat(help).containsPattern("(?m)^ +" + code.number() + " +" + code.meaning() + "$");
    }
    for (Commands.Entry entry : Commands.ALL) {
      String summary = Pattern.quote(entry.summary());
      assertThat(help).containsPattern("(?m)^ +" + entry.name() + " +" + summary + "$");
    }
    assertThat(help.lines()).allMatch(line -> line.length() <= 90);
  }

  @Test
  void failuresEndAsTheTableSays() {
    Map<Exception, ExitCode> all =
        Map.of(
            new PosixException(Errno.ENOENT, ""), ExitCode.NOT_FOUND,
            new PosixException(Errno.ENOTEMPTY, ""), ExitCode.NOT_CREATED,
            new PosixException(Errno.ENOSPC, ""), ExitCode.IO,
            new PosixException(Errno.ETIMEDOUT, ""), ExitCode.UNAVAILABLE,
            new PosixException(Errno.EINVAL, ""), ExitCode.REFUSED,
            new NoSuchFileException("a"), ExitCode.NOT_FOUND,
            new AccessDeniedException("a"), ExitCode.NOT_PERMITTED,
            new FileAlreadyExistsException("a"), ExitCode.NOT_CREATED,
            new FileSystemException("a"), ExitCode.IO,
            new NotCopiedException("a", "b"), ExitCode.DATA);
    all.forEach((e, code) -> assertThat(ExitCode.of(e)).as(e.toString()).isEqualTo(code));
    assertThat(ExitCode.of(new IOException("a"))).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(ExitCode.of(new IllegalArgumentException("a"))).isEqualTo(ExitCode.USAGE);
    assertThat(ExitCode.of(new IllegalStateException("a"))).isEqualTo(ExitCode.INTERNAL);
  }

  /** The list is made without the commands; what is called, with all of it. */
  @Test
  void onlyWhatIsCalledIsLoaded() {
    CommandLine list = Main.root();
    Commands.addCalled(list, new String[] {"--help"});
    assertThat(new TreeSet<>(list.getSubcommands().keySet()))
        .isEqualTo(new TreeSet<>(names().toList()));
    assertThat(list.getUsageMessage()).isEqualTo(listed());
    CommandLine called = Main.root();
    Commands.addCalled(called, new String[] {"ls", "/"});
    assertThat(called.getSubcommands().keySet()).containsExactly("ls");
    assertThat(called.getSubcommands().get("ls").getCommandSpec().findOption("-l"))
        .isInstanceOf(OptionSpec.class);
  }

  private static String listed() {
    CommandLine bare = Main.root();
    Commands.addAll(bare);
    return bare.getUsageMessage();
  }

  @Test
  void aWordThatIsAlmostACommandIsAnsweredWithIt() {
    assertThat(run("stats").err()).contains("sandstore stat");
    assertThat(run("stats").code()).isEqualTo(ExitCode.USAGE.number());
  }
}
