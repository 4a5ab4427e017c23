package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.namespace.FileLocks.Held;
import io.sandstore.namespace.FileLocks.Owner;
import io.sandstore.namespace.FileLocks.Waiter;
import io.sandstore.wire.Errno;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Locks by themselves, against a file whose bytes know who has them. */
class LocksTest {

  private static final long FILE = 7;
  private static final Owner A = new Owner(1, 1);
  private static final Owner B = new Owner(2, 1);
  private static final Owner C = new Owner(3, 1);

  private final Locks locks = new Locks();

  private static Held exclusive(Owner owner, long start, long end) {
    return new Held(owner, false, false, start, end);
  }

  private static Held shared(Owner owner, long start, long end) {
    return new Held(owner, false, true, start, end);
  }

  private static Held flock(Owner owner) {
    return Held.whole(owner, false);
  }

  private static Held flockShared(Owner owner) {
    return Held.whole(owner, true);
  }

  private Errno refusal(Runnable request) {
    try {
      request.run();
      return Errno.OK;
    } catch (Refused refused) {
      return refused.fault().getErrno();
    }
  }

  @Test
  void anExclusiveLockKeepsOthersOutWhereItIsAndNowhereElse() {
    assertThat(locks.attempt(FILE, exclusive(A, 10, 19))).isEqualTo(Locks.Result.GRANTED);
    assertThat(locks.attempt(FILE, shared(B, 19, 19))).isEqualTo(Locks.Result.REFUSED);
    assertThat(locks.attempt(FILE, exclusive(B, 20, 29))).isEqualTo(Locks.Result.GRANTED);
    assertThat(locks.attempt(FILE + 1, exclusive(B, 10, 19))).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void locksOfRangesAndOfTheWholeFileDoNotSeeEachOther() {
    assertThat(locks.attempt(FILE, exclusive(A, 0, Long.MAX_VALUE)))
        .isEqualTo(Locks.Result.GRANTED);
    assertThat(locks.attempt(FILE, flock(B))).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void rangesOfOneOwnerAreSplitAndMerged() {
    locks.attempt(FILE, exclusive(A, 0, 99));
    locks.unlock(FILE, exclusive(A, 40, 59));
    assertThat(locks.of(FILE).held())
        .containsExactlyInAnyOrder(exclusive(A, 0, 39), exclusive(A, 60, 99));
    locks.attempt(FILE, shared(A, 30, 69));
    assertThat(locks.of(FILE).held())
        .containsExactlyInAnyOrder(exclusive(A, 0, 29), shared(A, 30, 69), exclusive(A, 70, 99));
    locks.attempt(FILE, exclusive(A, 30, Long.MAX_VALUE));
    assertThat(locks.of(FILE).held()).containsExactly(exclusive(A, 0, Long.MAX_VALUE));
    locks.unlock(FILE, exclusive(A, 0, Long.MAX_VALUE));
    assertThat(locks.files.live).isEmpty();
  }

  @Test
  void aRangeThatCannotBecomeExclusiveStaysShared() {
    locks.attempt(FILE, shared(A, 0, 9));
    locks.attempt(FILE, shared(B, 0, 9));
    assertThat(locks.attempt(FILE, exclusive(A, 0, 9))).isEqualTo(Locks.Result.REFUSED);
    assertThat(locks.of(FILE).held()).containsExactly(shared(A, 0, 9), shared(B, 0, 9));
  }

  /** As Linux does: the old one is dropped before the new one is asked for. */
  @Test
  void aLockOfTheWholeFileThatCannotBecomeExclusiveIsLost() {
    locks.attempt(FILE, flockShared(A));
    locks.attempt(FILE, flockShared(B));
    assertThat(locks.attempt(FILE, flock(A))).isEqualTo(Locks.Result.REFUSED);
    assertThat(locks.of(FILE).held()).containsExactly(flockShared(B));
  }

  @Test
  void waitersGetWhatTheyWaitForInTheirOrder() {
    locks.attempt(FILE, exclusive(A, 0, 9));
    assertThat(locks.request(FILE, shared(B, 0, 9), 5)).isEqualTo(Locks.Result.QUEUED);
    assertThat(locks.request(FILE, exclusive(C, 5, 5), 6)).isEqualTo(Locks.Result.QUEUED);
    Owner d = new Owner(4, 1);
    assertThat(locks.request(FILE, shared(d, 5, 5), 7)).isEqualTo(Locks.Result.QUEUED);
    locks.unlock(FILE, exclusive(A, 0, 9));
    assertThat(locks.takeEnded()).containsExactly(new Keys.Request(2, 5));
    assertThat(locks.of(FILE).held()).containsExactly(shared(B, 0, 9));
    locks.unlock(FILE, shared(B, 0, 9));
    assertThat(locks.of(FILE).held()).containsExactly(exclusive(C, 5, 5));
    locks.endSession(3);
    assertThat(locks.of(FILE).held()).containsExactly(shared(d, 5, 5));
    assertThat(locks.of(FILE).waiters()).isEmpty();
  }

  @Test
  void whoWaitsIsNotOvertakenByOthersThatWaitButByThoseThatDoNot() {
    locks.attempt(FILE, shared(A, 0, 9));
    locks.request(FILE, exclusive(B, 0, 9), 1);
    assertThat(locks.request(FILE, shared(C, 0, 9), 2)).isEqualTo(Locks.Result.QUEUED);
    assertThat(locks.attempt(FILE, shared(new Owner(4, 1), 0, 9))).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void whoHasALockIsNotHeldUpByThoseThatWaitForIt() {
    locks.attempt(FILE, shared(A, 0, 9));
    locks.request(FILE, exclusive(B, 0, 9), 1);
    assertThat(locks.request(FILE, exclusive(A, 0, 9), 2)).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void aWaitThatWouldNeverEndIsRefused() {
    locks.attempt(FILE, exclusive(A, 0, 0));
    locks.attempt(FILE + 1, exclusive(B, 0, 0));
    locks.attempt(FILE + 2, flock(C));
    assertThat(locks.request(FILE + 1, shared(A, 0, 0), 1)).isEqualTo(Locks.Result.QUEUED);
    assertThat(locks.request(FILE + 2, flock(B), 1)).isEqualTo(Locks.Result.QUEUED);
    long before = locks.files.bytes();
    assertThat(refusal(() -> locks.request(FILE, shared(C, 0, 0), 1))).isEqualTo(Errno.EDEADLK);
    assertThat(locks.files.bytes()).isEqualTo(before);
    assertThat(locks.attempt(FILE, shared(C, 0, 0))).isEqualTo(Locks.Result.REFUSED);
    locks.release(FILE + 2, C);
    assertThat(locks.request(FILE, shared(C, 0, 0), 2)).isEqualTo(Locks.Result.QUEUED);
  }

  @Test
  void twoThatBothWantToUpgradeDoNotWaitForEachOther() {
    locks.attempt(FILE, shared(A, 0, 0));
    locks.attempt(FILE, shared(B, 0, 0));
    assertThat(locks.request(FILE, exclusive(A, 0, 0), 1)).isEqualTo(Locks.Result.QUEUED);
    assertThat(refusal(() -> locks.request(FILE, exclusive(B, 0, 0), 1))).isEqualTo(Errno.EDEADLK);
    locks.unlock(FILE, shared(B, 0, 0));
    assertThat(locks.of(FILE).held()).containsExactly(exclusive(A, 0, 0));
  }

  @Test
  void oneThatGivesUpLetsThoseBehindPass() {
    locks.attempt(FILE, shared(A, 0, 0));
    locks.request(FILE, exclusive(B, 0, 0), 3);
    locks.request(FILE, shared(C, 0, 0), 4);
    assertThat(locks.cancel(FILE, 3, 3)).isFalse();
    assertThat(locks.cancel(FILE, 2, 3)).isTrue();
    assertThat(locks.cancel(FILE, 2, 3)).isFalse();
    assertThat(locks.of(FILE).held()).containsExactly(shared(A, 0, 0), shared(C, 0, 0));
  }

  @Test
  void anOwnerWaitsForOneLockAtATime() {
    locks.attempt(FILE, exclusive(A, 0, 0));
    locks.request(FILE, exclusive(B, 0, 0), 1);
    assertThat(refusal(() -> locks.request(FILE, flock(B), 2))).isEqualTo(Errno.EINVAL);
    assertThat(locks.request(FILE, flock(new Owner(2, 2)), 2)).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void aFileThatGoesTakesItsLocksAndWaitsWithIt() {
    locks.attempt(FILE, exclusive(A, 0, 0));
    locks.request(FILE, exclusive(B, 0, 0), 1);
    locks.removeFile(FILE);
    assertThat(locks.files.live).isEmpty();
    assertThat(locks.isUsedBy(1)).isFalse();
    assertThat(locks.takeEnded()).containsExactly(new Keys.Request(2, 1));
    assertThat(locks.request(FILE + 1, exclusive(B, 0, 0), 1)).isEqualTo(Locks.Result.GRANTED);
  }

  @Test
  void aFileHasOnlySoManyLocks() {
    for (int i = 0; i < Locks.FILE_MAX; i++) {
      locks.attempt(FILE, exclusive(new Owner(i % 3 + 1, 1), 2L * i, 2L * i));
    }
    Held more = exclusive(A, 1_000_000, 1_000_000);
    assertThat(refusal(() -> locks.attempt(FILE, more))).isEqualTo(Errno.ENOLCK);
    assertThat(locks.attempt(FILE, exclusive(A, 1, 1))).isEqualTo(Locks.Result.GRANTED);
    locks.unlock(FILE, exclusive(A, 1, 1));
    locks.unlock(FILE, exclusive(A, 0, 0));
    assertThat(locks.attempt(FILE, exclusive(A, 1_000_000, 1_000_009)))
        .isEqualTo(Locks.Result.GRANTED);
    assertThat(refusal(() -> locks.unlock(FILE, exclusive(A, 1_000_005, 1_000_005))))
        .isEqualTo(Errno.ENOLCK);
  }

  @Test
  void onlySoManyWaitForOneFile() {
    locks.attempt(FILE, exclusive(A, 0, 0));
    for (int i = 0; i < Locks.WAITERS_MAX; i++) {
      assertThat(locks.request(FILE, exclusive(new Owner(2, i), 0, 0), i))
          .isEqualTo(Locks.Result.QUEUED);
    }
    assertThat(refusal(() -> locks.request(FILE, exclusive(C, 0, 0), 1))).isEqualTo(Errno.ENOLCK);
    for (int i = 0; i < Locks.WAITERS_MAX; i++) {
      locks.release(FILE, locks.of(FILE).held().getFirst().owner());
    }
    assertThat(locks.of(FILE).waiters()).isEmpty();
  }

  @Test
  void aSessionHasOnlySoManyLocks() {
    for (int i = 0; i < Locks.SESSION_MAX; i++) {
      locks.attempt(i + 1L, flock(A));
    }
    assertThat(refusal(() -> locks.attempt(1_000_000, flock(A)))).isEqualTo(Errno.ENOLCK);
    assertThat(locks.attempt(1_000_000, flock(B))).isEqualTo(Locks.Result.GRANTED);
    assertThat(locks.attempt(5, flockShared(A))).isEqualTo(Locks.Result.GRANTED);
    locks.endSession(1);
    assertThat(locks.files.live).hasSize(1);
    assertThat(locks.attempt(1_000_001, flock(A))).isEqualTo(Locks.Result.GRANTED);
  }

  /** What follows from the files is the same after a snapshot. */
  private static Locks reloaded(Locks locks) {
    Locks again = new Locks();
    locks.files.live.forEach(again::load);
    return again;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void bytesKnowTheirOwners(int seed) {
    Random random = new Random(seed);
    Locks tried = locks;
    Bytes model = new Bytes();
    for (int step = 0; step < 20_000; step++) {
      Owner owner = new Owner(1 + random.nextInt(2), random.nextInt(2));
      int last = Bytes.SIZE - 1; // of which only ranges without an end have a part
      long start = random.nextInt(last);
      long end =
          random.nextInt(4) == 0 ? Long.MAX_VALUE : start + random.nextInt(last - (int) start);
      Held range = new Held(owner, false, random.nextBoolean(), start, end);
      switch (random.nextInt(20)) {
        case 0 -> {
          tried.endSession(owner.session());
          model.remove(one -> one.session() == owner.session(), 0, Long.MAX_VALUE);
        }
        case 1 -> {
          tried.release(FILE, owner);
          model.remove(owner::equals, 0, Long.MAX_VALUE);
        }
        case 2 -> tried = reloaded(tried);
        case 3, 4, 5, 6, 7, 8 -> {
          tried.unlock(FILE, range);
          model.remove(owner::equals, start, end);
        }
        default ->
            assertThat(tried.attempt(FILE, range))
                .as("%d: %s", step, range)
                .isEqualTo(model.attempt(range));
      }
      assertThat(Bytes.of(tried.of(FILE)).shared).isEqualTo(model.shared);
      assertMerged(tried.of(FILE).held());
    }
  }

  private static void assertMerged(List<Held> held) {
    for (Held one : held) {
      for (Held other : held) {
        assertThat(
                one != other
                    && one.owner().equals(other.owner())
                    && one.shared() == other.shared()
                    && one.end() + 1 == other.start())
            .as("%s and %s", one, other)
            .isFalse();
      }
    }
  }

  /** A file of some bytes; the last stands for all behind it. */
  private static final class Bytes {
    static final int SIZE = 24;

    /** By byte: its owners, and whether they share it. */
    final List<Map<Owner, Boolean>> shared = new ArrayList<>();

    Bytes() {
      for (int i = 0; i < SIZE; i++) {
        shared.add(new TreeMap<>());
      }
    }

    static Bytes of(FileLocks locks) {
      Bytes bytes = new Bytes();
      for (Held held : locks.held()) {
        for (long i = held.start(); i <= Math.min(held.end(), SIZE - 1); i++) {
          assertThat(bytes.shared.get((int) i).put(held.owner(), held.shared())).isNull();
        }
      }
      return bytes;
    }

    Locks.Result attempt(Held range) {
      for (long i = range.start(); i <= Math.min(range.end(), SIZE - 1); i++) {
        for (Map.Entry<Owner, Boolean> one : shared.get((int) i).entrySet()) {
          if (!one.getKey().equals(range.owner()) && !(one.getValue() && range.shared())) {
            return Locks.Result.REFUSED;
          }
        }
      }
      for (long i = range.start(); i <= Math.min(range.end(), SIZE - 1); i++) {
        shared.get((int) i).put(range.owner(), range.shared());
      }
      return Locks.Result.GRANTED;
    }

    void remove(Predicate<Owner> owners, long start, long end) {
      for (long i = start; i <= Math.min(end, SIZE - 1); i++) {
        shared.get((int) i).keySet().removeIf(owners);
      }
    }
  }

  /** Nobody has what another one has, nobody waits for nothing, and all goes on in the end. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void whoWaitsWaitsForSomebodyAndNotForEver(int seed) {
    Random random = new Random(seed);
    Locks tried = locks;
    long ticket = 0;
    Set<Owner> waiting = new HashSet<>();
    int deadlocks = 0;
    for (int step = 0; step < 10_000; step++) {
      Owner owner = new Owner(1 + random.nextInt(3), random.nextInt(2));
      long file = 1 + random.nextInt(3);
      long start = random.nextInt(6);
      Held wanted =
          random.nextInt(3) == 0
              ? Held.whole(owner, random.nextBoolean())
              : new Held(owner, false, random.nextBoolean(), start, start + random.nextInt(4));
      final Locks now = tried;
      switch (random.nextInt(12)) {
        case 0 -> tried.endSession(owner.session());
        case 1, 2 -> tried.release(file, owner);
        case 3 -> tried.unlock(file, wanted);
        case 4 -> tried.attempt(file, wanted);
        case 5 -> tried = reloaded(tried);
        case 6 -> {
          for (Waiter waiter : tried.of(file).waiters()) {
            if (waiter.wanted().owner().equals(owner)) {
              assertThat(tried.cancel(file, owner.session(), waiter.ticket())).isTrue();
            }
          }
        }
        default -> {
          // An owner of one thread: it does nothing else while it waits.
          if (!waiting.contains(owner)) {
            long own = ++ticket;
            deadlocks += refusal(() -> now.request(file, wanted, own)) == Errno.EDEADLK ? 1 : 0;
          }
        }
      }
      waiting = check(tried);
    }
    assertThat(deadlocks).isPositive();
    drain(tried);
  }

  /** Those that do not wait go, one after the other, until nobody is left. */
  private static void drain(Locks tried) {
    while (!tried.files.live.isEmpty()) {
      Set<Owner> waiting = check(tried);
      Owner free =
          tried.files.live.values().stream()
              .flatMap(file -> file.held().stream())
              .map(Held::owner)
              .filter(owner -> !waiting.contains(owner))
              .findFirst()
              .orElseThrow(() -> new AssertionError("all wait: " + tried.files.live));
      List.copyOf(tried.files.live.keySet()).forEach(file -> tried.release(file, free));
    }
    assertThat(tried.isUsedBy(1) || tried.isUsedBy(2) || tried.isUsedBy(3)).isFalse();
  }

  private static Set<Owner> check(Locks tried) {
    Set<Owner> waiting = new HashSet<>();
    Map<Long, Integer> uses = new HashMap<>();
    for (FileLocks file : tried.files.live.values()) {
      for (Held one : file.held()) {
        assertThat(file.isHeldAgainst(one)).as("%s in %s", one, file).isFalse();
        uses.merge(one.owner().session(), 1, Integer::sum);
      }
      List<Held> ahead = new ArrayList<>();
      for (Waiter waiter : file.waiters()) {
        Held wanted = waiter.wanted();
        assertThat(file.isHeldAgainst(wanted) || ahead.stream().anyMatch(wanted::conflicts))
            .as("%s in %s", waiter, file)
            .isTrue();
        ahead.add(wanted);
        assertThat(waiting.add(wanted.owner())).isTrue();
        uses.merge(wanted.owner().session(), 1, Integer::sum);
      }
    }
    assertThat(tried.sessions()).isEqualTo(uses.keySet());
    return waiting;
  }

  @Test
  void theWeightIsThatOfWhatIsThere() {
    assertThat(locks.files.bytes()).isZero();
    locks.attempt(FILE, flock(A));
    locks.request(FILE, flock(B), 1);
    assertThat(locks.files.bytes()).isPositive();
    locks.endSession(2);
    locks.endSession(1);
    assertThat(locks.files.bytes()).isZero();
    locks.attempt(FILE, flock(A));
    locks.clear();
    assertThat(locks.files.bytes()).isZero();
  }
}
