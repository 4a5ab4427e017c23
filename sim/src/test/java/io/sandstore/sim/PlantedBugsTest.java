package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Is the harness worth anything? Each of these bugs is planted into a copy of one shipped source,
 * compiled, and put before the shipped classes of a process of its own: the simulation must find
 * it.
 */
class PlantedBugsTest {

  private static final int SEEDS = 1000;
  private static final int STEPS = 10_000;

  private enum Bug {
    LOG_NOT_FORCED(
        "raft", "raft/LogStore", "    segment.file.force();\n    segment.end", "    segment.end"),
    BLOCK_NOT_FORCED(
        "node", "block/BlockStore", "      if (durable) {\n", "      if (durable && id < 0) {\n"),
    ENTRY_ACKNOWLEDGED_BEFORE_THE_MAJORITY(
        "raft",
        "raft/RaftCore",
        "long index = membership.quorumValue(id -> id == self ? durable : match(id));",
        "long index = durable;"),
    BLOCK_ACKNOWLEDGED_BEFORE_THE_MAJORITY(
        "node", "block/BlockWriter", "int needed = holders.size() / 2 + 1;", "int needed = 1;"),
    STALE_LOCAL_READ(
        "node",
        "node/Router",
        "return route(deadline, () -> askHere(query, deadline), forward).getAnswer();",
        "return namespace.ask(query);"),
    NO_BLOCK_CHECKSUM(
        "node",
        "block/BlockStore",
        "        if (crc(bytes.slice(at - start, part))",
        "        if (at < 0 && crc(bytes.slice(at - start, part))"),
    FAILED_FORCE_RETRIED(
        "raft",
        "raft/LogStore",
        "    segment.file.force();\n    segment.end",
        "    try { segment.file.force(); } catch (IOException e) { segment.file.force(); }\n    segment.end"),
    RETRY_APPLIED_TWICE(
        "node",
        "namespace/Sessions",
        "    if (known != null) {",
        "    if (known != null && id < 0) {"),
    RENAME_WITHOUT_FORCING_THE_DIRECTORY(
        "raft",
        "raft/LogStore",
        "    writeBlocks(segment, HEADER_BYTES);\n    disk.forceDirectory(directory);\n    segments",
        "    writeBlocks(segment, HEADER_BYTES);\n    segments"),
    BLOCK_IN_FLIGHT_COLLECTED("node", "block/Repair", "if (block < floor && ", "if (");

    private final Path source;
    private final String find;
    private final String replacement;

    Bug(String module, String file, String find, String replacement) {
      this.source = Path.of("..", module, "src/main/java/io/sandstore", file + ".java");
      this.find = find;
      this.replacement = replacement;
    }
  }

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFoundBySimulation(Bug bug) throws Exception {
    String shipped = Files.readString(bug.source);
    assertThat(shipped.split(java.util.regex.Pattern.quote(bug.find), -1))
        .as("places of the bug in " + bug.source)
        .hasSize(2);
    Path planted = directory.resolve(bug.source.getFileName());
    Files.writeString(planted, shipped.replace(bug.find, bug.replacement));
    String classPath = System.getProperty("java.class.path");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Path classes = Files.createDirectory(directory.resolve("classes"));
    assertThat(
            compiler.run(
                null,
                null,
                null,
                "-nowarn",
                "-proc:none",
                "-cp",
                classPath,
                "-d",
                classes.toString(),
                planted.toString()))
        .as("the planted bug compiles")
        .isZero();
    Path output = directory.resolve("output");
    Process hunt =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx800m",
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=4",
                    "--add-opens=java.base/java.lang=ALL-UNNAMED",
                    "-Djdk.trackAllThreads=false",
                    "-Dlogback.configurationFile="
                        + System.getProperty("logback.configurationFile"),
                    "-cp",
                    classes + File.pathSeparator + classPath,
                    Replay.class.getName(),
                    "1",
                    Integer.toString(STEPS),
                    Integer.toString(SEEDS)))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(hunt.waitFor(10, TimeUnit.MINUTES)).as("the hunt ends").isTrue();
    } finally {
      hunt.destroyForcibly();
    }
    String said = Files.readString(output, StandardCharsets.UTF_8);
    List<String> lines = said.lines().toList();
    lines.stream()
        .filter(line -> line.startsWith("VIOLATION: "))
        .forEach(line -> System.out.println(bug + ": " + line));
    assertThat(hunt.exitValue()).as(said).isEqualTo(4);
    assertThat(said).contains("VIOLATION: ");
  }
}
