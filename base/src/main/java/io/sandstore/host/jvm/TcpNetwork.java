package io.sandstore.host.jvm;

import com.sun.management.UnixOperatingSystemMXBean;
import io.sandstore.host.BufferPool;
import io.sandstore.host.Frame;
import io.sandstore.host.Link;
import io.sandstore.host.LogLimit;
import io.sandstore.host.Network;
import io.sandstore.host.Telemetry;
import io.sandstore.host.Threads;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
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

  /** The rest of the descriptors is for the disk, without which a node ends itself. */
  private static final int DESCRIPTORS_PER_CONNECTION = 2;

  private final Threads threads;
  private final Telemetry telemetry;
  private final int capacity = allowed();
  private final Semaphore connections = new Semaphore(capacity);

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

  /** What the process's limit of descriptors allows. */
  private static int allowed() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
        ? Math.clamp(
            unix.getMaxFileDescriptorCount() / DESCRIPTORS_PER_CONNECTION, 1, CONNECTIONS_MAX)
        : CONNECTIONS_MAX;
  }

  @Override
  public int capacity() {
    return capacity;
  }

  @Override
  public Listener listen(String address, Consumer<Link> accept) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open();
    try {
      server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      server.bind(resolve(address), 512);
    } catch (IOException e) {
      server.close();
      throw new IOException("cannot listen on " + address + ": " + e.getMessage(), e);
    }
    TcpListener listener = new TcpListener(server, accept);
    threads.start("accept " + address, listener.loop);
    return listener;
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

  private final class TcpListener implements Listener {
    private final ServerSocketChannel server;
    private final Consumer<Link> accept;
    private final AcceptLoop loop;
    private final LogLimit refusals = new LogLimit(AcceptLoop.SAY_EVERY, System::nanoTime);

    TcpListener(ServerSocketChannel server, Consumer<Link> accept) {
      this.server = server;
      this.accept = accept;
      this.loop = new AcceptLoop(server::accept, this::take, Thread::sleep, System::nanoTime);
    }

    private void take(SocketChannel channel) throws IOException {
      if (!connections.tryAcquire()) {
        refusals.say(more -> log.warn("refusing a connection: {} are open{}", capacity, more));
        telemetry.rejected("connections");
        channel.close();
        return;
      }
      TcpLink link;
      try {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        link = new TcpLink(channel, fromClients, fromPeers, telemetry, connections::release);
      } catch (IOException | RuntimeException e) {
        connections.release();
        channel.close();
        log.debug("a connection ended before it began: {}", e.toString());
        return;
      }
      threads.start("link " + link.remote(), () -> accept.accept(link));
    }

    @Override
    public String trouble() {
      return connections.availablePermits() == 0 ? "all connections are taken" : loop.trouble();
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }
}
