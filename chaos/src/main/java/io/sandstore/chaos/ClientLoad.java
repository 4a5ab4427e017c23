package io.sandstore.chaos;

import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Sixteen clients in four groups. A group works on one directory for some hundred operations, all
 * four of it at the same names, then the history of the directory is judged and the next one
 * begins. Everything is read once more and judged again: in the end, or before it is removed, for
 * only so many bytes are kept, or a long run would measure how long it takes to fill a new disk.
 */
final class ClientLoad implements AutoCloseable {

  private static final int GROUPS = 4;
  private static final int GROUP = 4;
  private static final int OPERATIONS = 30;

  /** Numbers of the clients that read everything in the end begin here. */
  private static final int LAST = 100;

  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration PINNED_TIMEOUT = Duration.ofSeconds(1);
  private static final int PINNED_LOOKS = 6;
  private static final Duration THINK_MAX = Duration.ofMillis(4);
  private static final Duration PAUSE_STEP = Duration.ofMillis(100);
  private static final List<String> TOP = List.of("a", "b", "c");

  /** Travels in the log; one block; some of a block's checksums more. */
  private static final List<Integer> REGISTER_BYTES = List.of(200, 40 << 10, 600 << 10);

  private static final int RATE_BYTES = 256 << 10;

  /** Files that wait for the end. */
  private static final long WAITING_BYTES_MAX = 256 << 20;

  private record File(Partition<?> partition, int bytes) {}

  private final long seed;
  private final Duration think;
  private final long beginNanos = System.nanoTime();
  private final List<SandstoreClient> stores = new ArrayList<>();
  private final List<SandstoreClient> pinned = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final ConcurrentLinkedQueue<File> all = new ConcurrentLinkedQueue<>();
  private final AtomicLong waitingBytes = new AtomicLong();

  /** What was read again. */
  private final ConcurrentLinkedQueue<File> kept = new ConcurrentLinkedQueue<>();

  private final ConcurrentLinkedQueue<Long> waitingForWrite = new ConcurrentLinkedQueue<>();
  final CopyOnWriteArrayList<Double> gapsSeconds = new CopyOnWriteArrayList<>();
  final CopyOnWriteArrayList<String> violations = new CopyOnWriteArrayList<>();

  /** What {@link #judgeRate} was told. */
  final CopyOnWriteArrayList<String> rates = new CopyOnWriteArrayList<>();

  final AtomicLong acknowledged = new AtomicLong();
  final AtomicLong acknowledgedChanges = new AtomicLong();
  final AtomicLong unknown = new AtomicLong();
  final AtomicLong wrong = new AtomicLong();
  final AtomicInteger partitions = new AtomicInteger();

  /** Acknowledged operations and unknown outcomes in each second of the run. */
  final List<int[]> perSecond = new CopyOnWriteArrayList<>();

  private final SandstoreClient measured;
  private volatile boolean running = true;
  private volatile boolean held;

  /**
   * @param think pause of a client between an operation and the next one, beside a short one by
   *     chance
   */
  ClientLoad(Lab lab, long seed, Duration think) {
    this.seed = seed;
    this.think = think;
    for (Lab.LabNode machine : lab.machines) {
      pinned.add(
          new SandstoreClient(
              io.sandstore.host.jvm.JvmHost.create(8),
              io.sandstore.client.ClientConfig.of(machine.endpoint()).withTimeout(PINNED_TIMEOUT)));
    }
    measured = lab.client(TIMEOUT);
    for (int i = 0; i < GROUPS * GROUP; i++) {
      stores.add(lab.client(TIMEOUT));
    }
  }

  void start() {
    for (int group = 0; group < GROUPS; group++) {
      int number = group;
      threads.add(Thread.ofVirtual().start(() -> runGroup(number)));
    }
  }

  /** When the next write is acknowledged that was asked for after this moment, notes how long. */
  void measureGap() {
    waitingForWrite.add(System.nanoTime());
  }

  long beginNanos() {
    return beginNanos;
  }

  /**
   * How much one client gets done while the others hold still: files of a few blocks' checksums,
   * written and read again, a second. Beside the others it would get the more done the slower they
   * are.
   */
  double rateAlone(Duration time) {
    held = true;
    try {
      return rate(time);
    } finally {
      held = false;
    }
  }

