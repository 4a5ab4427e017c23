package io.sandstore.block;

import io.sandstore.host.Clock;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.Configurations;
import io.sandstore.rpc.Payloads;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.AddHolder;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import io.sandstore.wire.ReadBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps this member's blocks as the namespace says they are, on one thread: fetches what it lacks,
 * replaces what is damaged, deletes garbage, and reads everything once in a while to find out.
 *
 * <p>Garbage: a block that nothing refers to and whose id is below the floor can never be referred
 * to again, since the log refuses it. A block above the floor may be on its way and stays.
 */
public final class Repair {

  private static final Logger log = LoggerFactory.getLogger(Repair.class);
  private static final int PAGE = 256;
  private static final int SHARDS = 256;
  private static final int PARALLEL = 16;
  private static final Duration FETCH_LIMIT = Duration.ofSeconds(10);
  private static final int RELEASED_MAX = 1 << 16;

  /** How long garbage stays for those who read a file by the layout that it had before. */
  private static final Duration READERS_GRACE = Duration.ofSeconds(5);

  /**
   * How often what is done.
   *
   * @param look for blocks that miss this member
   * @param collect garbage that was not deleted when it became garbage
   * @param scrub pause between two blocks that are read to find damage
   */
  public record Pace(Duration look, Duration collect, Duration scrub) {
    Duration shortest() {
      return look.compareTo(scrub) < 0 ? look : scrub;
    }

    public static Pace standard() {
      return new Pace(Duration.ofMillis(500), Duration.ofSeconds(60), Duration.ofMillis(500));
    }
  }

  private final Clock clock;
  private final Host host;
  private final Cluster cluster;
  private final long self;
  private final Catalog catalog;
  private final BlockStore store;
  private final BlockReader reader;
  private final Pace pace;
  private final Mailbox<Long> damaged;
  private final Mailbox<Released> released;
  private final AtomicLong found = new AtomicLong();
  private final AtomicLong repaired = new AtomicLong();
  private volatile boolean running = true;
  private volatile boolean checkPresence = true;
  private long saidMissing;
  private long scrubbed;
  private int shard;

  public Repair(
      Host host, Cluster cluster, long self, Catalog catalog, BlockStore store, Pace pace) {
    this.host = host;
    this.clock = host.clock();
    this.cluster = cluster;
    this.self = self;
    this.catalog = catalog;
    this.store = store;
    this.pace = pace;
    this.damaged = new Mailbox<>(clock, PAGE);
    this.released = new Mailbox<>(clock, RELEASED_MAX);
    this.reader = new BlockReader(host, cluster, catalog, store, this::damaged);
    host.telemetry().queue("damaged blocks", damaged::size);
    host.telemetry().queue("released blocks", released::size);
    store.listen(this::released, () -> checkPresence = true);
  }

  public BlockReader reader() {
    return reader;
  }

  public void start() {
    host.threads().start("repair", this::run);
    host.threads().start("collect", this::collectLoop);
  }

  public void close() {
    running = false;
  }

  /** Damaged blocks found so far. */
  public long corruptFound() {
    return found.get();
  }

  public long corruptRepaired() {
    return repaired.get();
  }

  /** True once every block that this member should hold has been looked for since the start. */
  public boolean complete() {
    return !checkPresence;
  }

  private void damaged(long block) {
    damaged.offer(block);
  }

  /** Garbage, and since when. */
  private record Released(long block, long atNanos) {}

  private void released(List<Long> blocks) {
    // What does not fit is found by the collector's rounds.
    long now = clock.nanos();
    blocks.forEach(block -> released.offer(new Released(block, now)));
  }

