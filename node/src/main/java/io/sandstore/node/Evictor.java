package io.sandstore.node;

import io.sandstore.config.NodeConfig;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.namespace.CacheFiles;
import io.sandstore.namespace.CacheFiles.CacheFile;
import io.sandstore.namespace.CommandCheck;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Route;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.CacheUse;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Evict;
import io.sandstore.wire.Header;
import io.sandstore.wire.MakeRoom;
import io.sandstore.wire.Member;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.ReapOrphans;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes files that are marked as a cache out of it, on the one member that coordinates: those whose
 * time is over, and, where more is used than should be or a writer found no room, those that were
 * not used for longest, down to 5 % below the mark. Each goes by a command that says what was
 * chosen, and that the state machine checks.
 *
 * <p>What was used when is known approximately ({@link CacheUses}); nodes tell each other of it, so
 * that the next primary knows, too. Files that are open go last. How much is used is this member's
 * own measure: all of them hold about the same.
 *
 * <p>Bounds: {@link #PAGE} names looked at under the lock at a time, {@link #CHOSEN_MAX} files
 * chosen in a walk over all names, which happens once in {@link #EVERY} and for a writer that finds
 * no room.
 */
final class Evictor {

  private static final Logger log = LoggerFactory.getLogger(Evictor.class);
  private static final Duration EVERY = Duration.ofSeconds(5);
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Duration TELL_LIMIT = Duration.ofSeconds(1);

  /** Bytes of what went are free after so long: readers have their time. */
  private static final Duration ON_THE_WAY = Duration.ofSeconds(8);

  /** So long it takes until all members have deleted it where there is no room. */
  private static final Duration DELETION = Duration.ofMillis(250);

  /** For a writer that finds no room, before it tries again. */
  private static final Duration ROOM_PAUSE = Duration.ofMillis(20);

  private static final int LOW_PERCENT_LESS = 5;
  private static final int PAGE = 2048;
  private static final int CHOSEN_MAX = 4096;

  private record Candidate(CacheFile file, boolean open, long idleMs) {
    /** Whom to take first. */
    static final Comparator<Candidate> ORDER =
        Comparator.comparing(Candidate::open)
            .thenComparing(Comparator.comparingLong(Candidate::idleMs).reversed())
            .thenComparingLong(candidate -> candidate.file.inode());
  }

  /** What was evicted, and whose blocks may be there still. */
  private record Gone(long atNanos, long bytes) {}

  private final Host host;
  private final Clock clock;
  private final Cluster cluster;
  private final CommandLog commands;
  private final Namespace namespace;
  private final BlockPlane blocks;
  private final CacheUses uses;
  private final NodeConfig.Cache config;
  private final Semaphore turn = new Semaphore(1);
  private final ArrayDeque<Gone> gone = new ArrayDeque<>();
  private final AtomicLong expired = new AtomicLong();
  private final AtomicLong evicted = new AtomicLong();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong rounds = new AtomicLong();
  private long dateMs;
  private long datedAtNanos;
  private volatile boolean running = true;

  Evictor(
      Host host,
      Cluster cluster,
      CommandLog commands,
      Namespace namespace,
      BlockPlane blocks,
      CacheUses uses,
      NodeConfig.Cache config) {
    this.host = host;
    this.clock = host.clock();
    this.cluster = cluster;
    this.commands = commands;
    this.namespace = namespace;
    this.blocks = blocks;
    this.uses = uses;
    this.config = config;
  }

  CacheUses uses() {
    return uses;
  }

  /** Files that went because their time was over, by this node since it started. */
  long expired() {
    return expired.get();
  }

  /** Files that went to make room. */
  long evicted() {
    return evicted.get();
  }

  /** Of both. */
  long bytes() {
    return bytes.get();
  }

  void close() {
    running = false;
  }

  /** Until {@link #close}. */
  void run() {
    while (running) {
      try {
        clock.sleep(EVERY);
        if (namespace.level().includes(FeatureLevel.CACHE) && namespace.hasCache()) {
          uses.begin();
          tell();
          if (commands.coordinates()) {
            inTurn(false);
          }
        }
      } catch (IOException | RuntimeException e) {
        log.debug("eviction will be tried again: {}", e.toString());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Says to the others what was used here: whoever evicts next should know. */
  private void tell() {
    CacheUse use = uses.take();
    if (use.getReadCount() + use.getOpenCount() == 0) {
      return;
    }
    Header.Builder message = Header.newBuilder().setCacheUse(use);
    for (Member member : namespace.configuration().getMembersList()) {
      if (!member.getName().equals(cluster.self())) {
        host.threads().start("uses to " + member.getName(), () -> tell(member.getName(), message));
      }
    }
  }

  private void tell(String name, Header.Builder message) {
    try {
      cluster.peer(name).call(message.clone(), clock.deadline(TELL_LIMIT)).close();
    } catch (IOException e) {
      // It knows a little less.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // --- For those who find no room ---

  /** What may find no room. */
  interface Attempt<T> {
    T run() throws IOException, InterruptedException;
  }

  /**
   * Runs something; where it finds no room, and this node is told to evict, once more when there
   * may be some, until the deadline or until nothing is left to take.
   */
  <T> T whereRoomIsMade(Deadline deadline, Attempt<T> attempt)
      throws IOException, InterruptedException {
    while (true) {
      try {
        return attempt.run();
      } catch (PosixException e) {
        if (e.errno() != Errno.ENOSPC || !config.evict() || !askForRoom(deadline)) {
          throw e;
        }
      }
    }
  }

  /** False if nothing was taken. */
  private boolean askForRoom(Deadline deadline) throws InterruptedException {
    if (deadline.left().compareTo(ROOM_PAUSE) <= 0) {
      return false;
    }
    try {
      switch (commands.commands()) {
        case Route.Here() -> makeRoom();
        case Route.At(String name) ->
            cluster
                .peer(name)
                .call(
                    Header.newBuilder().setMakeRoom(MakeRoom.getDefaultInstance()),
                    clock.deadline(deadline.left()))
                .close();
        case Route.Nobody(String why) -> log.debug("nobody makes room: {}", why);
      }
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOSPC) {
        return false;
      }
    } catch (IOException e) {
      log.debug("no room was made: {}", e.toString());
    }
    clock.sleep(ROOM_PAUSE); // deleting it takes a moment
    return true;
  }

  /**
   * Takes something out of the cache, where that is done; returns when it is on its way.
   *
   * @throws PosixException ENOSPC if there is nothing to take
   */
  void makeRoom() throws IOException, InterruptedException {
    long before = rounds.get();
    turn.acquire();
    try {
      boolean another = rounds.get() > before + 1; // made room since this one asked
      boolean made = another || roomWasJustMade() || round(true) > 0;
      if (!made) {
        throw new PosixException(Errno.ENOSPC, "no room left, and nothing to evict");
      }
    } finally {
      turn.release();
    }
  }

  private void inTurn(boolean full) throws IOException, InterruptedException {
    turn.acquire();
    try {
      round(full);
    } finally {
      turn.release();
    }
  }

  // --- One round ---

  /**
   * Evicts what is due.
   *
   * @param full a writer found no room
   * @return how many files went
   */
  private long round(boolean full) throws IOException, InterruptedException {
    if (!namespace.level().includes(FeatureLevel.CACHE) || !namespace.hasCache()) {
      return 0;
    }
    long wanted = wanted(full);
    List<CacheFile> over = new ArrayList<>();
    List<Candidate> chosen = walk(over, wanted > 0);
    long files = evict(over.stream().map(file -> file.entry(isOpen(file))).toList(), true);
    expired.addAndGet(files);
    if (wanted > 0) {
      long room = evict(enough(chosen, wanted), false);
      evicted.addAndGet(room);
      files += room;
    }
    rounds.incrementAndGet();
    return files;
  }

  /** Bytes that should be free and are not. */
  private long wanted(boolean full) throws IOException {
    BlockPlane.Capacity capacity = blocks.capacity();
    long total = capacity.totalBytes();
    long used = total - capacity.freeBytes();
    long high = total / 100 * config.highPercent();
    long step = total / 100 * LOW_PERCENT_LESS;
    if (full) {
      return roomWasJustMade() ? 0 : Math.max(used - high + step, step);
    }
    long left = used - onTheWay();
    return left > high ? left - high + step : 0;
  }

  /** Then its blocks are being deleted: at once, where there is no room. */
  private boolean roomWasJustMade() {
    return !gone.isEmpty() && clock.nanos() - gone.getLast().atNanos < DELETION.toNanos();
  }

  private long onTheWay() {
    long now = clock.nanos();
    while (!gone.isEmpty() && now - gone.getFirst().atNanos > ON_THE_WAY.toNanos()) {
      gone.removeFirst();
    }
    return gone.stream().mapToLong(Gone::bytes).sum();
  }

  private boolean isOpen(CacheFile file) {
    return uses.isOpen(file.inode());
  }

  /** Looks at all names; those to take first, in no order, if any are wanted. */
  private List<Candidate> walk(List<CacheFile> over, boolean wanted) {
    PriorityQueue<Candidate> first = new PriorityQueue<>(Candidate.ORDER.reversed());
    long now = nowMs();
    Optional<CacheFiles.Position> at = Optional.of(CacheFiles.Position.BEGIN);
    while (running && at.isPresent()) {
      CacheFiles.Page page = namespace.cacheFiles(at.get(), PAGE);
      for (CacheFile file : page.files()) {
        if (file.isOver(now)) {
          if (over.size() < CHOSEN_MAX) {
            over.add(file);
          }
        } else if (wanted) {
          long idle = Math.min(now - file.changedMs(), uses.idleMs(file.inode()));
          first.add(new Candidate(file, isOpen(file), idle));
          if (first.size() > CHOSEN_MAX) {
            first.remove();
          }
        }
      }
      at = page.next();
    }
    return new ArrayList<>(first);
  }

  /** The cluster's date now, though nothing may have been applied for a while. */
  private long nowMs() {
    long known = namespace.dateMs();
    if (known != dateMs) {
      dateMs = known;
      datedAtNanos = clock.nanos();
    }
    return dateMs + Duration.ofNanos(clock.nanos() - datedAtNanos).toMillis();
  }

  private static List<Evict.Entry> enough(List<Candidate> chosen, long wanted) {
    chosen.sort(Candidate.ORDER);
    List<Evict.Entry> entries = new ArrayList<>();
    long sum = 0;
    for (Candidate candidate : chosen) {
      if (sum >= wanted) {
        break;
      }
      sum += candidate.file.size();
      entries.add(candidate.file.entry(candidate.open));
    }
    return entries;
  }

  private long evict(List<Evict.Entry> entries, boolean over)
      throws IOException, InterruptedException {
    long files = 0;
    for (int from = 0; from < entries.size(); from += CommandCheck.EVICTED_MAX) {
      int to = Math.min(entries.size(), from + CommandCheck.EVICTED_MAX);
      Evict.Builder op =
          Evict.newBuilder().addAllEntries(entries.subList(from, to)).setExpired(over);
      Outcome outcome = propose(Command.newBuilder().setEvict(op));
      files += outcome.getValue();
      bytes.addAndGet(outcome.getEvictedBytes());
      if (outcome.getValue() > 0) {
        gone.addLast(new Gone(clock.nanos(), outcome.getEvictedBytes()));
      }
    }
    if (files > 0) {
      log.debug("{} files left the cache", files);
      while (namespace.anyOrphanUnusedSince(1)) { // those that nobody has open
        propose(Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(1)));
      }
    }
    return files;
  }

  private Outcome propose(Command.Builder command) throws IOException, InterruptedException {
    Outcome outcome = cluster.mutate(command.build(), clock.deadline(LIMIT));
    if (outcome.hasFault()) {
      throw PosixException.of(outcome.getFault());
    }
    return outcome;
  }
}
