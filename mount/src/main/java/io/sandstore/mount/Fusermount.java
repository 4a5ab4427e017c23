package io.sandstore.mount;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The helper of the system that may mount for those who may not. */
final class Fusermount {

  private Fusermount() {}

  static void unmount(Path directory, boolean lazily) throws IOException {
    ProcessBuilder builder =
        lazily
            ? new ProcessBuilder("fusermount3", "-u", "-z", directory.toString())
            : new ProcessBuilder("fusermount3", "-u", directory.toString());
    try {
      Process process = builder.redirectErrorStream(true).start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IOException(said.strip());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