  private void run() {
    long nextLook = 0;
    long nextScrub = clock.nanos();
    while (running) {
      try {
        for (long block : damaged.take(pace.shortest())) {
          replace(block);
        }
        if (store.waitsForRoom()) {
          store.writeStaged();
        }
        if (checkPresence || store.owesBlocks()) {
          checkPresence();
        }
        if (clock.nanos() >= nextLook) {
          adopt();
          nextLook = clock.nanos() + pace.look.toNanos();
        }
        if (clock.nanos() >= nextScrub) {
          scrub();
          nextScrub = clock.nanos() + pace.scrub.toNanos();
        }
      } catch (IOException | RuntimeException e) {
        log.info("repair will try again: {}", e.toString());
        pause();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** A block that cannot be had now cannot be had a microsecond later. */
  private void pause() {
    try {
      clock.sleep(pace.look);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Looks for every block that the namespace says is here: after a start or an installed snapshot.
   */
  private void checkPresence() throws IOException, InterruptedException {
    Optional<Member> member = Configurations.byId(catalog.configuration(), self);
    if (member.isEmpty()) {
      return;
    }
    checkPresence = false;
    long at = 0;
    List<Long> page;
    while (running && !(page = catalog.blocksAfter(at, PAGE)).isEmpty()) {
      at = page.getLast();
      List<Long> missing =
          page.stream().filter(b -> isHolder(b, member.get()) && !store.has(b)).toList();
      if (!missing.isEmpty()) {
        if (missing.getFirst() != saidMissing) { // and not again while it cannot be had
          saidMissing = missing.getFirst();
          log.info("{} blocks from {} are missing here", missing.size(), saidMissing);
        }
        if (obtain(missing).size() < missing.size()) {
          checkPresence = true;
        }
      }
    }
  }

  private boolean isHolder(long block, Member member) {
    return HolderMask.has(catalog.where(block).orElse(0), member);
  }

  /** Becomes a holder of blocks that have too few. */
  private void adopt() throws IOException, InterruptedException {
    Configuration members = catalog.configuration();
    Optional<Member> member = Configurations.byId(members, self);
    if (member.isEmpty()) {
      return;
    }
    long at = 0;
    List<Long> page;
    while (running && !(page = catalog.underReplicatedAfter(at, PAGE)).isEmpty()) {
      at = page.getLast();
      List<Long> wanted = page.stream().filter(block -> shouldHold(block, members)).toList();
      announce(obtain(wanted), member.get());
    }
  }

  /** Fetches what is not here of some blocks, several side by side; those that are here then. */
  private List<Long> obtain(List<Long> blocks) throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    List<CompletableFuture<List<Long>>> shares = new ArrayList<>();
    for (int i = 0; i < Math.min(PARALLEL, blocks.size()); i++) {
      CompletableFuture<List<Long>> share = new CompletableFuture<>();
      shares.add(share);
      host.threads().start("fetch", () -> share.complete(obtainFrom(blocks, next)));
    }
    List<Long> here = new ArrayList<>();
    for (CompletableFuture<List<Long>> share : shares) {
      try {
        here.addAll(clock.await(share, FETCH_LIMIT.multipliedBy(PAGE / PARALLEL)));
      } catch (ExecutionException | TimeoutException e) {
        log.debug("{} blocks were not fetched in time", blocks.size());
      }
    }
    return here;
  }

  private List<Long> obtainFrom(List<Long> blocks, AtomicInteger next) {
    List<Long> here = new ArrayList<>();
    for (int i; running && (i = next.getAndIncrement()) < blocks.size(); ) {
      if (obtain(blocks.get(i))) {
        here.add(blocks.get(i));
      }
    }
    return here;
  }

  private boolean obtain(long block) {
    try {
      if (hasWhole(block)) {
        store.makeDurable(block);
        return true;
      }
      return fetched(block);
    } catch (IOException | RuntimeException e) {
      log.debug("block {} cannot be fetched: {}", block, e.toString());
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private boolean shouldHold(long block, Configuration members) {
    OptionalLong where = catalog.where(block);
    return where.isPresent()
        && Placement.candidates(block, where.getAsLong(), members).stream()
            .anyMatch(candidate -> candidate.getId() == self);
  }

  private boolean hasWhole(long block) throws IOException {
    return store.has(block) && store.verify(block);
  }

  private boolean fetched(long block) throws InterruptedException {
    try {
      fetch(block);
      return true;
    } catch (IOException e) {
      log.debug("block {} cannot be fetched: {}", block, e.toString());
      return false;
    }
  }

  private void fetch(long block) throws IOException, InterruptedException {
    int length = catalog.blockLength(block);
    if (length == 0) {
      return; // not referenced any more
    }
    ReadBlock all =
        ReadBlock.newBuilder().setBlock(block).setLength(length).setUnchecked(true).build();
    try (Frame whole = reader.fetch(all, clock.deadline(FETCH_LIMIT))) {
      ByteBuffer data = whole.payload();
      store.put(block, data, store.sums(Payloads.sums(whole.header()), data));
    }
  }

  private void announce(List<Long> adopted, Member member)
      throws IOException, InterruptedException {
    if (adopted.isEmpty()) {
      return;
    }
    Command command =
        Command.newBuilder()
            .setAddHolder(
                AddHolder.newBuilder()
                    .setSlot(member.getSlot())
                    .setMember(self)
                    .addAllBlocks(adopted))
            .build();
    var outcome = cluster.mutate(command, clock.deadline(FETCH_LIMIT));
    if (outcome.hasFault()) {
      throw PosixException.of(outcome.getFault());
    }
    log.debug("now holds {} more blocks", adopted.size());
  }

  /** Replaces a damaged or missing block by another member's copy. */
  private void replace(long block) throws IOException, InterruptedException {
    int length = catalog.blockLength(block);
    if (length == 0 || hasWhole(block)) {
      return;
    }
    found.incrementAndGet();
    log.warn("block {} is damaged here; replacing it", block);
    try {
      fetch(block);
      repaired.incrementAndGet();
      log.info("block {} is whole again", block);
    } catch (PosixException e) {
      if (e.errno() != Errno.ENOSPC) {
        damaged.offer(block);
      }
      throw e;
    }
  }

  /** Reads one more of this member's blocks. */
  private void scrub() throws IOException, InterruptedException {
    List<Long> next = catalog.blocksAfter(scrubbed, 1);
    if (next.isEmpty()) {
      scrubbed = 0;
      return;
    }
    scrubbed = next.getFirst();
    Optional<Member> member = Configurations.byId(catalog.configuration(), self);
    if (member.isPresent() && isHolder(scrubbed, member.get()) && !hasWhole(scrubbed)) {
      replace(scrubbed);
    }
  }

  // --- Garbage ---

  private void collectLoop() {
    long shardNanos = pace.collect.toNanos() / SHARDS;
    long nextShard = clock.nanos() + pace.collect.toNanos();
    ArrayDeque<Released> waiting = new ArrayDeque<>();
    while (running) {
      try {
        waiting.addAll(released.take(Duration.ofSeconds(1)));
        while (!waiting.isEmpty() && isDue(waiting)) {
          long block = waiting.removeFirst().block;
          if (catalog.blockLength(block) == 0) {
            store.delete(block);
          }
        }
        while (running && clock.nanos() >= nextShard) { // several at a time: each look wakes once
          collectShard();
          // After a pause of the machine, one search and no more.
          nextShard = Math.max(nextShard + shardNanos, clock.nanos() - pace.collect.toNanos());
        }
      } catch (IOException | RuntimeException e) {
        log.info("collection will try again: {}", e.toString());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** Readers have their time, unless the room is needed. */
  private boolean isDue(ArrayDeque<Released> waiting) throws IOException {
    return clock.nanos() - waiting.getFirst().atNanos >= READERS_GRACE.toNanos()
        || waiting.size() > RELEASED_MAX
        || !store.hasRoom(Frame.PAYLOAD_BYTES_MAX);
  }

  private void collectShard() throws IOException {
    long floor = catalog.blockFloor(); // before the look at references, see the class comment
    for (long block : store.shard(shard)) {
      if (block < floor && (catalog.blockLength(block) == 0 || isSurplus(block))) {
        store.delete(block);
      }
    }
    shard = (shard + 1) % SHARDS;
  }

  /**
   * True of a copy that came too late to be counted, or was replaced meanwhile, of a block with all
   * the holders that it should have. Should this member be counted after all, by a command that it
   * gave up, scrubbing finds that the block is missing.
   */
  private boolean isSurplus(long block) {
    Configuration members = catalog.configuration();
    Optional<Member> member = Configurations.byId(members, self);
    OptionalLong where = catalog.where(block);
    return member.isPresent()
        && where.isPresent()
        && !HolderMask.has(where.getAsLong(), member.get())
        && Placement.candidates(block, where.getAsLong(), members).isEmpty();
  }
}
