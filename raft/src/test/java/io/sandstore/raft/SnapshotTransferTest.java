package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A snapshot of several pieces on its way from one disk to another. */
class SnapshotTransferTest {

  private static final int MEGABYTES = 5;

  @TempDir Path directory;
  private Disk from;
  private Disk to;
  private SnapshotStore source;
  private SnapshotReceiver receiver;
  private SnapshotSender sender;
  private final List<SnapshotChunk> sent = new ArrayList<>();
  private int pieces = Integer.MAX_VALUE;
  private int renewals;
  private boolean full;

  @BeforeEach
  void begin() throws IOException {
    from = new FileDisk(directory.resolve("from"));
    to = fillable(new FileDisk(directory.resolve("to")));
    source = new SnapshotStore(from);
    receiver = new SnapshotReceiver(to, new SnapshotStore(to));
    sender = new SnapshotSender(source, new Direct(), why -> renew(), 1, 1 << 20);
    write(40, 1);
  }

  private void write(long index, long seed) throws IOException {
    SnapshotMeta meta = SnapshotMeta.newBuilder().setIndex(index).setTerm(3).build();
    String temporary = SnapshotStore.temporary("own");
    byte[] content = new byte[MEGABYTES << 20];
    new Random(seed).nextBytes(content);
    try (SnapshotStore.Writer writer = source.write(temporary, meta)) {
      writer.write(content);
      writer.finish();
    }
    source.publish(temporary, index);
  }

  private void renew() throws IOException {
    renewals++;
    write(40, 2);
  }

  /** Hands over so many pieces, then none. */
  private final class Direct implements Transport {
    @Override
    public void send(String toName, Message message) {}

