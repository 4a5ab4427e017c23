package io.sandstore.testkit;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.client.TreeRemoval;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** Writes all the time, has a command disturb the cluster, and measures how long writes stop. */
public final class Failover {

  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Duration BEFORE = Duration.ofSeconds(2);

  /** Writing goes on this long after the command ended: the outage may begin late. */
  private static final Duration AFTER = Duration.ofSeconds(10);

  private static final Duration COMMAND_LIMIT = Duration.ofMinutes(5);

  /**
   * What happened.
   *
   * @param outageMillis longest time without an acknowledged write since the command began
   * @param writes acknowledged
   * @param errors that the writer saw
   */
  public record Outcome(long outageMillis, int writes, int errors, String lastError) {}

  private final SandstoreClient client;
  private final String directory;
  private volatile boolean running = true;
  private volatile long disturbedAt = Long.MAX_VALUE;
  private long lastAt;
  private long longest;
  private int writes;
  private int errors;
  private String lastError = "";

  private Failover(SandstoreClient client, String directory) {
    this.client = client;
    this.directory = directory;
  }

  /**
   * Runs a shell command under load.
   *
   * @throws IOException if the command fails or does not end in 5 minutes
   */
  public static Outcome measure(SandstoreClient client, String directory, String command)
      throws IOException, InterruptedException {
    Failover failover = new Failover(client, directory);
    client.mkdir(directory, 0755);
    Thread writer = Thread.ofVirtual().start(failover::write);
    try {
      Thread.sleep(BEFORE);
      failover.disturbedAt = System.nanoTime();
      run(command);
      Thread.sleep(AFTER);
    } finally {
      failover.running = false;
      writer.join();
    }
    TreeRemoval.remove(client, directory);
    return new Outcome(
        failover.longest / 1_000_000, failover.writes, failover.errors, failover.lastError);
  }

  private static void run(String command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder("sh", "-c", command).inheritIO().start();
    if (!process.waitFor(COMMAND_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException("the command did not end: " + command);
    }
    if (process.exitValue() != 0) {
      throw new IOException("the command failed with " + process.exitValue() + ": " + command);
    }
  }

  private void write() {
    lastAt = System.nanoTime();
    for (int i = 0; running; i++) {
      try (SandFile file = client.open(directory + "/" + i, CREATE, 0644)) {
        file.write(ByteBuffer.wrap(new byte[] {1}));
        file.fsync();
        writes++;
        note();
        lastAt = System.nanoTime();
      } catch (IOException e) {
        errors++;
        lastError = String.valueOf(e.getMessage());
      }
    }
    note(); // an outage that did not end counts as well
  }

  private void note() {
    long now = System.nanoTime();
    if (now > disturbedAt) {
      longest = Math.max(longest, now - Math.max(lastAt, disturbedAt));
    }
  }
}
