package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.crash.CrashDisk;
import io.sandstore.crash.CrashPoints;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import io.sandstore.wire.Member;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A member's snapshot and log together, stopped after every single call to the disk: the member
 * starts, as one that has installed the snapshot or as one that has not, and goes on from there.
 */
@Tag("slow")
class MemberCrashTest {

  private static final int SEGMENT = 8 << 10;
  private static final Host HOST = JvmHost.create(2);
  private static final Configuration FOUNDERS =
      Configurations.founders(
          List.of(Member.newBuilder().setId(11).setName("a").build(), member(12), member(13)));

  private static Member member(long id) {
    return Member.newBuilder().setId(id).setName("n" + id).build();
  }

  /** Its state is the one number that a snapshot holds. */
  private static final class Numbered implements StateMachine {
    int number;

    @Override
    public List<Outcome> apply(long index, Batch batch) {
      return List.of();
    }

    @Override
    public void configure(Configuration configuration) {}

    @Override
    public void restore(InputStream snapshot) throws IOException {
      number = snapshot.read();
    }

    @Override
    public void force() {}

    @Override
    public Frozen freeze() {
      return new Frozen() {
        @Override
        public void writeTo(OutputStream out) throws IOException {
          out.write(number);
        }

        @Override
        public void close() {}
      };
    }
  }

  private static final class Promised {
    boolean installed;
  }

  private static Entry entry(long term, long index) {
    byte[] data = new byte[900];
    new Random(31 * term + index).nextBytes(data);
    return new Entry(term, index, Entry.Kind.NOOP, data);
  }

  private static HardState state(long term) {
    return HardState.newBuilder().setTerm(term).setVote(12).build();
  }

  private static LogStore log(Disk disk) throws IOException {
    return LogStore.open(disk, new Random(1), SEGMENT, entry -> {});
  }

  /** A log whose entries have these terms, the first at index 1. */
  private static CrashDisk logOf(int... terms) throws IOException {
    CrashDisk disk = new CrashDisk();
    try (LogStore log = log(disk)) {
      log.append(Optional.of(state(terms[terms.length - 1])), List.of());
      for (int i = 0; i < terms.length; i++) {
        log.append(Optional.empty(), List.of(entry(terms[i], i + 1)));
      }
    }
    return disk;
  }

  private static int[] terms(int count, int from, int term) {
    int[] terms = new int[count];
    for (int i = 0; i < count; i++) {
      terms[i] = i + 1 < from ? 1 : term;
    }
    return terms;
  }

  private static SnapshotMeta meta(long index, long term) {
    return SnapshotMeta.newBuilder()
        .setIndex(index)
        .setTerm(term)
        .setConfiguration(FOUNDERS)
        .build();
  }

  /** Writes a snapshot as a member does that takes one of itself. */
  private static void takeSnapshot(Disk disk, SnapshotMeta meta) throws IOException {
    SnapshotStore snapshots = new SnapshotStore(disk);
    String temporary = SnapshotStore.temporary("own");
    try (SnapshotStore.Writer writer = snapshots.write(temporary, meta)) {
      writer.write((int) meta.getIndex());
      writer.finish();
    }
    snapshots.publish(temporary, meta.getIndex());
  }

  private static void receiveSnapshot(Disk disk, SnapshotMeta meta) throws IOException {
    CrashDisk leader = new CrashDisk();
    takeSnapshot(leader, meta);
    SnapshotStore sent = new SnapshotStore(leader);
    SnapshotReceiver receiver = new SnapshotReceiver(disk, new SnapshotStore(disk));
    try (DiskFile file = leader.open(sent.newest().orElseThrow().path(), false)) {
      int size = (int) file.size();
      for (int at = 0; at < size; at += 64) {
        ByteBuffer piece = ByteBuffer.allocate(Math.min(64, size - at));
        file.readFully(piece, at);
        receiver.accept(
            SnapshotChunk.newBuilder()
                .setFrom(12)
                .setTerm(meta.getTerm())
                .setIndex(meta.getIndex())
                .setOffset(at)
                .setLast(at + piece.capacity() == size)
                .build(),
            piece.flip());
      }
    }
    receiver.publish(meta.getIndex());
  }

