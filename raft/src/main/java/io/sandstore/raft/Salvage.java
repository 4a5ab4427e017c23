package io.sandstore.raft;

import io.sandstore.host.Disk;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.HardState;
import io.sandstore.wire.Member;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/** For an operator, with the node stopped: what a disk has of a log, and the last resort. */
public final class Salvage {

  private static final String ASIDE = "raft.damaged";

  private Salvage() {}

  /**
   * What a directory has of a log.
   *
   * @param damage what is wrong with it; empty: nothing
   * @param snapshot index of the newest snapshot; 0: none
   * @param first index of the first entry that was read; 0: none
   * @param last of the last one, up to the damage
   */
  public record Holdings(
      String damage, long term, long snapshot, long first, long last, long lastTerm) {

    @Override
    public String toString() {
      return "%s, snapshot at %d, entries %d to %d, term %d"
          .formatted(
              damage.isEmpty() ? "whole" : "not whole (" + damage + ")",
              snapshot,
              first,
              last,
              Math.max(term, lastTerm));
    }
  }

  /** Looks at a disk's log and changes nothing; empty if there is none. */
  public static Optional<Holdings> look(Disk disk) throws IOException {
    return look(disk, LogStore.DIRECTORY);
  }

  /** The same of a log that was set aside. */
  public static Optional<Holdings> lookAside(Disk disk) throws IOException {
    return look(disk, ASIDE);
  }

  /** Sets a log aside; goes on where a crash interrupted it. */
  public static void setAside(Disk disk) throws IOException {
    List<String> files = disk.list(LogStore.DIRECTORY);
    for (String name : files) {
      disk.rename(LogStore.DIRECTORY + "/" + name, ASIDE + "/" + name);
    }
    if (!files.isEmpty()) {
      disk.forceDirectory(ASIDE);
      disk.forceDirectory(LogStore.DIRECTORY);
    }
  }

  /** Removes what was set aside before. */
  public static void dropAside(Disk disk) throws IOException {
    for (String name : disk.list(ASIDE)) {
      disk.delete(ASIDE + "/" + name);
    }
  }

  private static Optional<Holdings> look(Disk disk, String directory) throws IOException {
    if (disk.list(directory).isEmpty()) {
      return Optional.empty();
    }
    Seen seen = new Seen();
    String damage = "";
    HardState state = HardState.getDefaultInstance();
    try {
      if (LogStore.exists(disk, directory)) {
        state = LogStore.look(disk, directory, seen::accept);
      } else {
        damage = "no segment of the log is whole";
      }
    } catch (CorruptLogException e) {
      damage = String.valueOf(e.getMessage());
    }
    long snapshot =
        directory.equals(LogStore.DIRECTORY)
            ? new SnapshotStore(disk).newest().map(SnapshotStore.Stored::index).orElse(0L)
            : 0;
    return Optional.of(
        new Holdings(damage, state.getTerm(), snapshot, seen.first, seen.last, seen.lastTerm));
  }

  private static final class Seen {
    long first;
    long last;
    long lastTerm;

    void accept(Entry entry) {
      first = first == 0 ? entry.index() : Math.min(first, entry.index());
      last = entry.index();
      lastTerm = entry.term();
    }
  }

  /**
   * Makes a member the only one of its cluster. It goes on with all that its log has; what others
   * acknowledged without it is lost, and so are blocks that only others hold. Members of before
   * must not come back with their logs: there would be two clusters of one name.
   *
   * @return the index of the entry that says so
   * @throws CorruptLogException if the log of this member is not whole
   */
  public static long standAlone(
      Disk disk, RandomGenerator random, int segmentBytes, long self, Configuration founders)
      throws IOException {
    SnapshotMeta base = SnapshotMeta.newBuilder().setConfiguration(founders).build();
    SnapshotStore snapshots = new SnapshotStore(disk);
    Optional<SnapshotStore.Stored> stored = snapshots.newest();
    if (stored.isPresent()) {
      try (SnapshotStore.Reader reader = snapshots.read(stored.get().path())) {
        base = reader.meta();
        reader.transferTo(java.io.OutputStream.nullOutputStream()); // whole, or it is thrown
      }
    }
    Recovery recovery = new Recovery(base, (from, to, max) -> List.of());
    try (LogStore store = recovery.open(disk, random, segmentBytes)) {
      Configuration members = recovery.membership.configuration();
      Member me =
          Configurations.byId(members, self)
              .orElseThrow(() -> new IOException("the log does not know this member"));
      Configuration alone =
          members.toBuilder().clearMembers().addMembers(me.toBuilder().setLearner(false)).build();
      HardState state = recovery.state(store.hardState());
      long term = state.getTerm() + 1;
      long index = recovery.log.lastIndex() + 1;
      store.append(
          Optional.of(state.toBuilder().setTerm(term).setVote(self).build()),
          List.of(new Entry(term, index, Entry.Kind.CONFIGURATION, alone.toByteArray())));
      return index;
    }
  }
}
