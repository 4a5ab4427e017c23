package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Conversations of members, to be read: {@code src/test/resources/scripts}. A script is blocks of
 * commands (see {@link ScriptedCluster}), {@code ----}, and what they lead to. {@code
 * -Dscripts.rewrite=true} writes down what they lead to now; look at the difference before you
 * commit it.
 */
class ScriptsTest {

  private static final Path SCRIPTS = Path.of("src/test/resources/scripts");
  private static final String RULE = "----";

  @TestFactory
  Stream<DynamicTest> everyScriptIsAsWritten() throws IOException {
    return scripts().stream()
        .map(file -> DynamicTest.dynamicTest(file.getFileName().toString(), () -> check(file)));
  }

  @Test
  void thereAreManyScripts() throws IOException {
    assertThat(scripts()).hasSizeGreaterThanOrEqualTo(40);
  }

  private static List<Path> scripts() throws IOException {
    try (Stream<Path> files = Files.list(SCRIPTS)) {
      return files.filter(file -> file.toString().endsWith(".txt")).sorted().toList();
    }
  }

  private static void check(Path file) throws IOException {
    String written = Files.readString(file);
    String now = play(written);
    if (Boolean.getBoolean("scripts.rewrite")) {
      Files.writeString(file, now);
    } else {
      assertThat(now).isEqualTo(written);
    }
  }

  /** The same script with what its commands lead to now. */
  private static String play(String script) {
    ScriptedCluster cluster = new ScriptedCluster();
    StringBuilder played = new StringBuilder();
    List<String> commands = new ArrayList<>();
    boolean inOutput = false;
    for (String line : script.lines().toList()) {
      if (line.isBlank()) {
        inOutput = false;
        played.append('\n');
      } else if (inOutput) {
        continue;
      } else if (line.equals(RULE)) {
        played.append(RULE).append('\n');
        for (String command : commands) {
          played.append(cluster.command(command));
          cluster.check();
        }
        commands.clear();
        inOutput = true;
      } else {
        played.append(line).append('\n');
        if (!line.startsWith("#")) {
          commands.add(line);
        }
      }
    }
    assertThat(commands).as("commands without " + RULE).isEmpty();
    return played.toString();
  }
}
