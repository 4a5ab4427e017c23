package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import io.sandstore.replication.BlockSink;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.NamespaceHeader;
import io.sandstore.wire.OrphanRecord;
import io.sandstore.wire.OutcomeRecord;
import io.sandstore.wire.SessionRecord;
import io.sandstore.wire.SnapshotRecord;
import io.sandstore.wire.XattrRecord;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;

/**
 * The namespace at one moment, in key order: equal states give equal bytes. Slices are copied under
 * the lock and written without it.
 *
 * <pre>
 *   0 | version 3 or 4 | frames, the first with the header, then those of one map after the other
 * </pre>
 *
 * <p>A frame's kind says what its entries are: records of protobuf, each behind its length, or
 * those of one of the large maps as {@link Packing} lays them out. Versions 1 and 2 were a stream
 * of records and nothing else; to them this one begins with an empty record, which they refuse.
 * Version 4 is what version 3 is, with what came with {@link FeatureLevel#POSIX}: parts of
 * milliseconds and devices in inodes, names in another order, extended attributes.
 */
final class NamespaceSnapshot implements StateMachine.Frozen {

  /** Of a state at a feature level of which version 3 knows all: that release can read it. */
  static final int VERSION_BEFORE_POSIX = 3;

  static final int VERSION = 4;
  private static final int SLICE = 1024;

  private final ReentrantReadWriteLock lock;
  private final BlockSink sink;
  private final NamespaceHeader header;
  private final List<Part<?, ?>> parts;

  /** Freezes the state; the caller holds the write lock. */
  NamespaceSnapshot(Namespace namespace, ReentrantReadWriteLock lock, BlockSink sink) {
    this.lock = lock;
    this.sink = sink;
    this.header = header(namespace);
    this.parts = parts(namespace);
    parts.forEach(part -> part.map.freeze());
  }

  private static NamespaceHeader header(Namespace namespace) {
    NamespaceHeader.Builder header =
        NamespaceHeader.newBuilder()
            .setNextInode(namespace.tree.nextInode)
            .setNextBlock(namespace.blocks.next)
            .setBlockFloor(namespace.blocks.floor)
            .setNextSession(namespace.sessions.next)
            .setInodes(namespace.tree.inodes.live.size())
            .setDentries(namespace.tree.dentries.live.size())
            .setExtents(namespace.extents.runs.live.size())
            .setBlocks(namespace.blocks.blocks.live.size())
            .setLevel(namespace.level.number());
    namespace.time.writeTo(header);
    return header.build();
  }

  /** Inodes are read before the names that share their keys. */
  private static List<Part<?, ?>> parts(Namespace namespace) {
    boolean posix = namespace.isPosix();
    return List.of(
        new Part<>(
            NamespaceFrame.INODES,
            namespace.tree.inodes,
            () -> new Packing.Inodes(new Packing.Index(), posix)::pack),
        new Part<>(
            NamespaceFrame.DENTRIES,
            namespace.tree.dentries,
            () -> new Packing.Dentries(new Packing.Index())::pack),
        new Part<>(
            NamespaceFrame.EXTENTS, namespace.extents.runs, () -> new Packing.Extents()::pack),
        new Part<>(
            NamespaceFrame.BLOCKS, namespace.blocks.blocks, () -> new Packing.Blocks()::pack),
        records(namespace.sessions.sessions, NamespaceSnapshot::record),
        records(namespace.sessions.outcomes, NamespaceSnapshot::record),
        records(namespace.orphans, NamespaceSnapshot::orphan),
        records(namespace.xattrs.values, NamespaceSnapshot::record),
        records(namespace.locks.files, NamespaceSnapshot::locks));
  }

  /** A map, and how its entries are packed. */
  private record Part<K extends Comparable<K>, V>(
      int kind, FrozenMap<K, V> map, Supplier<Packer<K, V>> packer) {

    void writeFrozen(OutputStream out, ReentrantReadWriteLock lock) throws IOException {
      FrameWriter<K, V> frames = new FrameWriter<>(out, this);
      while (true) {
        List<Map.Entry<K, V>> slice;
        lock.writeLock().lock();
        try {
          slice = map.nextSlice(SLICE);
        } finally {
          lock.writeLock().unlock();
        }
        if (slice.isEmpty()) {
          frames.flush();
          return;
        }
        frames.write(slice);
      }
    }

    void writeLive(OutputStream out) throws IOException {
      FrameWriter<K, V> frames = new FrameWriter<>(out, this);
      frames.write(map.live.entrySet());
      frames.flush();
    }
  }

