package io.sandstore.crash;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that stops its process at a chosen call and then says what a power loss could
 * have left.
 *
 * <p>What is not forced survives or not, each part for itself and in no order: every sector of
 * every write, the size of a file as far as a surviving sector needs it, and every name, which is
 * what it was when its directory was last forced, or anything it became since. That is weaker than
 * what journaling file systems do (a rename that lost its new name may have lost the old one too,
 * though both never stay), so nothing rests on the order in which one of them happens to write.
 */
public final class CrashDisk implements Disk {

  /** What a disk writes whole. */
  private static final int SECTOR = 512;

  /** The process ended here. Not an exception that the code in between would handle. */
  public static final class Crash extends Error {
    private static final long serialVersionUID = 1;

    Crash(long call) {
      super("crash before call " + call, null, false, false);
    }
  }

  /** One sector, or a run of zeros, of an unforced write; or a cut if there are no bytes. */
  private record Change(int position, byte[] bytes, int cutTo) {}

  private static final class Content {
    byte[] durable = new byte[0];
    byte[] current = new byte[0];
    final List<Change> unforced = new ArrayList<>();

    /** Its newest name: a rename leaves one of two, or none, but never both. */
    String name = "";

    void apply(Change change) {
      current = applied(current, change);
      unforced.add(change);
    }

    void settle() {
      durable = current;
      unforced.clear();
    }

    Content copied(Map<Content, Content> copies) {
      return copies.computeIfAbsent(
          this,
          original -> {
            Content copy = new Content();
            copy.durable = durable;
            copy.current = current;
            copy.unforced.addAll(unforced);
            copy.name = name;
            return copy;
          });
    }

    private static byte[] applied(byte[] before, Change change) {
      if (change.cutTo >= 0) {
        return Arrays.copyOf(before, Math.min(before.length, change.cutTo));
      }
      int size = Math.max(before.length, change.position + change.bytes.length);
      byte[] after = Arrays.copyOf(before, size);
      System.arraycopy(change.bytes, 0, after, change.position, change.bytes.length);
      return after;
    }
  }

  private final TreeMap<String, Content> names = new TreeMap<>();
  private final TreeMap<String, Content> durableNames = new TreeMap<>();

  /** What a name was since its directory was forced, the newest last; null where it was none. */
  private final TreeMap<String, List<@Nullable Content>> unforcedNames = new TreeMap<>();

  private final Set<Content> unreadable = new HashSet<>();

  private long calls;
  private long crashAt = Long.MAX_VALUE;

  /** Ends the process before the call with this number, the first being 0. */
  public void crashAt(long call) {
    crashAt = call;
  }

  /** Calls so far that change something or make it durable. */
  public long calls() {
    return calls;
  }

  /** From now on reads of this file fail. */
  public void cannotRead(String path) {
    unreadable.add(names.get(path));
  }

  private void step() {
    if (calls >= crashAt) {
      throw new Crash(calls);
    }
    calls++;
  }

  // --- What a power loss leaves ---

  /**
   * What could be found after a power loss now: each possibility if they are not more than {@code
   * most}, else so many of them, among them nothing and everything of what was not forced, and the
   * bytes without the names and the names without the bytes.
   */
  public List<CrashDisk> afterPowerLoss(int most, Random random) {
    List<Content> contents =
        names.values().stream().filter(c -> !c.unforced.isEmpty()).distinct().toList();
    List<Integer> choices = new ArrayList<>();
    contents.forEach(content -> content.unforced.forEach(change -> choices.add(2)));
    unforcedNames.values().forEach(history -> choices.add(history.size() + 1));
    long all = 1;
    for (int choice : choices) {
      all = Math.min(Integer.MAX_VALUE, all * choice);
    }
    int bytes = contents.stream().mapToInt(content -> content.unforced.size()).sum();
    List<CrashDisk> found = new ArrayList<>();
    for (long i = 0; i < Math.min(all, most); i++) {
      int[] chosen = new int[choices.size()];
      long rest = i;
      for (int at = 0; at < chosen.length; at++) {
        int choice = choices.get(at);
        if (all <= most) {
          chosen[at] = (int) (rest % choice);
          rest /= choice;
        } else if (i < 4) {
          boolean kept = at < bytes ? (i & 1) == 1 : (i & 2) == 2;
          chosen[at] = kept ? choice - 1 : 0;
        } else {
          chosen[at] = random.nextInt(choice);
        }
      }
      found.add(survivor(contents, chosen));
    }
    return found;
  }

  /**
   * The disk as the next process finds it: this one ended, the power did not. What was not forced
   * is seen, and still not durable.
   */
  public CrashDisk afterKill() {
    CrashDisk disk = new CrashDisk();
    Map<Content, Content> copies = new HashMap<>();
    names.forEach((path, content) -> disk.names.put(path, content.copied(copies)));
    durableNames.forEach((path, content) -> disk.durableNames.put(path, content.copied(copies)));
    unforcedNames.forEach(
        (path, history) -> {
          List<@Nullable Content> copied = new ArrayList<>();
          history.forEach(content -> copied.add(content == null ? null : content.copied(copies)));
          disk.unforcedNames.put(path, copied);
        });
    return disk;
  }

  /** Every file with its size, for messages. */
  public Map<String, Integer> files() {
    Map<String, Integer> sizes = new TreeMap<>();
    names.forEach((path, content) -> sizes.put(path, content.current.length));
    return sizes;
  }

