package io.sandstore.namespace;

import io.sandstore.wire.BlockRecord;
import io.sandstore.wire.DentryRecord;
import io.sandstore.wire.ExtentRecord;
import io.sandstore.wire.InodeRecord;
import io.sandstore.wire.NamespaceHeader;
import io.sandstore.wire.OutcomeRecord;
import io.sandstore.wire.SessionRecord;
import io.sandstore.wire.SnapshotRecord;
import io.sandstore.wire.XattrRecord;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PushbackInputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;

/**
 * Reads what {@link NamespaceSnapshot} wrote, of every version. One thread reads and decodes
 * frames, another builds the maps of them; entries come in the order of their keys, so that a map
 * is built in one pass, without comparing and without garbage.
 */
final class SnapshotLoader {

  private final Namespace namespace;
  private final Optional<Executor> other;

  /** Filled as inodes are decoded, which come before the names that share their keys. */
  private final Packing.Index inodes = new Packing.Index();

  private final Map<Integer, Part<?, ?>> parts;
  private int version;
  private NamespaceHeader header = NamespaceHeader.getDefaultInstance();

  /**
   * @param other runs what reads ahead; without it one thread does all
   */
  SnapshotLoader(Namespace namespace, Optional<Executor> other) {
    this.namespace = namespace;
    this.other = other;
    this.parts =
        Map.of(
            NamespaceFrame.INODES,
            new Part<>(
                NamespaceFrame.INODES,
                () -> namespace.tree.inodes,
                () -> new Packing.Inodes(inodes, version >= NamespaceSnapshot.VERSION),
                NamespaceHeader::getInodes,
                (id, inode) -> namespace.tree.directories += inode.isDirectory() ? 1 : 0),
            NamespaceFrame.DENTRIES,
            new Part<>(
                NamespaceFrame.DENTRIES,
                () -> namespace.tree.dentries, // which the level in the header gives its order
                () -> new Packing.Dentries(inodes),
                NamespaceHeader::getDentries,
                (name, inode) -> {}),
            NamespaceFrame.EXTENTS,
            new Part<>(
                NamespaceFrame.EXTENTS,
                () -> namespace.extents.runs,
                Packing.Extents::new,
                NamespaceHeader::getExtents,
                (offset, run) -> {}),
            NamespaceFrame.BLOCKS,
            new Part<>(
                NamespaceFrame.BLOCKS,
                () -> namespace.blocks.blocks,
                Packing.Blocks::new,
                NamespaceHeader::getBlocks,
                namespace.blocks::judge));
  }

  /** Replaces the whole state; the caller holds the write lock. */
  void load(InputStream in) throws IOException {
    namespace.tree.clear();
    namespace.extents.runs.clear();
    namespace.blocks.clear();
    namespace.sessions.clear();
    namespace.orphans.clear();
    namespace.xattrs.clear();
    namespace.locks.clear();
    PushbackInputStream stream = new PushbackInputStream(new BufferedInputStream(in, 64 << 10));
    int first = stream.read();
    if (first > 0) {
      stream.unread(first);
      loadRecords(stream);
    } else if (first == 0) {
      loadFrames(stream);
    }
  }

  /** Versions 1 and 2. */
  private void loadRecords(InputStream in) throws IOException {
    SnapshotRecord record;
    while ((record = SnapshotRecord.parseDelimitedFrom(in)) != null) {
      accept(record);
    }
  }

  private void loadFrames(InputStream in) throws IOException {
    version = in.read();
    if (version < NamespaceSnapshot.VERSION_BEFORE_POSIX || version > NamespaceSnapshot.VERSION) {
      throw new IOException(
          "the namespace's format is version %d; this release reads up to %d"
              .formatted(version, NamespaceSnapshot.VERSION));
    }
    Ahead.Source<Frame> source = () -> decode(NamespaceFrame.read(in));
    if (other.isEmpty()) {
      build(source);
      return;
    }
    try (Ahead<Frame> frames = new Ahead<>(other.get(), source)) {
      build(frames::next);
    }
  }

  private Frame decode(Optional<NamespaceFrame> frame) throws IOException {
    if (frame.isEmpty()) {
      return new End();
    }
    if (frame.get().kind() == NamespaceFrame.RECORDS) {
      return Records.of(frame.get());
    }
    Part<?, ?> part = parts.get(frame.get().kind());
    if (part == null) {
      throw Packed.damaged();
    }
    return part.decode(frame.get());
  }

  private void build(Ahead.Source<Frame> frames) throws IOException {
    Frame frame = frames.next();
    while (!(frame instanceof End)) {
      frame =
          switch (frame) {
            case Records(List<SnapshotRecord> records) -> {
              for (SnapshotRecord record : records) {
                accept(record);
              }
              yield frames.next();
            }
            case Entries<?, ?> entries -> entries.build(header, frames);
            case End end -> end;
          };
    }
    for (Part<?, ?> part : parts.values()) {
      if (part.map.get().live.size() != part.size.applyAsInt(header)) {
        throw Packed.damaged();
      }
    }
  }

