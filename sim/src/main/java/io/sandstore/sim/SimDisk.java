package io.sandstore.sim;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.NoRoomException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A disk that keeps only what was forced. At a power loss every unforced write survives whole, in
 * part or not at all, and so does every unforced name; writes do not survive in order.
 */
final class SimDisk implements Disk {

  private static final int PAGE = 4096;

  /** What a file would be after a power loss now, and what was written since. */
  private static final class Data {
    byte[] durable = new byte[0];
    byte[] current = new byte[0];
    final long number;
    int size;
    int durableSize;

    /** Bytes of it were changed behind its owner's back, or a force that failed forgot some. */
    boolean damaged;

    /** Where the newest write began: what lies before it was written before. */
    int newestWrite;

    final List<int[]> unforced = new ArrayList<>(); // {position, length}

    Data(long number) {
      this.number = number;
    }
  }

  private final Random random;
  private final TreeMap<String, Data> names = new TreeMap<>();
  private final TreeMap<String, Data> durableNames = new TreeMap<>();
  long capacityBytes = Long.MAX_VALUE;

  /** How many files there may be: the disk's inodes. */
  long capacityFiles = Long.MAX_VALUE;

  private long created;
  private boolean lost;

  /** What is about to change: bytes of a file, a file's or a directory's durable state, a name. */
  enum Change {
    WRITE,
    FORCE,
    NAME
  }

  /** Sees every change before it is made; may take time, and may kill the process that asked. */
  @FunctionalInterface
  interface Observer {
    void before(Change change, String path);
  }

  Observer observer = (change, path) -> {};

  /** Chance that a force fails. */
  double forceFailure;

  /** Asked before every read: true makes it fail. */
  BooleanSupplier failsToRead = () -> false;

  SimDisk(Random random) {
    this.random = random;
  }

  private static String directory(String path) {
    int slash = path.lastIndexOf('/');
    return slash < 0 ? "" : path.substring(0, slash);
  }

  @Override
  public DiskFile open(String path, boolean create) throws IOException {
    Data data = names.get(path);
    if (data == null) {
      if (!create) {
        throw new NoSuchFileException(path);
      }
      observer.before(Change.NAME, path);
      if (freeFiles() == 0) {
        throw new NoRoomException("No space left on device for " + path + " (simulated)");
      }
      data = new Data(created++);
      names.put(path, data);
    }
    return new SimFile(path, data);
  }

  @Override
  public DiskFile openDirect(String path, boolean create) throws IOException {
    return open(path, create);
  }

  @Override
  public List<String> list(String directory) {
    String prefix = directory.isEmpty() ? "" : directory + "/";
    TreeSet<String> found = new TreeSet<>();
    for (String path : names.tailMap(prefix, true).keySet()) {
      if (!path.startsWith(prefix)) {
        break;
      }
      String rest = path.substring(prefix.length());
      int slash = rest.indexOf('/');
      found.add(slash < 0 ? rest : rest.substring(0, slash));
    }
    return List.copyOf(found);
  }

  @Override
  public boolean exists(String path) {
    return names.containsKey(path);
  }

  @Override
  public void delete(String path) {
    if (names.containsKey(path)) {
      observer.before(Change.NAME, path);
    }
    names.remove(path);
  }

  @Override
  public void rename(String from, String to) throws IOException {
    observer.before(Change.NAME, to);
    Data data = names.remove(from);
    if (data == null) {
      throw new NoSuchFileException(from);
    }
    names.put(to, data);
  }

  @Override
  public void forceDirectory(String directory) throws IOException {
    failMaybe(directory);
    durableNames.keySet().removeIf(p -> directory(p).equals(directory) && !names.containsKey(p));
    names.forEach(
        (path, data) -> {
          if (directory(path).equals(directory)) {
            durableNames.put(path, data);
          }
        });
  }

  private void failMaybe(String path) throws IOException {
    observer.before(Change.FORCE, path);
    if (random.nextDouble() < forceFailure) {
      throw new IOException("input/output error (simulated)");
    }
  }

  @Override
  public void forceAll() throws IOException {
    failMaybe("");
    names.values().forEach(SimDisk::settle);
    durableNames.clear();
    durableNames.putAll(names);
  }

  private static void settle(Data data) {
    if (data.durable.length < data.current.length) {
      data.durable = Arrays.copyOf(data.durable, data.current.length);
    }
    for (int[] write : data.unforced) {
      int length = Math.min(write[1], data.size - write[0]);
      if (length > 0) {
        System.arraycopy(data.current, write[0], data.durable, write[0], length);
      }
    }
    data.unforced.clear();
    data.durableSize = data.size;
  }

  /** Bytes of all files. */
  long used() {
    return names.values().stream().mapToLong(data -> data.size).sum();
  }

  @Override
  public long freeBytes() {
    return capacityBytes == Long.MAX_VALUE ? 1L << 40 : Math.max(0, capacityBytes - used());
  }

  @Override
  public long totalBytes() {
    return capacityBytes == Long.MAX_VALUE ? 1L << 40 : capacityBytes;
  }

  @Override
  public long freeFiles() {
    return capacityFiles == Long.MAX_VALUE
        ? Long.MAX_VALUE
        : Math.max(0, capacityFiles - names.size());
  }

  /** Power goes: unforced writes and names survive by chance. */
  void loseUnforced() {
    Map<Data, Boolean> torn = new HashMap<>();
    for (Data data : names.values()) {
      torn.computeIfAbsent(data, this::tear);
    }
    names.forEach(
        (path, data) -> {
          if (!data.equals(durableNames.get(path)) && random.nextBoolean()) {
            durableNames.put(path, data);
          }
        });
    for (String path : new TreeSet<>(durableNames.keySet())) {
      if (!names.containsKey(path) && random.nextBoolean()) {
        durableNames.remove(path);
      }
    }
    names.clear();
    names.putAll(durableNames);
  }

