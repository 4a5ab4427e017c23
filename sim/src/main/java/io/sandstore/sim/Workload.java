package io.sandstore.sim;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One client that works in a directory of its own and knows what must be in it: what was
 * acknowledged is there, what was refused is not, and what got no answer is one of the two. The
 * next look says which, once a later change of this client is acknowledged: until then, what got no
 * answer may still be on its way.
 */
final class Workload {

  private static final int NAMES = 6;

  /** What a name may hold; null stands for nothing. More than one only after a missing answer. */
  private final TreeMap<String, Set<@Nullable Content>> model = new TreeMap<>();

  /** Names whose content is being changed. */
  private Set<String> changing = Set.of();

  /** Names that a change without an answer may still reach. */
  private final Set<String> unsettled = new TreeSet<>();

  /** Names of which something was heard since somebody looked. */
  private final Set<String> heardOf = new TreeSet<>();

  @SuppressWarnings("ArrayRecordComponent") // compared by what is in it
  private record Content(byte[] bytes) {
    @Override
    public boolean equals(@Nullable Object o) {
      return o instanceof Content c && Arrays.equals(bytes, c.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
      return bytes.length + " bytes #" + Integer.toHexString(hashCode());
    }
  }

  private final Simulation simulation;
  private final SimProcess process;
  private final SandstoreClient client;
  private final List<SandstoreClient> readers;
  private final Random random;
  private final String dir;
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
    for (int i = 0; i < NAMES; i++) {
      model.put("f" + i, possible((Content) null));
    }
  }

  private static Set<@Nullable Content> possible(@Nullable Content... contents) {
    return new LinkedHashSet<>(Arrays.asList(contents));
  }

  String path(String name) {
    return dir + "/" + name;
  }

  /** Names whose content is known, but for those that are being changed. */
  Set<String> namesToCheck(boolean all) {
    Set<String> names = new TreeSet<>(all ? model.keySet() : heardOf);
    names.removeAll(changing);
    heardOf.removeAll(names);
    return names;
  }

