package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** A bug in a copy of shipped sources, compiled, for processes that find it before the shipped. */
final class Planted {

  /** One place of a bug: this text, which the source has once, becomes the other. */
  record Edit(Path source, String find, String replacement) {

    private void apply(Path directory) throws IOException {
      Path planted = directory.resolve(source.getFileName());
      String before = Files.readString(Files.exists(planted) ? planted : source);
      assertThat(before.split(Pattern.quote(find), -1)).as("places in " + source).hasSize(2);
      Files.writeString(planted, before.replace(find, replacement));
    }
  }

  /** How a process ended, and what it printed. */
  record Ended(int status, String output) {}

  private static final String CLASS_PATH = System.getProperty("java.class.path");

  private final Path directory;
  private final Path classes;

  /**
   * @param directory empty, for this bug alone
   */
  Planted(Path directory, List<Edit> edits) throws IOException {
    this.directory = directory;
    this.classes = Files.createDirectory(directory.resolve("classes"));
    Path sources = Files.createDirectory(directory.resolve("sources"));
    for (Edit edit : edits) {
      edit.apply(sources);
    }
    List<String> options = new ArrayList<>();
    options.addAll(List.of("-nowarn", "-proc:none", "-cp", CLASS_PATH, "-d", classes.toString()));
    try (Stream<Path> planted = Files.list(sources)) {
      planted.map(Path::toString).forEach(options::add);
    }
    assertThat(
            ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, options.toArray(String[]::new)))
        .as("the planted bug compiles")
        .isZero();
  }

  static Edit edit(String module, String file, String find, String replacement) {
    Path source = Path.of("..", module, "src/main/java/io/sandstore", file + ".java");
    return new Edit(source, find, replacement);
  }

  /**
   * Runs a program with the bug.
   *
   * @param more what else the program needs on its class path
   */
  Ended run(List<Path> more, Class<?> program, String... arguments) throws Exception {
    List<String> path = new ArrayList<>(List.of(classes.toString()));
    more.forEach(entry -> path.add(entry.toString()));
    path.add(CLASS_PATH);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx800m", "-XX:+UseSerialGC", "-Djdk.trackAllThreads=false"));
    command.add("--add-opens=java.base/java.lang=ALL-UNNAMED");
    command.add("-Dlogback.configurationFile=" + System.getProperty("logback.configurationFile"));
    command.addAll(List.of("-cp", String.join(File.pathSeparator, path), program.getName()));
    command.addAll(List.of(arguments));
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(10, TimeUnit.MINUTES)).as("the hunt ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(output));
  }
}
