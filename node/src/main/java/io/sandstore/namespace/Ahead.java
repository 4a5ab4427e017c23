package io.sandstore.namespace;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** Takes from a source on another thread, a few items ahead of the one that uses them. */
final class Ahead<T> implements AutoCloseable {

  private static final int ITEMS = 8;

  /** Something that gives one item after the other. */
  @FunctionalInterface
  interface Source<T> {
    T next() throws IOException;
  }

  private sealed interface Step<T> {}

  private record Item<T>(T item) implements Step<T> {}

  private record Failed<T>(Exception cause) implements Step<T> {}

  private final ArrayBlockingQueue<Step<T>> steps = new ArrayBlockingQueue<>(ITEMS);
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();
  private volatile boolean closed;

  /** Begins to take, until the source fails or this is closed. */
  Ahead(Executor executor, Source<T> source) {
    executor.execute(() -> run(source));
  }

  private void run(Source<T> source) {
    try {
      while (!closed) {
        steps.put(take(source));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended.complete(true);
    }
  }

  private Step<T> take(Source<T> source) {
    try {
      return new Item<>(source.next());
    } catch (IOException | RuntimeException e) {
      closed = true;
      return new Failed<>(e);
    }
  }

  /** The next item, or the failure that came in its place. */
  T next() throws IOException {
    try {
      return switch (steps.take()) {
        case Item<T>(T item) -> item;
        case Failed<T>(Exception cause) when cause instanceof IOException e -> throw e;
        case Failed<T>(Exception cause) -> throw new IllegalStateException(cause);
      };
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while reading a snapshot");
    }
  }

  /** Waits until the source is left alone. */
  @Override
  public void close() {
    closed = true;
    steps.clear(); // so that a taker that waits for room goes on, and sees it
    ended.join();
  }
}
