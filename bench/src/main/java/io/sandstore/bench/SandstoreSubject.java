package io.sandstore.bench;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.client.TreeRemoval;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/** What {@link Bench} does with Sand Store, in a directory of its own. */
public final class SandstoreSubject implements Bench.Subject {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT);
  private static final int SMALL_BYTES = 4096;
  private static final int READ_FILE_BLOCKS = 64;
  private static final long SEQUENTIAL_BYTES = 1L << 30;
  private static final int LISTED = 100;
  private static final int MAKERS = 64;

  private final SandstoreClient client;
  private final int blockBytes;
  private final String directory = "/bench-" + Long.toHexString(System.nanoTime());
  private final AtomicLong names = new AtomicLong();
  private final byte[] content;
  private boolean readable;
  private boolean listable;
  private boolean streamable;

  public SandstoreSubject(SandstoreClient client, int blockBytes) throws IOException {
    this.client = client;
    this.blockBytes = blockBytes;
    this.content = new byte[Math.max(blockBytes, SMALL_BYTES)];
    new Random(1).nextBytes(content);
    client.mkdir(directory, 0755);
  }

  @Override
  public void prepare(Bench.Phase phase) throws IOException {
    if ((phase == Bench.Phase.READ || phase == Bench.Phase.MIXED) && !readable) {
      try (SandFile file = client.open(directory + "/read", CREATE, 0644)) {
        for (int i = 0; i < READ_FILE_BLOCKS; i++) {
          file.write(ByteBuffer.wrap(content, 0, blockBytes));
        }
      }
      readable = true;
    }
    if ((phase == Bench.Phase.LISTDIR || phase == Bench.Phase.STAT || phase == Bench.Phase.MIXED)
        && !listable) {
      client.mkdir(directory + "/list", 0755);
      for (int i = 0; i < LISTED; i++) {
        client.open(directory + "/list/" + i, CREATE, 0644).close();
      }
      listable = true;
    }
    if (phase == Bench.Phase.SEQ_READ && !streamable) {
      Bench.Operation write = sequentialWrite(directory + "/stream");
      for (long at = 0; at < SEQUENTIAL_BYTES; at += blockBytes) {
        write.run();
      }
      streamable = true;
    }
  }

  /** Makes empty files until there are as many, and says how fast. */
  public void fill(long files) throws IOException {
    long missing = files - names.get();
    if (missing <= 0) {
      return;
    }
    long begin = System.nanoTime();
    List<Future<?>> makers = new ArrayList<>();
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < MAKERS; i++) {
        makers.add(
            pool.submit(
                () -> {
                  for (long left; (left = files - names.get()) > 0; ) {
                    create(0);
                    if (left % 1000 == 0) {
                      Bench.progress("%,d files to make".formatted(left));
                    }
                  }
                  return null;
                }));
      }
    }
    Bench.progress("");
    try {
      for (Future<?> maker : makers) {
        maker.get();
      }
    } catch (ExecutionException e) {
      throw new IOException("files could not be made: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf("with %,d files, made at %,.0f/s:%n", files, missing / seconds);
  }

  @Override
  public Bench.Operation operation(Bench.Phase phase) throws IOException {
    return switch (phase) {
      case PING ->
          () -> {
            client.ping();
            return 0;
          };
      case WRITE -> write();
      case READ -> read(blockBytes);
      case STAT -> this::stat;
      case CREATE -> () -> create(0);
      case LISTDIR -> this::list;
      case SMALL_FILE -> () -> create(SMALL_BYTES);
      case MIXED -> mixed();
      case SEQ_WRITE -> sequentialWrite(directory + "/" + names.incrementAndGet());
      case SEQ_READ -> sequentialRead();
    };
  }

  /** Fills a file, makes all of it durable, and begins again at its start. */
  private Bench.Operation sequentialWrite(String path) throws IOException {
    SandFile file = client.open(path, CREATE, 0644);
    long[] at = {0};
    return () -> {
      file.write(ByteBuffer.wrap(content, 0, blockBytes), at[0]);
      at[0] += blockBytes;
      if (at[0] >= SEQUENTIAL_BYTES) {
        file.fsync();
        at[0] = 0;
      }
      return blockBytes;
    };
  }

  private Bench.Operation sequentialRead() throws IOException {
    SandFile file = client.open(directory + "/stream", EnumSet.of(OpenFlag.O_RDONLY), 0);
    ByteBuffer buffer = ByteBuffer.allocate(blockBytes);
    long[] at = {0};
    return () -> {
      int read = file.read(buffer.clear(), at[0]);
      at[0] = read <= 0 ? 0 : at[0] + read;
      return Math.max(0, read);
    };
  }

  private Bench.Operation write() throws IOException {
    SandFile file = client.open(directory + "/" + names.incrementAndGet(), CREATE, 0644);
    return () -> {
      file.write(ByteBuffer.wrap(content, 0, blockBytes));
      file.fsync();
      return blockBytes;
    };
  }

  private Bench.Operation read(int bytes) throws IOException {
    SandFile file = client.open(directory + "/read", EnumSet.of(OpenFlag.O_RDONLY), 0);
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    return () -> {
      long block = ThreadLocalRandom.current().nextInt(READ_FILE_BLOCKS);
      buffer.clear();
      long at = block * blockBytes;
      while (buffer.hasRemaining()) {
        int read = file.read(buffer, at + buffer.position());
        if (read <= 0) {
          throw new IOException("the file ends at " + (at + buffer.position()));
        }
      }
      return bytes;
    };
  }

  private long stat() throws IOException {
    client.stat(directory + "/list/" + ThreadLocalRandom.current().nextInt(LISTED));
    return 0;
  }

  private long list() throws IOException {
    int size = client.readdir(directory + "/list").size();
    if (size != LISTED) {
      throw new IOException("%d names instead of %d".formatted(size, LISTED));
    }
    return 0;
  }

  private long create(int bytes) throws IOException {
    String path = directory + "/" + names.incrementAndGet();
    try (SandFile file = client.open(path, CREATE, 0644)) {
      if (bytes > 0) {
        file.write(ByteBuffer.wrap(content, 0, bytes));
      }
    }
    return bytes;
  }

  private Bench.Operation mixed() throws IOException {
    Bench.Operation read = read(SMALL_BYTES);
    return () -> {
      int dice = ThreadLocalRandom.current().nextInt(10);
      return dice < 7 ? stat() : dice < 9 ? read.run() : create(SMALL_BYTES);
    };
  }

  @Override
  public void close() throws IOException {
    Bench.progress("removing what was written");
    TreeRemoval.remove(client, directory);
    Bench.progress("");
  }
}
