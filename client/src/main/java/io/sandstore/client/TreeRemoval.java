package io.sandstore.client;

import io.sandstore.host.Host;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** Removes directories with all that is in them, many files at a time. */
public final class TreeRemoval {

  private static final int AT_ONCE = 64;
  private static final int PAGE = 1000;

  /** Each request has its own, shorter limit. */
  private static final Duration LIMIT = Duration.ofHours(1);

  private final SandstoreClient client;
  private final Host host;

  private TreeRemoval(SandstoreClient client) {
    this.client = client;
    this.host = client.host();
  }

  /**
   * Removes a directory with all that is in it; of the root only what is in it.
   *
   * @throws IOException at the first thing that cannot be removed; what was removed before is gone
   */
  public static void remove(SandstoreClient client, String path) throws IOException {
    new TreeRemoval(client).remove(path);
  }

  private void remove(String path) throws IOException {
    DirectoryPage page;
    do {
      page = client.readdir(path, "", PAGE);
      ArrayDeque<CompletableFuture<Void>> running = new ArrayDeque<>();
      for (DirectoryPage.Entry entry : page.entries()) {
        String inside = path.endsWith("/") ? path + entry.name() : path + "/" + entry.name();
        if (entry.stat().isDirectory()) {
          remove(inside);
          continue;
        }
        if (running.size() == AT_ONCE) {
          await(running.removeFirst());
        }
        running.addLast(beginUnlink(inside));
      }
      for (CompletableFuture<Void> unlink : running) {
        await(unlink);
      }
    } while (page.more());
    if (!path.equals("/")) {
      client.rmdir(path);
    }
  }

  private CompletableFuture<Void> beginUnlink(String path) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    host.threads()
        .start(
            "unlink",
            () -> {
              try {
                client.unlink(path);
                done.complete(null);
              } catch (IOException | RuntimeException e) {
                done.completeExceptionally(e);
              }
            });
    return done;
  }

  private void await(CompletableFuture<Void> unlink) throws IOException {
    try {
      host.clock().await(unlink, LIMIT);
    } catch (ExecutionException | TimeoutException e) {
      if (e.getCause() instanceof IOException refused) {
        throw refused;
      }
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }
}
