package io.sandstore.control;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Forwards connections to a server on this machine, and loses them as a host without power does.
 */
final class Relay implements AutoCloseable {

  private final ServerSocket server = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
  private final Set<Socket> all = ConcurrentHashMap.newKeySet();
  private final Set<Socket> carrying = ConcurrentHashMap.newKeySet();

  Relay(int target) throws IOException {
    Thread.ofVirtual().start(() -> accept(target));
  }

  int port() {
    return server.getLocalPort();
  }

  /** What comes over today's connections is dropped from now on; they stay open. */
  void loseConnections() {
    carrying.clear();
  }

  private void accept(int target) {
    try {
      while (true) {
        Socket near = keep(server.accept());
        Socket far = keep(new Socket(InetAddress.getLoopbackAddress(), target));
        Thread.ofVirtual().start(() -> carry(near, far));
        Thread.ofVirtual().start(() -> carry(far, near));
      }
    } catch (IOException e) {
      // closed
    }
  }

  private Socket keep(Socket socket) {
    all.add(socket);
    carrying.add(socket);
    return socket;
  }

  private void carry(Socket from, Socket to) {
    byte[] buffer = new byte[8192];
    try {
      InputStream in = from.getInputStream();
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (carrying.contains(from)) {
          to.getOutputStream().write(buffer, 0, n);
        }
      }
    } catch (IOException e) {
      // closed
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : all) {
      socket.close();
    }
  }
}
