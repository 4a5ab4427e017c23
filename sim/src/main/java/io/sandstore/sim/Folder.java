package io.sandstore.sim;

import io.sandstore.wire.Errno;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A directory of files as POSIX has it: names, and the files that they name, of which one may have
 * several. Immutable, compared by what is in it.
 *
 * @param numbers of the files by name; files are counted in the order of their first names
 */
record Folder(NavigableMap<String, Integer> numbers, List<Content> contents) {

  static final Folder EMPTY = new Folder(new TreeMap<>(), List.of());

  /** Why a change cannot be. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1;
    final Errno errno;

    Refused(Errno errno) {
      super(errno.name(), null, false, false);
      this.errno = errno;
    }
  }

  /** What is in a file. */
  static final class Content {
    static final Content EMPTY = new Content(new byte[0], new TreeMap<>());

    private final byte[] bytes;
    private final NavigableMap<String, String> attributes;
    private int hash;

    private Content(byte[] bytes, NavigableMap<String, String> attributes) {
      this.bytes = bytes;
      this.attributes = attributes;
    }

    int size() {
      return bytes.length;
    }

    byte[] bytes() {
      return bytes;
    }

    NavigableMap<String, String> attributes() {
      return attributes;
    }

    /** Takes the array as its own. */
    Content withBytes(byte[] other) {
      return new Content(other, attributes);
    }

    Content cut(int size) {
      return withBytes(Arrays.copyOf(bytes, size));
    }

    /** Zeros between the end and what is written behind it. */
    Content written(byte[] more, int at) {
      byte[] all = Arrays.copyOf(bytes, Math.max(bytes.length, at + more.length));
      System.arraycopy(more, 0, all, at, more.length);
      return withBytes(all);
    }

    Content zeroed(int at, int length, boolean keepSize) {
      int size = keepSize ? bytes.length : Math.max(bytes.length, at + length);
      byte[] all = Arrays.copyOf(bytes, size);
      Arrays.fill(all, Math.min(at, size), Math.min(at + length, size), (byte) 0);
      return withBytes(all);
    }

    Content withAttribute(String name, @Nullable String value) {
      NavigableMap<String, String> other = new TreeMap<>(attributes);
      if (value == null) {
        other.remove(name);
      } else {
        other.put(name, value);
      }
      return new Content(bytes, other);
    }

    @Override
    public boolean equals(@Nullable Object o) {
      return o == this
          || (o instanceof Content c
              && hashCode() == c.hashCode()
              && attributes.equals(c.attributes)
              && Arrays.equals(bytes, c.bytes));
    }

    @Override
    public int hashCode() {
      if (hash == 0) {
        hash = 31 * Arrays.hashCode(bytes) + attributes.hashCode();
      }
      return hash;
    }

    @Override
    public String toString() {
      return bytes.length + " bytes #" + Integer.toHexString(hashCode()) + attributes;
    }
  }

  // --- What is there ---

  Optional<Content> at(String name) {
    return Optional.ofNullable(numbers.get(name)).map(contents::get);
  }

  private Content require(String name) throws Refused {
    return at(name).orElseThrow(() -> new Refused(Errno.ENOENT));
  }

  /** All names of the file of this name; empty if there is none. */
  Set<String> namesOf(String name) {
    Integer number = numbers.get(name);
    Set<String> names = new TreeSet<>();
    numbers.forEach(
        (other, of) -> {
          if (of.equals(number)) {
            names.add(other);
          }
        });
    return names;
  }

  // --- What becomes of it ---

  /** A box for every file: what is put into one is seen under all its names. */
  private NavigableMap<String, Content[]> boxes() {
    List<Content[]> boxes = new ArrayList<>();
    contents.forEach(content -> boxes.add(new Content[] {content}));
    NavigableMap<String, Content[]> byName = new TreeMap<>();
    numbers.forEach((name, number) -> byName.put(name, boxes.get(number)));
    return byName;
  }

  private static Folder of(NavigableMap<String, Content[]> boxes) {
    IdentityHashMap<Content[], Integer> known = new IdentityHashMap<>();
    NavigableMap<String, Integer> numbers = new TreeMap<>();
    List<Content> contents = new ArrayList<>();
    boxes.forEach(
        (name, box) -> {
          Integer number = known.get(box);
          if (number == null) {
            number = contents.size();
            known.put(box, number);
            contents.add(box[0]);
          }
          numbers.put(name, number);
        });
    return new Folder(numbers, List.copyOf(contents));
  }

  /** A file that is there, under all its names, is changed. */
  Folder change(String name, UnaryOperator<Content> change) throws Refused {
    Content changed = change.apply(require(name));
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.computeIfPresent(
        name,
        (same, box) -> {
          box[0] = changed;
          return box;
        });
    return of(boxes);
  }

  /** The same, of one that is made if it is not there. */
  Folder put(String name, byte[] bytes) throws Refused {
    return at(name).isPresent()
        ? change(name, content -> content.withBytes(bytes))
        : add(name, Content.EMPTY.withBytes(bytes));
  }

  /** A new file. */
  Folder add(String name, Content content) throws Refused {
    refuseIf(at(name).isPresent(), Errno.EEXIST);
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.put(name, new Content[] {content});
    return of(boxes);
  }

  Folder unlink(String name) throws Refused {
    require(name);
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.remove(name);
    return of(boxes);
  }

  Folder link(String existing, String name) throws Refused {
    require(existing);
    refuseIf(at(name).isPresent(), Errno.EEXIST);
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.put(name, boxes.get(existing));
    return of(boxes);
  }

  /** Two names of one file stay. */
  Folder rename(String from, String to) throws Refused {
    require(from);
    if (Objects.equals(numbers.get(from), numbers.get(to))) {
      return this;
    }
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.put(to, boxes.remove(from));
    return of(boxes);
  }

  Folder exchange(String first, String second) throws Refused {
    require(first);
    require(second);
    NavigableMap<String, Content[]> boxes = boxes();
    boxes.put(first, boxes.put(second, boxes.get(first)));
    return of(boxes);
  }

  /**
   * @param create EEXIST if it is there
   * @param replace ENODATA if it is not
   * @param value null removes it, ENODATA if it is not there
   */
  Folder setAttribute(
      String name, String attribute, @Nullable String value, boolean create, boolean replace)
      throws Refused {
    boolean there = require(name).attributes.containsKey(attribute);
    refuseIf(create && there, Errno.EEXIST);
    refuseIf((replace || value == null) && !there, Errno.ENODATA);
    return change(name, content -> content.withAttribute(attribute, value));
  }

  private static void refuseIf(boolean condition, Errno errno) throws Refused {
    if (condition) {
      throw new Refused(errno);
    }
  }
}
