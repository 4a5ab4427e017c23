package io.sandstore.contract;

import io.sandstore.host.jvm.JvmHost;
import io.sandstore.sim.Simulated;
import java.io.IOException;
import java.net.ServerSocket;

class JvmHostTest extends HostContract {

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
  String address() {
    return "127.0.0.1:" + port;
  }
}