  private static RaftDriver start(Disk disk, Numbered machine) throws IOException {
    return new RaftDriver(
        HOST,
        disk,
        Timing.standard(),
        new RaftDriver.Sizes(SEGMENT, 4 << 10),
        11,
        FOUNDERS,
        machine,
        new Transport() {
          @Override
          public void send(String toName, Message message) {}

          @Override
          public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes) {
            return 0;
          }
        });
  }

  private static RaftDriver.View standing(Disk disk) throws IOException {
    return start(disk, new Numbered()).view();
  }

  /** Appends behind what there is; the next start must find it. */
  private static void goOn(CrashDisk disk) throws IOException {
    long last = standing(disk).lastIndex();
    try (LogStore log = log(disk)) {
      log.append(Optional.of(state(9)), List.of(entry(9, last + 1)));
    }
    assertThat(standing(disk.afterKill()).lastIndex()).isEqualTo(last + 1);
    assertThat(standing(disk.afterKill()).term()).isEqualTo(9);
  }

  /** The log ends before the snapshot, at it, or behind it with other entries. */
  @ParameterizedTest
  @CsvSource({"8, 1", "15, 1", "30, 1", "30, 12"})
  void anInstalledSnapshotReplacesALogThatDoesNotContinueIt(int entries, int from)
      throws IOException {
    int recovered =
        CrashPoints.explore(
            logOf(terms(entries, from, 2)),
            Promised::new,
            (disk, promised) -> {
              LogStore log = log(disk);
              receiveSnapshot(disk, meta(15, 4));
              log.reset(state(5), 15);
              promised.installed = true;
            },
            (disk, promised) -> {
              Numbered machine = new Numbered();
              RaftDriver.View found = start(disk, machine).view();
              assertThat(machine.number).isIn(promised.installed ? 15 : 0, 15);
              if (machine.number == 15 && found.term() < 9) {
                assertThat(found.firstIndex()).isEqualTo(16);
                assertThat(found.lastIndex()).isEqualTo(15);
                assertThat(found.term()).isBetween(4L, 5L);
              }
              assertThat(disk.list("raft")).noneMatch(name -> name.endsWith(".tmp"));
              goOn(disk);
            });
    assertThat(recovered).isGreaterThan(500);
  }

  @Test
  void aLogThatContinuesTheSnapshotStays() throws IOException {
    CrashDisk disk = logOf(terms(30, 12, 2));
    takeSnapshot(disk, meta(15, 2));
    RaftDriver.View found = standing(disk);
    assertThat(found.firstIndex()).isEqualTo(16);
    assertThat(found.lastIndex()).isEqualTo(30);
    goOn(disk);
  }

  /** Entries that were overwritten come before those that replaced them. */
  @Test
  void aSnapshotTakenWithinAnOverwrittenTailIsContinued() throws IOException {
    CrashDisk disk = logOf(terms(12, 1, 1));
    try (LogStore log = log(disk)) {
      log.append(Optional.of(state(3)), List.of(entry(3, 5), entry(3, 6)));
      log.append(Optional.empty(), List.of(entry(3, 7), entry(3, 8), entry(3, 9)));
    }
    takeSnapshot(disk, meta(7, 3));
    assertThat(standing(disk).lastIndex()).isEqualTo(9);
    goOn(disk);
  }

  @Test
  void ownSnapshotsAndCompaction() throws IOException {
    int recovered =
        CrashPoints.explore(
            logOf(terms(30, 12, 2)),
            Promised::new,
            (disk, promised) -> {
              LogStore log = log(disk);
              takeSnapshot(disk, meta(15, 2));
              log.compactTo(12);
              takeSnapshot(disk, meta(25, 2));
              log.compactTo(22);
              promised.installed = true;
            },
            (disk, promised) -> {
              Numbered machine = new Numbered();
              RaftDriver.View found = start(disk, machine).view();
              assertThat(found.lastIndex()).isGreaterThanOrEqualTo(30);
              assertThat(machine.number).isIn(0, 15, 25);
              assertThat(disk.list("raft"))
                  .as("snapshots that a start leaves")
                  .filteredOn(name -> name.startsWith("snapshot-"))
                  .hasSizeLessThanOrEqualTo(1);
              if (promised.installed) {
                assertThat(machine.number).isEqualTo(25);
              }
              goOn(disk);
            });
    assertThat(recovered).isGreaterThan(500);
  }

  @Test
  void aLogWhoseSnapshotIsGoneIsNotAnEmptyOne() throws IOException {
    CrashDisk disk = logOf(terms(8, 1, 2));
    receiveSnapshot(disk, meta(999, 4));
    try (LogStore log = log(disk)) {
      log.reset(state(5), 999);
      for (long index = 1000; index <= 1300; index++) {
        log.append(Optional.empty(), List.of(entry(5, index)));
      }
    }
    assertThat(standing(disk.afterKill()).lastIndex()).isEqualTo(1300);
    disk.delete("raft/snapshot-%016x".formatted(999));
    assertThatThrownBy(() -> standing(disk))
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("entries 1 to 999 are gone");
  }

  /** Nothing was appended since: only the log's own beginning tells. */
  @Test
  void aLogWithoutEntriesWhoseSnapshotIsGoneIsNotAnEmptyOne() throws IOException {
    CrashDisk disk = logOf(terms(8, 1, 2));
    receiveSnapshot(disk, meta(999, 4));
    try (LogStore log = log(disk)) {
      log.reset(state(5), 999);
    }
    disk.delete("raft/snapshot-%016x".formatted(999));
    assertThatThrownBy(() -> standing(disk))
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("behind a snapshot at 999");
  }

  @Test
  void aSnapshotWhoseLogIsGoneIsNotAWholeMember() throws IOException {
    CrashDisk disk = new CrashDisk();
    takeSnapshot(disk, meta(15, 4));
    assertThatThrownBy(() -> standing(disk))
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("the log is gone");
  }

  /** The disk says so for what lies there: the same as if it were damaged. */
  @ParameterizedTest
  @CsvSource({"raft/log-0000000000000001.seg", "raft/snapshot-000000000000000f"})
  void whatTheDiskCannotReadIsLost(String path) throws IOException {
    CrashDisk disk = logOf(terms(30, 12, 2));
    takeSnapshot(disk, meta(15, 2));
    disk.cannotRead(path);
    assertThatThrownBy(() -> standing(disk))
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("input/output error");
  }

  /** Its log says nothing of what is committed, its snapshot nothing of where terms began. */
  @Test
  void aMemberAsAnEarlierReleaseLeftItStarts(@TempDir Path directory) throws IOException {
    Path fixture = Path.of("src/test/resources/formats/member-v1");
    for (Path file : files(fixture)) {
      Path copy = directory.resolve(fixture.relativize(file).toString());
      Files.createDirectories(copy.getParent());
      Files.copy(file, copy);
    }
    Numbered machine = new Numbered();
    RaftDriver.View found = start(new FileDisk(directory), machine).view();
    assertThat(machine.number).isEqualTo(15);
    assertThat(found.term()).isEqualTo(2);
    assertThat(found.firstIndex()).isEqualTo(16);
    assertThat(found.lastIndex()).isEqualTo(30);
    assertThat(found.commitIndex()).isEqualTo(15);
  }

  private static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      return all.filter(Files::isRegularFile).toList();
    }
  }
}
