package io.sandstore.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.DSYNC;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.SPARSE;
import static java.nio.file.StandardOpenOption.SYNC;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.CompletionHandler;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Channels of a local file and of one in a cluster keep the same contract. */
@Tag("slow")
class NioChannelTest extends BothFileSystems {

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }

  private static String text(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return new String(bytes, UTF_8);
  }

  private static byte[] random(int size) {
    byte[] random = new byte[size];
    new Random(size).nextBytes(random);
    return random;
  }

  @ParameterizedTest
  @MethodSource("roots")
  void callsWithAPositionMoveNothing(Root root) throws Exception {
    Path file = root.fresh().resolve("file");
    try (FileChannel channel = FileChannel.open(file, CREATE_NEW, READ, WRITE, SPARSE)) {
      assertThat(channel.write(bytes("0123456789"))).isEqualTo(10);
      assertThat(channel.write(bytes("AB"), 4)).isEqualTo(2);
      assertThat(channel.position()).isEqualTo(10);
      ByteBuffer four = ByteBuffer.allocate(4);
      assertThat(channel.read(four, 3)).isEqualTo(4);
      assertThat(text(four.flip())).isEqualTo("3AB6");
      assertThat(channel.position()).isEqualTo(10);
      assertThat(channel.read(four.clear(), 10)).isEqualTo(-1);
      assertThat(channel.read(four.clear(), 1000)).isEqualTo(-1);
      assertThat(channel.read(ByteBuffer.allocate(0), 2)).isZero();
      assertThat(channel.write(bytes("x"), 12)).isEqualTo(1);
      assertThat(channel.size()).isEqualTo(13);
      assertThat(channel.position(20)).isSameAs(channel);
      assertThat(channel.size()).isEqualTo(13);
      assertThat(channel.read(four.clear())).isEqualTo(-1);
      assertThat(channel.write(bytes("end"))).isEqualTo(3);
      assertThat(channel.position()).isEqualTo(23);
      channel.position(0);
      ByteBuffer[] parts = {ByteBuffer.allocate(3), ByteBuffer.allocate(0), ByteBuffer.allocate(4)};
      assertThat(channel.read(parts)).isEqualTo(7);
      assertThat(text(parts[0].flip()) + text(parts[2].flip())).isEqualTo("0123AB6");
      assertThat(channel.write(new ByteBuffer[] {bytes("no"), bytes("yes"), bytes("no")}, 1, 1))
          .isEqualTo(3);
      channel.force(false);
    }
    assertThat(Files.readString(file)).isEqualTo("0123AB6yes\0\0x\0\0\0\0\0\0\0end");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void anAppendingChannelIsAtTheEnd(Root root) throws Exception {
    Path file = Files.writeString(root.fresh().resolve("file"), "12345");
    try (FileChannel channel = FileChannel.open(file, APPEND)) {
      assertThat(channel.position()).isEqualTo(5);
      channel.write(bytes("67"));
      assertThat(channel.position()).isEqualTo(7);
      channel.position(0).write(bytes("8"));
      assertThat(channel.position()).isEqualTo(8);
      assertThat(channel.write(new ByteBuffer[] {bytes("9"), bytes("a"), bytes("b")})).isEqualTo(3);
      assertThat(channel.size()).isEqualTo(11);
      channel.truncate(6).write(bytes("!"));
    }
    assertThat(file).hasContent("123456!");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void truncatingNeverExtends(Root root) throws Exception {
    Path file = Files.writeString(root.fresh().resolve("file"), "12345");
    try (FileChannel channel = FileChannel.open(file, WRITE)) {
      channel.position(4).truncate(9);
      assertThat(channel.size()).isEqualTo(5);
      assertThat(channel.position()).isEqualTo(4);
      channel.truncate(2);
      assertThat(channel.size()).isEqualTo(2);
      assertThat(channel.position()).isEqualTo(2);
      channel.position(8).truncate(5);
      assertThat(channel.position()).isEqualTo(5);
    }
    assertThat(file).hasContent("12");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void transfersCopyWhatIsThere(Root root) throws Exception {
    Path dir = root.fresh();
    byte[] much = random(3 << 20);
    Path source = Files.write(dir.resolve("source"), much);
    Path target = dir.resolve("target");
    try (FileChannel from = FileChannel.open(source);
        FileChannel to = FileChannel.open(target, CREATE, WRITE, READ)) {
      assertThat(from.transferTo(0, much.length + 100L, to)).isEqualTo(much.length);
      assertThat(to.position()).isEqualTo(much.length);
      assertThat(from.position()).isZero();
      assertThat(from.transferTo(much.length + 1L, 10, to)).isZero();
      assertThat(to.transferFrom(from, 0, 0)).isZero();
      assertThat(to.transferFrom(from.position(100), 50, 1000)).isEqualTo(1000);
      assertThat(from.position()).isEqualTo(1100);
      if (!root.isLocal()) { // where the JDK's own makes a hole
        assertThat(to.transferFrom(from, much.length + 1L, 10)).isZero();
      }
      ByteArrayOutputStream some = new ByteArrayOutputStream();
      assertThat(from.transferTo(7, 70_000, Channels.newChannel(some))).isEqualTo(70_000);
      assertThat(some.toByteArray()).isEqualTo(Arrays.copyOfRange(much, 7, 70_007));
      ByteArrayInputStream more = new ByteArrayInputStream(much, 0, 5);
      assertThat(to.transferFrom(Channels.newChannel(more), 0, 100)).isEqualTo(5);
    }
    byte[] expected = much.clone();
    System.arraycopy(much, 100, expected, 50, 1000);
    System.arraycopy(much, 0, expected, 0, 5);
    assertThat(Files.readAllBytes(target)).isEqualTo(expected);
    // Between the two file systems, in both directions.
    Path elsewhere = (root.isLocal() ? sand() : local()).fresh().resolve("elsewhere");
    try (FileChannel from = FileChannel.open(source);
        FileChannel to = FileChannel.open(elsewhere, CREATE, WRITE)) {
      assertThat(from.transferTo(0, much.length, to)).isEqualTo(much.length);
    }
    assertThat(Files.mismatch(source, elsewhere)).isEqualTo(-1);
  }

  @ParameterizedTest
  @MethodSource("roots")
  void mapsThatAreReadOrPrivate(Root root) throws Exception {
    byte[] much = random(2_500_000);
    Path file = Files.write(root.fresh().resolve("file"), much);
    try (FileChannel channel = FileChannel.open(file, READ, WRITE);
        Arena arena = Arena.ofConfined()) {
      MappedByteBuffer read = channel.map(MapMode.READ_ONLY, 100, 2_000_000);
      byte[] seen = new byte[2_000_000];
      read.get(seen);
      assertThat(seen).isEqualTo(Arrays.copyOfRange(much, 100, 2_000_100));
      assertThat(read.isReadOnly()).isTrue();
      MappedByteBuffer own = channel.map(MapMode.PRIVATE, 0, 10);
      own.put(0, (byte) ~much[0]);
      own.force();
      assertThat(own.get(1)).isEqualTo(much[1]);
      MemorySegment segment = channel.map(MapMode.READ_ONLY, 3, much.length - 3, arena);
      assertThat(segment.byteSize()).isEqualTo(much.length - 3);
      assertThat(segment.toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(Arrays.copyOfRange(much, 3, much.length));
      assertThat(segment.isReadOnly()).isTrue();
      MemorySegment ownSegment = channel.map(MapMode.PRIVATE, 0, 10, arena);
      ownSegment.set(ValueLayout.JAVA_BYTE, 0, (byte) ~much[0]);
      assertThat(channel.map(MapMode.READ_ONLY, 0, 0).hasRemaining()).isFalse();
      assertThat(channel.position()).isZero();
      assertThat(channel.map(MapMode.PRIVATE, much.length - 1, 2).get(1)).isZero();
      assertThat(channel.size()).isEqualTo(much.length + 1);
      refused(IllegalArgumentException.class, () -> channel.map(MapMode.READ_ONLY, -1, 2));
      refused(IllegalArgumentException.class, () -> channel.map(MapMode.READ_ONLY, 1, -2));
      refused(IllegalArgumentException.class, () -> channel.map(MapMode.READ_ONLY, 0, 1L << 31));
      refused(NullPointerException.class, () -> channel.map(null, 0, 1));
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(Arrays.copyOf(much, much.length + 1));
    try (FileChannel channel = FileChannel.open(file, READ)) {
      refused(IOException.class, () -> channel.map(MapMode.READ_ONLY, 0, much.length + 2));
      refused(NonWritableChannelException.class, () -> channel.map(MapMode.PRIVATE, 0, 1));
      refused(NonWritableChannelException.class, () -> channel.map(MapMode.READ_WRITE, 0, 1));
    }
    try (FileChannel channel = FileChannel.open(file, WRITE)) {
      refused(NonReadableChannelException.class, () -> channel.map(MapMode.READ_ONLY, 0, 1));
    }
  }

  /** A map is a copy here: one that others should see the changes of cannot be. */
  @Test
  void sharedMapsAreRefusedInACluster() throws Exception {
    Path file = Files.writeString(sand().fresh().resolve("file"), "12345");
    try (FileChannel channel = FileChannel.open(file, READ, WRITE);
        Arena arena = Arena.ofConfined()) {
      refused(UnsupportedOperationException.class, () -> channel.map(MapMode.READ_WRITE, 0, 1));
      refused(
          UnsupportedOperationException.class, () -> channel.map(MapMode.READ_WRITE, 0, 1, arena));
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void locksBelongToTheProgramAndEndWithTheirChannel(Root root) throws Exception {
    Path file = Files.writeString(root.fresh().resolve("file"), "12345");
    FileChannel first = FileChannel.open(file, READ, WRITE);
    try (FileChannel second = FileChannel.open(file, READ, WRITE)) {
      FileLock lock = first.lock(0, 10, false);
      assertThat(lock.isValid()).isTrue();
      assertThat(lock.isShared()).isFalse();
      assertThat(lock.size()).isEqualTo(10);
      assertThat(lock.acquiredBy()).isSameAs(first);
      assertThat(lock.channel()).isSameAs(first);
      for (FileChannel channel : new FileChannel[] {first, second}) {
        refused(OverlappingFileLockException.class, () -> channel.lock(9, 1, true));
        refused(OverlappingFileLockException.class, () -> channel.tryLock(0, 100, false));
      }
      FileLock other = second.tryLock(10, 5, true);
      assertThat(other.isShared()).isTrue();
      refused(OverlappingFileLockException.class, () -> first.tryLock(14, 1, true));
      lock.release();
      lock.release();
      assertThat(lock.isValid()).isFalse();
      assertThat(second.tryLock(0, 10, false).isValid()).isTrue();
      FileLock last = first.lock(15, 0, true);
      assertThat(last.size()).isEqualTo(Long.MAX_VALUE - 15);
      first.close();
      assertThat(last.isValid()).isFalse();
      refused(
          ClosedChannelException.class,
          () -> {
            last.release();
            return true;
          });
      assertThat(second.tryLock(15, Long.MAX_VALUE - 15, false).isValid()).isTrue();
      refused(IllegalArgumentException.class, () -> second.lock(-1, 1, false));
      refused(IllegalArgumentException.class, () -> second.lock(0, -1, false));
      refused(IllegalArgumentException.class, () -> second.lock(Long.MAX_VALUE, 1, false));
    }
    try (FileChannel channel = FileChannel.open(file, READ, WRITE)) {
      assertThat(channel.lock().isValid()).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void anAsynchronousChannelLocksToo(Root root) throws Exception {
    Path file = Files.writeString(root.fresh().resolve("file"), "12345");
    try (AsynchronousFileChannel channel = AsynchronousFileChannel.open(file, READ, WRITE)) {
      FileLock lock = channel.lock(0, 10, false).get();
      assertThat(lock.acquiredBy()).isSameAs(channel);
      refused(OverlappingFileLockException.class, () -> channel.lock(5, 1, true));
      refused(OverlappingFileLockException.class, () -> channel.tryLock(5, 1, true));
      lock.release();
      CompletableFuture<FileLock> done = new CompletableFuture<>();
      channel.lock(
          0,
          1,
          true,
          "attached",
          new CompletionHandler<FileLock, String>() {
            @Override
            public void completed(FileLock result, String attachment) {
              done.complete(result);
            }

            @Override
            public void failed(Throwable failure, String attachment) {
              done.completeExceptionally(failure);
            }
          });
      assertThat(done.get().isShared()).isTrue();
      assertThat(channel.tryLock(1, 1, true).isValid()).isTrue();
    }
  }

  /** Two file systems of one cluster are as two programs. */
  @Test
  void anotherProgramIsKeptOutWaitsAndSeesWhatWasWritten() throws Exception {
    Path file = Files.writeString(sand().fresh().resolve("file"), "12345");
    try (FileSystem another = another();
        FileChannel here = FileChannel.open(file, READ, WRITE);
        FileChannel there = FileChannel.open(another.getPath(file.toString()), READ, WRITE);
        ExecutorService executor = Executors.newSingleThreadExecutor()) {
      FileLock lock = here.lock();
      assertThat(there.tryLock()).isNull();
      here.write(bytes("abc"), 0);
      Future<String> waits =
          executor.submit(
              () -> {
                try (FileLock held = there.lock(0, 5, true)) {
                  assertThat(held.isValid()).isTrue();
                  ByteBuffer read = ByteBuffer.allocate(5);
                  there.read(read, 0);
                  return text(read.flip());
                }
              });
      lock.release();
      assertThat(waits.get()).isEqualTo("abc45");

      FileLock again = here.lock(0, 1, true);
      AtomicReference<Thread> waiter = new AtomicReference<>();
      Future<?> interrupted =
          executor.submit(
              () -> {
                waiter.set(Thread.currentThread());
                refused(FileLockInterruptionException.class, there::lock);
                assertThat(Thread.interrupted()).isTrue();
              });
      while (waiter.get() == null) {
        Thread.onSpinWait();
      }
      waiter.get().interrupt();
      interrupted.get();
      assertThat(there.isOpen()).isTrue();
      again.release();

      here.lock(0, 1, true);
      CountDownLatch begun = new CountDownLatch(1);
      Future<?> closed =
          executor.submit(
              () -> {
                begun.countDown();
                refused(ClosedChannelException.class, there::lock);
              });
      begun.await();
      there.close();
      closed.get();
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aChannelDoesNothingThatItWasNotOpenedFor(Root root) throws Exception {
    Path file = Files.writeString(root.fresh().resolve("file"), "12345");
    ByteBuffer buffer = ByteBuffer.allocate(1);
    FileChannel reading = FileChannel.open(file, READ, CREATE, TRUNCATE_EXISTING);
    FileChannel writing = FileChannel.open(file, WRITE);
    refused(NonWritableChannelException.class, () -> reading.write(buffer));
    refused(NonWritableChannelException.class, () -> reading.write(buffer, 0));
    refused(NonWritableChannelException.class, () -> reading.write(new ByteBuffer[] {buffer}));
    refused(NonWritableChannelException.class, () -> reading.truncate(0));
    refused(NonWritableChannelException.class, () -> reading.transferFrom(reading, 0, 1));
    refused(NonWritableChannelException.class, () -> reading.lock(0, 1, false));
    refused(NonReadableChannelException.class, () -> writing.read(buffer));
    refused(NonReadableChannelException.class, () -> writing.read(buffer, 0));
    refused(NonReadableChannelException.class, () -> writing.read(new ByteBuffer[] {buffer}));
    refused(NonReadableChannelException.class, () -> writing.transferTo(0, 1, reading));
    refused(NonReadableChannelException.class, () -> writing.tryLock(0, 1, true));
    refused(NonWritableChannelException.class, () -> reading.transferTo(0, 1, reading));
    refused(IllegalArgumentException.class, () -> reading.read(buffer, -1));
    refused(IllegalArgumentException.class, () -> writing.write(buffer, -1));
    refused(IllegalArgumentException.class, () -> reading.position(-1));
    refused(IllegalArgumentException.class, () -> writing.truncate(-1));
    refused(IllegalArgumentException.class, () -> reading.transferTo(-1, 1, writing));
    refused(IllegalArgumentException.class, () -> writing.transferFrom(reading, 0, -1));
    refused(IllegalArgumentException.class, () -> reading.read(buffer.asReadOnlyBuffer()));
    refused(IndexOutOfBoundsException.class, () -> reading.read(new ByteBuffer[1], 1, 1));
    reading.force(true);
    FileChannel open = FileChannel.open(file, READ, WRITE);
    for (FileChannel channel : new FileChannel[] {reading, writing}) {
      channel.close();
      channel.close();
      assertThat(channel.isOpen()).isFalse();
      refused(ClosedChannelException.class, () -> channel.read(buffer));
      refused(ClosedChannelException.class, () -> channel.read(buffer, 0));
      refused(ClosedChannelException.class, () -> channel.write(buffer));
      refused(ClosedChannelException.class, () -> channel.write(buffer, 0));
      refused(ClosedChannelException.class, channel::position);
      refused(ClosedChannelException.class, () -> channel.position(0));
      refused(ClosedChannelException.class, channel::size);
      refused(ClosedChannelException.class, () -> channel.truncate(0));
      refused(ClosedChannelException.class, () -> channel.map(MapMode.READ_ONLY, 0, 1));
      refused(ClosedChannelException.class, () -> channel.transferTo(0, 1, open));
      refused(ClosedChannelException.class, () -> channel.transferFrom(open, 0, 1));
      refused(ClosedChannelException.class, () -> open.transferTo(0, 1, channel));
      refused(ClosedChannelException.class, () -> open.transferFrom(channel, 0, 1));
      refused(ClosedChannelException.class, channel::lock);
      refused(
          ClosedChannelException.class,
          () -> {
            channel.force(true);
            return true;
          });
    }
    open.close();
    assertThat(file).hasContent("12345");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aFileThatGoesWhenItIsClosed(Root root) throws Exception {
    Path dir = root.fresh();
    Set<java.nio.file.OpenOption> options = Set.of(CREATE_NEW, READ, WRITE, DELETE_ON_CLOSE);
    try (FileChannel channel = FileChannel.open(dir.resolve("file"), options)) {
      channel.write(bytes("kept until then"));
      ByteBuffer read = ByteBuffer.allocate(100);
      channel.read(read, 0);
      assertThat(text(read.flip())).isEqualTo("kept until then");
    }
    assertThat(names(dir)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("roots")
  void whatIsFlushedIsVisible(Root root) throws Exception {
    Path file = root.fresh().resolve("file");
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write("first".getBytes(UTF_8));
      out.flush();
      assertThat(file).hasContent("first");
      out.write('2');
    }
    assertThat(file).hasContent("first2");
    try (OutputStream out = Files.newOutputStream(file, APPEND)) {
      out.write('3');
      out.flush();
      assertThat(file).hasContent("first23");
    }
    try (FileChannel channel = FileChannel.open(file, WRITE, SYNC)) {
      channel.write(bytes("FIRST"));
      assertThat(file).hasContent("FIRST23");
      channel.write(bytes("f"), 0);
      assertThat(file).hasContent("fIRST23");
    }
    try (FileChannel channel = FileChannel.open(file, WRITE, DSYNC)) {
      channel.write(bytes("x"));
      channel.write(bytes("y"));
      assertThat(file).hasContent("xyRST23");
    }
    refused(IllegalArgumentException.class, () -> Files.newOutputStream(file, READ));
    refused(UnsupportedOperationException.class, () -> Files.newInputStream(file, WRITE));
  }

  /**
   * Whenever the interrupt comes, everything that a call of write said it had taken is in the file,
   * in its place, and the channel is closed.
   */
  @ParameterizedTest
  @MethodSource("roots")
  void anInterruptedWriterLosesNothing(Root root) throws Exception {
    Path dir = root.fresh();
    byte[] much = random(16 << 20);
    for (int round = 0; round < 6; round++) {
      Path file = dir.resolve("file" + round);
      AtomicLong taken = new AtomicLong();
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      CountDownLatch far = new CountDownLatch(1 + 40 * round);
      FileChannel channel = FileChannel.open(file, CREATE_NEW, WRITE);
      Thread writer =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      ByteBuffer all = ByteBuffer.wrap(much);
                      while (all.hasRemaining()) {
                        ByteBuffer part =
                            all.slice(all.position(), Math.min(70_000, all.remaining()));
                        all.position(all.position() + part.remaining());
                        taken.addAndGet(channel.write(part));
                        far.countDown();
                      }
                    } catch (IOException | RuntimeException e) {
                      thrown.set(e);
                    }
                  });
      far.await();
      writer.interrupt();
      writer.join();
      if (thrown.get() != null) {
        assertThat(thrown.get()).isInstanceOf(ClosedByInterruptException.class);
        assertThat(channel.isOpen()).isFalse();
      }
      channel.close();
      byte[] found = Files.readAllBytes(file);
      assertThat((long) found.length).isGreaterThanOrEqualTo(taken.get());
      assertThat(Arrays.mismatch(found, Arrays.copyOf(much, found.length))).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @MethodSource("roots")
  void aThreadThatIsInterruptedAlreadyKeepsWhatItWrote(Root root) throws Exception {
    Path file = root.fresh().resolve("file");
    FileChannel channel = FileChannel.open(file, CREATE_NEW, READ, WRITE);
    channel.write(bytes("written"));
    Thread.currentThread().interrupt();
    refused(ClosedByInterruptException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(channel.isOpen()).isFalse();
    assertThat(file).hasContent("written");
    FileChannel other = FileChannel.open(file, APPEND);
    other.write(bytes(" more"));
    Thread.currentThread().interrupt();
    other.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(file).hasContent("written more");
  }

  @ParameterizedTest
  @MethodSource("roots")
  void anAsynchronousChannelReadsAndWrites(Root root) throws Exception {
    Path file = root.fresh().resolve("file");
    ByteBuffer buffer = ByteBuffer.allocate(10);
    try (ExecutorService executor = Executors.newSingleThreadExecutor();
        AsynchronousFileChannel channel =
            AsynchronousFileChannel.open(file, Set.of(CREATE_NEW, READ, WRITE), executor)) {
      assertThat(channel.write(bytes("0123456789"), 0).get()).isEqualTo(10);
      assertThat(channel.size()).isEqualTo(10);
      assertThat(channel.read(buffer, 6).get()).isEqualTo(4);
      assertThat(text(buffer.flip())).isEqualTo("6789");
      assertThat(channel.read(buffer.clear(), 10).get()).isEqualTo(-1);
      CompletableFuture<String> done = new CompletableFuture<>();
      channel.write(
          bytes("AB"),
          2,
          "attached",
          new CompletionHandler<Integer, String>() {
            @Override
            public void completed(Integer count, String attachment) {
              done.complete(attachment + count);
            }

            @Override
            public void failed(Throwable failure, String attachment) {
              done.completeExceptionally(failure);
            }
          });
      assertThat(done.get()).isEqualTo("attached2");
      channel.truncate(5).force(true);
      refused(IllegalArgumentException.class, () -> channel.read(buffer, -1));
      refused(IllegalArgumentException.class, () -> channel.write(buffer, -1));
      refused(IllegalArgumentException.class, () -> channel.read(buffer.asReadOnlyBuffer(), 0));
    }
    assertThat(file).hasContent("01AB4");
    AsynchronousFileChannel reading = AsynchronousFileChannel.open(file);
    refused(NonWritableChannelException.class, () -> reading.write(buffer, 0));
    refused(NonWritableChannelException.class, () -> reading.truncate(0));
    reading.close();
    assertThat(reading.isOpen()).isFalse();
    refused(ClosedChannelException.class, reading::size);
    try {
      reading.read(buffer.clear(), 0).get();
      assertThat(false).as("a closed channel reads").isTrue();
    } catch (ExecutionException e) {
      assertThat(e).hasCauseInstanceOf(ClosedChannelException.class);
    }
    AsynchronousFileChannel writing = AsynchronousFileChannel.open(file, WRITE);
    refused(NonReadableChannelException.class, () -> writing.read(buffer, 0));
    writing.close();
    refused(UnsupportedOperationException.class, () -> AsynchronousFileChannel.open(file, APPEND));
  }
}
