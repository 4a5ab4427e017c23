package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
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
        edit(
            "raft",
            "raft/LogStore",
            "    segment.file.force();\n    segment.end",
            "    segment.end")),
    BLOCK_NOT_FORCED(
        edit(
            "node",
            "block/BlockStore",
            "      if (durable) {\n",
            "      if (durable && id < 0) {\n")),
    ENTRY_ACKNOWLEDGED_BEFORE_THE_MAJORITY(
        edit(
            "raft",
            "raft/RaftCore",
            "membership.quorumValue(id -> id == self ? durable : replication.match(id));",
            "durable;")),
    BLOCK_ACKNOWLEDGED_BEFORE_THE_MAJORITY(
        edit(
            "node",
            "block/BlockWriter",
            "int needed = holders.size() / 2 + 1;",
            "int needed = 1;")),
    STALE_LOCAL_READ(
        edit(
            "node",
            "node/Router",
            "return route(deadline, () -> askHere(query, deadline), forward).getAnswer();",
            "return namespace.ask(query);")),
    NO_BLOCK_CHECKSUM(
        edit(
            "node",
            "block/BlockStore",
            "        if (crc(bytes.slice(at - start, part))",
            "        if (at < 0 && crc(bytes.slice(at - start, part))")),
    FAILED_FORCE_RETRIED(
        edit(
            "raft",
            "raft/LogStore",
            "    segment.file.force();\n    segment.end",
            "    try { segment.file.force(); } catch (IOException e) { segment.file.force(); }\n    segment.end")),
    RETRY_APPLIED_TWICE(
        edit(
            "node",
            "namespace/Sessions",
            "    if (known != null) {",
            "    if (known != null && id < 0) {")),
    RENAME_WITHOUT_FORCING_THE_DIRECTORY(
        edit(
            "raft",
            "raft/LogStore",
            "    writeBlocks(segment, HEADER_BYTES);\n    disk.forceDirectory(directory);\n    segments",
            "    writeBlocks(segment, HEADER_BYTES);\n    segments")),
    BLOCK_IN_FLIGHT_COLLECTED(edit("node", "block/Repair", "if (block < floor && ", "if (")),
    SECOND_CLUSTER_FOUNDED(
        edit("node", "node/Founding", "    return lost.isEmpty();", "    return true;")),
    LOG_WITHOUT_ITS_SNAPSHOT(
        edit("raft", "raft/Recovery", "    if (missing > 0) {", "    if (missing > 1L << 62) {"),
        edit(
            "raft",
            "raft/Recovery",
            "if (beginsBehind > base.getIndex()) {",
            "if (beginsBehind < 0) {")),
    FOUND_TAIL_NOT_FORCED(
        edit(
            "raft",
            "raft/LogStore",
            "      forceLastFrame(segments.lastEntry().getValue());",
            "      // as it is found")),
    SLOW_WRITER_FORGOTTEN(
        edit("client", "client/SandstoreClient", "if (file.hasShipped()) {", "if (closed) {"),
        edit(
            "node",
            "node/Chores",
            "Math.min(oldest.nextBlock(), holds.lowest())",
            "oldest.nextBlock()")),
    APPLYING_NEEDS_ROOM(
        edit(
            "node",
            "block/BlockStore",
            "why = \"small blocks wait for room: \" + e.getMessage();",
            "throw e;"));

    private final List<Edit> edits;

    Bug(Edit... edits) {
      this.edits = List.of(edits);
    }
  }

  /** One place of a bug. */
  private record Edit(Path source, String find, String replacement) {

    void apply(Path directory) throws IOException {
      Path planted = directory.resolve(source.getFileName());
      String before = Files.readString(Files.exists(planted) ? planted : source);
      assertThat(before.split(Pattern.quote(find), -1)).as("places in " + source).hasSize(2);
      Files.writeString(planted, before.replace(find, replacement));
    }
  }

  private static Edit edit(String module, String file, String find, String replacement) {
    Path source = Path.of("..", module, "src/main/java/io/sandstore", file + ".java");
    return new Edit(source, find, replacement);
  }

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFoundBySimulation(Bug bug) throws Exception {
    Path sources = Files.createDirectory(directory.resolve("sources"));
    for (Edit edit : bug.edits) {
      edit.apply(sources);
    }
    List<String> options = new ArrayList<>();
    String classPath = System.getProperty("java.class.path");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Path classes = Files.createDirectory(directory.resolve("classes"));
    options.addAll(List.of("-nowarn", "-proc:none", "-cp", classPath, "-d", classes.toString()));
    try (Stream<Path> planted = Files.list(sources)) {
      planted.map(Path::toString).forEach(options::add);
    }
    assertThat(compiler.run(null, null, null, options.toArray(String[]::new)))
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
