package io.sandstore.client;

import io.sandstore.host.Host;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Runs what must not end half-way because the caller is interrupted, on a thread that nobody knows.
 * The caller waits, however often it is interrupted, and finds its interrupt afterwards.
 */
final class Uninterrupted {

  private Uninterrupted() {}

  /** What may fail. */
  interface Action<T> {
    T run() throws IOException;
  }

  static <T> T run(Host host, Action<T> action) throws IOException {
    CompletableFuture<T> done = new CompletableFuture<>();
    host.threads()
        .start(
            "uninterrupted",
            () -> {
              try {
                done.complete(action.run());
              } catch (IOException | RuntimeException | Error e) {
                done.completeExceptionally(e);
              }
            });
    try {
      return done.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case IOException refused -> throw refused;
        case RuntimeException defect -> throw defect;
        case Error error -> throw error;
        case null, default -> throw e;
      }
    }
  }
}
