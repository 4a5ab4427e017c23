package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Writers from outside the cluster that remember what was acknowledged, and when. */
final class Load implements AutoCloseable {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);
  private static final int WRITERS = 4;
  private static final int BLOCK_EVERY = 20;

  /** Builds of images run beside: the load must leave them some of the machine. */
  private static final Duration PAUSE = Duration.ofMillis(40);

  private record Written(String path, long seed, int size) {}

  final List<IOException> errors = Collections.synchronizedList(new ArrayList<>());
  private final List<Written> acknowledged = Collections.synchronizedList(new ArrayList<>());
  private final List<Long> times = Collections.synchronizedList(new ArrayList<>());
  private final List<Thread> threads = new ArrayList<>();
  private final SandstoreClient client;
  private volatile boolean running = true;

  Load(String endpoint, String directory) throws IOException {
    client = connect(endpoint);
    client.mkdir(directory, 0755);
    for (int i = 0; i < WRITERS; i++) {
      String own = directory + "/" + i;
      client.mkdir(own, 0755);
      int writer = i;
      threads.add(Thread.ofVirtual().start(() -> write(own, writer)));
    }
  }

  static SandstoreClient connect(String endpoint) {
    return new SandstoreClient(
        JvmHost.create(16), ClientConfig.of(endpoint).withTimeout(Duration.ofSeconds(60)));
  }

  private void write(String directory, int writer) {
    for (int i = 0; running; i++) {
      // Mostly small files, which travel in the log; now and then one whose bytes are a block.
      int size = i % BLOCK_EVERY == 0 ? 300_000 : 500 + i % 1000;
      Written file = new Written(directory + "/" + i, writer * 1_000_003L + i, size);
      try (SandFile out = client.open(file.path, CREATE, 0644)) {
        out.write(ByteBuffer.wrap(content(file)));
        out.fsync();
        acknowledged.add(file);
        times.add(System.nanoTime());
        Thread.sleep(PAUSE);
      } catch (IOException e) {
        errors.add(e);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private static byte[] content(Written file) {
    byte[] bytes = new byte[file.size];
    new Random(file.seed).nextBytes(bytes);
    return bytes;
  }

  int count() {
    return acknowledged.size();
  }

  /** Waits until so many more writes were acknowledged. */
  void awaitMore(int writes, Duration limit) throws InterruptedException {
    int target = count() + writes;
    long end = System.nanoTime() + limit.toNanos();
    while (count() < target) {
      assertThat(System.nanoTime()).as("%s, %s", count(), errors).isLessThan(end);
      Thread.sleep(20);
    }
  }

  /** The longest time without any acknowledged write since a moment. */
  long longestGapMillis(long sinceNanos) {
    long longest = 0;
    synchronized (times) {
      long before = sinceNanos;
      for (long at : times.stream().sorted().toList()) {
        if (at > sinceNanos) {
          longest = Math.max(longest, at - before);
          before = at;
        }
      }
    }
    return longest / 1_000_000;
  }

  /** Stops writing. */
  void stop() throws InterruptedException {
    running = false;
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** Stops, and reads every acknowledged file back. */
  void verify() throws Exception {
    stop();
    assertThat(errors).as("errors that clients saw").isEmpty();
    assertThat(acknowledged).isNotEmpty();
    for (Written file : acknowledged) {
      try (SandFile in = client.open(file.path, READ, 0)) {
        ByteBuffer bytes = ByteBuffer.allocate(file.size + 1);
        while (in.read(bytes) > 0) {
          // Until the end.
        }
        byte[] read = new byte[bytes.flip().remaining()];
        bytes.get(read);
        assertThat(read).as(file.path).isEqualTo(content(file));
      }
    }
  }

  @Override
  public void close() throws Exception {
    stop();
    client.close();
  }
}
