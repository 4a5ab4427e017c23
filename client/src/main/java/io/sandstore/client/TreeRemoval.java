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
   * Removes a directory with all that is in it, however deep that is; of the root only what is in
   * it. Symbolic links are not followed. One page of names is kept for each directory on the way
   * down.
   *
   * @throws IOException at the first thing that cannot be removed; what was removed before is gone
   */
  public static void remove(SandstoreClient client, String path) throws IOException {
    new TreeRemoval(client).remove(path);
  }

  /** A directory that is being emptied, with those in it that were seen and are not yet gone. */
  private record Level(String name, SandDirectory directory, ArrayDeque<Level> inside) {
    Level(String name, SandDirectory directory) {
      this(name, directory, new ArrayDeque<>());
    }
  }

  private void remove(String path) throws IOException {
    ArrayDeque<Level> above = new ArrayDeque<>();
    Level level = new Level(path, client.openDirectory(SandstoreClient.location(path), true));
    while (true) {
      if (level.inside.isEmpty()) {
        boolean more = removeFiles(level);
        if (level.inside.isEmpty() && !more) {
          if (above.isEmpty()) {
            break;
          }
          SandDirectory parent = above.getLast().directory;
          parent.rmdir(level.name);
          level = above.removeLast();
          level.inside.removeFirst();
        }
      } else {
        above.addLast(level);
        level = level.inside.getFirst();
      }
    }
    if (!path.equals("/")) {
      client.rmdir(path);
    }
  }

  /** Removes a page of what is no directory, and notes what is; true if there is more. */
  private boolean removeFiles(Level level) throws IOException {
    DirectoryPage page = level.directory.readdir("", PAGE);
    ArrayDeque<CompletableFuture<Void>> running = new ArrayDeque<>();
    for (DirectoryPage.Entry entry : page.entries()) {
      if (entry.stat().isDirectory()) {
        level.inside.addLast(new Level(entry.name(), client.directory(entry.stat().inode())));
        continue;
      }
      if (running.size() == AT_ONCE) {
        await(running.removeFirst());
      }
      running.addLast(beginUnlink(level.directory, entry.name()));
    }
    for (CompletableFuture<Void> unlink : running) {
      await(unlink);
    }
    return page.more();
  }

  private CompletableFuture<Void> beginUnlink(SandDirectory directory, String name) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    host.threads()
        .start(
            "unlink",
            () -> {
              try {
                directory.unlink(name);
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