  /** Lays one entry after the other into a frame. */
  @FunctionalInterface
  private interface Packer<K, V> {
    void pack(Packed.Out out, K key, V value);
  }

  private static <K extends Comparable<K>, V> Part<K, V> records(
      FrozenMap<K, V> map, BiFunction<K, V, SnapshotRecord> record) {
    return new Part<>(
        NamespaceFrame.RECORDS,
        map,
        () -> (out, key, value) -> pack(out, record.apply(key, value)));
  }

  private static void pack(Packed.Out out, SnapshotRecord record) {
    byte[] bytes = record.toByteArray();
    out.unsigned(bytes.length);
    out.raw(bytes, 0, bytes.length);
  }

  private static final class FrameWriter<K extends Comparable<K>, V> {
    private final OutputStream out;
    private final Part<K, V> part;
    private final Packed.Out frame = new Packed.Out();
    private Packer<K, V> packer;
    private int entries;

    FrameWriter(OutputStream out, Part<K, V> part) {
      this.out = out;
      this.part = part;
      this.packer = part.packer.get();
    }

    void write(Iterable<Map.Entry<K, V>> some) throws IOException {
      for (Map.Entry<K, V> entry : some) {
        packer.pack(frame, entry.getKey(), entry.getValue());
        if (++entries == NamespaceFrame.ENTRIES || frame.length() >= NamespaceFrame.BYTES) {
          flush();
        }
      }
    }

    void flush() throws IOException {
      if (entries > 0) {
        NamespaceFrame.write(out, part.kind, entries, frame);
        frame.clear();
        entries = 0;
        packer = part.packer.get();
      }
    }
  }

  private static void writeHeader(OutputStream out, NamespaceHeader header) throws IOException {
    boolean posix = header.getLevel() >= FeatureLevel.POSIX.number();
    out.write(new byte[] {0, (byte) (posix ? VERSION : VERSION_BEFORE_POSIX)});
    Packed.Out frame = new Packed.Out();
    pack(frame, SnapshotRecord.newBuilder().setHeader(header).build());
    NamespaceFrame.write(out, NamespaceFrame.RECORDS, 1, frame);
  }

  @Override
  public void writeTo(OutputStream out) throws IOException {
    writeHeader(out, header);
    for (Part<?, ?> part : parts) {
      part.writeFrozen(out, lock);
    }
    sink.force();
  }

  /** A checksum of what a snapshot of this moment would hold; the caller holds a lock. */
  static long digest(Namespace namespace) {
    CRC32C crc = new CRC32C();
    OutputStream out = new CheckedOutputStream(OutputStream.nullOutputStream(), crc);
    try {
      writeHeader(out, header(namespace));
      for (Part<?, ?> part : parts(namespace)) {
        part.writeLive(out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return crc.getValue();
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      parts.forEach(part -> part.map.thaw());
    } finally {
      lock.writeLock().unlock();
    }
  }

  private static SnapshotRecord record(Long id, Keys.Session session) {
    return SnapshotRecord.newBuilder()
        .setSession(
            SessionRecord.newBuilder()
                .setId(id)
                .setNonce(session.nonce())
                .setUsedMs(session.usedMs())
                .setAcknowledgedBelow(session.acknowledgedBelow())
                .setOutcomes(session.outcomes()))
        .build();
  }

  private static SnapshotRecord record(Keys.Request key, ByteString outcome) {
    return SnapshotRecord.newBuilder()
        .setOutcome(
            OutcomeRecord.newBuilder()
                .setSession(key.session())
                .setSequence(key.sequence())
                .setOutcome(outcome))
        .build();
  }

  private static SnapshotRecord locks(Long inode, FileLocks locks) {
    return SnapshotRecord.newBuilder().setLocks(LockCommands.record(inode, locks)).build();
  }

  private static SnapshotRecord record(Keys.Xattr key, ByteString value) {
    return SnapshotRecord.newBuilder()
        .setXattr(
            XattrRecord.newBuilder().setInode(key.inode()).setName(key.name()).setValue(value))
        .build();
  }

  private static SnapshotRecord orphan(Long inode, Long usedMs) {
    return SnapshotRecord.newBuilder()
        .setOrphan(OrphanRecord.newBuilder().setInode(inode).setUsedMs(usedMs))
        .build();
  }
}