  private CrashDisk survivor(List<Content> contents, int[] chosen) {
    int at = 0;
    Map<Content, byte[]> left = new HashMap<>();
    for (Content content : contents) {
      byte[] bytes = content.durable;
      for (Change change : content.unforced) {
        bytes = chosen[at++] == 1 ? Content.applied(bytes, change) : bytes;
      }
      left.put(content, bytes);
    }
    TreeMap<String, Content> named = new TreeMap<>(durableNames);
    for (Map.Entry<String, List<@Nullable Content>> entry : unforcedNames.entrySet()) {
      int choice = chosen[at++];
      if (choice > 0) {
        Content content = entry.getValue().get(choice - 1);
        if (content == null) {
          named.remove(entry.getKey());
        } else {
          named.put(entry.getKey(), content);
        }
      }
    }
    Map<String, Content> chosenNames = Map.copyOf(named);
    named
        .entrySet()
        .removeIf(
            entry -> {
              Content content = entry.getValue();
              boolean renamed = !content.name.equals(entry.getKey());
              return renamed && content.equals(chosenNames.get(content.name));
            });
    return copy(named, left);
  }

  private static CrashDisk copy(Map<String, Content> named, Map<Content, byte[]> left) {
    CrashDisk disk = new CrashDisk();
    Map<Content, Content> copies = new HashMap<>();
    named.forEach(
        (path, content) ->
            disk.names.put(
                path,
                copies.computeIfAbsent(
                    content,
                    c -> {
                      Content copy = new Content();
                      copy.name = c.name;
                      copy.current = left.getOrDefault(c, c.current);
                      copy.settle();
                      return copy;
                    })));
    disk.durableNames.putAll(disk.names);
    return disk;
  }

  // --- A disk ---

  private static String directory(String path) {
    return path.substring(0, Math.max(0, path.lastIndexOf('/')));
  }

  private void name(String path, @Nullable Content content) {
    if (content == null) {
      names.remove(path);
    } else {
      names.put(path, content);
      content.name = path;
    }
    unforcedNames.computeIfAbsent(path, p -> new ArrayList<>()).add(content);
  }

  @Override
  public DiskFile open(String path, boolean create) throws IOException {
    Content content = names.get(path);
    if (content == null) {
      if (!create) {
        throw new NoSuchFileException(path);
      }
      step();
      content = new Content();
      name(path, content);
    }
    return new CrashFile(content);
  }

  @Override
  public DiskFile openDirect(String path, boolean create) throws IOException {
    return open(path, create);
  }

  @Override
  public List<String> list(String directory) {
    String prefix = directory.isEmpty() ? "" : directory + "/";
    TreeSet<String> found = new TreeSet<>();
    for (String path : names.keySet()) {
      if (path.startsWith(prefix)) {
        String rest = path.substring(prefix.length());
        int slash = rest.indexOf('/');
        found.add(slash < 0 ? rest : rest.substring(0, slash));
      }
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
      step();
      name(path, null);
    }
  }

  @Override
  public void rename(String from, String to) throws IOException {
    Content content = names.get(from);
    if (content == null) {
      throw new NoSuchFileException(from);
    }
    step();
    name(from, null);
    name(to, content);
  }

  @Override
  public void forceDirectory(String directory) {
    step();
    for (String path : List.copyOf(unforcedNames.keySet())) {
      if (directory(path).equals(directory)) {
        settleName(path);
      }
    }
  }

  private void settleName(String path) {
    unforcedNames.remove(path);
    Content content = names.get(path);
    if (content == null) {
      durableNames.remove(path);
    } else {
      durableNames.put(path, content);
    }
  }

  @Override
  public void forceAll() {
    step();
    names.values().forEach(Content::settle);
    List.copyOf(unforcedNames.keySet()).forEach(this::settleName);
  }

  @Override
  public long freeBytes() {
    return 1L << 40;
  }

  @Override
  public long totalBytes() {
    return 1L << 40;
  }

  private final class CrashFile implements DiskFile {
    private final Content content;

    CrashFile(Content content) {
      this.content = content;
    }

    @Override
    public int read(ByteBuffer into, long position) throws IOException {
      if (unreadable.contains(content)) {
        throw new IOException("input/output error");
      }
      int size = content.current.length;
      if (position >= size) {
        return -1;
      }
      int count = (int) Math.min(into.remaining(), size - position);
      into.put(content.current, (int) position, count);
      return count;
    }

    @Override
    public void write(ByteBuffer from, long position) {
      step();
      int at = (int) position;
      int zerosFrom = -1;
      while (from.hasRemaining()) {
        byte[] sector = new byte[Math.min(from.remaining(), SECTOR - at % SECTOR)];
        from.get(sector);
        boolean zeros = Arrays.equals(sector, new byte[sector.length]);
        if (!zeros && zerosFrom >= 0) {
          change(zerosFrom, new byte[at - zerosFrom]);
        }
        zerosFrom = zeros ? (zerosFrom >= 0 ? zerosFrom : at) : -1;
        if (!zeros) {
          change(at, sector);
        }
        at += sector.length;
      }
      if (zerosFrom >= 0) {
        change(zerosFrom, new byte[at - zerosFrom]);
      }
    }

    /** What changes nothing needs no decision. */
    private void change(int position, byte[] bytes) {
      byte[] before = content.current;
      int end = position + bytes.length;
      boolean same =
          end <= before.length && Arrays.equals(before, position, end, bytes, 0, bytes.length);
      if (!same) {
        content.apply(new Change(position, bytes, -1));
      }
    }

    @Override
    public void force() {
      step();
      content.settle();
    }

    @Override
    public long size() {
      return content.current.length;
    }

    @Override
    public void truncate(long size) {
      step();
      content.apply(new Change(0, new byte[0], (int) size));
    }

    @Override
    public void close() {}
  }
}
