package io.sandstore.sim;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.ExtendedAttributes;
import io.sandstore.client.Identity;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * One client that works in a directory of its own and knows what must be in it: what was
 * acknowledged is there, what was refused is not, and what got no answer is one of the two. All
 * that the directory may be is kept, each possibility as a whole, so that links, exchanged names
 * and attributes are judged together. The next look says which, once a later change of this client
 * is acknowledged: until then, what got no answer may still be on its way.
 */
final class Workload {

  private static final int NAMES = 6;

  /** With more than as many possibilities, this client only looks. */
  private static final int POSSIBLE_MAX = 60;

  private static final int SIZE_MAX = 1 << 20;

  /** How much one change adds to a file at most. */
  private static final int GROWTH_MAX = 256 << 10;

  private static final int BLOCK_BYTES = 64 << 10;

  /** What the directory may be. More than one only after a missing answer. */
  private Set<Folder> possible = new LinkedHashSet<>(Set.of(Folder.EMPTY));

  /** True while a change without an answer may still be carried out. */
  private boolean unsettled;

  /** Names whose content is being changed. */
  private Set<String> changing = Set.of();

  /** Names of which something was heard since somebody looked. */
  private final Set<String> heardOf = new TreeSet<>();

  /**
   * What somebody saw of a name.
   *
   * @param links names that the file has
   * @param attributes extended ones; absent if they were not looked at
   */
  @SuppressWarnings("ArrayRecordComponent") // compared with nothing but contents
  record Found(byte[] bytes, int links, Optional<NavigableMap<String, String>> attributes) {

    private boolean isOf(Folder folder, String name) {
      return folder
              .at(name)
              .filter(content -> Arrays.equals(content.bytes(), bytes))
              .filter(content -> attributes.map(content.attributes()::equals).orElse(true))
              .isPresent()
          && folder.namesOf(name).size() == links;
    }

    @Override
    public String toString() {
      return "%d bytes #%x with %d names %s"
          .formatted(bytes.length, Arrays.hashCode(bytes), links, attributes);
    }
  }

  /** Steps of a client between those in which somebody else tries to change what is its own. */
  private static final int STRANGER_EVERY = 12;

  private static final Identity STRANGER = Identity.of(1001, 100);

  private final Simulation simulation;
  private final SimProcess process;
  private final SandstoreClient client;
  private final List<SandstoreClient> readers;
  private final Random random;
  private final String dir;
  private int steps;
  private boolean made;
  private boolean finishing;
  private boolean done;
  private int acknowledged;
  private int unknown;
  private @Nullable Throwable failure;

  /**
   * @param readers clients of a node each, which have nobody else to ask: one whose node was cut
   *     off or paused must not hear from it what was true before
   */
  Workload(
      Simulation simulation,
      SimProcess process,
      SandstoreClient client,
      List<SandstoreClient> readers,
      int number,
      Random random) {
    this.simulation = simulation;
    this.process = process;
    this.client = client;
    this.readers = readers;
    this.random = random;
    this.dir = "/dir-" + number;
  }

  private static List<String> names() {
    return IntStream.range(0, NAMES).mapToObj(i -> "f" + i).toList();
  }

  private String anyName() {
    return "f" + random.nextInt(NAMES);
  }

  String path(String name) {
    return dir + "/" + name;
  }

  /** Names whose content is known, but for those that are being changed. */
  Set<String> namesToCheck(boolean all) {
    Set<String> names = new TreeSet<>(all ? names() : heardOf);
    names.removeAll(changing);
    heardOf.removeAll(names);
    return names;
  }

  /**
   * Checks what is at a name.
   *
   * @throws Simulation.Violation if it contradicts what this client was told
   */
  void mustBePossible(String name, @Nullable Found found) {
    if (possible.stream().noneMatch(shows(name, found))) {
      throw simulation.violation(
          "AcknowledgedReadable: %s holds %s, but should hold one of %s"
              .formatted(path(name), found, mayBe(name)));
    }
  }

  private static Predicate<Folder> shows(String name, @Nullable Found found) {
    return folder -> found == null ? folder.at(name).isEmpty() : found.isOf(folder, name);
  }

  /** For people. */
  private Set<String> mayBe(String name) {
    Set<String> all = new TreeSet<>();
    possible.forEach(folder -> all.add(folder.at(name) + " of " + folder.namesOf(name)));
    return all;
  }

