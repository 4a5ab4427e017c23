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
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.WriteBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A peer that does not take a large frame. */
@Timeout(60)
class StuckSendTest {

  private final Host machine = JvmHost.create(4);
  private final AtomicLong ahead = new AtomicLong();
  private final CompletableFuture<Boolean> stuck = new CompletableFuture<>();

  /** Time stands still but for the steps of those who look after a send that hangs. */
  private final class HurriedClock implements Clock {
    @Override
    public long nanos() {
      return 1 + ahead.get();
    }

    @Override
    public long millis() {
      return machine.clock().millis();
    }

    @Override
    public void sleep(Duration time) throws InterruptedException {
      if (time.compareTo(Duration.ofSeconds(1)) >= 0) {
        machine.clock().sleep(time); // keeps links alive, longer than this test takes
      } else if (stuck.isDone()) {
        ahead.addAndGet(time.toNanos());
      } else {
        stuck.join();
      }
    }

    @Override
    public <T> T await(CompletableFuture<T> future, Duration limit)
        throws InterruptedException, ExecutionException, TimeoutException {
      return machine.clock().await(future, limit);
    }
  }

  /** Greets, and takes small frames only. */
  private final class Wall implements Link {
    private final CompletableFuture<Boolean> closed = new CompletableFuture<>();
    private boolean greeted;

    @Override
    public void send(Frame frame) throws IOException {
      if (frame.payload().hasRemaining()) {
        stuck.complete(true);
        closed.join();
        throw new IOException("closed");
      }
    }

    @Override
    public Frame receive() throws IOException {
      if (greeted) {
        closed.join();
        throw new IOException("closed");
      }
      greeted = true;
      return Frame.of(
          Header.newBuilder().setHelloReply(HelloReply.newBuilder().setName("wall")).build());
    }

    @Override
    public String remote() {
      return "wall";
    }

    @Override
    public void markNode() {}

    @Override
    public void close() {
      closed.complete(true);
    }
  }

  private Host host() {
    Network walls =
        new Network() {
          @Override
          public int capacity() {
            return 1;
          }

          @Override
          public Listener listen(String at, Consumer<Link> accept) throws IOException {
            throw new IOException("nobody calls");
          }

          @Override
          public Link dial(String at, Duration limit) {
            return new Wall();
          }
        };
    return new Host(
        new HurriedClock(),
        machine.random(),
        machine.threads(),
        walls,
        machine.buffers(),
        machine.memory(),
        machine.telemetry(),
        machine.halt());
  }

  @Test
  void itsCallerGetsAwayAtTheDeadline() {
    Host host = host();
    try (RpcClient peer = new RpcClient(host, "wall:1", Hello::getDefaultInstance)) {
      for (int i = 0; i < 2; i++) { // the second while somebody looks already, or no more
        Deadline deadline = host.clock().deadline(Duration.ofSeconds(30));
        assertThatThrownBy(
                () ->
                    peer.call(
                        peer.bulkLane(),
                        Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance()),
                        ByteBuffer.allocate(1 << 20),
                        deadline))
            .isInstanceOf(LostException.class);
        assertThat(deadline.passed()).isTrue();
      }
    }
  }
}
