package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.wire.HardState;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The log on a real disk: what is durable comes back, what is torn goes, what is damaged is
 * noticed.
 */
class LogStoreTest {

  private static final int SEGMENT = 16 << 10;

  @TempDir Path directory;
  private Disk disk;
  private final List<Entry> entries = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    disk = new FileDisk(directory);
  }

  private LogStore recover() throws IOException {
    entries.clear();
    return LogStore.open(
        disk,
        new Random(1),
        SEGMENT,
        entry -> {
          entries.removeIf(e -> e.index() >= entry.index());
          entries.add(entry);
        });
  }

  private static Entry entry(long term, long index) {
    byte[] data = new byte[100];
    new Random(index).nextBytes(data);
    return new Entry(term, index, Entry.Kind.COMMANDS, data);
  }

  private static Optional<HardState> state(long term, long vote) {
    return Optional.of(HardState.newBuilder().setTerm(term).setVote(vote).build());
  }

  private LogStore filled(int count) throws IOException {
    LogStore store = recover();
    store.append(state(3, 7), List.of());
    for (int i = 1; i <= count; i++) {
      store.append(Optional.empty(), List.of(entry(3, i)));
    }
    return store;
  }

  private Path segment(int number) {
    return directory.resolve("raft/log-%016x.seg".formatted(number));
  }

  @Test
  void whatWasAppendedComesBack() throws IOException {
    filled(300).close();
    LogStore store = recover();
    assertThat(store.hardState()).isEqualTo(state(3, 7).orElseThrow());
    assertThat(entries).hasSize(300);
    for (Entry e : entries) {
      assertThat(e.data()).isEqualTo(entry(3, e.index()).data());
    }
    assertThat(store.read(17, 19, 1 << 20)).extracting(Entry::index).containsExactly(17L, 18L, 19L);
    assertThat(store.read(1, 300, 1)).hasSize(1);
    store.close();
  }

  @Test
  void anOverwrittenTailIsGone() throws IOException {
    LogStore store = filled(10);
    store.append(state(4, 0), List.of(entry(4, 6), entry(4, 7)));
    assertThat(store.read(5, 7, 1 << 20)).extracting(Entry::term).containsExactly(3L, 4L, 4L);
    store.close();
    recover().close();
    assertThat(entries).extracting(Entry::index).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L);
    assertThat(entries.getLast().term()).isEqualTo(4);
  }

  @Test
  void aTornLastRecordIsDroppedAndWritingGoesOn() throws IOException {
    filled(5).close();
    damageLastFrame();
    LogStore store = recover();
    assertThat(entries).hasSize(4);
    store.append(Optional.empty(), List.of(entry(3, 5), entry(3, 6)));
    store.close();
    recover().close();
    assertThat(entries).hasSize(6);
  }

  private void damageLastFrame() throws IOException {
    byte[] bytes = Files.readAllBytes(segment(1));
    int last = bytes.length - 1;
    while (bytes[last] == 0) {
      last--;
    }
    bytes[last] ^= 1;
    Files.write(segment(1), bytes);
  }

  @Test
  void damageWithWholeRecordsBehindItIsNotTakenForTheEnd() throws IOException {
    filled(20).close();
    byte[] bytes = Files.readAllBytes(segment(1));
    bytes[600] ^= 1;
    Files.write(segment(1), bytes);
    assertThatThrownBy(this::recover)
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("damaged");
  }

  @Test
  void damageInAnEarlierSegmentIsNoticed() throws IOException {
    filled(300).close();
    byte[] bytes = Files.readAllBytes(segment(1));
    int last = bytes.length - 1;
    while (bytes[last] == 0) {
      last--;
    }
    bytes[last] ^= 1; // the last record of a segment that is not the last
    Files.write(segment(1), bytes);
    assertThatThrownBy(this::recover).isInstanceOf(CorruptLogException.class);
  }

  @Test
  void aMissingSegmentIsNoticed() throws IOException {
    filled(300).close();
    Files.delete(segment(2));
    assertThatThrownBy(this::recover).isInstanceOf(CorruptLogException.class);
  }

  @Test
  void aDamagedSegmentHeaderIsNoticed() throws IOException {
    filled(20).close();
    byte[] bytes = Files.readAllBytes(segment(1));
    bytes[20] ^= 1;
    Files.write(segment(1), bytes);
    assertThatThrownBy(this::recover)
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("header");
  }

  @Test
  void compactedSegmentsAreUsedAgainAndTheirOldRecordsNeverComeBack() throws IOException {
    LogStore store = filled(300);
    store.compactTo(290);
    assertThat(disk.list("raft")).anyMatch(name -> name.startsWith("spare-"));
    for (int i = 301; i <= 900; i++) {
      store.append(Optional.empty(), List.of(entry(5, i)));
    }
    store.close();
    recover().close();
    assertThat(entries.getLast().index()).isEqualTo(900);
    assertThat(entries.getFirst().index()).isLessThanOrEqualTo(291);
    assertThat(entries).hasSize((int) (900 - entries.getFirst().index() + 1));
  }

  @Test
  void aResetForgetsEntriesButNotTheVote() throws IOException {
    LogStore store = filled(300);
    store.reset(state(9, 5).orElseThrow(), 999);
    store.append(Optional.empty(), List.of(entry(9, 1000)));
    store.close();
    LogStore again = recover();
    assertThat(entries).extracting(Entry::index).containsExactly(1000L);
    assertThat(again.hardState()).isEqualTo(state(9, 5).orElseThrow());
    again.close();
  }

  @Test
  void randomTailsOfTheLastWriteNeverCorruptWhatWasThere() throws IOException {
    Random random = new Random(42);
    filled(40).close();
    byte[] whole = Files.readAllBytes(segment(1));
    int used = whole.length - 1;
    while (whole[used] == 0) {
      used--;
    }
    int lastFrame = used - 100; // within the last record
    for (int i = 0; i < 200; i++) {
      byte[] torn = whole.clone();
      for (int at = lastFrame; at <= used; at++) {
        if (random.nextBoolean()) {
          torn[at] = (byte) random.nextInt(256);
        }
      }
      Files.write(segment(1), torn);
      recover().close();
      assertThat(entries.size()).isBetween(39, 40);
      disk.list("raft").stream().filter(name -> !name.endsWith("1.seg")).forEach(this::delete);
    }
  }

  private void delete(String name) {
    try {
      disk.delete("raft/" + name);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** What a follower that was away gets at once may be more than a segment holds. */
  @Test
  void anyNumberOfEntriesIsTakenAtOnce() throws IOException {
    LogStore store = LogStore.open(disk, new Random(1), 4 << 20, entries::add);
    List<Entry> many = new ArrayList<>();
    for (int i = 1; i <= 10; i++) {
      many.add(new Entry(3, i, Entry.Kind.COMMANDS, new byte[900_000]));
    }
    store.append(state(3, 7), many);
    assertThat(store.read(1, 10, Integer.MAX_VALUE)).isEqualTo(many);
    store.close();
    entries.clear();
    LogStore again = LogStore.open(disk, new Random(1), 4 << 20, entries::add);
    assertThat(entries).isEqualTo(many);
    assertThat(again.hardState()).isEqualTo(state(3, 7).orElseThrow());
    again.close();
  }

  /** The Go original rewrote the whole log for every append. */
  @Test
  void anAppendWritesItselfAndNothingElse() throws IOException {
    filled(50).close();
    byte[] before = Files.readAllBytes(segment(1));
    LogStore store = recover();
    store.append(Optional.empty(), List.of(entry(3, 51)));
    store.close();
    byte[] after = Files.readAllBytes(segment(1));
    assertThat(after).hasSameSizeAs(before);
    int first = java.util.Arrays.mismatch(before, after);
    int changed = 0;
    for (int i = 0; i < after.length; i++) {
      changed += before[i] == after[i] ? 0 : 1;
    }
    assertThat(changed).isBetween(100, 160);
    assertThat(
            java.util.Arrays.mismatch(
                java.util.Arrays.copyOfRange(after, first + 200, after.length),
                new byte[after.length - first - 200]))
        .as("nothing behind it")
        .isEqualTo(-1);
  }

  // --- Formats: a file of every version there was can be read, one of a later version is refused
  // ---

  @Test
  void version1OfTheLogIsRead() throws IOException {
    Files.createDirectories(directory.resolve("raft"));
    try (InputStream in = getClass().getResourceAsStream("/formats/log-v1.seg")) {
      Files.write(segment(1), in.readAllBytes());
    }
    LogStore store = recover();
    assertThat(entries).hasSize(5);
    assertThat(entries.getLast().data()).isEqualTo(entry(3, 5).data());
    assertThat(store.hardState()).isEqualTo(state(3, 7).orElseThrow());
    store.close();
  }

  @Test
  void aLaterVersionOfTheLogIsRefused() throws IOException {
    filled(5).close();
    try (DiskFile file = disk.open("raft/" + segment(1).getFileName(), false)) {
      ByteBuffer header = ByteBuffer.allocate(40);
      file.readFully(header, 0);
      header.putInt(8, 2);
      java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
      crc.update(header.slice(0, 12));
      crc.update(header.slice(16, 24));
      header.putInt(12, (int) crc.getValue());
      file.write(header.rewind(), 0);
    }
    assertThatThrownBy(this::recover)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("version 2");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void everyVersionOfASnapshotIsRead(int version) throws IOException {
    Files.createDirectories(directory.resolve("raft"));
    try (InputStream in = getClass().getResourceAsStream("/formats/snapshot-v" + version)) {
      Files.write(directory.resolve("raft/snapshot-000000000000002a"), in.readAllBytes());
    }
    SnapshotStore snapshots = new SnapshotStore(disk);
    SnapshotStore.Stored stored = snapshots.newest().orElseThrow();
    try (SnapshotStore.Reader reader = snapshots.read(stored.path())) {
      assertThat(reader.meta())
          .isEqualTo(SnapshotMeta.newBuilder().setIndex(42).setTerm(3).build());
      assertThat(reader.readAllBytes()).isEqualTo(content());
    }
  }

  @Test
  void aSnapshotOfALaterVersionIsRefused() throws IOException {
    Path file = snapshot();
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
    bytes.putInt(8, 4);
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(bytes.slice(8, 8));
    crc.update(bytes.slice(20, bytes.getInt(12)));
    bytes.putInt(16, (int) crc.getValue());
    Files.write(file, bytes.array());
    assertThatThrownBy(() -> verify(new SnapshotStore(disk)))
        .isNotInstanceOf(CorruptLogException.class)
        .hasMessageContaining("version 4");
  }

  private static byte[] content() {
    byte[] content = new byte[1000];
    new Random(5).nextBytes(content);
    return content;
  }

  private Path snapshot() throws IOException {
    SnapshotStore snapshots = new SnapshotStore(disk);
    try (SnapshotStore.Writer writer =
        snapshots.write("raft/s.tmp", SnapshotMeta.newBuilder().setIndex(42).setTerm(3).build())) {
      writer.write(content());
      writer.finish();
    }
    snapshots.publish("raft/s.tmp", 42);
    return directory.resolve(snapshots.newest().orElseThrow().path());
  }

  /** Each bit: one that is taken for another version or an early end would stop or empty a node. */
  @Test
  void aDamagedOrShortSnapshotIsNoticed() throws IOException {
    Path file = snapshot();
    SnapshotStore snapshots = new SnapshotStore(disk);
    byte[] whole = Files.readAllBytes(file);
    for (int bit = 0; bit < 8 * whole.length; bit++) {
      byte[] damaged = whole.clone();
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(file, damaged);
      assertThatThrownBy(() -> verify(snapshots))
          .as("bit %d of byte %d", bit % 8, bit / 8)
          .isInstanceOf(CorruptLogException.class);
    }
    Files.write(file, java.util.Arrays.copyOf(whole, whole.length - 4));
    assertThatThrownBy(() -> verify(snapshots)).isInstanceOf(CorruptLogException.class);
    Files.write(file, whole);
    verify(snapshots);
  }

  private static void verify(SnapshotStore snapshots) throws IOException {
    try (SnapshotStore.Reader reader = snapshots.read(snapshots.newest().orElseThrow().path())) {
      reader.verify();
    }
  }
}
