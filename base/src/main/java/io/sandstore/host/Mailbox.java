package io.sandstore.host;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A bounded queue with one reader, who waits by the {@link Clock} and takes everything there is:
 * what piles up while it works becomes its next batch.
 */
public final class Mailbox<T> {

  private final Clock clock;
  private final int capacity;
  private final ArrayDeque<T> items = new ArrayDeque<>();
  private @Nullable CompletableFuture<Boolean> waiting;

  public Mailbox(Clock clock, int capacity) {
    this.clock = clock;
    this.capacity = capacity;
  }

  /** Adds an item unless the box is full. */
  public boolean offer(T item) {
    CompletableFuture<Boolean> reader;
    synchronized (items) {
      if (items.size() >= capacity) {
        return false;
      }
      items.addLast(item);
      reader = waiting;
      waiting = null;
    }
    if (reader != null) {
      reader.complete(true);
    }
    return true;
  }

  /** Adds an item however full the box is: for the few that may not get lost. */
  public void put(T item) {
    CompletableFuture<Boolean> reader;
    synchronized (items) {
      items.addLast(item);
      reader = waiting;
      waiting = null;
    }
    if (reader != null) {
      reader.complete(true);
    }
  }

  public int size() {
    synchronized (items) {
      return items.size();
    }
  }

  /** Takes all items, waiting for the first at most this long; none if the time passed. */
  public List<T> take(Duration limit) throws InterruptedException {
    CompletableFuture<Boolean> arrival;
    synchronized (items) {
      if (!items.isEmpty()) {
        return drain();
      }
      arrival = new CompletableFuture<>();
      waiting = arrival;
    }
    try {
      clock.await(arrival, limit);
    } catch (TimeoutException e) {
      // Then there is nothing, most likely; look once more all the same.
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
    synchronized (items) {
      waiting = null;
      return drain();
    }
  }

  private List<T> drain() {
    List<T> all = new ArrayList<>(items);
    items.clear();
    return all;
  }
}
