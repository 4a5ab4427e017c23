package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.jvm.JvmHost;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The memory of all writers together, at its bound. */
@Timeout(240)
class WriteBuffersTest {

  private static final int BLOCK = 1 << 20;
  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);

  private final WriteBuffers buffers = new WriteBuffers(8L * BLOCK, BLOCK);

  private static ByteBuffer taken(CompletableFuture<ByteBuffer> ticket) {
    assertThat(ticket).isDone();
    return ticket.join();
  }

  @Test
  void blocksAreHandedOutInTheOrderOfAskingAndNeverTooMany() {
    List<ByteBuffer> lent = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      lent.add(taken(buffers.block()));
    }
    CompletableFuture<ByteBuffer> first = buffers.block();
    CompletableFuture<ByteBuffer> second = buffers.block();
    CompletableFuture<ByteBuffer> third = buffers.block();
    assertThat(first).isNotDone();
    assertThat(buffers.isContended()).isTrue();
    assertThat(buffers.usedBytes()).isEqualTo(6L * BLOCK);
    buffers.release(lent.get(0));
    assertThat(taken(first)).isSameAs(lent.get(0));
    assertThat(second).isNotDone();
    buffers.cancel(second);
    buffers.release(lent.get(1));
    assertThat(taken(third)).isSameAs(lent.get(1));
    assertThat(buffers.isContended()).isFalse();
    buffers.cancel(third); // which got its buffer: it goes back
    assertThat(buffers.usedBytes()).isEqualTo(5L * BLOCK);
    assertThat(taken(buffers.block())).isSameAs(lent.get(1));
  }

  @Test
  void littleDataTakesLittleMemoryUpToAQuarterOfTheBudget() {
    assertThat(buffers.small(100).orElseThrow().capacity()).isEqualTo(4 << 10);
    assertThat(buffers.small(5000).orElseThrow().capacity()).isEqualTo(64 << 10);
    assertThat(buffers.small(70_000)).isEmpty();
    int more = 0;
    while (buffers.small(5000).isPresent()) {
      more++;
    }
    assertThat(more).isEqualTo(30);
    assertThat(buffers.usedBytes()).isLessThanOrEqualTo(2L * BLOCK);
    assertThat(buffers.block()).isDone();
  }

  @Test
  void whatIsGivenBackCanBeHadAgain() {
    for (int round = 0; round < 100; round++) {
      List<ByteBuffer> lent = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        lent.add(taken(buffers.block()));
      }
      buffers.small(10).ifPresent(lent::add);
      lent.forEach(buffers::release);
      assertThat(buffers.usedBytes()).isZero();
    }
  }

  /** As a program does that has many files open and goes from one to the next. */
  @Test
  void twoHundredFilesOf14MbFitIntoTheBudget() throws Exception {
    long budget = 64 << 20;
    int files = 200;
    byte[] data = new byte[14_000_000];
    Arrays.fill(data, (byte) 7);
    try (StandIn cluster = new StandIn(1)) {
      cluster.keepOnlyLengths();
      SandstoreClient client =
          new SandstoreClient(
              JvmHost.create(16), ClientConfig.of(cluster.seeds()).withWriteBufferBytes(budget));
      List<SandFile> open = new ArrayList<>();
      long most = 0;
      for (int i = 0; i < files; i++) {
        SandFile file = client.open("/" + i, CREATE, 0644);
        open.add(file);
        file.write(ByteBuffer.wrap(data));
        most = Math.max(most, client.buffers().usedBytes());
      }
      assertThat(most).isLessThanOrEqualTo(budget);
      for (SandFile file : open) {
        file.write(ByteBuffer.wrap(data, 0, 1000));
        file.close();
      }
      for (int i = 0; i < files; i++) {
        assertThat(client.stat("/" + i).size()).isEqualTo(data.length + 1000);
      }
      client.close();
      assertThat(client.buffers().usedBytes()).isZero();
    }
  }

  /** All of the budget is in idle files, and as many threads as there are buffers want more. */
  @Test
  void noWriterStarvesWhenManyWriteAtOnce() throws Exception {
    try (StandIn cluster = new StandIn(1);
        SandstoreClient client =
            new SandstoreClient(
                JvmHost.create(16),
                ClientConfig.of(cluster.seeds())
                    .withBlockBytes(64 << 10)
                    .withWriteBufferBytes(4L * (64 << 10)))) {
      List<SandFile> idle = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        SandFile file = client.open("/idle" + i, CREATE, 0644);
        file.write(ByteBuffer.wrap(new byte[10_000]));
        idle.add(file);
      }
      List<CompletableFuture<Boolean>> writers = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        String path = "/busy" + i;
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        writers.add(done);
        Thread.ofVirtual()
            .start(
                () -> {
                  try (SandFile file = client.open(path, CREATE, 0644)) {
                    for (int part = 0; part < 50; part++) {
                      file.write(ByteBuffer.wrap(new byte[10_000]));
                    }
                    file.close();
                    done.complete(true);
                  } catch (java.io.IOException | RuntimeException e) {
                    done.completeExceptionally(e);
                  }
                });
      }
      for (CompletableFuture<Boolean> writer : writers) {
        assertThat(writer.get()).isTrue();
      }
      for (SandFile file : idle) {
        file.close();
      }
      for (int i = 0; i < 16; i++) {
        assertThat(client.stat("/busy" + i).size()).isEqualTo(500_000);
      }
      for (int i = 0; i < 10; i++) {
        assertThat(client.stat("/idle" + i).size()).isEqualTo(10_000);
      }
      assertThat(client.buffers().usedBytes()).isZero();
    }
  }
}
