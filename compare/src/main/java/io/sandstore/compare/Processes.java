package io.sandstore.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The processes of a peer, and the directory that they write to. */
final class Processes implements AutoCloseable {

  private static final int STOP_SECONDS = 10;

  private final Path directory;
  private final List<Process> running = new ArrayList<>();

  Processes(Path directory) throws IOException {
    this.directory = directory;
    Files.createDirectories(directory);
  }

  Process start(String name, List<String> command) throws IOException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log(name).toFile())
            .start();
    running.add(process);
    return process;
  }

  Path log(String name) {
    return directory.resolve(name + ".log");
  }

  @Override
  public void close() throws IOException {
    running.forEach(Process::destroy);
    for (Process process : running) {
      process.onExit().completeOnTimeout(process, STOP_SECONDS, TimeUnit.SECONDS).join();
      process.destroyForcibly().onExit().join();
    }
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