    @Override
    public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes) throws IOException {
      if (pieces-- <= 0) {
        throw new LostException("silence");
      }
      sent.add(chunk);
      return receiver.accept(chunk, bytes).next();
    }
  }

  private long send(long term) throws Exception {
    return sender.send("b", 2, term, () -> true);
  }

  private long bytesSent() {
    long size = sent.getFirst().getSize();
    return sent.stream()
        .filter(chunk -> chunk.getOffset() > 0 || sent.indexOf(chunk) > 0)
        .mapToLong(chunk -> Math.min(1 << 20, size - chunk.getOffset()))
        .sum();
  }

  @Test
  void aSnapshotArrivesWhole() throws Exception {
    assertThat(send(3)).isEqualTo(40);
    receiver.publish(40);
    try (var reader = new SnapshotStore(to).read("raft/snapshot-%016x".formatted(40))) {
      assertThat(reader.verify()).isEqualTo(sent.getFirst().getCrc());
    }
  }

  /** A slow link that breaks now and then still gets to the end. */
  @Test
  void aStreamThatBrokeOffGoesOnWhereItWas() throws Exception {
    pieces = 4; // the question where to begin, and three pieces
    assertThatThrownBy(() -> send(3)).isInstanceOf(LostException.class);
    pieces = Integer.MAX_VALUE;
    int before = sent.size();
    assertThat(send(4)).as("the same sender, elected again").isEqualTo(40);
    assertThat(sent.get(before + 1).getOffset()).isEqualTo(3 << 20);
  }

  /** The member caught up by the log: what came of the snapshot must not stay for ever. */
  @Test
  void whatNobodyWillGoOnWithIsRemoved() throws Exception {
    pieces = 4;
    assertThatThrownBy(() -> send(3)).isInstanceOf(LostException.class);
    receiver.dropUpTo(39);
    assertThat(to.list("raft")).isNotEmpty();
    receiver.dropUpTo(40);
    assertThat(to.list("raft")).isEmpty();
    pieces = Integer.MAX_VALUE;
    assertThat(send(3)).as("where it is wanted after all").isEqualTo(40);
    receiver.publish(40);
  }

  /** It may never be sent again: the log may bring what is missing, and the room is needed. */
  @Test
  void whatThereWasNoRoomForLeavesNothing() throws Exception {
    full = true;
    assertThatThrownBy(() -> send(3)).hasMessageContaining("no room");
    assertThat(to.list("raft")).isEmpty();
    full = false;
    assertThat(send(3)).isEqualTo(40);
    receiver.publish(40);
  }

  /** A disk that can be full. */
  private Disk fillable(Disk disk) {
    return proxy(
        Disk.class,
        disk,
        result -> result instanceof DiskFile file ? proxy(DiskFile.class, file, r -> r) : result);
  }

  private <T> T proxy(Class<T> type, T of, UnaryOperator<Object> result) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              if (full && method.getName().equals("write")) {
                throw new IOException("no room");
              }
              try {
                return result.apply(method.invoke(of, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  @Test
  void whoHasAllOfItIsSentNothing() throws Exception {
    send(3);
    receiver.publish(40);
    int before = sent.size();
    send(3);
    assertThat(sent).hasSize(before + 1);
  }

  @Test
  void whatWasDiscardedIsSentAgain() throws Exception {
    send(3);
    receiver.discard(40);
    int before = sent.size();
    send(3);
    assertThat(sent.size()).isGreaterThan(before + MEGABYTES);
  }

  /** Same index, other bytes: nothing of the one must get into the other. */
  @Test
  void anotherFileBeginsAnew() throws Exception {
    pieces = 4;
    assertThatThrownBy(() -> send(3)).isInstanceOf(LostException.class);
    pieces = Integer.MAX_VALUE;
    write(40, 9);
    int before = sent.size();
    send(3);
    assertThat(sent.get(before + 1).getOffset()).isZero();
    receiver.publish(40);
  }

  @Test
  void aFormerLeaderDoesNotDisturbTheStreamOfTheNewOne() throws Exception {
    pieces = 4;
    assertThatThrownBy(() -> send(5)).isInstanceOf(LostException.class);
    SnapshotChunk old = sent.getFirst().toBuilder().setFrom(9).setTerm(4).build();
    assertThatThrownBy(() -> receiver.accept(old, ByteBuffer.allocate(0)))
        .isInstanceOf(PosixException.class);
    pieces = Integer.MAX_VALUE;
    int before = sent.size();
    send(5);
    assertThat(sent.get(before + 1).getOffset()).isEqualTo(3 << 20);
  }

  @Test
  void aPieceThatComesTwiceOrLateIsStoredOnce() throws Exception {
    pieces = 4;
    assertThatThrownBy(() -> send(3)).isInstanceOf(LostException.class);
    SnapshotChunk late = sent.get(1);
    assertThat(receiver.accept(late, ByteBuffer.allocate(1 << 20)).next()).isEqualTo(3 << 20);
    pieces = Integer.MAX_VALUE;
    send(3);
    receiver.publish(40);
    try (var reader = new SnapshotStore(to).read("raft/snapshot-%016x".formatted(40))) {
      reader.verify();
    }
  }

  @Test
  void piecesThatAreNotTheFileThatWasAnnouncedAreRefused() throws Exception {
    pieces = 2;
    assertThatThrownBy(() -> send(3)).isInstanceOf(LostException.class);
    SnapshotChunk wrong = sent.get(1).toBuilder().setOffset(1 << 20).setLast(true).build();
    assertThatThrownBy(() -> receiver.accept(wrong, ByteBuffer.allocate(1 << 20)))
        .isInstanceOf(PosixException.class);
  }

  /** It would be refused at its end, again and again. */
  @Test
  void aDamagedSnapshotDoesNotLeaveButIsReplaced() throws Exception {
    try (DiskFile file = from.open(source.newest().orElseThrow().path(), false)) {
      file.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}), 3 << 20);
    }
    assertThat(send(3)).isEqualTo(40);
    assertThat(renewals).isEqualTo(1);
    assertThat(bytesSent()).as("one stream, of the new one").isLessThan((MEGABYTES + 1) << 20);
    receiver.publish(40);
  }

  /** A release before this one sends each stream from its beginning and asks nothing. */
  @Test
  void theFormerProtocolStillWorks() throws Exception {
    send(3);
    receiver.discard(40);
    for (SnapshotChunk chunk : List.copyOf(sent).subList(1, sent.size())) {
      SnapshotChunk old = chunk.toBuilder().clearSize().clearCrc().build();
      int length = (int) Math.min(1 << 20, chunk.getSize() - chunk.getOffset());
      try (var reader = source.read(source.newest().orElseThrow().path())) {
        receiver.accept(old, reader.at(chunk.getOffset(), length));
      }
    }
    receiver.publish(40);
  }
}
