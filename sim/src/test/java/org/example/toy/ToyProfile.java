package org.example.toy;

import com.google.protobuf.ByteString;
import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.BlockSink;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Route;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.replication.Whereabouts;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Identity;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.ReadBlockReply;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * {@code toy}: one node that keeps everything in memory, as somebody else might write a profile:
 * this file, its package, and nothing of ours but the ports.
 */
public final class ToyProfile implements Profile {

  private static final Settings.Key MEMORY =
      new Settings.Key("SANDSTORE_TOY_MB", 64, Settings.Unit.MEGABYTES, "memory for blocks");

  @Override
  public String name() {
    return "toy";
  }

  @Override
  public String form() {
    return "nothing is kept";
  }

  @Override
  public boolean survivesRestart() {
    return false;
  }

  @Override
  public int membersMax() {
    return 1;
  }

  @Override
  public List<Settings.Key> keys() {
    return List.of(MEMORY);
  }

  @Override
  public void check(Settings settings) {
    // There is one key only.
  }

  @Override
  public BlockPlane blocks(Site site) {
    return new Blocks(site.host(), site.settings().bytes(MEMORY));
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) {
    return new Log(site, machine);
  }

  @Override
  public void setAside(Disk disk) {
    // Nothing is on the disk.
  }

  @Override
  public void dropAside(Disk disk) {
    // Nothing is on the disk.
  }

  @Override
  public Optional<String> holdings(Disk disk) {
    return Optional.empty();
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) {
    return Optional.empty();
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    throw new IOException("it is alone already");
  }

  private static PosixException alone() {
    return new PosixException(Errno.EPROTO, "there are no others");
  }

  /** Whoever proposes applies. */
  private static final class Log implements CommandLog {
    private final String self;
    private final Clock clock;
    private final Configuration members;
    private final StateMachine machine;
    private final ReentrantLock applying = new ReentrantLock();
    private volatile long index;
    private long lastNanos;

    Log(Site site, StateMachine machine) {
      this.self = site.name();
      this.clock = site.host().clock();
      this.members = site.identity().getFounders();
      this.machine = machine;
      this.lastNanos = clock.nanos();
      machine.configure(members);
    }

    @Override
    public void start() {
      // It has no thread.
    }

    @Override
    public Outcome propose(Command command, Deadline deadline) {
      applying.lock();
      try {
        long now = clock.nanos();
        Batch batch =
            Batch.newBuilder()
                .addCommands(command)
                .setTimeMs(clock.millis())
                .setElapsedMs((now - lastNanos) / 1_000_000)
                .build();
        lastNanos = now;
        List<Outcome> outcomes = machine.apply(index + 1, batch);
        index++;
        return outcomes.getFirst();
      } finally {
        applying.unlock();
      }
    }

    @Override
    public void readBarrier(Deadline deadline) {
      // What was acknowledged was applied.
    }

    @Override
    public boolean mayReadAlone() {
      return true;
    }

    @Override
    public Route commands() {
      return new Route.Here();
    }

    @Override
    public Route queries() {
      return new Route.Here();
    }

    @Override
    public boolean coordinates() {
      return true;
    }

    @Override
    public Standing standing() {
      return new Standing(PRIMARY, 1, index, index, members, true, List.of());
    }

    @Override
    public void describe(NodeStatus.Builder status) {
      status
          .setRole(PRIMARY)
          .setPrimary(self)
          .setCommitIndex(index)
          .setAppliedIndex(index)
          .setLastIndex(index)
          .addAllMembers(members.getMembersList());
    }

    @Override
    public void join(String name, long id, Deadline deadline) throws IOException {
      throw new PosixException(Errno.EINVAL, "a toy is alone");
    }

    @Override
    public void stepAside(String to, Deadline deadline) {
      // For nobody.
    }

    @Override
    public void receive(String from, ByteString message) {
      // From nobody.
    }

    @Override
    public ByteString handle(ByteString request, ByteBuffer payload) throws IOException {
      throw alone();
    }

    @Override
    public void close() {
      // It has no thread.
    }
  }

  /** One node has all. */
  private static final class Here implements Whereabouts {
    @Override
    public long everywhere(Configuration members) {
      return 1;
    }

    @Override
    public long among(long where, Configuration members) {
      return where;
    }

    @Override
    public long with(long where, Member member) {
      return 1;
    }

    @Override
    public boolean isComplete(long where, Configuration members) {
      return true;
    }

    @Override
    public List<Member> holders(long where, Configuration members) {
      return members.getMembersList();
    }
  }

  private static final class Blocks implements BlockPlane, BlockSink {
    private static final Duration COLLECT_EVERY = Duration.ofSeconds(1);

