package io.sandstore.bench;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;

/**
 * What the machine a measurement ran on can do by itself, measured before it: the ceilings that the
 * store's figures are compared with.
 *
 * @param forces durable 4 KiB writes a second, one after the other, to a file that has its size
 * @param forceMillis median of one such write
 * @param diskMegabytes sequential write of 512 MiB with one force at the end, MB/s
 * @param loopbackMegabytes TCP copy of 2 GiB in chunks of 1 MiB, MB/s
 * @param cachedMegabytes the same of a cached file, by sendfile: nothing that reads files over TCP
 *     can be faster
 * @param roundTrips 64 bytes there and back over TCP on loopback, a second, one after the other
 * @param roundTripMillis median of one such round trip
 */
public record MachineCeilings(
    String cpu,
    int cores,
    String kernel,
    String fileSystem,
    String java,
    double forces,
    double forceMillis,
    double diskMegabytes,
    double loopbackMegabytes,
    double cachedMegabytes,
    double roundTrips,
    double roundTripMillis) {

  private static final int FORCED_BYTES = 4096;
  private static final int CHUNK = 1 << 20;
  private static final int DISK_CHUNKS = 512;
  private static final int LOOPBACK_CHUNKS = 2048;
  private static final int CACHED_CHUNKS = 64;
  private static final int MESSAGE = 64;
  private static final Duration SAMPLE = Duration.ofSeconds(2);

  private record Pace(double perSecond, double medianMillis) {}

  private interface Step {
    void run() throws IOException;
  }

  /** Measures for some seconds; needs 512 MiB free in the directory. */
  public static MachineCeilings measure(Path directory) throws IOException {
    Files.createDirectories(directory);
    Pace force = force(directory);
    Pace trip = roundTrip();
    return new MachineCeilings(
        processor(),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        Files.getFileStore(directory).type(),
        System.getProperty("java.vm.name") + " " + Runtime.version(),
        force.perSecond,
        force.medianMillis,
        disk(directory),
        loopback(MachineCeilings::send),
        cached(directory),
        trip.perSecond,
        trip.medianMillis);
  }

  private static String processor() throws IOException {
    Path info = Path.of("/proc/cpuinfo");
    if (!Files.isReadable(info)) {
      return System.getProperty("os.arch");
    }
    return Files.readAllLines(info).stream()
        .filter(line -> line.startsWith("model name"))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse(System.getProperty("os.arch"));
  }

  private static Pace force(Path directory) throws IOException {
    Path file = Files.createTempFile(directory, "force", "");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer page = random(FORCED_BYTES);
      int pages = 4096;
      for (int i = 0; i < pages; i++) {
        channel.write(page.clear(), (long) i * FORCED_BYTES);
      }
      channel.force(true);
      long[] at = {0};
      return pace(
          () -> {
            channel.write(page.clear(), at[0]++ % pages * FORCED_BYTES);
            channel.force(false);
          });
    } finally {
      Files.delete(file);
    }
  }

  private static Pace pace(Step step) throws IOException {
    long[] nanos = new long[1 << 20];
    int count = 0;
    long begin = System.nanoTime();
    for (long before = begin, after; count < nanos.length; before = after) {
      step.run();
      after = System.nanoTime();
      nanos[count++] = after - before;
      if (after - begin > SAMPLE.toNanos()) {
        break;
      }
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    Arrays.sort(nanos, 0, count);
    return new Pace(count / seconds, nanos[count / 2] / 1e6);
  }

  private static double disk(Path directory) throws IOException {
    Path file = Files.createTempFile(directory, "disk", "");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      ByteBuffer chunk = random(CHUNK);
      long begin = System.nanoTime();
      for (int i = 0; i < DISK_CHUNKS; i++) {
        channel.write(chunk.clear());
      }
      channel.force(true);
      return megabytes((long) CHUNK * DISK_CHUNKS, begin);
    } finally {
      Files.delete(file);
    }
  }

  private interface Sender {
    void send(SocketChannel channel) throws IOException;
  }

  private static double cached(Path directory) throws IOException {
    Path path = Files.createTempFile(directory, "cached", "");
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE)) {
      ByteBuffer chunk = random(CHUNK);
      for (int i = 0; i < CACHED_CHUNKS; i++) {
        file.write(chunk.clear());
      }
      return loopback(channel -> send(path, channel));
    } finally {
      Files.delete(path);
    }
  }

  private static double loopback(Sender chunks) throws IOException {
    try (ServerSocketChannel server = listen()) {
      Thread sender =
          Thread.ofPlatform()
              .start(
                  () ->
                      ignoringTheEnd(
                          () -> {
                            try (SocketChannel channel = server.accept()) {
                              chunks.send(channel);
                            }
                          }));
      try (SocketChannel channel = SocketChannel.open(server.getLocalAddress())) {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
        read(channel, chunk); // connected, and both sides warm
        long begin = System.nanoTime();
        for (int i = 1; i < LOOPBACK_CHUNKS; i++) {
          read(channel, chunk);
        }
        return megabytes((long) CHUNK * (LOOPBACK_CHUNKS - 1), begin);
      } finally {
        join(sender);
      }
    }
  }

  private static void send(SocketChannel channel) throws IOException {
    ByteBuffer chunk = random(CHUNK);
    for (int i = 0; i < LOOPBACK_CHUNKS; i++) {
      chunk.clear();
      while (chunk.hasRemaining()) {
        channel.write(chunk);
      }
    }
  }

  private static void send(Path path, SocketChannel channel) throws IOException {
    try (FileChannel file = FileChannel.open(path)) {
      for (int i = 0; i < LOOPBACK_CHUNKS; i++) {
        long begin = (long) CHUNK * (i % CACHED_CHUNKS);
        for (long at = begin; at < begin + CHUNK; ) {
          at += file.transferTo(at, begin + CHUNK - at, channel);
        }
      }
    }
  }

  private static Pace roundTrip() throws IOException {
    try (ServerSocketChannel server = listen()) {
      Thread echo = Thread.ofPlatform().start(() -> ignoringTheEnd(() -> echo(server)));
      try (SocketChannel channel = SocketChannel.open(server.getLocalAddress())) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        ByteBuffer message = ByteBuffer.allocateDirect(MESSAGE);
        return pace(
            () -> {
              channel.write(message.clear());
              read(channel, message);
            });
      } finally {
        join(echo);
      }
    }
  }

  private static void echo(ServerSocketChannel server) throws IOException {
    try (SocketChannel channel = server.accept()) {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      ByteBuffer message = ByteBuffer.allocateDirect(MESSAGE);
      while (true) {
        read(channel, message);
        channel.write(message.flip());
      }
    }
  }

  /** The other side closes when it has seen enough. */
  private static void ignoringTheEnd(Step step) {
    try {
      step.run();
    } catch (EOFException | AsynchronousCloseException expected) {
      // The end.
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static ServerSocketChannel listen() throws IOException {
    return ServerSocketChannel.open()
        .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  private static void read(SocketChannel channel, ByteBuffer whole) throws IOException {
    whole.clear();
    while (whole.hasRemaining()) {
      if (channel.read(whole) < 0) {
        throw new EOFException();
      }
    }
  }

  private static ByteBuffer random(int bytes) {
    byte[] content = new byte[bytes];
    new Random(1).nextBytes(content);
    return ByteBuffer.allocateDirect(bytes).put(content);
  }

  private static double megabytes(long bytes, long sinceNanos) {
    return bytes / 1e6 / ((System.nanoTime() - sinceNanos) / 1e9);
  }

  /** Time the machine's processors worked for somebody else, in the unit of /proc/stat. */
  record Stolen(long stolen, long all) {

    /** Empty where the system does not say. */
    static Optional<Stolen> now() throws IOException {
      Path stat = Path.of("/proc/stat");
      if (!Files.isReadable(stat)) {
        return Optional.empty();
      }
      long[] ticks =
          Arrays.stream(Files.readAllLines(stat).getFirst().strip().split("\\s+"))
              .skip(1)
              .limit(8)
              .mapToLong(Long::parseLong)
              .toArray();
      return Optional.of(new Stolen(ticks[7], Arrays.stream(ticks).sum()));
    }

    double percentSince(Stolen before) {
      return all == before.all ? 0 : 100.0 * (stolen - before.stolen) / (all - before.all);
    }
  }
}
