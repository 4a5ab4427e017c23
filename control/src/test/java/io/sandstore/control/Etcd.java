package io.sandstore.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.etcd.EtcdClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A real etcd of one member, as the package {@code etcd-server} (or {@code brew}) brings it. */
final class Etcd implements AutoCloseable {

  private final Path directory;
  private final String endpoint;
  private final String peer;
  private Optional<Process> process = Optional.empty();

  Etcd(Path directory) throws IOException {
    this.directory = directory;
    this.endpoint = "http://127.0.0.1:" + freePort();
    this.peer = "http://127.0.0.1:" + freePort();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  String endpoint() {
    return endpoint;
  }

  void start() throws Exception {
    List<String> command =
        List.of(
            "etcd",
            "--name=one",
            "--data-dir=" + directory,
            "--listen-client-urls=" + endpoint,
            "--advertise-client-urls=" + endpoint,
            "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=one=" + peer);
    Path log = directory.resolveSibling("etcd.log");
    try {
      process =
          Optional.of(
              new ProcessBuilder(command)
                  .redirectErrorStream(true)
                  .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                  .start());
    } catch (IOException e) {
      throw new AssertionError("install etcd: apt install etcd-server, or brew install etcd", e);
    }
    try (EtcdClient client = new EtcdClient(List.of(endpoint), Duration.ofSeconds(2))) {
      long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (true) {
        try {
          client.get("/");
          return;
        } catch (IOException e) {
          assertThat(System.nanoTime()).as(Files.readString(log)).isLessThan(end);
          Thread.sleep(50);
        }
      }
    }
  }

  void kill() {
    process.ifPresent(running -> running.destroyForcibly().onExit().join());
    process = Optional.empty();
  }

  void wipe() throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Override
  public void close() {
    kill();
  }
}
