package io.sandstore.chain;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Conversations of members, to be read: {@code src/test/resources/scripts}. A line that begins with
 * {@code >} is a command (see {@link ScriptedChain}), what follows is what it leads to. {@code
 * -Dscripts.rewrite=true} writes down what they lead to now; look at the difference before you
 * commit it.
 */
class ScriptsTest {

  private static final Path SCRIPTS = Path.of("src/test/resources/scripts");

  @TestFactory
  Stream<DynamicTest> everyScriptIsAsWritten() throws IOException {
    return scripts().stream()
        .map(file -> DynamicTest.dynamicTest(file.getFileName().toString(), () -> check(file)));
  }

  @Test
  void thereAreManyScripts() throws IOException {
    assertThat(scripts()).hasSizeGreaterThanOrEqualTo(12);
  }

  private static List<Path> scripts() throws IOException {
    try (Stream<Path> files = Files.list(SCRIPTS)) {
      return files.filter(file -> file.toString().endsWith(".txt")).sorted().toList();
    }
  }

  private static void check(Path file) throws IOException {
    String written = Files.readString(file);
    ScriptedChain chain = new ScriptedChain();
    StringBuilder played = new StringBuilder();
    for (String line : written.lines().toList()) {
      if (line.startsWith("#")) {
        played.append(line).append('\n');
      } else if (line.startsWith("> ")) {
        played.append(line).append('\n').append(chain.command(line.substring(2)));
      }
    }
    if (Boolean.getBoolean("scripts.rewrite")) {
      Files.writeString(file, played.toString());
    } else {
      assertThat(played.toString()).isEqualTo(written);
    }
  }
}
