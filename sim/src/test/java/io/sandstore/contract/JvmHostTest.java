package io.sandstore.contract;

import io.sandstore.host.Disk;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.sim.Simulated;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class JvmHostTest extends HostContract {

  @TempDir Path directory;
  private final int port = free();

  private static int free() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  void with(Simulated.Task task) throws Exception {
    task.run(JvmHost.create(4));
  }

  @Override
  Disk disk() throws IOException {
    return new FileDisk(directory);
  }

  @Override
  String address() {
    return "127.0.0.1:" + port;
  }
}
