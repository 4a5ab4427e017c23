package io.sandstore.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.host.Network;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.Done;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Ping;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Connections that say nothing, and too many of those that do. */
@Timeout(120)
class ConnectionsTest {

  private final Host machine = JvmHost.create(4);
  private final LeapingClock clock = new LeapingClock(machine.clock());
  private final String address = "127.0.0.1:" + freePort();
  private final Semaphore pings = new Semaphore(0);
  private final List<AutoCloseable> open = new ArrayList<>();

  /** The machine's clock, put forward by the test; who sleeps notices. */
  private static final class LeapingClock implements Clock {
    private final Clock machine;
    private final AtomicLong ahead = new AtomicLong();
    private final Set<Long> wakes = ConcurrentHashMap.newKeySet();

    LeapingClock(Clock machine) {
      this.machine = machine;
    }

    /** Returns when somebody sleeps for about so long. */
    void awaitSleeper(Duration time) {
      long near = time.toNanos() * 9 / 10;
      while (wakes.stream().noneMatch(end -> end - nanos() > near)) {
        Thread.onSpinWait();
      }
    }

    void leap(Duration time) {
      ahead.addAndGet(time.toNanos());
    }

    @Override
    public long nanos() {
      return machine.nanos() + ahead.get();
    }

    @Override
    public long millis() {
      return machine.millis();
    }

    @Override
    public void sleep(Duration time) throws InterruptedException {
      long end = nanos() + time.toNanos();
      wakes.add(end);
      while (nanos() < end) {
        machine.sleep(Duration.ofMillis(5));
      }
      wakes.remove(end);
    }

    @Override
    public <T> T await(CompletableFuture<T> future, Duration limit)
        throws InterruptedException, ExecutionException, TimeoutException {
      return machine.await(future, limit);
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private final class Server implements RpcServer.Handler, RpcServer.Requests {
    @Override
    public HelloReply hello(Caller caller, Hello hello) {
      return HelloReply.newBuilder().setName("server").build();
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      return this;
    }

    @Override
    public Reply handle(Header request, ByteBuffer payload, Deadline deadline) {
      pings.release();
      return Reply.of(Header.newBuilder().setDone(Done.getDefaultInstance()));
    }

    @Override
    public void receive(Header message) {}
  }

  private RpcServer serve(int capacity) throws IOException {
    Network network =
        new Network() {
          @Override
          public int capacity() {
            return capacity;
          }

          @Override
          public Listener listen(String at, Consumer<Link> accept) throws IOException {
            return machine.network().listen(at, accept);
          }

          @Override
          public Link dial(String at, Duration limit) throws IOException {
            return machine.network().dial(at, limit);
          }
        };
    RpcServer server =
        new RpcServer(
            new Host(
                clock,
                machine.random(),
                machine.threads(),
                network,
                machine.buffers(),
                machine.memory(),
                machine.telemetry(),
                machine.halt()),
            address,
            new Server());
    open.add(server);
    return server;
  }

  private Socket say(byte... bytes) throws IOException {
    Socket socket = new Socket("127.0.0.1", Integer.parseInt(address.split(":")[1]));
    open.add(socket);
    socket.getOutputStream().write(bytes);
    return socket;
  }

  private RpcClient peer(Hello hello) {
    RpcClient peer = new RpcClient(machine, address, () -> hello);
    open.add(peer);
    return peer;
  }

  private void ping(RpcClient peer) throws Exception {
    Header.Builder ping = Header.newBuilder().setPing(Ping.getDefaultInstance());
    peer.call(ping, machine.clock().deadline(Duration.ofSeconds(30))).close();
  }

  private static void assertClosed(Socket socket) throws IOException {
    while (socket.getInputStream().read() >= 0) {
      // The server's preface.
    }
  }

  @AfterEach
  void closeAll() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  @Test
  void whoDoesNotSayWhoItIsIsSentAway() throws Exception {
    serve(1024);
    Socket silent = say();
    Socket half = say("SANDST".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    clock.leap(RpcServer.GREETING_LIMIT);
    assertClosed(silent);
    assertClosed(half);
  }

  @Test
  void silentConnectionsLockNobodyOut() throws Exception {
    serve(1024);
    for (int i = 0; i < 1100; i++) {
      say();
    }
    int pushedOut = 0;
    // As long as they are still being taken in, they may push out who comes among them: it comes
    // again, each time as somebody new, because a client would say again for a moment what it was
    // told. Connections that stayed would refuse it for ever.
    while (true) {
      try {
        ping(peer(Hello.getDefaultInstance()));
        return;
      } catch (PosixException e) {
        throw e; // there is no place: not a matter of time
      } catch (IOException e) {
        assertThat(pushedOut++).as("times pushed out by 1100: %s", e).isLessThan(1100);
      }
    }
  }

  @Test
  void whoSaysNothingForLongIsSentAwayAndMayComeAgain() throws Exception {
    serve(1024);
    RpcClient peer = peer(Hello.getDefaultInstance());
    ping(peer);
    Link idle = machine.network().dial(address, Duration.ofSeconds(5));
    open.add(idle);
    idle.send(Frame.of(Header.newBuilder().setHello(Hello.getDefaultInstance()).build()));
    assertThat(idle.receive().header().hasHelloReply()).isTrue();
    clock.leap(RpcServer.IDLE_LIMIT);
    assertThat(idle.receive()).isNull();
    while (peer.isOpen(RpcClient.CONTROL)) {
      Thread.onSpinWait();
    }
    ping(peer);
  }

  @Test
  void whoWantsToKeepAConnectionAsksNowAndThen() throws Exception {
    serve(1024);
    RpcClient peer =
        new RpcClient(
            new Host(
                clock,
                machine.random(),
                machine.threads(),
                machine.network(),
                machine.buffers(),
                machine.memory(),
                machine.telemetry(),
                machine.halt()),
            address,
            Hello::getDefaultInstance);
    open.add(peer);
    ping(peer);
    pings.drainPermits();
    for (int i = 0; i < 5; i++) {
      clock.awaitSleeper(RpcClient.KEEP_ALIVE);
      clock.leap(RpcClient.KEEP_ALIVE);
      pings.acquire();
    }
    assertThat(peer.isOpen(RpcClient.CONTROL)).isTrue();
  }

  @Test
  void clientsLeaveRoomForNodesAndOperators() throws Exception {
    RpcServer server = serve(32);
    int places = Admission.Places.of(32).ofOneAddress();
    for (int i = 0; i < places; i++) {
      ping(peer(Hello.getDefaultInstance()));
    }
    assertThatThrownBy(() -> ping(peer(Hello.getDefaultInstance())))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
    ping(peer(Hello.newBuilder().setFrom("node-2").build()));
    ping(peer(Hello.newBuilder().setOperator(true).build()));
    assertThat(server.trouble()).isEmpty(); // others may still come from other addresses
  }

  @Test
  void aClientThatIsSilentMakesRoomForAnother() throws Exception {
    serve(32);
    int places = Admission.Places.of(32).ofOneAddress();
    for (int i = 0; i < places; i++) {
      ping(peer(Hello.getDefaultInstance()));
    }
    clock.leap(RpcServer.YIELD_AFTER);
    ping(peer(Hello.getDefaultInstance()));
  }
}
