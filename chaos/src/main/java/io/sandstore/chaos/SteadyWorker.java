package io.sandstore.chaos;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;

/**
 * One client of a soak: works on a directory of its own with a fixed number of files, so that what
 * a cluster holds has a level that it must come back to, and knows what each file must contain.
 */
final class SteadyWorker {

  static final int WHOLES = 300;
  static final int PAGED = 20;
  static final int LISTS = 20;

  private static final Set<OpenFlag> REPLACE =
      EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC);
  private static final Set<OpenFlag> WRITE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> APPEND =
      EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_APPEND);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);

  private static final int PAGE = 4096;
  private static final int PAGES = 16;
  private static final int RECORD = 100;

  /** A list starts over when it is so long. */
  private static final int RECORDS = 500;

  /** Travel in the log; are blocks of one and of many checksums. */
  private static final List<Integer> BYTES =
      List.of(0, 200, 200, 4 << 10, 4 << 10, 40 << 10, 40 << 10, 40 << 10, 200 << 10);

  /** One in so many is of several blocks. */
  private static final int LARGE_ONE_IN = 60;

  private static final int LARGE_BYTES = 6 << 20;

  /** What was done, for its latency. */
  enum Kind {
    READ,
    CHANGE
  }

  /** What a file that is written as a whole must contain; none where it was removed. */
  private record Whole(boolean exists, int value, int bytes) {}

  private final Supplier<SandstoreClient> stores;
  private final String directory;
  private final Random random;
  private final Whole[] wholes = new Whole[WHOLES];
  private final int[][] paged = new int[PAGED][PAGES];
  private final int[] lists = new int[LISTS];
  private int value;

  /**
   * @param stores the client to use now; it is exchanged for another now and then
   */
  SteadyWorker(Supplier<SandstoreClient> stores, String directory, long seed) {
    this.stores = stores;
    this.directory = directory;
    this.random = new Random(seed);
    Arrays.fill(wholes, new Whole(false, 0, 0));
  }

  /** Makes what there will be all the time. */
  void prepare() throws IOException {
    store().mkdirs(directory);
    for (int i = 0; i < WHOLES; i++) {
      replace(i);
    }
    for (int i = 0; i < PAGED; i++) {
      for (int page = 0; page < PAGES; page++) {
        writePage(i, page);
      }
    }
  }

  /**
   * Does one thing at random.
   *
   * @throws WrongContent if what was read is not what was written
   */
  Kind turn() throws IOException {
    int which = random.nextInt(100);
    int whole = random.nextInt(WHOLES);
    if (which < 15) {
      replace(whole);
    } else if (which < 25) {
      replaceByRename(whole);
    } else if (which < 30) {
      remove(whole);
    } else if (which < 40) {
      append(random.nextInt(LISTS));
    } else if (which < 50) {
      writePage(random.nextInt(PAGED), random.nextInt(PAGES));
    } else if (which < 75) {
      readWhole(whole);
      return Kind.READ;
    } else if (which < 80) {
      readPaged(random.nextInt(PAGED));
      return Kind.READ;
    } else if (which < 85) {
      readList(random.nextInt(LISTS));
      return Kind.READ;
    } else if (which < 97) {
      stat(whole);
      return Kind.READ;
    } else {
      list();
      return Kind.READ;
    }
    return Kind.CHANGE;
  }

  /** Reads all there is, once more. */
  void verify() throws IOException {
    for (int i = 0; i < WHOLES; i++) {
      readWhole(i);
    }
    for (int i = 0; i < PAGED; i++) {
      readPaged(i);
    }
    for (int i = 0; i < LISTS; i++) {
      readList(i);
    }
    list();
  }

  private SandstoreClient store() {
    return stores.get();
  }

  private String whole(int i) {
    return directory + "/whole-" + i;
  }

  // --- Changes ---

  private void replace(int i) throws IOException {
    wholes[i] = write(whole(i));
  }

  private void replaceByRename(int i) throws IOException {
    Whole written = write(directory + "/new");
    store().rename(directory + "/new", whole(i));
    wholes[i] = written;
  }

  private Whole write(String path) throws IOException {
    Whole next = new Whole(true, ++value, bytes());
    try (SandFile file = store().open(path, REPLACE, 0644)) {
      file.write(ByteBuffer.wrap(content(next.value, next.bytes)));
      file.fsync();
    }
    return next;
  }

  private int bytes() {
    return random.nextInt(LARGE_ONE_IN) == 0
        ? LARGE_BYTES
        : BYTES.get(random.nextInt(BYTES.size()));
  }

  private void remove(int i) throws IOException {
    if (wholes[i].exists) {
      store().unlink(whole(i));
      wholes[i] = new Whole(false, 0, 0);
    } else {
      replace(i);
    }
  }

  private void append(int i) throws IOException {
    if (lists[i] == RECORDS) {
      store().truncate(directory + "/list-" + i, 0);
      lists[i] = 0;
    }
    try (SandFile file = store().open(directory + "/list-" + i, APPEND, 0644)) {
      file.write(ByteBuffer.wrap(content(lists[i], RECORD)));
      file.fsync();
    }
    lists[i]++;
  }

  private void writePage(int i, int page) throws IOException {
    int next = ++value;
    try (SandFile file = store().open(directory + "/paged-" + i, WRITE, 0644)) {
      file.write(ByteBuffer.wrap(content(next, PAGE)), (long) page * PAGE);
      file.fsync();
    }
    paged[i][page] = next;
  }

  // --- Looks ---

  private void readWhole(int i) throws IOException {
    Whole expected = wholes[i];
    if (expected.exists) {
      compare(whole(i), content(expected.value, expected.bytes));
    }
  }

  private void readPaged(int i) throws IOException {
    ByteBuffer expected = ByteBuffer.allocate(PAGES * PAGE);
    for (int page : paged[i]) {
      expected.put(content(page, PAGE));
    }
    compare(directory + "/paged-" + i, expected.array());
  }

  private void readList(int i) throws IOException {
    if (lists[i] == 0) {
      return;
    }
    ByteBuffer expected = ByteBuffer.allocate(lists[i] * RECORD);
    for (int record = 0; record < lists[i]; record++) {
      expected.put(content(record, RECORD));
    }
    compare(directory + "/list-" + i, expected.array());
  }

  private void compare(String path, byte[] expected) throws IOException {
    ByteBuffer found = ByteBuffer.allocate(expected.length + 1);
    try (SandFile file = store().open(path, READ, 0)) {
      while (found.hasRemaining() && file.read(found) > 0) {
        // Until all is there.
      }
    }
    int at = Arrays.mismatch(Arrays.copyOf(found.array(), found.position()), expected);
    if (at >= 0) {
      throw new WrongContent(
          "%s: %d bytes instead of %d, differs at %d"
              .formatted(path, found.position(), expected.length, at));
    }
  }

  private void stat(int i) throws IOException {
    if (wholes[i].exists && store().stat(whole(i)).size() != wholes[i].bytes) {
      throw new WrongContent(whole(i) + " has another size than was written");
    }
  }

  private void list() throws IOException {
    long expected = Arrays.stream(wholes).filter(Whole::exists).count() + PAGED;
    for (int records : lists) {
      expected += records > 0 ? 1 : 0;
    }
    // A list that has just started over is empty, and there.
    int found = store().readdir(directory).size();
    if (found < expected || found > expected + LISTS) {
      throw new WrongContent("%s: %d names instead of %d".formatted(directory, found, expected));
    }
  }

  private static byte[] content(int value, int bytes) {
    byte[] content = new byte[bytes];
    new Random(31L * value + bytes).nextBytes(content);
    return content;
  }

  /** What was read is not what was written. */
  static final class WrongContent extends IOException {
    private static final long serialVersionUID = 1;

    WrongContent(String message) {
      super(message);
    }
  }
}
