package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** What is made of the commands: man pages, completion, a jar that starts quickly. */
class ManPagesTest {

  @TempDir Path directory;

  @Test
  void everyCommandHasAPageWithItsOptionsAndExamples() throws Exception {
    ManPages.write(directory);
    CommandLine root = Main.commandLine();
    for (Commands.Entry entry : Commands.ALL) {
      String page = Files.readString(directory.resolve("man1/sandstore-" + entry.name() + ".1"));
      String text = page.replace("\\-", "-").replace("\\e", "\\");
      assertThat(text).contains(entry.summary()).contains(entry.examples());
      for (OptionSpec option : root.getSubcommands().get(entry.name()).getCommandSpec().options()) {
        assertThat(text).contains(option.names());
      }
      assertThat(text).doesNotContain("${");
    }
    assertThat(directory.resolve("man1/sandstore.1")).content().contains("mktemp", "EXIT STATUS");
  }

  @Test
  void thePagesAreRoffWithoutAComplaint() throws Exception {
    assumeTrue(runs("groff", "--version"), "no groff here");
    ManPages.write(directory);
    try (var pages = Files.list(directory.resolve("man1"))) {
      for (Path page : pages.toList()) {
        assertThat(output("groff", "-man", "-Tutf8", "-ww", "-z", page.toString())).isEmpty();
      }
    }
  }

  private Path completion(String shell) throws Exception {
    Path script = directory.resolve("completion");
    PrintStream standard = System.out;
    try (PrintStream file = new PrintStream(script.toFile(), StandardCharsets.UTF_8)) {
      System.setOut(file);
      assertThat(Main.commandLine().execute("completion", shell)).isZero();
    } finally {
      System.setOut(standard);
    }
    return script;
  }

  /** What bash offers for the last of these words. */
  private List<String> offered(String... words) throws Exception {
    String line =
        ". '%s'; COMP_WORDS=(%s); COMP_CWORD=%d; _complete_sandstore 2>/dev/null; echo ${COMPREPLY[@]}"
            .formatted(completion("bash"), String.join(" ", words), words.length - 1);
    return List.of(output("bash", "-c", line).strip().split(" ", -1));
  }

  @Test
  void bashCompletesCommandsAndOptions() throws Exception {
    assertThat(offered("sandstore", "fi")).containsExactly("find");
    assertThat(offered("sandstore", "put", "--re")).containsExactly("--resume");
    assertThat(offered("sandstore", "completion", "''")).contains("bash", "zsh");
  }

  /** zsh reads the same script. */
  @Test
  void zshReadsTheScript() throws Exception {
    assumeTrue(runs("zsh", "--version"), "no zsh here");
    assertThat(output("zsh", "-f", "-c", ". '" + completion("zsh") + "'; echo read"))
        .isEqualTo("read\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fish", ""})
  void anotherShellIsRefused(String shell) {
    StringWriter err = new StringWriter();
    assertThat(Main.commandLine().setErr(new PrintWriter(err, true)).execute("completion", shell))
        .isEqualTo(ExitCode.USAGE.number());
    assertThat(err.toString()).contains("BASH", "ZSH");
  }

  /** picocli's classes are of Java 5, which no archive of loaded classes takes. */
  @Test
  void theClassesOfAJarAreBroughtToAVersionThatStartsQuickly() throws Exception {
    Path original =
        Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    assumeTrue(original.toString().endsWith(".jar"), "picocli is no jar here");
    Path jar = Files.copy(original, directory.resolve("picocli.jar"));
    ClassFiles.renew(jar);
    try (JarFile before = new JarFile(original.toFile());
        JarFile after = new JarFile(jar.toFile())) {
      assertThat(after.stream().map(JarEntry::getName).toList())
          .isEqualTo(before.stream().map(JarEntry::getName).toList());
      for (JarEntry entry : after.stream().filter(e -> e.getName().endsWith(".class")).toList()) {
        byte[] bytes = after.getInputStream(entry).readAllBytes();
        assertThat(bytes[7] & 0xff).as(entry.getName()).isGreaterThanOrEqualTo(50);
      }
    }
    // All of it is loaded and checked anew by a JVM of its own.
    String classPath = jar + File.pathSeparator + System.getProperty("java.class.path");
    String help =
        output(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            classPath,
            Main.class.getName(),
            "put",
            "--help");
    assertThat(help).contains("Usage: sandstore put");
    long size = Files.size(jar);
    ClassFiles.renew(jar);
    assertThat(Files.size(jar)).as("once is enough").isEqualTo(size);
  }

  private static boolean runs(String... command) throws InterruptedException {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getInputStream().readAllBytes();
      return process.waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static String output(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }
}
