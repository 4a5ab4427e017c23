package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.crash.CrashDisk;
import io.sandstore.crash.CrashPoints;
import io.sandstore.host.Disk;
import io.sandstore.wire.HardState;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The log stopped after every single call to the disk, with every part of what was not forced, and
 * recovered: what was acknowledged is there, nothing is taken for damage, and writing goes on.
 */
@Tag("slow")
class LogCrashTest {

  private static final int SEGMENT = 8 << 10;
  private static final int ENTRY_BYTES = 1500;

  /** What the log told others that it has. */
  private static final class Promised {
    final TreeMap<Long, Entry> entries = new TreeMap<>();
    HardState state = HardState.getDefaultInstance();

    /** Everything before it may be gone. */
    long compacted;

    /** Under way: may be there or not. */
    Optional<HardState> nextState = Optional.empty();

    long nextIndex = Long.MAX_VALUE;

    void append(LogStore log, Optional<HardState> newState, Entry... appended) throws IOException {
      nextState = newState;
      nextIndex = appended.length == 0 ? Long.MAX_VALUE : appended[0].index();
      log.append(newState, List.of(appended));
      state = newState.orElse(state);
      for (Entry entry : appended) {
        entries.tailMap(entry.index(), true).clear();
        entries.put(entry.index(), entry);
      }
      nextState = Optional.empty();
      nextIndex = Long.MAX_VALUE;
    }
  }

  private static Entry entry(long term, long index) {
    byte[] data = new byte[ENTRY_BYTES];
    new Random(31 * term + index).nextBytes(data);
    return new Entry(term, index, Entry.Kind.COMMANDS, data);
  }

  private static Optional<HardState> state(long term, long vote) {
    return Optional.of(HardState.newBuilder().setTerm(term).setVote(vote).build());
  }

  private static LogStore open(Disk disk, TreeMap<Long, Entry> found) throws IOException {
    found.clear();
    return LogStore.open(
        disk,
        new Random(1),
        SEGMENT,
        entry -> {
          found.tailMap(entry.index(), true).clear();
          found.put(entry.index(), entry);
        });
  }

  private static void recover(CrashDisk disk, Promised promised) throws IOException {
    TreeMap<Long, Entry> found = new TreeMap<>();
    LogStore log = open(disk, found);
    check(found, log.hardState(), promised);
    staysThroughAPowerLoss(disk, found, log.hardState());
    long next = found.isEmpty() ? promised.compacted + 1 : found.lastKey() + 1;
    log.append(state(99, 1), List.of(entry(99, next)));
    log.close();
    TreeMap<Long, Entry> again = new TreeMap<>();
    LogStore reopened = open(disk.afterKill(), again);
    assertThat(again.lastEntry().getValue()).isEqualTo(entry(99, next));
    assertThat(reopened.hardState()).isEqualTo(state(99, 1).orElseThrow());
    assertThat(again.headMap(next).keySet()).isEqualTo(found.keySet());
  }

  /** What a start found it takes for durable, acknowledges and votes by. */
  private static void staysThroughAPowerLoss(
      CrashDisk disk, TreeMap<Long, Entry> found, HardState state) throws IOException {
    for (CrashDisk left : disk.afterPowerLoss(4, new Random(3))) {
      TreeMap<Long, Entry> again = new TreeMap<>();
      try (LogStore log = open(left, again)) {
        assertThat(again.keySet()).containsAll(found.keySet());
        assertThat(log.hardState()).isEqualTo(state);
      }
    }
  }

  private static void check(TreeMap<Long, Entry> found, HardState state, Promised promised) {
    if (state.getTerm() != 99) { // written by a recovery that was itself stopped
      assertThat(state).isIn(promised.state, promised.nextState.orElse(promised.state));
    }
    promised
        .entries
        .tailMap(promised.compacted, false)
        .headMap(promised.nextIndex)
        .forEach(
            (index, entry) -> {
              assertThat(found).containsKey(index);
              assertThat(found.get(index).term()).isEqualTo(entry.term());
              assertThat(Arrays.equals(found.get(index).data(), entry.data())).isTrue();
            });
  }

  private static void fill(LogStore log, Promised promised, long from, long to) throws IOException {
    for (long index = from; index <= to; index++) {
      promised.append(log, Optional.empty(), entry(3, index));
    }
  }

  /** A disk with some segments, and the log's promises on it. */
  private static CrashDisk filled(int entries) throws IOException {
    CrashDisk disk = new CrashDisk();
    try (LogStore log = open(disk, new TreeMap<>())) {
      Promised promised = new Promised();
      promised.append(log, state(3, 7));
      fill(log, promised, 1, entries);
    }
    return disk;
  }

  private static Promised promisedBy(int entries) {
    Promised promised = new Promised();
    promised.state = state(3, 7).orElseThrow();
    for (long index = 1; index <= entries; index++) {
      promised.entries.put(index, entry(3, index));
    }
    return promised;
  }

  @Test
  void appendsAndNewSegments() throws IOException {
    int recovered =
        CrashPoints.explore(
            new CrashDisk(),
            Promised::new,
            (disk, promised) -> {
              LogStore log = open(disk, new TreeMap<>());
              promised.append(log, state(3, 7));
              fill(log, promised, 1, 7);
              promised.append(log, state(4, 0), entry(4, 6), entry(4, 7), entry(4, 8));
            },
            LogCrashTest::recover);
    assertThat(recovered).isGreaterThan(1000);
  }

  @Test
  void compactionAndRecycledSegments() throws IOException {
    int recovered =
        CrashPoints.explore(
            filled(20),
            () -> promisedBy(20),
            (disk, promised) -> {
              LogStore log = open(disk, new TreeMap<>());
              promised.compacted = 18;
              log.compactTo(18);
              fill(log, promised, 21, 28); // into recycled segments
              promised.compacted = 27;
              log.compactTo(27);
            },
            LogCrashTest::recover);
    assertThat(recovered).isGreaterThan(1000);
  }

  /** A snapshot takes the place of all entries. */
  @Test
  void aReset() throws IOException {
    int recovered =
        CrashPoints.explore(
            filled(20),
            () -> promisedBy(20),
            (disk, promised) -> {
              LogStore log = open(disk, new TreeMap<>());
              promised.compacted = 30;
              promised.nextState = state(5, 0);
              log.reset(state(5, 0).orElseThrow(), 30);
              promised.state = state(5, 0).orElseThrow();
              promised.append(log, Optional.empty(), entry(5, 31));
            },
            LogCrashTest::recover);
    assertThat(recovered).isGreaterThan(1000);
  }
}
