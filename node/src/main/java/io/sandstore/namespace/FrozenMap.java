package io.sandstore.namespace;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A sorted map that can be frozen and read out slice by slice while it goes on changing: what is
 * changed before its slice was read is remembered as it was. Values are immutable.
 *
 * <p>Not thread-safe: reads and {@link #nextSlice} under the owner's read lock by one thread at a
 * time, changes under its write lock.
 */
final class FrozenMap<K extends Comparable<K>, V> {

  final TreeMap<K, V> live = new TreeMap<>();
  private boolean frozen;
  private @Nullable K readUpTo;
  private final Map<K, Optional<V>> before = new HashMap<>();

  @Nullable V get(K key) {
    return live.get(key);
  }

  void put(K key, V value) {
    remember(key);
    live.put(key, value);
  }

  @Nullable V remove(K key) {
    remember(key);
    return live.remove(key);
  }

  void clear() {
    if (frozen) {
      live.keySet().forEach(this::remember);
    }
    live.clear();
  }

  private void remember(K key) {
    if (frozen && (readUpTo == null || key.compareTo(readUpTo) > 0)) {
      before.computeIfAbsent(key, k -> Optional.ofNullable(live.get(k)));
    }
  }

  /** From now on {@link #nextSlice} reads the state of this moment. */
  void freeze() {
    if (frozen) {
      throw new IllegalStateException("frozen already");
    }
    frozen = true;
    readUpTo = null;
  }

  boolean isFrozen() {
    return frozen;
  }

  /** Forgets the frozen state; also happens by itself when all of it was read. */
  void thaw() {
    frozen = false;
    before.clear();
  }

  /** The next entries of the frozen state, in order; none at the end. */
  List<Map.Entry<K, V>> nextSlice(int atMost) {
    TreeMap<K, V> slice = new TreeMap<>();
    while (frozen && slice.isEmpty()) {
      Map<K, V> rest = readUpTo == null ? live : live.tailMap(readUpTo, false);
      K last = null;
      int count = 0;
      for (Map.Entry<K, V> entry : rest.entrySet()) {
        slice.put(entry.getKey(), entry.getValue());
        last = entry.getKey();
        if (++count == atMost) {
          break;
        }
      }
      K end = count == atMost ? last : null;
      before.forEach(
          (key, value) -> {
            boolean inSlice =
                (readUpTo == null || key.compareTo(readUpTo) > 0)
                    && (end == null || key.compareTo(end) <= 0);
            if (inSlice && value.isPresent()) {
              slice.put(key, value.get());
            } else if (inSlice) {
              slice.remove(key);
            }
          });
      if (end == null) {
        thaw();
        break;
      }
      readUpTo = end;
      before.keySet().removeIf(key -> key.compareTo(end) <= 0);
    }
    return List.copyOf(slice.entrySet());
  }
}