  private boolean tear(Data data) {
    data.durable = Arrays.copyOf(data.durable, Math.max(data.durable.length, data.current.length));
    for (int[] write : data.unforced) {
      int end = Math.min(write[0] + write[1], data.size);
      for (int page = write[0]; page < end; page += PAGE - page % PAGE) {
        int stop = Math.min(end, page + PAGE - page % PAGE);
        if (random.nextBoolean()) {
          System.arraycopy(data.current, page, data.durable, page, stop - page);
          data.durableSize = Math.max(data.durableSize, stop);
        }
      }
    }
    data.unforced.clear();
    data.current = data.durable.clone();
    data.size = data.durableSize;
    return true;
  }

  /** Everything is gone: a new disk. */
  void wipe() {
    lost = false;
    names.clear();
    durableNames.clear();
  }

  /** How many files there are. */
  long files() {
    return names.size();
  }

  /** How many of them have paths that begin so. */
  long files(String prefix) {
    return names.keySet().stream().filter(path -> path.startsWith(prefix)).count();
  }

  /** Makes all bytes of all files whose paths begin so worthless. */
  void ruin(String prefix) {
    names.forEach(
        (path, data) -> {
          if (path.startsWith(prefix)) {
            random.nextBytes(data.current);
            data.durable = data.current.clone();
            data.damaged = true;
          }
        });
  }

  /** Makes a file whose path begins so disappear; false if there is none. */
  boolean lose(String prefix) {
    String path = names.tailMap(prefix, true).keySet().stream().findFirst().orElse("");
    if (!path.startsWith(prefix) || path.endsWith(".tmp")) {
      return false;
    }
    names.remove(path);
    durableNames.remove(path);
    lost = true;
    return true;
  }

  /** Changes with every file that gets this name; -1 if there is none. */
  long version(String path) {
    Data data = names.get(path);
    return data == null ? -1 : data.number;
  }

  /** True if a file whose path begins so is not what its owner made it. */
  boolean isDamaged(String prefix) {
    return lost
        || names.entrySet().stream()
            .anyMatch(e -> e.getKey().startsWith(prefix) && e.getValue().damaged);
  }

  /**
   * Flips one bit of a file whose path begins so, often of the newest; the path, or null. Never in
   * what was written last, which its owner could not tell from a torn write.
   */
  @Nullable String flipBit(String prefix) {
    return flipBit(path -> path.startsWith(prefix));
  }

  /** The same in a file that may be damaged. */
  @Nullable String flipBit(Predicate<String> may) {
    List<Map.Entry<String, Data>> candidates =
        names.entrySet().stream()
            .filter(e -> may.test(e.getKey()) && damageable(e.getKey(), e.getValue()) > 0)
            .toList();
    if (candidates.isEmpty()) {
      return null;
    }
    Map.Entry<String, Data> chosen =
        random.nextBoolean()
            ? candidates.get(random.nextInt(candidates.size()))
            : candidates.stream()
                .max(Comparator.comparingLong(e -> e.getValue().number))
                .orElseThrow();
    String path = chosen.getKey();
    Data data = chosen.getValue();
    int at = random.nextInt(damageable(path, data));
    int bit = 1 << random.nextInt(8);
    data.damaged = true;
    data.current[at] ^= (byte) bit;
    if (at < data.durable.length) {
      data.durable[at] = data.current[at];
    }
    return path;
  }

  private static int damageable(String path, Data data) {
    return path.contains("/log-") ? data.newestWrite : data.size;
  }

  /** A copy of a small file, as a look from outside finds it; empty if there is none. */
  ByteBuffer contentOf(String path) {
    Data data = names.get(path);
    return data == null
        ? ByteBuffer.allocate(0)
        : ByteBuffer.wrap(Arrays.copyOf(data.current, data.size));
  }

  private final class SimFile implements DiskFile {
    private final String path;
    private final Data data;

    SimFile(String path, Data data) {
      this.path = path;
      this.data = data;
    }

    @Override
    public int read(ByteBuffer into, long position) throws IOException {
      if (failsToRead.getAsBoolean()) {
        throw new IOException("input/output error (simulated)");
      }
      if (position >= data.size) {
        return -1;
      }
      int count = (int) Math.min(into.remaining(), data.size - position);
      into.put(data.current, (int) position, count);
      return count;
    }

    @Override
    public void write(ByteBuffer from, long position) throws IOException {
      observer.before(Change.WRITE, path);
      int count = from.remaining();
      int at = (int) position;
      if (at + count > data.size && at + count - data.size > freeBytes()) {
        throw new NoRoomException("No space left on device (simulated)");
      }
      if (at + count > data.current.length) {
        int grown = Math.max(at + count, Math.min(2 * data.current.length, 8 << 20));
        data.current = Arrays.copyOf(data.current, grown);
      }
      from.get(data.current, at, count);
      data.size = Math.max(data.size, at + count);
      data.newestWrite = at;
      data.unforced.add(new int[] {at, count});
    }

    /** After a failure the pages may count as clean, as in Linux: a second force does nothing. */
    @Override
    public void force() throws IOException {
      try {
        failMaybe(path);
      } catch (IOException e) {
        if (random.nextBoolean()) {
          data.damaged |= !data.unforced.isEmpty();
          data.unforced.clear();
        }
        throw e;
      }
      settle(data);
    }

    @Override
    public long size() {
      return data.size;
    }

    @Override
    public void truncate(long size) {
      observer.before(Change.WRITE, path);
      data.size = (int) Math.min(data.size, size);
    }

    @Override
    public void close() {}
  }
}
