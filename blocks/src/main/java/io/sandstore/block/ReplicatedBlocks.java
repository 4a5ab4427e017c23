package io.sandstore.block;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.BufferPool;
import io.sandstore.host.ChunkSums;
import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.BlockSink;
import io.sandstore.replication.Catalog;
import io.sandstore.replication.Cluster;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.Whereabouts;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.StoreBlock;
import io.sandstore.wire.WriteBlockReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Blocks in the stores of this member and others, three copies each. */
public final class ReplicatedBlocks implements BlockPlane {

  /** Disk that file data may not use, so that the log can go on when it is full. */
  public static final Settings.Key RESERVE =
      new Settings.Key(
          "SANDSTORE_RESERVE_MB",
          256,
          Settings.Unit.MEGABYTES,
          "disk space that file data may not use");

  public static final Settings.Key SCRUB =
      new Settings.Key(
          "SANDSTORE_SCRUB_MS",
          500,
          Settings.Unit.MILLISECONDS,
          "pause between two blocks read for damage");

  public static final Settings.Key COLLECT =
      new Settings.Key(
          "SANDSTORE_COLLECT_S",
          60,
          Settings.Unit.SECONDS,
          "time of one search of the disk for garbage");

  public static final List<Settings.Key> KEYS = List.of(RESERVE, SCRUB, COLLECT);

  /** Memory for blocks that are kept in it, with all that they need; see MemoryBlockStore. */
  public static final Settings.Key MEMORY =
      new Settings.Key(
          "SANDSTORE_MEMORY_MB", 256, Settings.Unit.MEGABYTES, "memory for blocks, to the byte");

  /** Of a node that keeps blocks in memory. */
  public static final List<Settings.Key> KEYS_IN_MEMORY = List.of(MEMORY, SCRUB, COLLECT);

  private final Host host;
  private final long self;
  private final Settings settings;
  private final BlockStore store;
  private @Nullable Parts connected;

  /** What there is once the rest of the node is. */
  private record Parts(Catalog catalog, BlockWriter writer, Repair repair) {}

  /** Over blocks in files of this node's disk. */
  public ReplicatedBlocks(Site site) throws IOException {
    this(site, new FileBlockStore(site.host(), site.disk(), site.settings().bytes(RESERVE)));
  }

  /** Over a store of this node's. */
  public ReplicatedBlocks(Site site, BlockStore store) {
    this.host = site.host();
    this.self = site.memberId();
    this.settings = site.settings();
    this.store = store;
  }

  @Override
  public BlockSink sink() {
    return store;
  }

  @Override
  public Whereabouts whereabouts() {
    return new HolderMask();
  }

  @Override
  public void connect(Catalog catalog, Cluster cluster) {
    Repair.Pace pace =
        new Repair.Pace(
            Repair.Pace.standard().look(), settings.time(COLLECT), settings.time(SCRUB));
    connected =
        new Parts(
            catalog,
            new BlockWriter(host, cluster, catalog, store),
            new Repair(host, cluster, self, catalog, store, pace));
  }

  private Parts parts() {
    Parts parts = connected;
    if (parts == null) {
      throw new IllegalStateException("not connected yet");
    }
    return parts;
  }

  @Override
  public void start() {
    parts().repair.start();
  }

  @Override
  public WriteBlockReply write(ByteBuffer data, Optional<ChunkSums> sums, Deadline deadline)
      throws IOException, InterruptedException {
    return parts().writer.write(data, sums, deadline);
  }

  @Override
  public Reply read(ReadBlock request, Deadline deadline) throws IOException, InterruptedException {
    return parts().repair.reader().read(request, deadline);
  }

  @Override
  public ByteString handle(ByteString request, ByteBuffer payload, Optional<ChunkSums> sums)
      throws IOException {
    StoreBlock block = parse(request);
    if (block.getBlock() <= 0 || !payload.hasRemaining()) {
      throw new PosixException(Errno.EINVAL, "not a block: " + block.getBlock());
    }
    store.put(block.getBlock(), payload, store.sums(sums, payload));
    return ByteString.EMPTY;
  }

  private static StoreBlock parse(ByteString request) throws PosixException {
    try {
      return StoreBlock.parseFrom(request);
    } catch (InvalidProtocolBufferException e) {
      throw new PosixException(Errno.EPROTO, "not a request for blocks: " + e.getMessage());
    }
  }

  @Override
  public String lacks() throws IOException {
    return store.lacks();
  }

  @Override
  public Capacity capacity() throws IOException {
    return new Capacity(store.totalBytes(), store.freeBytes(), store.availableBytes());
  }

  @Override
  public Health health() {
    Repair repair = parts().repair;
    return new Health(
        store.count(), repair.corruptFound(), repair.corruptRepaired(), repair.complete());
  }

  @Override
  public boolean has(long block) {
    return store.has(block);
  }

  @Override
  public BufferPool.Lease peek(long block, int offset, int length) throws IOException {
    return store.read(block, offset, length);
  }

  @Override
  public Optional<String> audit() throws IOException {
    Catalog catalog = parts().catalog;
    Optional<Member> member = Configurations.byId(catalog.configuration(), self);
    if (member.isEmpty()) {
      return Optional.of("no member");
    }
    Set<Long> here = new TreeSet<>();
    for (int shard = 0; shard < 256; shard++) {
      here.addAll(store.shard(shard));
    }
    for (long block : catalog.blocksAfter(0, Integer.MAX_VALUE)) {
      boolean mine = HolderMask.has(catalog.where(block).orElse(0), member.get());
      if (mine && !here.remove(block)) {
        return Optional.of("block " + block + " is missing");
      }
      if (mine && !store.verify(block)) {
        return Optional.of("block " + block + " is damaged");
      }
    }
    here.removeIf(block -> block >= catalog.blockFloor());
    return here.stream().findFirst().map(block -> "block " + block + " is garbage");
  }

  @Override
  public void close() {
    if (connected != null) {
      connected.repair.close();
    }
  }
}