  /** What a frame holds. */
  private sealed interface Frame {}

  private record End() implements Frame {}

  private record Records(List<SnapshotRecord> records) implements Frame {
    static Records of(NamespaceFrame frame) throws IOException {
      Packed.In in = new Packed.In(frame.bytes());
      List<SnapshotRecord> records = new ArrayList<>();
      while (!in.ended()) {
        records.add(SnapshotRecord.parseFrom(in.raw(in.count())));
      }
      return new Records(records);
    }
  }

  private record Entries<K extends Comparable<K>, V>(Part<K, V> part, List<K> keys, List<V> values)
      implements Frame {

    /** Builds the map of this frame and those that follow; returns the first that is not of it. */
    Frame build(NamespaceHeader header, Ahead.Source<Frame> frames) throws IOException {
      Rows<K, V> rows = new Rows<>(this, frames);
      try {
        part.map.get().load(part.size.applyAsInt(header), rows);
      } catch (IllegalArgumentException | NoSuchElementException e) {
        throw new IOException("entries of a snapshot out of order, or too few", e);
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
      return rows.after();
    }
  }

  /**
   * One of the large maps.
   *
   * @param size how many entries it will have
   * @param loaded told of every entry
   */
  private record Part<K extends Comparable<K>, V>(
      int kind,
      Supplier<FrozenMap<K, V>> map,
      Supplier<Packing<K, V>> packing,
      ToIntFunction<NamespaceHeader> size,
      BiConsumer<K, V> loaded) {

    Entries<K, V> decode(NamespaceFrame frame) throws IOException {
      Packed.In in = new Packed.In(frame.bytes());
      Packing<K, V> unpacking = packing.get();
      List<K> keys = new ArrayList<>(frame.entries());
      List<V> values = new ArrayList<>(frame.entries());
      for (int i = 0; i < frame.entries(); i++) {
        keys.add(unpacking.key(in));
        values.add(unpacking.value(in));
      }
      return new Entries<>(this, keys, values);
    }

    @SuppressWarnings("unchecked") // a kind is of one part
    Optional<Entries<K, V>> own(Frame frame) {
      return frame instanceof Entries<?, ?> entries && entries.part.kind == kind
          ? Optional.of((Entries<K, V>) entries)
          : Optional.empty();
    }
  }

  /** The entries of one map, frame by frame; each is used before the next is asked for. */
  private static final class Rows<K extends Comparable<K>, V>
      implements Iterator<Map.Entry<K, V>>, Map.Entry<K, V> {
    private final Ahead.Source<Frame> frames;
    private final Part<K, V> part;
    private Entries<K, V> entries;
    private int at = -1;

    Rows(Entries<K, V> first, Ahead.Source<Frame> frames) {
      this.frames = frames;
      this.part = first.part;
      this.entries = first;
    }

    @Override
    public boolean hasNext() {
      return true; // the reader knows how many there should be
    }

    @Override
    public Map.Entry<K, V> next() {
      if (++at == entries.keys.size()) {
        entries = part.own(nextFrame()).orElseThrow();
        at = 0;
      }
      part.loaded.accept(getKey(), getValue());
      return this;
    }

    private Frame nextFrame() {
      try {
        return frames.next();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** What follows the last entry. */
    Frame after() throws IOException {
      Frame frame = frames.next();
      if (at != entries.keys.size() - 1 || part.own(frame).isPresent()) {
        throw new IOException("more entries in a snapshot than it announced");
      }
      return frame;
    }

    @Override
    public K getKey() {
      return entries.keys.get(at);
    }

    @Override
    public V getValue() {
      return entries.values.get(at);
    }

    @Override
    public V setValue(V value) {
      throw new UnsupportedOperationException();
    }
  }

  /** Takes a record of any version. */
  private void accept(SnapshotRecord record) throws IOException {
    switch (record.getRecordCase()) {
      case HEADER -> {
        NamespaceHeader h = record.getHeader();
        header = h;
        namespace.tree.nextInode = h.getNextInode();
        namespace.blocks.next = h.getNextBlock();
        namespace.blocks.floor = h.getBlockFloor();
        namespace.sessions.next = h.getNextSession();
        namespace.time = ClusterTime.of(h);
        namespace.restoreLevel(h.getLevel());
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
            r.getBlock(), new Keys.Block(r.getLength(), r.getReferences(), r.getWhere()));
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
      case XATTR -> {
        XattrRecord r = record.getXattr();
        namespace.xattrs.keep(new Keys.Xattr(r.getInode(), r.getName()), r.getValue());
      }
      case LOCKS ->
          namespace.locks.load(record.getLocks().getInode(), LockCommands.of(record.getLocks()));
      case RECORD_NOT_SET -> throw new IOException("a snapshot record of another release");
    }
  }
}