  /**
   * Checks what is at a name.
   *
   * @throws Simulation.Violation if it contradicts what this client was told
   */
  void mustBePossible(String name, byte @Nullable [] found) {
    @Nullable Content content = found == null ? null : new Content(found);
    if (!of(name).contains(content)) {
      throw simulation.violation(
          "AcknowledgedReadable: %s holds %s, but should hold one of %s"
              .formatted(path(name), content, of(name)));
    }
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
          () -> {},
          () -> {});
      return;
    }
    String name = "f" + random.nextInt(NAMES);
    switch (random.nextInt(11)) {
      case 0, 1, 2 -> write(name);
      case 3 -> append(name);
      case 4 -> patch(name);
      case 5 -> unlink(name);
      case 6 -> rename(name, "f" + random.nextInt(NAMES));
      case 7 -> truncate(name);
      case 8 -> list();
      case 9 -> appendOften(name);
      default -> read(name);
    }
  }

  private interface Action {
    void run() throws IOException;
  }

  /** Runs an action that changes names; its effect on the model depends on what came back. */
  private void change(Set<String> names, Action action, Runnable ifDone, Runnable ifUnknown)
      throws IOException {
    changing = names;
    try {
      attempt(
          action,
          () -> {
            ifDone.run();
            unsettled.clear();
          },
          () -> {
            ifUnknown.run();
            unsettled.addAll(names);
          });
    } finally {
      changing = Set.of();
      heardOf.addAll(names);
    }
  }

  private void attempt(Action action, Runnable ifDone, Runnable ifUnknown) throws IOException {
    try {
      action.run();
      acknowledged++;
      ifDone.run();
    } catch (PosixException e) {
      switch (e.errno()) {
        case ETIMEDOUT, EAGAIN, EIO, ENOSPC, ESTALE, SESSION_EXPIRED -> {
          unknown++;
          ifUnknown.run();
        }
        default -> throw e;
      }
    }
  }

  private Set<@Nullable Content> of(String name) {
    return model.getOrDefault(name, Set.of());
  }

  private byte[] content() {
    int size =
        switch (random.nextInt(4)) {
          case 0 -> random.nextInt(100);
          case 1 -> random.nextInt(4 << 10);
          case 2 -> random.nextInt(100 << 10);
          default -> 64 << 10;
        };
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    return bytes;
  }

  private void write(String name) throws IOException {
    byte[] bytes = content();
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
    // O_TRUNC and the data are two commands, and blocks of one flush may become visible in steps.
    Set<@Nullable Content> halfway = new LinkedHashSet<>(of(name));
    halfway.add(new Content(new byte[0]));
    halfway.add(new Content(bytes));
    if (bytes.length > 64 << 10) {
      halfway.add(new Content(Arrays.copyOf(bytes, 64 << 10)));
    }
    change(
        Set.of(name),
        () -> {
          try (SandFile file = client.open(path(name), flags, 0644)) {
            file.write(ByteBuffer.wrap(bytes));
          }
        },
        () -> model.put(name, possible(new Content(bytes))),
        () -> model.put(name, halfway));
  }

  private void append(String name) throws IOException {
    Content known = certain(name);
    if (known == null || known.bytes.length > 1 << 20) {
      return;
    }
    byte[] more = new byte[1 + random.nextInt(3000)];
    random.nextBytes(more);
    byte[] all = Arrays.copyOf(known.bytes, known.bytes.length + more.length);
    System.arraycopy(more, 0, all, known.bytes.length, more.length);
    change(
        Set.of(name),
        () -> {
          try (SandFile file =
              client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND), 0)) {
            file.write(ByteBuffer.wrap(more));
          }
        },
        () -> model.put(name, possible(new Content(all))),
        () -> model.put(name, possible(known, new Content(all))));
  }

  /** Appends in small pieces, each flushed, which the cluster merges later. */
  private void appendOften(String name) throws IOException {
    Content known = certain(name);
    if (known == null || known.bytes.length > 1 << 20) {
      return;
    }
    int length = 1 + random.nextInt(300);
    byte[] more = new byte[8 * length];
    random.nextBytes(more);
    byte[] all = Arrays.copyOf(known.bytes, known.bytes.length + more.length);
    System.arraycopy(more, 0, all, known.bytes.length, more.length);
    Set<@Nullable Content> halfway = new LinkedHashSet<>();
    for (int end = known.bytes.length; end <= all.length; end += length) {
      halfway.add(new Content(Arrays.copyOf(all, end)));
    }
    change(
        Set.of(name),
        () -> {
          try (SandFile file =
              client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND), 0)) {
            for (int at = known.bytes.length; at < all.length; at += length) {
              file.write(ByteBuffer.wrap(all, at, length));
              file.fsync();
            }
          }
        },
        () -> model.put(name, possible(new Content(all))),
        () -> model.put(name, halfway));
  }

  private void patch(String name) throws IOException {
    Content known = certain(name);
    if (known == null || known.bytes.length == 0) {
      return;
    }
    int at = random.nextInt(known.bytes.length);
    byte[] patch = new byte[1 + random.nextInt(5000)];
    random.nextBytes(patch);
    byte[] all = Arrays.copyOf(known.bytes, Math.max(known.bytes.length, at + patch.length));
    System.arraycopy(patch, 0, all, at, patch.length);
    change(
        Set.of(name),
        () -> {
          try (SandFile file = client.open(path(name), EnumSet.of(OpenFlag.O_WRONLY), 0)) {
            file.write(ByteBuffer.wrap(patch), at);
          }
        },
        () -> model.put(name, possible(new Content(all))),
        () -> model.put(name, possible(known, new Content(all))));
  }

  private void truncate(String name) throws IOException {
    Content known = certain(name);
    if (known == null) {
      return;
    }
    int size = random.nextInt(known.bytes.length + 1000);
    Content cut = new Content(Arrays.copyOf(known.bytes, size));
    change(
        Set.of(name),
        () -> client.truncate(path(name), size),
        () -> model.put(name, possible(cut)),
        () -> model.put(name, possible(known, cut)));
  }

  /** The content, if there can be no doubt about it and there is any. */
  private @Nullable Content certain(String name) {
    Set<@Nullable Content> contents = of(name);
    return contents.size() == 1 ? contents.iterator().next() : null;
  }

  private void unlink(String name) throws IOException {
    if (certain(name) == null) {
      return;
    }
    Content known = certain(name);
    change(
        Set.of(name),
        () -> client.unlink(path(name)),
        () -> model.put(name, possible((Content) null)),
        () -> model.put(name, possible(known, null)));
  }

  private void rename(String from, String to) throws IOException {
    Content known = certain(from);
    if (known == null || from.equals(to) || of(to).size() > 1) {
      return;
    }
    Content replaced = certain(to);
    change(
        Set.of(from, to),
        () -> client.rename(path(from), path(to)),
        () -> {
          model.put(to, possible(known));
          model.put(from, possible((Content) null));
        },
        () -> {
          model.put(to, possible(replaced, known));
          model.put(from, possible(known, null));
        });
  }

  private void list() throws IOException {
    Set<String> names = new TreeSet<>();
    attempt(
        () -> client.readdir(dir).stream().map(DirectoryPage.Entry::name).forEach(names::add),
        () ->
            model.forEach(
                (name, contents) -> {
                  boolean there = names.contains(name);
                  if (contents.stream().noneMatch(c -> (c != null) == there)) {
                    throw simulation.violation(
                        "%s/%s is %s, but should be %s"
                            .formatted(dir, name, there ? "there" : "missing", contents));
                  }
                }),
        () -> {});
  }

  private void read(String name) throws IOException {
    @Nullable Content[] got = new Content[1];
    attempt(
        () -> got[0] = readAll(name),
        () -> {
          Content found = got[0];
          if (!of(name).contains(found)) {
            throw simulation.violation(
                "%s was read as %s, but should hold one of %s"
                    .formatted(path(name), found, of(name)));
          }
          if (!unsettled.contains(name)) {
            model.put(name, possible(found)); // and from now on there is no doubt
          }
        },
        () -> {});
  }

  private @Nullable Content readAll(String name) throws IOException {
    SandstoreClient reader =
        finishing || random.nextBoolean() ? client : readers.get(random.nextInt(readers.size()));
    try (SandFile file = reader.open(path(name), EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(file.stat().size()));
      while (all.hasRemaining() && file.read(all) > 0) {
        // Until all is there.
      }
      return new Content(all.array());
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOENT) {
        return null;
      }
      throw e;
    }
  }

  /** After everything healed: every name, until each has answered. */
  private void verify() throws IOException {
    if (!made) {
      return;
    }
    for (String name : model.keySet()) {
      int before = acknowledged;
      while (acknowledged == before) {
        read(name);
      }
    }
    list();
  }
}
