package io.sandstore.chaos;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Other programs, waited for. */
final class Shell {

  private Shell() {}

  /** Runs a program; its words are separated by single spaces. */
  static String run(String command) throws IOException {
    return run(List.of(command.split(" ", -1)));
  }

  static String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException(String.join(" ", command) + ": " + output.strip());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
    return output.strip();
  }

  /** Runs what may fail, such as taking away what may not be there. */
  static void attempt(String command) {
    try {
      run(command);
    } catch (IOException expected) {
      // It was not there.
    }
  }
}