    private final Host host;
    private final long capacity;
    private final Map<Long, byte[]> blocks = new ConcurrentHashMap<>();
    private @Nullable Catalog catalog;
    private @Nullable Cluster cluster;
    private volatile boolean running = true;

    Blocks(Host host, long capacity) {
      this.host = host;
      this.capacity = capacity;
    }

    @Override
    public BlockSink sink() {
      return this;
    }

    @Override
    public Whereabouts whereabouts() {
      return new Here();
    }

    @Override
    public void connect(Catalog catalog, Cluster cluster) {
      this.catalog = catalog;
      this.cluster = cluster;
    }

    @Override
    public void start() {
      host.threads().start("collect", this::collect);
    }

    /** What was written, and then named by nobody while it could be. */
    private void collect() {
      while (running) {
        blocks.keySet().removeIf(this::isGarbage);
        try {
          host.clock().sleep(COLLECT_EVERY);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return;
        }
      }
    }

    private boolean isGarbage(long block) {
      return block < catalog().blockFloor() && catalog().blockLength(block) == 0;
    }

    private Catalog catalog() {
      Catalog names = catalog;
      if (names == null) {
        throw new IllegalStateException("not connected yet");
      }
      return names;
    }

    private long used() {
      return blocks.values().stream().mapToLong(block -> block.length).sum();
    }

    @Override
    public WriteBlockReply write(ByteBuffer data, Optional<ChunkSums> sums, Deadline deadline)
        throws IOException, InterruptedException {
      if (used() + data.remaining() > capacity) {
        throw new PosixException(Errno.ENOSPC, "no memory left for blocks");
      }
      Cluster whole = cluster;
      if (whole == null) {
        throw new IllegalStateException("not connected yet");
      }
      AllocateBlocks one = AllocateBlocks.newBuilder().setCount(1).build();
      Outcome id = whole.mutate(Command.newBuilder().setAllocateBlocks(one).build(), deadline);
      byte[] copy = new byte[data.remaining()];
      data.duplicate().get(copy);
      blocks.put(id.getValue(), copy);
      return WriteBlockReply.newBuilder().setBlock(id.getValue()).setWhere(1).build();
    }

    @Override
    public BufferPool.Lease peek(long block, int offset, int length) throws IOException {
      byte[] bytes = blocks.get(block);
      if (bytes == null) {
        throw new PosixException(Errno.ENOENT, "no block " + block);
      }
      if (offset < 0 || length <= 0 || offset > bytes.length - length) {
        throw new PosixException(Errno.EINVAL, "no such bytes in block " + block);
      }
      return new BufferPool.Lease(ByteBuffer.wrap(bytes, offset, length).slice(), () -> {});
    }

    @Override
    public Reply read(ReadBlock request, Deadline deadline) throws IOException {
      BufferPool.Lease bytes = peek(request.getBlock(), request.getOffset(), request.getLength());
      Header.Builder reply =
          Header.newBuilder().setReadBlockReply(ReadBlockReply.getDefaultInstance());
      return new Reply(reply, bytes.buffer(), null, bytes.release());
    }

    @Override
    public ByteString handle(ByteString request, ByteBuffer payload, Optional<ChunkSums> sums)
        throws IOException {
      throw alone();
    }

    @Override
    public String lacks() {
      return used() < capacity ? "" : "no memory left for blocks";
    }

    @Override
    public Capacity capacity() {
      long free = Math.max(0, capacity - used());
      return new Capacity(capacity, free, free);
    }

    @Override
    public Health health() {
      return new Health(blocks.size(), 0, 0, true);
    }

    @Override
    public boolean has(long block) {
      return blocks.containsKey(block);
    }

    @Override
    public Optional<String> audit() {
      Optional<String> missing =
          catalog().blocksAfter(0, Integer.MAX_VALUE).stream()
              .filter(block -> !blocks.containsKey(block))
              .findFirst()
              .map(block -> "block " + block + " is missing");
      return missing.or(
          () ->
              blocks.keySet().stream()
                  .filter(this::isGarbage)
                  .findFirst()
                  .map(block -> "block " + block + " is garbage"));
    }

    @Override
    public void stage(long block, byte[] data) {
      blocks.put(block, data);
    }

    @Override
    public void writeStaged() {
      // They are where they belong.
    }

    @Override
    public void release(List<Long> garbage) {
      garbage.forEach(blocks::remove);
    }

    @Override
    public void force() {
      // Nothing survives.
    }

    @Override
    public void restored() {
      // From what?
    }

    @Override
    public void close() {
      running = false;
      blocks.clear();
    }
  }
}