  int acknowledged() {
    return acknowledged;
  }

  int unknown() {
    return unknown;
  }

  boolean done() {
    return done;
  }

  boolean failed() {
    return failure != null;
  }

  void finish() {
    finishing = true;
  }

  void rethrow() {
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure != null) {
      Simulation.Violation violation = simulation.violation(dir + ": " + failure);
      violation.initCause(failure);
      throw violation;
    }
  }

  void run() {
    try {
      while (!finishing) {
        step();
        if (simulation.scenario.thinkNanos() > 0) {
          process.park(random.nextLong(simulation.scenario.thinkNanos()));
        }
      }
      verify();
      client.close();
      for (SandstoreClient reader : readers) {
        reader.close();
      }
      done = true;
    } catch (IOException | RuntimeException | Error e) {
      failure = e;
    }
  }

  private void step() throws IOException {
    if (!made) {
      attempt(
          () -> {
            try {
              client.mkdir(dir, 0755);
            } catch (PosixException e) {
              if (e.errno() != Errno.EEXIST) {
                throw e;
              }
            }
            made = true;
          },
          () -> {});
      return;
    }
    if (possible.size() > POSSIBLE_MAX) {
      settle();
      read(anyName());
      return;
    }
    // A cluster below the level refuses what came with it: now and then that is tried, too.
    boolean posix = simulation.level().includes(FeatureLevel.POSIX) || random.nextInt(10) == 0;
    String name = anyName();
    if (++steps % STRANGER_EVERY == 0 && simulation.level().includes(FeatureLevel.POSIX)) {
      intrude(name);
    }
    switch (random.nextInt(posix ? 18 : 11)) {
      case 0, 1, 2 -> write(name);
      case 3 -> append(name);
      case 4 -> patch(name);
      case 5 -> unlink(name);
      case 6 -> rename(name, anyName());
      case 7 -> truncate(name);
      case 8 -> list();
      case 9 -> appendOften(name);
      case 10 -> read(name);
      case 11, 12 -> link(name, anyName());
      case 13 -> exchange(name, anyName());
      case 14, 15 -> setAttribute(name);
      case 16 -> zero(name);
      default -> writeUnnamed(name);
    }
  }

  /** Somebody else, who may look at what is here, tries to change it. */
  private void intrude(String name) throws IOException {
    SandstoreClient stranger = client.as(STRANGER);
    boolean removes = steps % (2 * STRANGER_EVERY) == 0;
    attempt(
        () -> {
          try {
            if (removes) {
              stranger.unlink(path(name));
            } else {
              stranger.open(path(name), EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0).close();
            }
          } catch (PosixException e) {
            if (e.errno() == Errno.EACCES) {
              return;
            }
            throw e;
          }
          throw simulation.violation(
              "Strangers: %s was let change %s".formatted(STRANGER, path(name)));
        },
        refusal -> {}, // nothing is there
        () -> {});
  }

  private interface Action {
    void run() throws IOException;
  }

  /** What a change makes of a directory. */
  private interface Effect {
    Folder on(Folder before) throws Folder.Refused;
  }

  private interface Answered {
    void with(Optional<Errno> refusal);
  }

  /**
   * Runs an action that changes names.
   *
   * @param whole its effect if it is acknowledged
   * @param halfway what it may have done if it is not
   */
  private void change(List<String> names, Action action, Effect whole, List<Effect> halfway)
      throws IOException {
    Set<String> touched = new TreeSet<>(names);
    possible.forEach(folder -> names.forEach(name -> touched.addAll(folder.namesOf(name))));
    changing = touched;
    try {
      attempt(
          action,
          refusal -> {
            Set<Folder> after = refusal.isEmpty() ? after(whole) : refused(whole, refusal.get());
            if (after.isEmpty()) {
              throw simulation.violation(
                  "a change of %s in %s was answered with %s, but it is one of %s"
                      .formatted(names, dir, refusal.map(Errno::name).orElse("yes"), possible));
            }
            // What is refused may be so by one that does not know yet what went before.
            if (refusal.isEmpty() || !unsettled) {
              possible = after;
            }
            unsettled &= refusal.isPresent();
          },
          () -> {
            Set<Folder> all = new LinkedHashSet<>(possible);
            all.addAll(after(whole));
            halfway.forEach(effect -> all.addAll(after(effect)));
            possible = all;
            unsettled = true;
          });
    } finally {
      changing = Set.of();
      heardOf.addAll(touched);
    }
  }

  private Set<Folder> after(Effect effect) {
    Set<Folder> after = new LinkedHashSet<>();
    for (Folder before : possible) {
      try {
        after.add(effect.on(before));
      } catch (Folder.Refused e) {
        // Not if it was this.
      }
    }
    return after;
  }

  private Set<Folder> refused(Effect effect, Errno errno) {
    Set<Folder> before = new LinkedHashSet<>();
    for (Folder folder : possible) {
      try {
        effect.on(folder);
      } catch (Folder.Refused e) {
        if (e.errno == errno) {
          before.add(folder);
        }
      }
    }
    return before;
  }

  private void attempt(Action action, Answered ifAnswered, Runnable ifUnknown) throws IOException {
    Optional<Errno> refusal;
    try {
      action.run();
      refusal = Optional.empty();
    } catch (PosixException e) {
      switch (e.errno()) {
        // EPROTO: the cluster is below the level, as far as who says so knows.
        case ETIMEDOUT, EAGAIN, EIO, ENOSPC, ESTALE, SESSION_EXPIRED, EPROTO -> {
          unknown++;
          ifUnknown.run();
          return;
        }
        case ENOENT, EEXIST, ENODATA -> refusal = Optional.of(e.errno());
        default -> throw e;
      }
    }
    acknowledged++;
    ifAnswered.with(refusal);
  }

  private void attempt(Action action, Runnable ifDone) throws IOException {
    attempt(
        action,
        refusal -> {
          if (refusal.isPresent()) {
            throw simulation.violation("%s: refused with %s".formatted(dir, refusal.get()));
          }
          ifDone.run();
        },
        () -> {});
  }

  /** An acknowledged change that changes nothing: what was on its way before is not any more. */
  private void settle() throws IOException {
    if (unsettled) {
      attempt(
          () -> client.setattr(dir, AttributeChange.NONE.withMode(0755)), () -> unsettled = false);
    }
  }

  /**
   * True if a change of several steps can be judged: between two of them, nothing of this client
   * may arrive that had no answer.
   */
  private boolean isSettled() throws IOException {
    settle();
    return !unsettled;
  }

  private byte[] content() {
    int size =
        switch (random.nextInt(4)) {
          case 0 -> random.nextInt(100);
          case 1 -> random.nextInt(4 << 10);
          case 2 -> random.nextInt(100 << 10);
          default -> BLOCK_BYTES;
        };
    return bytes(size);
  }

  private byte[] bytes(int size) {
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return bytes;
  }

  /** How long a file is, if it is there: all that may be there, the longest. */
  private int size(String name) {
    return possible.stream()
        .flatMap(folder -> folder.at(name).stream())
        .mapToInt(Folder.Content::size)
        .max()
        .orElse(0);
  }

  private void write(String name) throws IOException {
    byte[] bytes = content();
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
    // O_TRUNC and the data are two commands, and blocks of one flush may become visible in steps.
    List<Effect> halfway = new ArrayList<>();
    halfway.add(folder -> folder.put(name, new byte[0]));
    if (bytes.length > BLOCK_BYTES) {
      byte[] first = Arrays.copyOf(bytes, BLOCK_BYTES);
      halfway.add(folder -> folder.put(name, first));
    }
    change(
        List.of(name),
        () -> {
          try (SandFile file = client.open(path(name), flags, 0644)) {
            file.write(ByteBuffer.wrap(bytes));
          }
        },
        folder -> folder.put(name, bytes),
        halfway);
  }

  private static Effect append(String name, byte[] more) {
    return folder -> folder.change(name, content -> content.written(more, content.size()));
  }

  private void append(String name) throws IOException {
    if (size(name) > SIZE_MAX || !isSettled()) {
      return;
    }
    byte[] more = bytes(1 + random.nextInt(3000));
    change(
        List.of(name),
        () -> {
          try (SandFile file =
              client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND), 0)) {
            file.write(ByteBuffer.wrap(more));
          }
        },
        append(name, more),
        List.of());
  }

  /** Appends in small pieces, each flushed, which the cluster merges later. */
  private void appendOften(String name) throws IOException {
    if (size(name) > SIZE_MAX || !isSettled()) {
      return;
    }
    int length = 1 + random.nextInt(300);
    byte[] more = bytes(8 * length);
    List<Effect> halfway = new ArrayList<>();
    for (int end = length; end < more.length; end += length) {
      halfway.add(append(name, Arrays.copyOf(more, end)));
    }
    change(
        List.of(name),
        () -> {
          try (SandFile file =
              client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND), 0)) {
            for (int at = 0; at < more.length; at += length) {
              file.write(ByteBuffer.wrap(more, at, length));
              file.fsync();
            }
          }
        },
        append(name, more),
        halfway);
  }

  private void patch(String name) throws IOException {
    if (!isSettled()) {
      return;
    }
    int at = random.nextInt(size(name) + 1);
    byte[] patch = bytes(1 + random.nextInt(5000));
    change(
        List.of(name),
        () -> {
          try (SandFile file = client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY), 0)) {
            file.write(ByteBuffer.wrap(patch), at);
          }
        },
        folder -> folder.change(name, content -> content.written(patch, at)),
        List.of());
  }

  /** Makes a range a hole, or zeros, or only sees to it that the file has it. */
  private void zero(String name) throws IOException {
    if (size(name) > SIZE_MAX || !isSettled()) {
      return;
    }
    int at = random.nextInt(size(name) + 1);
    int length = 1 + random.nextInt(random.nextBoolean() ? 5000 : 2 * BLOCK_BYTES);
    int how = random.nextInt(4);
    boolean keepSize = random.nextBoolean();
    change(
        List.of(name),
        () -> {
          try (SandFile file = client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY), 0)) {
            switch (how) {
              case 0, 1 -> file.punchHole(at, length);
              case 2 -> file.zeroRange(at, length, keepSize);
              default -> file.allocate(at, length, keepSize);
            }
          }
        },
        folder ->
            folder.change(
                name,
                content ->
                    switch (how) {
                      case 0, 1 -> content.zeroed(at, length, true);
                      case 2 -> content.zeroed(at, length, keepSize);
                      default ->
                          keepSize || content.size() > at + length
                              ? content
                              : content.cut(at + length);
                    }),
        List.of());
  }

  private void truncate(String name) throws IOException {
    int size = random.nextInt(size(name) + 1000);
    change(
        List.of(name),
        () -> client.truncate(path(name), size),
        folder -> folder.change(name, content -> content.cut(size)),
        List.of());
  }

  private void unlink(String name) throws IOException {
    change(
        List.of(name), () -> client.unlink(path(name)), folder -> folder.unlink(name), List.of());
  }

  private void rename(String from, String to) throws IOException {
    change(
        List.of(from, to),
        () -> client.rename(path(from), path(to)),
        folder -> folder.rename(from, to),
        List.of());
  }

  private void link(String existing, String name) throws IOException {
    change(
        List.of(existing, name),
        () -> client.link(path(existing), path(name)),
        folder -> folder.link(existing, name),
        List.of());
  }

  private void exchange(String first, String second) throws IOException {
    change(
        List.of(first, second),
        () -> client.exchange(path(first), path(second)),
        folder -> folder.exchange(first, second),
        List.of());
  }

  private void setAttribute(String name) throws IOException {
    String attribute = "user." + random.nextInt(3);
    String value = Integer.toHexString(random.nextInt());
    int how = random.nextInt(4);
    ExtendedAttributes attributes = client.xattrs(path(name));
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    change(
        List.of(name),
        () -> {
          switch (how) {
            case 0 -> attributes.set(attribute, bytes);
            case 1 -> attributes.create(attribute, bytes);
            case 2 -> attributes.replace(attribute, bytes);
            default -> attributes.remove(attribute);
          }
        },
        folder -> folder.setAttribute(name, attribute, how == 3 ? null : value, how == 1, how == 2),
        List.of());
  }

  /** What is written to a file without a name comes to be there at once. */
  private void writeUnnamed(String name) throws IOException {
    byte[] bytes = content();
    change(
        List.of(name),
        () -> {
          try (SandFile file = client.createUnnamed(dir, 0644)) {
            file.write(ByteBuffer.wrap(bytes));
            client.link(file, path(name));
          }
        },
        folder -> folder.add(name, Folder.Content.EMPTY.withBytes(bytes)),
        List.of());
  }

  // --- Looking ---

  /** Leaves what was seen, once nothing is on its way any more that could change it. */
  private void saw(Predicate<Folder> seen, String what) {
    Set<Folder> left = new LinkedHashSet<>(possible);
    left.removeIf(seen.negate());
    if (left.isEmpty()) {
      throw simulation.violation(
          "%s: %s was seen, but it should be one of %s".formatted(dir, what, possible));
    }
    if (!unsettled) {
      possible = left;
    }
  }

  private void list() throws IOException {
    List<DirectoryPage.Entry> entries = new ArrayList<>();
    attempt(
        () -> {
          entries.clear();
          entries.addAll(client.readdir(dir));
        },
        () -> saw(folder -> isListed(folder, entries), entries.toString()));
  }

  private static boolean isListed(Folder folder, List<DirectoryPage.Entry> entries) {
    NavigableMap<String, Long> inodes = new TreeMap<>();
    entries.forEach(entry -> inodes.put(entry.name(), entry.stat().inode()));
    if (!inodes.keySet().equals(folder.numbers().keySet())) {
      return false;
    }
    // One inode for each file, and one file for each inode.
    Map<Integer, Long> byNumber = new HashMap<>();
    folder.numbers().forEach((name, number) -> byNumber.put(number, inodes.get(name)));
    if (new TreeSet<>(inodes.values()).size() != byNumber.size()) {
      return false;
    }
    return entries.stream()
        .allMatch(
            entry ->
                Long.valueOf(entry.stat().inode())
                        .equals(byNumber.get(folder.numbers().get(entry.name())))
                    && entry.stat().size() == folder.at(entry.name()).orElseThrow().size()
                    && entry.stat().links() == folder.namesOf(entry.name()).size());
  }

  private void read(String name) throws IOException {
    SandstoreClient reader =
        finishing || random.nextBoolean() ? client : readers.get(random.nextInt(readers.size()));
    if (unsettled) {
      // Between two questions something may arrive: each answer is judged by itself.
      byte @Nullable [][] got = new byte[1][];
      attempt(
          () -> got[0] = bytes(reader, name).orElse(null),
          () ->
              saw(
                  folder ->
                      Arrays.equals(
                          folder.at(name).map(Folder.Content::bytes).orElse(null), got[0]),
                  name + ": " + (got[0] == null ? "nothing" : got[0].length + " bytes")));
      return;
    }
    @Nullable Found[] got = new Found[1];
    attempt(
        () -> got[0] = find(reader, name), () -> saw(shows(name, got[0]), name + ": " + got[0]));
  }

  private Optional<SandFile> open(SandstoreClient reader, String name) throws IOException {
    try {
      return Optional.of(reader.open(path(name), EnumSet.of(OpenFlag.O_RDONLY), 0));
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private Optional<byte[]> bytes(SandstoreClient reader, String name) throws IOException {
    if (simulation.readsEverywhere() && steps % 2 == 0) {
      try {
        return Optional.of(reader.readAll(path(name)));
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          return Optional.empty();
        }
        throw e;
      }
    }
    Optional<SandFile> open = open(reader, name);
    if (open.isEmpty()) {
      return Optional.empty();
    }
    try (SandFile file = open.get()) {
      return Optional.of(bytes(file));
    }
  }

  /** One read shows one moment, if there is room for all. */
  private byte[] bytes(SandFile file) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()) + GROWTH_MAX);
    while (file.read(all) > 0) {
      // Until all is there.
    }
    return Arrays.copyOf(all.array(), all.position());
  }

  private @Nullable Found find(SandstoreClient reader, String name) throws IOException {
    Optional<SandFile> open = open(reader, name);
    if (open.isEmpty()) {
      return null;
    }
    try (SandFile file = open.get()) {
      int links = file.stat().links();
      NavigableMap<String, String> attributes = new TreeMap<>();
      if (simulation.level().includes(FeatureLevel.POSIX)) {
        for (String attribute : file.xattrs().list()) {
          attributes.put(
              attribute, new String(file.xattrs().get(attribute), StandardCharsets.UTF_8));
        }
      }
      // Of what does not change meanwhile, a question by name is as good.
      boolean byName = simulation.readsEverywhere() && steps % 2 == 0;
      byte[] bytes = byName ? reader.readAll(path(name)) : bytes(file);
      return new Found(bytes, links, Optional.of(attributes));
    }
  }

  /** After everything healed: every name, until each has answered. */
  private void verify() throws IOException {
    if (!made) {
      return;
    }
    while (unsettled) {
      settle();
    }
    for (String name : names()) {
      int before = acknowledged;
      while (acknowledged == before) {
        read(name);
      }
    }
    list();
  }
}
