package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import io.sandstore.raft.StateMachine;
import io.sandstore.wire.BlockRecord;
import io.sandstore.wire.DentryRecord;
import io.sandstore.wire.ExtentRecord;
import io.sandstore.wire.InodeRecord;
import io.sandstore.wire.NamespaceHeader;
import io.sandstore.wire.OrphanRecord;
import io.sandstore.wire.OutcomeRecord;
import io.sandstore.wire.SessionRecord;
import io.sandstore.wire.SnapshotRecord;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiFunction;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;

/**
 * The namespace at one moment, as a stream of length-delimited records in key order: equal states
 * give equal bytes. Slices are copied under the read lock and written without it.
 */
final class NamespaceSnapshot implements StateMachine.Frozen {

  private static final int SLICE = 2048;
  private static final int BUFFER_BYTES = 64 << 10;

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
    return NamespaceHeader.newBuilder()
        .setNextInode(namespace.tree.nextInode)
        .setNextBlock(namespace.blocks.next)
        .setBlockFloor(namespace.blocks.floor)
        .setNextSession(namespace.sessions.next)
        .setTimeMs(namespace.nowMs)
        .build();
  }

  private static List<Part<?, ?>> parts(Namespace namespace) {
    return List.of(
        new Part<>(namespace.tree.inodes, (id, inode) -> record(inode)),
        new Part<>(namespace.tree.dentries, NamespaceSnapshot::record),
        new Part<>(namespace.extents.runs, NamespaceSnapshot::record),
        new Part<>(namespace.blocks.blocks, NamespaceSnapshot::record),
        new Part<>(namespace.sessions.sessions, NamespaceSnapshot::record),
        new Part<>(namespace.sessions.outcomes, NamespaceSnapshot::record),
        new Part<>(namespace.orphans, NamespaceSnapshot::orphan));
  }

  /** A map, and the form of its entries. */
  private record Part<K extends Comparable<K>, V>(
      FrozenMap<K, V> map, BiFunction<K, V, SnapshotRecord> record) {

    void writeFrozen(CodedOutputStream out, ReentrantReadWriteLock lock) throws IOException {
      while (true) {
        List<Map.Entry<K, V>> slice;
        lock.writeLock().lock();
        try {
          slice = map.nextSlice(SLICE);
        } finally {
          lock.writeLock().unlock();
        }
        if (slice.isEmpty()) {
          return;
        }
        write(out, slice);
      }
    }

    void write(CodedOutputStream out, Iterable<Map.Entry<K, V>> entries) throws IOException {
      for (Map.Entry<K, V> entry : entries) {
        NamespaceSnapshot.write(out, record.apply(entry.getKey(), entry.getValue()));
      }
    }

    void writeLive(CodedOutputStream out) throws IOException {
      write(out, map.live.entrySet());
    }
  }

  @Override
  public void writeTo(OutputStream out) throws IOException {
    CodedOutputStream coded = CodedOutputStream.newInstance(out, BUFFER_BYTES);
    write(coded, SnapshotRecord.newBuilder().setHeader(header).build());
    for (Part<?, ?> part : parts) {
      part.writeFrozen(coded, lock);
    }
    coded.flush();
    sink.force();
  }

  /** A checksum of what a snapshot of this moment would hold; the caller holds a lock. */
  static long digest(Namespace namespace) {
    CRC32C crc = new CRC32C();
    try {
      CodedOutputStream coded =
          CodedOutputStream.newInstance(
              new CheckedOutputStream(OutputStream.nullOutputStream(), crc));
      write(coded, SnapshotRecord.newBuilder().setHeader(header(namespace)).build());
      for (Part<?, ?> part : parts(namespace)) {
        part.writeLive(coded);
      }
      coded.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return crc.getValue();
  }

  private static void write(CodedOutputStream out, SnapshotRecord record) throws IOException {
    out.writeUInt32NoTag(record.getSerializedSize());
    record.writeTo(out);
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

  private static SnapshotRecord record(Inode inode) {
    return SnapshotRecord.newBuilder()
        .setInode(
            InodeRecord.newBuilder()
                .setAttributes(inode.attributes())
                .setParent(inode.parent())
                .setTarget(inode.target()))
        .build();
  }

  private static SnapshotRecord record(Keys.Dentry key, Long inode) {
    return SnapshotRecord.newBuilder()
        .setDentry(
            DentryRecord.newBuilder().setParent(key.parent()).setName(key.name()).setInode(inode))
        .build();
  }

  private static SnapshotRecord record(Keys.Offset key, Keys.Run run) {
    return SnapshotRecord.newBuilder()
        .setExtent(
            ExtentRecord.newBuilder()
                .setInode(key.inode())
                .setOffset(key.offset())
                .setLength(run.length())
                .setBlock(run.block())
                .setBlockOffset(run.blockOffset()))
        .build();
  }

  private static SnapshotRecord record(Long id, Keys.Block block) {
    return SnapshotRecord.newBuilder()
        .setBlock(
            BlockRecord.newBuilder()
                .setBlock(id)
                .setLength(block.length())
                .setReferences(block.references())
                .setHolders(block.holders()))
        .build();
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

  private static SnapshotRecord orphan(Long inode, Long usedMs) {
    return SnapshotRecord.newBuilder()
        .setOrphan(OrphanRecord.newBuilder().setInode(inode).setUsedMs(usedMs))
        .build();
  }

  /** Replaces the whole state; the caller holds the write lock. */
  static void read(Namespace namespace, InputStream in) throws IOException {
    namespace.tree.clear();
    namespace.extents.runs.clear();
    namespace.blocks.clear();
    namespace.sessions.clear();
    namespace.orphans.clear();
    InputStream buffered = new java.io.BufferedInputStream(in, 64 << 10);
    SnapshotRecord record;
    while ((record = SnapshotRecord.parseDelimitedFrom(buffered)) != null) {
      accept(namespace, record);
    }
  }

  private static void accept(Namespace namespace, SnapshotRecord record) throws IOException {
    switch (record.getRecordCase()) {
      case HEADER -> {
        NamespaceHeader h = record.getHeader();
        namespace.tree.nextInode = h.getNextInode();
        namespace.blocks.next = h.getNextBlock();
        namespace.blocks.floor = h.getBlockFloor();
        namespace.sessions.next = h.getNextSession();
        namespace.nowMs = h.getTimeMs();
      }
      case INODE -> {
        InodeRecord r = record.getInode();
        Inode inode = Inode.of(r.getAttributes(), r.getParent(), r.getTarget());
        namespace.tree.inodes.put(inode.id(), inode);
        namespace.tree.directories += inode.isDirectory() ? 1 : 0;
      }
      case DENTRY -> {
        DentryRecord r = record.getDentry();
        namespace.tree.link(new Keys.Dentry(r.getParent(), r.getName()), r.getInode());
      }
      case EXTENT -> {
        ExtentRecord r = record.getExtent();
        namespace.extents.runs.put(
            new Keys.Offset(r.getInode(), r.getOffset()),
            new Keys.Run(r.getLength(), r.getBlock(), r.getBlockOffset()));
      }
      case BLOCK -> {
        BlockRecord r = record.getBlock();
        namespace.blocks.put(
            r.getBlock(), new Keys.Block(r.getLength(), r.getReferences(), r.getHolders()));
      }
      case SESSION -> {
        SessionRecord r = record.getSession();
        namespace.sessions.sessions.put(
            r.getId(),
            new Keys.Session(
                r.getNonce(), r.getUsedMs(), r.getAcknowledgedBelow(), r.getOutcomes()));
      }
      case OUTCOME -> {
        OutcomeRecord r = record.getOutcome();
        namespace.sessions.outcomes.put(
            new Keys.Request(r.getSession(), r.getSequence()), r.getOutcome());
      }
      case ORPHAN ->
          namespace.orphans.put(record.getOrphan().getInode(), record.getOrphan().getUsedMs());
      case RECORD_NOT_SET -> throw new IOException("a snapshot record of another release");
    }
  }
}
