package io.sandstore.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Deadline;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.host.Mailbox;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.DamagedException;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcClient;
import io.sandstore.rpc.RpcServer;
import io.sandstore.sim.Simulated;
import io.sandstore.wire.Done;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Probe;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.ReadBlockReply;
import io.sandstore.wire.StatusRequest;
import io.sandstore.wire.WriteBlock;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What clock, threads and network of every {@link Host} promise, and the rpc on top of them. */
abstract class HostContract {

  abstract void with(Simulated.Task task) throws Exception;

  abstract String address();

  abstract Disk disk() throws IOException;

  @Test
  void waitingEndsWithTheResultOrTheLimit() throws Exception {
    with(
        host -> {
          CompletableFuture<Integer> result = new CompletableFuture<>();
          host.threads()
              .start(
                  "later",
                  () -> {
                    try {
                      host.clock().sleep(Duration.ofMillis(5));
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                    result.complete(7);
                  });
          assertThat(host.clock().await(result, Duration.ofSeconds(60))).isEqualTo(7);
          long before = host.clock().nanos();
          assertThatThrownBy(
                  () -> host.clock().await(new CompletableFuture<>(), Duration.ofMillis(5)))
              .isInstanceOf(TimeoutException.class);
          assertThat(host.clock().nanos() - before).isGreaterThanOrEqualTo(5_000_000);
          Deadline deadline = host.clock().deadline(Duration.ofMillis(1));
          host.clock().sleep(Duration.ofMillis(2));
          assertThat(deadline.passed()).isTrue();
          assertThat(deadline.left()).isZero();
        });
  }

  @Test
  void aMailboxHandsEverythingOverInOrderAndIsBounded() throws Exception {
    with(
        host -> {
          Mailbox<Integer> box = new Mailbox<>(host.clock(), 3);
          assertThat(List.of(box.offer(1), box.offer(2), box.offer(3), box.offer(4)))
              .containsExactly(true, true, true, false);
          assertThat(box.take(Duration.ofSeconds(1))).containsExactly(1, 2, 3);
          assertThat(box.take(Duration.ofMillis(1))).isEmpty();
          host.threads().start("sender", () -> box.offer(5));
          assertThat(box.take(Duration.ofSeconds(60))).containsExactly(5);
        });
  }

  @Test
  void framesArriveWholeAndInOrder() throws Exception {
    with(
        host -> {
          List<byte[]> sent = new ArrayList<>();
          Random random = new Random(1);
          for (int size :
              new int[] {0, 1, 100, 16 << 10, 70_000, 1 << 20, Frame.PAYLOAD_BYTES_MAX, 5}) {
            byte[] payload = new byte[size];
            random.nextBytes(payload);
            sent.add(payload);
          }
          CompletableFuture<List<byte[]>> received = new CompletableFuture<>();
          try (Closeable listener =
                  host.network()
                      .listen(address(), link -> receiveAll(link, sent.size(), received));
              Link link = host.network().dial(address(), Duration.ofSeconds(5))) {
            for (int i = 0; i < sent.size(); i++) {
              link.send(
                  Frame.of(Header.newBuilder().setId(i).build(), ByteBuffer.wrap(sent.get(i))));
            }
            List<byte[]> got = host.clock().await(received, Duration.ofSeconds(60));
            for (int i = 0; i < sent.size(); i++) {
              assertThat(got.get(i)).isEqualTo(sent.get(i));
            }
          }
        });
  }

  private static void receiveAll(Link link, int count, CompletableFuture<List<byte[]>> received) {
    try {
      List<byte[]> all = new ArrayList<>();
      while (all.size() < count) {
        try (Frame frame = link.receive()) {
          assertThat(frame.header().getId()).isEqualTo(all.size());
          byte[] payload = new byte[frame.payload().remaining()];
          frame.payload().get(payload);
          all.add(payload);
        }
      }
      received.complete(all);
    } catch (IOException | RuntimeException | Error e) {
      received.completeExceptionally(e);
    }
  }

  @Test
  void nobodyListeningIsAnErrorAndNotAHang() throws Exception {
    with(
        host ->
            assertThatThrownBy(() -> host.network().dial(address(), Duration.ofSeconds(1)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(address()));
  }

  /** Answers, refuses, fails or stays silent, as asked. */
  private static final class Server implements RpcServer.Handler, RpcServer.Requests {
    final Host host;
    int served;

    private @Nullable FileRegion region;
    private ReadBlockReply checksums = ReadBlockReply.getDefaultInstance();
    private int released;

    Server(Host host) {
      this.host = host;
    }

    @Override
    public HelloReply hello(Caller caller, Hello hello) throws PosixException {
      if (hello.getClusterId().equals("other")) {
        throw new PosixException(Errno.MISMATCH, "another cluster");
      }
      return HelloReply.newBuilder().setName("server").build();
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      return this;
    }

    @Override
    public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException {
      served++;
      return switch (request.getBodyCase()) {
        case WRITE_BLOCK -> {
          byte[] echo = new byte[payload.remaining()];
          payload.get(echo);
          yield Reply.of(
              Frame.of(
                  Header.newBuilder()
                      .setReadBlockReply(ReadBlockReply.getDefaultInstance())
                      .build(),
                  ByteBuffer.wrap(echo)));
        }
        case READ_BLOCK -> {
          FileRegion part = Objects.requireNonNull(region);
          yield new Reply(
              Header.newBuilder().setReadBlockReply(checksums),
              Frame.NO_PAYLOAD,
              part,
              () -> released++);
        }
        case PROBE -> throw new PosixException(Errno.ENOSPC, "full");
        case STATUS_REQUEST -> {
          host.clock().sleep(Duration.ofSeconds(5));
          yield Reply.of(Header.newBuilder().setDone(Done.getDefaultInstance()));
        }
        default -> throw new IllegalStateException("a defect in the server");
      };
    }

    @Override
    public void receive(Header message) {}
  }

  @Test
  void callsAreAnsweredRefusedOrTimeOut() throws Exception {
    with(
        host -> {
          Server handler = new Server(host);
          RpcServer server = new RpcServer(host, address(), handler);
          RpcClient peer = new RpcClient(host, address(), Hello::getDefaultInstance);
          Deadline soon = host.clock().deadline(Duration.ofSeconds(60));
          byte[] data = new byte[100_000];
          new Random(2).nextBytes(data);
          try (Frame echo =
              peer.call(
                  peer.bulkLane(),
                  Header.newBuilder().setWriteBlock(WriteBlock.getDefaultInstance()),
                  ByteBuffer.wrap(data),
                  soon)) {
            assertThat(echo.payload()).isEqualTo(ByteBuffer.wrap(data));
          }
          assertThat(peer.greeting().getName()).isEqualTo("server");
          assertThatThrownBy(
                  () -> peer.call(Header.newBuilder().setProbe(Probe.getDefaultInstance()), soon))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
          assertThatThrownBy(
                  () -> peer.call(Header.newBuilder().setDone(Done.getDefaultInstance()), soon))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
          assertThatThrownBy(
                  () ->
                      peer.call(
                          Header.newBuilder().setStatusRequest(StatusRequest.getDefaultInstance()),
                          host.clock().deadline(Duration.ofMillis(20))))
              .isInstanceOf(LostException.class);
          server.close();
          assertThatThrownBy(
                  () ->
                      peer.call(
                          Header.newBuilder().setProbe(Probe.getDefaultInstance()),
                          host.clock().deadline(Duration.ofSeconds(2))))
              .isInstanceOf(IOException.class);
          peer.close();
        });
  }

  @Test
  void partsOfAFileComeWithTheirChecksums() throws Exception {
    byte[] content = new byte[3_000_000];
    new Random(3).nextBytes(content);
    int from = 1000;
    int chunkBytes = 64 << 10;
    ByteBuffer part = ByteBuffer.wrap(content, from, content.length - from).slice();
    ReadBlockReply.Builder checksums = ReadBlockReply.newBuilder().setChunkBytes(chunkBytes);
    for (int at = 0; at < part.limit(); at += chunkBytes) {
      CRC32C crc = new CRC32C();
      crc.update(part.slice(at, Math.min(chunkBytes, part.limit() - at)));
      checksums.addChunkCrcs((int) crc.getValue());
    }
    with(
        host -> {
          try (DiskFile file = disk().open("content", true)) {
            file.write(ByteBuffer.wrap(content), 0);
            Server handler = new Server(host);
            handler.region = new FileRegion(file, from, part.limit());
            RpcServer server = new RpcServer(host, address(), handler);
            RpcClient peer = new RpcClient(host, address(), Hello::getDefaultInstance);
            Deadline soon = host.clock().deadline(Duration.ofSeconds(60));
            Header.Builder request =
                Header.newBuilder().setReadBlock(ReadBlock.newBuilder().setUnchecked(true));

            handler.checksums = checksums.build();
            try (Frame answer =
                peer.call(peer.bulkLane(), request.clone(), Frame.NO_PAYLOAD, soon)) {
              assertThat(answer.payload()).isEqualTo(part);
            }
            for (ReadBlockReply wrong :
                List.of(
                    checksums.clone().setChunkCrcs(7, ~checksums.getChunkCrcs(7)).build(),
                    checksums.clone().setChunkBytes(chunkBytes / 2).build(),
                    checksums.clone().setChunkBytes(-1).build(),
                    checksums.clone().clearChunkCrcs().build())) {
              handler.checksums = wrong;
              assertThatThrownBy(
                      () -> peer.call(peer.bulkLane(), request.clone(), Frame.NO_PAYLOAD, soon))
                  .isInstanceOf(DamagedException.class);
            }
            server.drain(soon);
            assertThat(handler.released).isEqualTo(5);
            peer.close();
            server.close();
          }
        });
  }

  @Test
  void aStrangerIsRefusedAtTheDoor() throws Exception {
    with(
        host -> {
          RpcServer server = new RpcServer(host, address(), new Server(host));
          RpcClient stranger =
              new RpcClient(
                  host, address(), () -> Hello.newBuilder().setClusterId("other").build());
          assertThatThrownBy(
                  () ->
                      stranger.call(
                          Header.newBuilder().setProbe(Probe.getDefaultInstance()),
                          host.clock().deadline(Duration.ofSeconds(5))))
              .isInstanceOfSatisfying(
                  PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.MISMATCH));
          stranger.close();
          server.close();
        });
  }
}
