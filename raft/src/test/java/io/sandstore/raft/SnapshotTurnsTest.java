package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.Clock;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** When members take their snapshots, and how fast they write them. */
class SnapshotTurnsTest {

  private static final long EVERY = 900;
  private static final Configuration MEMBERS =
      Configuration.newBuilder()
          .addMembers(member(13))
          .addMembers(member(11))
          .addMembers(member(12))
          .build();

  private static Member member(long id) {
    return Member.newBuilder().setId(id).build();
  }

  /** Positions at which a member takes a snapshot, in a log of entries of this size. */
  private static List<Long> taken(long self, long from, int entryBytes) {
    SnapshotTurns turns = new SnapshotTurns(EVERY, self);
    List<Long> taken = new ArrayList<>();
    long last = from;
    for (long at = from; at < from + 10 * EVERY; at += entryBytes) {
      if (turns.isDue(last, at, MEMBERS)) {
        taken.add(at);
        last = at;
      }
    }
    return taken;
  }

  /** Before: all at the same entry. */
  @Test
  void noTwoMembersTakeTheirSnapshotsInTheSameThirdOfTheWay() {
    List<Long> all = new ArrayList<>();
    for (long self : new long[] {11, 12, 13}) {
      all.addAll(taken(self, 0, 10));
    }
    all.sort(null);
    assertThat(all).hasSizeGreaterThan(25);
    for (int i = 1; i < all.size(); i++) {
      assertThat(all.get(i) - all.get(i - 1)).isBetween(EVERY / 3 - 10, EVERY / 3 + 10);
    }
  }

  /**
   * A restart or an installed snapshot begins to count somewhere; the places stay where they are.
   */
  @Test
  void thePlacesDoNotDependOnWhereCountingBegan() {
    assertThat(taken(12, 0, 10)).containsAll(taken(12, 500, 10).subList(0, 5));
  }

  /** However many members there are and whatever came before: the log behind it stays bounded. */
  @Test
  void everyStretchOfTheLogHasASnapshotOfEachMember() {
    for (long self : new long[] {11, 12, 13, 99}) {
      SnapshotTurns turns = new SnapshotTurns(EVERY, self);
      for (long from = 0; from < 3 * EVERY; from += 7) {
        assertThat(turns.isDue(from, from + EVERY, MEMBERS)).isTrue();
        assertThat(turns.isDue(from, from, MEMBERS)).isFalse();
        assertThat(turns.isDue(from, from + EVERY, Configuration.getDefaultInstance())).isTrue();
      }
    }
  }

  /** A clock on which writing takes time. */
  private static final class Slow implements Clock {
    long nanos;
    long rested;

    @Override
    public long nanos() {
      return nanos;
    }

    @Override
    public long millis() {
      return 0;
    }

    @Override
    public void sleep(Duration time) {
      rested += time.toNanos();
      nanos += time.toNanos();
    }

    @Override
    public <T> T await(CompletableFuture<T> future, Duration limit) {
      throw new UnsupportedOperationException();
    }
  }

  @Test
  void aSnapshotIsWrittenInAThirdOfTheTime() throws IOException {
    Slow clock = new Slow();
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    OutputStream slow =
        new OutputStream() {
          @Override
          public void write(int b) {
            throw new UnsupportedOperationException();
          }

          @Override
          public void write(byte[] bytes, int offset, int length) {
            clock.nanos += length;
            written.write(bytes, offset, length);
          }
        };
    OutputStream paced = new Paced(slow, clock);
    byte[] part = new byte[64 << 10];
    for (int i = 0; i < 32; i++) {
      part[0] = (byte) i;
      paced.write(part);
    }
    assertThat(written.size()).isEqualTo(32 * part.length);
    assertThat(clock.rested).isEqualTo(2L * 32 * part.length);
  }
}
