package io.sandstore.host.jvm;

import io.sandstore.host.BufferPool;
import io.sandstore.host.Frame;
import io.sandstore.host.Link;
import io.sandstore.host.Network;
import io.sandstore.host.Telemetry;
import io.sandstore.host.Threads;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Links over TCP: blocking sockets, a virtual thread each. */
public final class TcpNetwork implements Network {

  private static final Logger log = LoggerFactory.getLogger(TcpNetwork.class);
  private static final int CONNECTIONS_MAX = 1024;

  private final Threads threads;
  private final Telemetry telemetry;
  private final Semaphore connections = new Semaphore(CONNECTIONS_MAX);

  // Three pools, because a node that waits for a peer to take a block must never wait for memory
  // which only its own clients' requests, waiting themselves, could give back.
  private final BufferPool fromClients;
  private final BufferPool fromPeers;
  private final BufferPool answers;

  public TcpNetwork(Threads threads, int buffers, Telemetry telemetry) {
    this.threads = threads;
    this.telemetry = telemetry;
    this.fromClients = new BufferPool(buffers, Frame.PAYLOAD_BYTES_MAX);
    this.fromPeers = new BufferPool(buffers, Frame.PAYLOAD_BYTES_MAX);
    this.answers = new BufferPool(buffers, Frame.PAYLOAD_BYTES_MAX);
    telemetry.queue("buffers of clients", fromClients::used);
    telemetry.queue("buffers of peers", fromPeers::used);
    telemetry.queue("buffers of answers", answers::used);
  }

  @Override
  public Closeable listen(String address, Consumer<Link> accept) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    try {
      server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      server.bind(resolve(address), 512);
    } catch (IOException e) {
      server.close();
      throw new IOException("cannot listen on " + address + ": " + e.getMessage(), e);
    }
    threads.start("accept " + address, () -> acceptLoop(server, accept));
    return server;
  }

  private void acceptLoop(ServerSocketChannel server, Consumer<Link> accept) {
    while (true) {
      try {
        SocketChannel channel = server.accept();
        if (!connections.tryAcquire()) {
          log.warn("refusing a connection: {} are open", CONNECTIONS_MAX);
          telemetry.rejected("connections");
          channel.close();
          continue;
        }
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        TcpLink link =
            new TcpLink(channel, fromClients, fromPeers, telemetry, connections::release);
        threads.start("link " + link.remote(), () -> accept.accept(link));
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        // Out of descriptors, or the other side left already: neither may end the listener.
        log.warn("accept failed: {}", e.toString());
      }
    }
  }

  @Override
  public Link dial(String address, Duration limit) throws IOException {
    InetSocketAddress target = resolve(address);
    SocketChannel channel = SocketChannel.open();
    try {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      channel.socket().connect(target, (int) Math.max(1, limit.toMillis()));
      return new TcpLink(channel, answers, answers, telemetry, () -> {});
    } catch (IOException e) {
      channel.close();
      throw new IOException("cannot reach " + address + ": " + e.getMessage(), e);
    }
  }

  /** Parses {@code host:port} and resolves the name now, not from an earlier answer. */
  static InetSocketAddress resolve(String address) throws IOException {
    int colon = address.lastIndexOf(':');
    try {
      String host = address.substring(0, colon);
      int port = Integer.parseInt(address.substring(colon + 1));
      return new InetSocketAddress(InetAddress.getByName(host), port);
    } catch (UnknownHostException e) {
      throw new UnknownHostException("no such host: " + address);
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new IOException("not an address (host:port): '" + address + "'", e);
    }
  }
}