  /** The same beside the others. */
  double rate(Duration time) {
    byte[] bytes = new byte[RATE_BYTES];
    new Random(seed).nextBytes(bytes);
    long begin = System.nanoTime();
    int done = 0;
    while (System.nanoTime() - begin < time.toNanos()) {
      try {
        writeAndRead("/rate-" + done % 4, bytes);
        done++;
      } catch (IOException e) {
        // An operation that fails does not count, and its time does.
      }
    }
    return done * 1e9 / (System.nanoTime() - begin);
  }

  private void writeAndRead(String path, byte[] bytes) throws IOException {
    try (SandFile file =
        measured.open(
            path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_TRUNC), 0644)) {
      file.write(ByteBuffer.wrap(bytes));
    }
    ByteBuffer found = ByteBuffer.allocate(bytes.length);
    try (SandFile file = measured.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
      while (found.hasRemaining() && file.read(found) > 0) {
        // Until all is there.
      }
    }
    if (!java.util.Arrays.equals(found.array(), bytes)) {
      wrong.incrementAndGet();
      violations.add(path + " was read with other bytes than were written");
    }
  }

  /** A fault may cost half of the rate, once it is known. */
  void judgeRate(String fault, double before, double after) {
    rates.add("%s: %.1f/s, before %.1f/s".formatted(fault, after, before));
    if (after < before / 2) {
      violations.add("while " + rates.getLast());
    }
  }

  private void runGroup(int group) {
    for (int round = 0; running; round++) {
      try {
        switch (round % 3) {
          case 0 -> tree(group, round);
          case 1 -> registers(group, round);
          default -> appends(group, round);
        }
      } catch (IOException e) {
        // The directory could not be prepared in time: the next round takes another.
      } catch (RuntimeException e) {
        violations.add("the load failed: " + e);
        return;
      }
    }
  }

  // --- Rounds ---

  private void tree(int group, int round) throws IOException {
    Partition<?> partition = new Partition<>(directory(group, round), new TreeModel());
    AtomicInteger modes = new AtomicInteger(1);
    together(
        group,
        round,
        (hands, random) -> {
          String path = random.nextBoolean() ? top(random) : top(random) + "/x";
          boolean nested = path.contains("/");
          switch (random.nextInt(14)) {
            case 0, 1 -> record(hands, partition, Operation.Kind.CREATE, path, "", modes, 0);
            case 2 -> record(hands, partition, Operation.Kind.MKDIR, top(random), "", modes, 0);
            case 3 -> record(hands, partition, Operation.Kind.UNLINK, path, "", null, 0);
            case 4 -> record(hands, partition, Operation.Kind.RMDIR, top(random), "", null, 0);
            case 5, 6 -> {
              // A directory never moves below another, so that the tree stays two deep.
              String to = nested && random.nextBoolean() ? top(random) + "/x" : top(random);
              record(hands, partition, Operation.Kind.RENAME, path, to, null, 0);
            }
            case 7 -> record(hands, partition, Operation.Kind.STAT, path, "", null, 0);
            case 8, 9 -> {
              String name = random.nextBoolean() ? top(random) : top(random) + "/x";
              record(hands, partition, Operation.Kind.LINK, path, name, null, 0);
            }
            case 10 -> {
              String other = nested ? top(random) + "/x" : top(random); // two deep, as above
              record(hands, partition, Operation.Kind.EXCHANGE, path, other, null, 0);
            }
            case 11 -> record(hands, partition, Operation.Kind.SET_ATTRIBUTE, path, "", modes, 0);
            case 12 -> record(hands, partition, Operation.Kind.GET_ATTRIBUTE, path, "", null, 0);
            default -> {
              String where = random.nextBoolean() ? "" : top(random);
              record(hands, partition, Operation.Kind.LIST, where, "", null, 0);
            }
          }
        });
    retire(reader(group), new File(partition, 0));
  }

  private void registers(int group, int round) throws IOException {
    String directory = directory(group, round);
    List<File> files = new ArrayList<>();
    for (int bytes : REGISTER_BYTES) {
      Partition<?> partition = new Partition<>(directory + "/" + bytes, new RegisterModel());
      prepare(stores.get(group * GROUP), partition.path(), bytes);
      files.add(new File(partition, bytes));
    }
    AtomicInteger values = new AtomicInteger(1);
    together(
        group,
        round,
        (hands, random) -> {
          File file = files.get(random.nextInt(10) < 6 ? 0 : 1 + random.nextInt(2));
          Operation.Kind kind =
              switch (random.nextInt(10)) {
                case 0, 1, 2, 3, 4 -> Operation.Kind.SET;
                case 5 -> Operation.Kind.PUNCH;
                default -> Operation.Kind.GET;
              };
          boolean set = kind == Operation.Kind.SET;
          record(hands, file.partition, kind, "", "", set ? values : null, file.bytes);
        });
    files.forEach(file -> retire(reader(group), file));
    makeRoom(group);
  }

  private void appends(int group, int round) throws IOException {
    Partition<?> partition = new Partition<>(directory(group, round) + "/list", new AppendModel());
    prepare(stores.get(group * GROUP), partition.path(), 0);
    AtomicInteger values = new AtomicInteger(1);
    together(
        group,
        round,
        (hands, random) -> {
          boolean append = random.nextInt(5) < 3;
          Operation.Kind kind = append ? Operation.Kind.APPEND : Operation.Kind.GET;
          record(hands, partition, kind, "", "", append ? values : null, 0);
        });
    retire(reader(group), new File(partition, 0));
  }

  /** Looks when the group has ended its round. */
  private Client reader(int group) {
    return new Client(GROUPS * GROUP + group, stores.get(group * GROUP));
  }

  private static String top(Random random) {
    return TOP.get(random.nextInt(TOP.size()));
  }

  private String directory(int group, int round) throws IOException {
    String path = "/chaos-%x-%d-%d".formatted(beginNanos, group, round);
    stores.get(group * GROUP).mkdirs(path);
    return path;
  }

  /** A file with the value 0. If that is not certain, it must not be used. */
  private static void prepare(SandstoreClient store, String path, int bytes) throws IOException {
    try (SandFile file =
        store.open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL), 0644)) {
      if (bytes > 0) {
        file.write(ByteBuffer.wrap(Client.content(0, bytes)));
      }
    }
  }

  /** Who changes, and who looks: now and then one that knows a single node only. */
  private record Hands(Client changing, Client looking) {}

  private interface Turn {
    void take(Hands hands, Random random);
  }

  /** All clients of a group take turns at their own pace. */
  private void together(int group, int round, Turn turn) {
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < GROUP; i++) {
      int number = group * GROUP + i;
      Random random = new Random(seed * 1_000_003 + round * 64L + number);
      clients.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    Client own = new Client(number, stores.get(number));
                    for (int n = 0; n < OPERATIONS && running; n++) {
                      while (held && running) {
                        LockSupport.parkNanos(THINK_MAX.toNanos());
                      }
                      boolean elsewhere = random.nextInt(PINNED_LOOKS) == 0;
                      SandstoreClient one = pinned.get(random.nextInt(pinned.size()));
                      turn.take(new Hands(own, elsewhere ? new Client(number, one) : own), random);
                      pause(think.toNanos() + random.nextLong(THINK_MAX.toNanos()));
                    }
                  }));
    }
    for (Thread client : clients) {
      try {
        client.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Ends early when the run does. */
  private void pause(long nanos) {
    long end = System.nanoTime() + nanos;
    for (long left = nanos; left > 0 && running; left = end - System.nanoTime()) {
      LockSupport.parkNanos(Math.min(left, PAUSE_STEP.toNanos()));
    }
  }

  private void record(
      Hands hands,
      Partition<?> partition,
      Operation.Kind kind,
      String path,
      String other,
      @Nullable AtomicInteger values,
      int bytes) {
    if (kind.changes() && partition.isHard()) {
      return;
    }
    int value = values == null ? 0 : values.getAndIncrement();
    Client client = kind.changes() ? hands.changing : hands.looking;
    Operation operation = client.run(partition.path(), kind, path, other, value, bytes);
    count(operation);
    // To look without an answer changes nothing and shows nothing.
    if (operation.result().isPresent() || kind.changes()) {
      partition.add(operation);
    }
  }

  private void count(Operation operation) {
    int second = (int) ((System.nanoTime() - beginNanos) / 1_000_000_000L);
    synchronized (perSecond) {
      while (perSecond.size() <= second) {
        perSecond.add(new int[2]);
      }
      perSecond.get(second)[operation.result().isPresent() ? 0 : 1]++;
    }
    if (operation.result().isEmpty()) {
      unknown.incrementAndGet();
      return;
    }
    acknowledged.incrementAndGet();
    if (operation.result().get().contains("WRONG")) {
      wrong.incrementAndGet();
    }
    if (operation.kind().changes() && operation.result().get().equals(Operation.OK)) {
      acknowledgedChanges.incrementAndGet();
      Long since = waitingForWrite.peek();
      if (since != null && operation.calledNanos() >= since && waitingForWrite.remove(since)) {
        gapsSeconds.add((operation.returnedNanos() - since) / 1e9);
      }
    }
  }

  // --- Judging ---

  private void retire(Client client, File file) {
    lookAgain(client, file);
    all.add(file);
    waitingBytes.addAndGet(file.bytes);
    partitions.incrementAndGet();
    judge(file, "");
  }

  /** Reads the oldest once more, judges and removes them. */
  private void makeRoom(int group) {
    while (running && waitingBytes.get() > WAITING_BYTES_MAX) {
      File oldest = all.poll();
      if (oldest == null) {
        return;
      }
      again(reader(group), oldest, " before it is removed");
      try {
        if (oldest.bytes > 0) {
          stores.get(group * GROUP).unlink(oldest.partition.path());
        }
      } catch (IOException e) {
        // It may stay: nobody looks at it any more.
      }
    }
  }

  private void again(Client client, File file, String when) {
    waitingBytes.addAndGet(-file.bytes);
    lookAgain(client, file);
    judge(file, when);
    kept.add(file);
  }

  private void judge(File file, String when) {
    Checker.Verdict verdict = file.partition.check();
    if (verdict != Checker.Verdict.LINEARIZABLE) {
      violations.add(
          "%s is not linearizable%s: %s".formatted(file.partition.path(), when, verdict));
    }
  }

  void stop() {
    running = false;
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** Reads everything that was ever written, once more, and judges it with what was seen then. */
  void verify() throws InterruptedException {
    List<Thread> readers = new ArrayList<>();
    for (int i = 0; i < stores.size(); i++) {
      Client client = new Client(LAST + i, stores.get(i));
      readers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (File file = next(); file != null; file = next()) {
                      again(client, file, " in the end");
                    }
                  }));
    }
    for (Thread reader : readers) {
      reader.join();
    }
  }

  private @Nullable File next() {
    return all.poll();
  }

  private void lookAgain(Client client, File file) {
    boolean tree = file.partition.model() instanceof TreeModel;
    List<String> paths = tree ? List.of("", "a", "b", "c") : List.of("");
    Operation.Kind kind = tree ? Operation.Kind.LIST : Operation.Kind.GET;
    for (String path : paths) {
      int before = file.partition.operations().size();
      for (int i = 0; i < 5 && file.partition.operations().size() == before; i++) {
        record(new Hands(client, client), file.partition, kind, path, "", null, file.bytes);
      }
      if (file.partition.operations().size() == before) {
        violations.add(file.partition.path() + " cannot be read");
      }
    }
  }

  /** All that was asked and answered. */
  void write(Path path) throws IOException {
    try (var out =
        new BufferedWriter(
            new OutputStreamWriter(
                new GZIPOutputStream(Files.newOutputStream(path)), StandardCharsets.UTF_8))) {
      for (File file : kept) {
        file.partition.write(out, beginNanos);
      }
    }
  }

  @Override
  public void close() {
    running = false;
    for (SandstoreClient store : stores) {
      close(store);
    }
    pinned.forEach(ClientLoad::close);
    close(measured);
  }

  private static void close(SandstoreClient store) {
    try {
      store.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
