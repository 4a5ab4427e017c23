package io.sandstore.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What the JVM watches while the build makes the cache with which commands start: classes, and how
 * they are linked. Calls that need no cluster, in one process.
 */
final class StartUp {

  private StartUp() {}

  public static void main(String[] args) {
    System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    for (String line :
        List.of(
            "--help",
            "--version",
            "ls --help",
            "completion bash",
            "ls --timeout 1 --target 127.0.0.1:1 /",
            "get --timeout 1 --target 127.0.0.1:1 / /tmp")) {
      String[] words = line.split(" ", -1);
      Main.commandLine(words).setErr(new PrintWriter(Writer.nullWriter())).execute(words);
    }
    System.out.print(Overview.text());
    System.exit(0);
  }
}
