package io.sandstore.namespace;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Who wants to hear of the end of a wait for a lock. Thread-safe; no part of the state. */
final class LockWaits {

  private final Map<Keys.Request, List<CompletableFuture<Boolean>>> listeners =
      new ConcurrentHashMap<>();

  CompletableFuture<Boolean> add(Keys.Request wait) {
    CompletableFuture<Boolean> ends = new CompletableFuture<>();
    listeners.compute(
        wait,
        (key, others) -> {
          List<CompletableFuture<Boolean>> all =
              others == null ? new CopyOnWriteArrayList<>() : others;
          all.add(ends);
          return all;
        });
    return ends;
  }

  void remove(Keys.Request wait, CompletableFuture<Boolean> ends) {
    listeners.computeIfPresent(
        wait,
        (key, all) -> {
          all.removeIf(one -> one == ends);
          return all.isEmpty() ? null : all;
        });
  }

  void ended(Keys.Request wait) {
    List<CompletableFuture<Boolean>> all = listeners.get(wait);
    if (all != null) {
      all.forEach(ends -> ends.complete(true));
    }
  }

  void allEnded() {
    listeners.keySet().forEach(this::ended);
  }
}
