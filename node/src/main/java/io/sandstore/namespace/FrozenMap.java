package io.sandstore.namespace;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A sorted map that can be frozen and read out slice by slice while it goes on changing: what is
 * changed before its slice was read is remembered as it was. Values are immutable. It knows about
 * how much memory it takes.
 *
 * <p>Not thread-safe: reads and {@link #nextSlice} under the owner's read lock by one thread at a
 * time, changes under its write lock.
 */
final class FrozenMap<K extends Comparable<K>, V> {

  /** What a key, its value and the map's own entry take on the heap, in bytes. */
  @FunctionalInterface
  interface Weight<K, V> {
    long of(K key, V value);
  }

  /** A node of a tree with an {@link Optional} in it. */
  private static final int REMEMBERED_BYTES = 48;

  final TreeMap<K, V> live;
  private final Weight<K, V> weight;
  private final Comparator<? super K> order;
  private long bytes;
  private boolean frozen;
  private @Nullable K readUpTo;

  /** The last key at the moment of freezing; what is added behind it need not be remembered. */
  private @Nullable K last;

  /** What was changed since, and is not read yet, as it was; empty: it was not there. */
  private final TreeMap<K, Optional<V>> before;

  private long beforeBytes;

  FrozenMap(Weight<K, V> weight) {
    this(weight, Comparator.naturalOrder());
  }

  FrozenMap(Weight<K, V> weight, Comparator<? super K> order) {
    this.weight = weight;
    this.order = order;
    this.live = new TreeMap<>(order);
    this.before = new TreeMap<>(order);
  }

  /** The same entries in another order, not frozen whatever this one is. */
  FrozenMap<K, V> ordered(Comparator<? super K> newOrder) {
    FrozenMap<K, V> other = new FrozenMap<>(weight, newOrder);
    List<Map.Entry<K, V>> entries = new ArrayList<>(live.entrySet());
    entries.sort(Map.Entry.comparingByKey(newOrder));
    other.load(entries.size(), entries.iterator());
    return other;
  }

  @Nullable V get(K key) {
    return live.get(key);
  }

  void put(K key, V value) {
    remember(key);
    V old = live.put(key, value);
    bytes += weight.of(key, value) - (old == null ? 0 : weight.of(key, old));
  }

  @Nullable V remove(K key) {
    remember(key);
    V old = live.remove(key);
    bytes -= old == null ? 0 : weight.of(key, old);
    return old;
  }

  void clear() {
    if (frozen) {
      live.keySet().forEach(this::remember);
    }
    live.clear();
    bytes = 0;
  }

  /**
   * Fills the empty map with entries in the order of their keys, in linear time.
   *
   * @param sorted must have as many entries as {@code size} says; each is used before the next
   */
  void load(int size, Iterator<? extends Map.Entry<K, V>> sorted) {
    live.putAll(new Sorted<>(order, size, new Weighing<>(this, sorted)));
  }

  /** About how much memory the entries take, and the memory of how they were. */
  long bytes() {
    return bytes + beforeBytes;
  }

  private void remember(K key) {
    boolean wasThere = frozen && last != null && order.compare(key, last) <= 0;
    if (wasThere && (readUpTo == null || order.compare(key, readUpTo) > 0)) {
      before.computeIfAbsent(
          key,
          k -> {
            Optional<V> old = Optional.ofNullable(live.get(k));
            beforeBytes += rememberedBytes(k, old);
            return old;
          });
    }
  }

  private long rememberedBytes(K key, Optional<V> old) {
    return REMEMBERED_BYTES + old.map(value -> weight.of(key, value)).orElse(0L);
  }

  /** From now on {@link #nextSlice} reads the state of this moment. */
  void freeze() {
    if (frozen) {
      throw new IllegalStateException("frozen already");
    }
    frozen = true;
    readUpTo = null;
    last = live.isEmpty() ? null : live.lastKey();
  }

  boolean isFrozen() {
    return frozen;
  }

  /** Forgets the frozen state; also happens by itself when all of it was read. */
  void thaw() {
    frozen = false;
    before.clear();
    beforeBytes = 0;
  }

  /**
   * The next entries of the frozen state, in order; none at the end.
   *
   * @param atMost so many entries are looked at, those that came since included
   */
  List<Map.Entry<K, V>> nextSlice(int atMost) {
    List<Map.Entry<K, V>> slice = new ArrayList<>();
    while (frozen && slice.isEmpty()) {
      readSlice(atMost, slice);
    }
    return slice;
  }

  /** Merges what is there now with what was there before. */
  private void readSlice(int atMost, List<Map.Entry<K, V>> slice) {
    Iterator<Map.Entry<K, V>> rest =
        (readUpTo == null ? live : live.tailMap(readUpTo, false)).entrySet().iterator();
    Map.@Nullable Entry<K, V> now = next(rest);
    for (int looked = 0; looked < atMost; looked++) {
      Map.@Nullable Entry<K, Optional<V>> old = before.firstEntry();
      boolean nowEnded = now == null || (last != null && order.compare(now.getKey(), last) > 0);
      if (last == null || (nowEnded && old == null)) {
        thaw();
        return;
      }
      int which =
          nowEnded || now == null
              ? 1
              : old == null ? -1 : order.compare(now.getKey(), old.getKey());
      if (which >= 0 && old != null) {
        readUpTo = old.getKey();
        old.getValue().ifPresent(value -> slice.add(Map.entry(old.getKey(), value)));
        before.pollFirstEntry();
        beforeBytes -= rememberedBytes(old.getKey(), old.getValue());
      } else if (now != null) {
        readUpTo = now.getKey();
        slice.add(Map.entry(now.getKey(), now.getValue()));
      }
      now = which <= 0 ? next(rest) : now;
    }
  }

  private static <T> @Nullable T next(Iterator<T> iterator) {
    return iterator.hasNext() ? iterator.next() : null;
  }

  /** Adds up what passes, and refuses what is not in order: a tree would be lost in it. */
  private static final class Weighing<K extends Comparable<K>, V>
      implements Iterator<Map.Entry<K, V>> {
    private final FrozenMap<K, V> map;
    private final Iterator<? extends Map.Entry<K, V>> sorted;
    private @Nullable K previous;

    Weighing(FrozenMap<K, V> map, Iterator<? extends Map.Entry<K, V>> sorted) {
      this.map = map;
      this.sorted = sorted;
    }

    @Override
    public boolean hasNext() {
      return sorted.hasNext();
    }

    @Override
    public Map.Entry<K, V> next() {
      Map.Entry<K, V> entry = sorted.next();
      if (previous != null && map.order.compare(previous, entry.getKey()) >= 0) {
        throw new IllegalArgumentException("entries out of order");
      }
      previous = entry.getKey();
      map.bytes += map.weight.of(entry.getKey(), entry.getValue());
      return entry;
    }
  }

  /** What {@link TreeMap#putAll} builds a balanced tree of without comparing: a sorted map. */
  @SuppressWarnings("JdkObsolete") // what putAll looks for
  private static final class Sorted<K, V> extends AbstractMap<K, V> implements SortedMap<K, V> {
    private final Comparator<? super K> order;
    private final int size;
    private final Iterator<Map.Entry<K, V>> entries;

    Sorted(Comparator<? super K> order, int size, Iterator<Map.Entry<K, V>> entries) {
      this.order = order;
      this.size = size;
      this.entries = entries;
    }

    @Override
    public int size() {
      return size;
    }

    @Override
    public Set<Map.Entry<K, V>> entrySet() {
      return new AbstractSet<>() {
        @Override
        public Iterator<Map.Entry<K, V>> iterator() {
          return entries;
        }

        @Override
        public int size() {
          return size;
        }
      };
    }

    @Override
    public Comparator<? super K> comparator() {
      return order; // the very one of the tree, which it looks for
    }

    @Override
    public SortedMap<K, V> subMap(K from, K to) {
      throw new UnsupportedOperationException();
    }

    @Override
    public SortedMap<K, V> headMap(K to) {
      throw new UnsupportedOperationException();
    }

    @Override
    public SortedMap<K, V> tailMap(K from) {
      throw new UnsupportedOperationException();
    }

    @Override
    public K firstKey() {
      throw new UnsupportedOperationException();
    }

    @Override
    public K lastKey() {
      throw new UnsupportedOperationException();
    }
  }
}
