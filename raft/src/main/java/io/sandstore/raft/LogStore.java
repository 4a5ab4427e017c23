package io.sandstore.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.wire.HardState;
import java.io.Closeable;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;

/**
 * The log on disk: numbered segments of a fixed size, filled with zeros in advance so that an
 * append changes no file-system metadata. What one {@link #append} writes is one frame with one
 * checksum, made durable by one force; term and vote travel in the same frames. Whole blocks are
 * written, past the system's cache: the first one repeats what it held, as the cache would.
 *
 * <pre>
 *   segment  magic 8 | version 4 | crc 4 | number 8 | salt 8 | first frame's sequence 8 | frames
 *   frame    length 4 | crc 4 (over salt, sequence, payload) | sequence 8 | payload | to 8 bytes
 *   payload  records: type 1 (entry | hard state) | length 4 | bytes
 * </pre>
 *
 * <p>A used segment is recycled; its new salt makes the old frames in it invalid. A frame is begun
 * only after the one before is durable, so a bad frame with a good one behind it is corruption,
 * while a bad frame with nothing behind it is a torn write and is dropped.
 *
 * <p>Not thread-safe but for {@link #read}.
 */
final class LogStore implements Closeable {

  static final int VERSION = 1;
  private static final long MAGIC = 0x53414E444C4F4731L; // SANDLOG1
  private static final int HEADER_BYTES = 40;
  private static final int FRAME_HEADER_BYTES = 16;
  private static final int FRAME_BYTES_MAX = 1 << 20;
  private static final int ENTRY_OVERHEAD = 5 + 17;
  private static final byte ENTRY = 1;
  private static final byte HARD_STATE = 2;
  private static final int SPARES_MAX = 2;
  private static final String DIRECTORY = "raft";
  private static final byte[] ZEROS = new byte[DiskFile.BLOCK_BYTES];

  private final Disk disk;
  private final RandomGenerator random;
  private final int segmentBytes;
  private final int frameBytesMax;

  private final TreeMap<Long, Segment> segments = new TreeMap<>();

  /** Where the entries from an index on are, up to the next key. Guarded by itself. */
  private final TreeMap<Long, Position> positions = new TreeMap<>();

  private HardState hardState = HardState.getDefaultInstance();
  private long nextSequence = 1;

  /**
   * What is written next: whole blocks, the first of which begins with the {@link #tail} bytes of
   * the newest segment that it holds already.
   */
  private ByteBuffer blocks = DiskFile.wholeBlocks(256 << 10);

  private int tail;

  private record Position(Segment segment, long offset) {}

  private static final class Segment {
    final long number;
    final long salt;
    final DiskFile file;
    final long size;
    long end;
    long lastIndex;

    Segment(long number, long salt, DiskFile file, long size) {
      this.number = number;
      this.salt = salt;
      this.file = file;
      this.size = size;
    }
  }

  private LogStore(Disk disk, RandomGenerator random, int segmentBytes) {
    this.disk = disk;
    this.random = random;
    this.segmentBytes = segmentBytes;
    this.frameBytesMax = Math.min(FRAME_BYTES_MAX, segmentBytes / 4);
  }

  /**
   * Reads the log of a member.
   *
   * @param entries is given every entry in the order of writing; one with the index of an earlier
   *     one replaces it and all that followed
   * @throws CorruptLogException if the log lost something that had been durable
   */
  static LogStore open(Disk disk, RandomGenerator random, int segmentBytes, Consumer<Entry> entries)
      throws IOException {
    LogStore store = new LogStore(disk, random, segmentBytes);
    store.recover(entries);
    return store;
  }

  HardState hardState() {
    return hardState;
  }

  // --- Writing ---

  /**
   * Writes term, vote and entries and makes them durable: as one frame, unless a follower that was
   * away gets more at once than a frame should hold.
   */
  void append(Optional<HardState> newState, List<Entry> entries) throws IOException {
    Optional<HardState> state = newState;
    int from = 0;
    int bytes = 0;
    for (int to = 0; to < entries.size(); to++) {
      int size = ENTRY_OVERHEAD + entries.get(to).data().length;
      if (to > from && bytes + size > frameBytesMax) {
        appendFrame(state, entries.subList(from, to), bytes);
        state = Optional.empty();
        from = to;
        bytes = 0;
      }
      bytes += size;
    }
    appendFrame(state, entries.subList(from, entries.size()), bytes);
  }

  private void appendFrame(Optional<HardState> newState, List<Entry> entries, int entryBytes)
      throws IOException {
    int stateBytes = newState.isPresent() ? 5 + newState.get().getSerializedSize() : 0;
    int bytes = FRAME_HEADER_BYTES + 8 + entryBytes + stateBytes;
    if (bytes > segmentBytes - HEADER_BYTES - 128) {
      throw new IllegalArgumentException("an entry of " + bytes + " bytes");
    }
    hardState = newState.orElse(hardState);
    Segment segment = segments.isEmpty() ? roll() : segments.lastEntry().getValue();
    if (segment.size - segment.end < bytes) {
      segment = roll();
    }
    beginFrame(bytes);
    newState.ifPresent(this::putHardState);
    entries.forEach(this::putEntry);
    long offset = segment.end;
    writeFrame(segment);
    if (!entries.isEmpty()) {
      note(entries.getFirst().index(), segment, offset);
      segment.lastIndex = Math.max(segment.lastIndex, entries.getLast().index());
    }
  }

  private void note(long firstIndex, Segment segment, long offset) {
    synchronized (positions) {
      positions.tailMap(firstIndex, true).clear();
      positions.put(firstIndex, new Position(segment, offset));
    }
  }

  private void beginFrame(int bytes) {
    if (blocks.capacity() < tail + bytes) {
      ByteBuffer larger = DiskFile.wholeBlocks(Integer.highestOneBit(tail + bytes) * 2);
      blocks = larger.put(0, blocks, 0, tail);
    }
    blocks.clear().position(tail + FRAME_HEADER_BYTES);
  }

  private void putHardState(HardState state) {
    byte[] bytes = state.toByteArray();
    blocks.put(HARD_STATE).putInt(bytes.length).put(bytes);
  }

  private void putEntry(Entry entry) {
    blocks.put(ENTRY).putInt(17 + entry.data().length);
    blocks.putLong(entry.term()).putLong(entry.index()).put((byte) entry.kind().code());
    blocks.put(entry.data());
  }

  private void writeFrame(Segment segment) throws IOException {
    int length = blocks.position() - tail - FRAME_HEADER_BYTES;
    ByteBuffer payload = blocks.slice(tail + FRAME_HEADER_BYTES, length);
    blocks.putInt(tail, length);
    blocks.putInt(tail + 4, crc(segment.salt, nextSequence, payload));
    blocks.putLong(tail + 8, nextSequence);
    writeBlocks(segment, padded(FRAME_HEADER_BYTES + length));
    nextSequence++;
  }

  /**
   * Writes and forces so many bytes behind the tail, in whole blocks: the rest of them is zeros.
   */
  private void writeBlocks(Segment segment, int bytes) throws IOException {
    int end = tail + bytes;
    blocks.put(ZEROS, 0, -blocks.position() & DiskFile.BLOCK_BYTES - 1);
    segment.file.write(blocks.flip(), segment.end - tail);
    segment.file.force();
    segment.end += bytes;
    tail = end % DiskFile.BLOCK_BYTES;
    blocks.put(0, blocks, end - tail, tail);
  }

  private static int padded(int bytes) {
    return (bytes + 7) & ~7;
  }

  private static int crc(long salt, long sequence, ByteBuffer payload) {
    CRC32C crc = new CRC32C();
    crc.update(ByteBuffer.allocate(16).putLong(salt).putLong(sequence).flip());
    crc.update(payload.duplicate());
    return (int) crc.getValue();
  }

  /** Begins a new segment, which repeats term and vote so that older ones can go. */
  private Segment roll() throws IOException {
    long number = segments.isEmpty() ? 1 : segments.lastKey() + 1;
    String path = path(number);
    List<String> spares = spares();
    if (!spares.isEmpty()) {
      disk.rename(DIRECTORY + "/" + spares.getFirst(), path);
    }
    DiskFile file = disk.openDirect(path, true);
    if (file.size() < segmentBytes) {
      fillWithZeros(file);
    }
    Segment segment = new Segment(number, random.nextLong(), file, segmentBytes);
    tail = 0;
    blocks.clear().put(header(segment, nextSequence));
    writeBlocks(segment, HEADER_BYTES);
    disk.forceDirectory(DIRECTORY);
    segments.put(number, segment);
    beginFrame(FRAME_HEADER_BYTES + 64);
    putHardState(hardState);
    writeFrame(segment);
    return segment;
  }

  private void fillWithZeros(DiskFile file) throws IOException {
    ByteBuffer zeros = DiskFile.wholeBlocks(Math.min(segmentBytes, 1 << 20));
    for (long at = file.size(); at < segmentBytes; at += zeros.limit()) {
      zeros.clear().limit((int) Math.min(zeros.capacity(), segmentBytes - at));
      file.write(zeros, at);
    }
    file.force();
  }

  private static ByteBuffer header(Segment segment, long firstSequence) {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    header.putLong(MAGIC).putInt(VERSION).putInt(0);
    header.putLong(segment.number).putLong(segment.salt).putLong(firstSequence).flip();
    return header.putInt(12, headerCrc(header));
  }

  private static int headerCrc(ByteBuffer header) {
    CRC32C crc = new CRC32C();
    crc.update(header.slice(0, 12));
    crc.update(header.slice(16, HEADER_BYTES - 16));
    return (int) crc.getValue();
  }

  private static String path(long number) {
    return "%s/log-%016x.seg".formatted(DIRECTORY, number);
  }

  private List<String> spares() throws IOException {
    return disk.list(DIRECTORY).stream().filter(name -> name.startsWith("spare-")).toList();
  }

  /** Gives up segments of which every entry is at or before an index. */
  void compactTo(long index) throws IOException {
    while (segments.size() > 1) {
      Segment oldest = segments.firstEntry().getValue();
      if (oldest.lastIndex > index) {
        break;
      }
      segments.remove(oldest.number);
      synchronized (positions) {
        positions.values().removeIf(position -> position.segment == oldest);
      }
      boolean recycle = spares().size() < SPARES_MAX;
      if (recycle) {
        // Without a header and a first frame it can never be taken for a segment in use.
        oldest.file.write(ByteBuffer.allocate(HEADER_BYTES + FRAME_HEADER_BYTES), 0);
        oldest.file.force();
      }
      oldest.file.close();
      if (recycle) {
        disk.rename(path(oldest.number), "%s/spare-%016x".formatted(DIRECTORY, oldest.number));
      } else {
        disk.delete(path(oldest.number));
      }
    }
  }

  /** Drops every entry: a snapshot took their place. Term and vote stay. */
  void reset(HardState state) throws IOException {
    hardState = state;
    roll();
    compactTo(Long.MAX_VALUE);
    synchronized (positions) {
      positions.clear();
    }
    disk.forceDirectory(DIRECTORY);
  }

  /** What the log takes on disk, spare segments not counted. */
  long bytes() {
    return (long) segments.size() * segmentBytes;
  }

  // --- Reading ---

  /** Entries from disk, cut at a size; at least one. Safe to call while another thread appends. */
  List<Entry> read(long from, long to, int bytesMax) {
    List<Entry> found = new ArrayList<>();
    long bytes = 0;
    long next = from;
    while (next <= to) {
      Position position;
      long frameEnd;
      synchronized (positions) {
        Map.Entry<Long, Position> at = positions.floorEntry(next);
        if (at == null) {
          throw new IllegalStateException("entry " + next + " is not in the log on disk");
        }
        position = at.getValue();
        Long following = positions.higherKey(next);
        frameEnd = following == null ? Long.MAX_VALUE : following;
      }
      long before = next;
      for (Entry entry : readFrame(position)) {
        if (entry.index() == next && next <= to && next < frameEnd) {
          if (bytes > 0 && bytes + entry.bytes() > bytesMax) {
            return found;
          }
          found.add(entry);
          bytes += entry.bytes();
          next++;
        }
      }
      if (next == before) {
        throw new IllegalStateException("entry " + next + " is not where the log says");
      }
    }
    return found;
  }

  private static List<Entry> readFrame(Position position) {
    try {
      Segment segment = position.segment;
      ByteBuffer head = ByteBuffer.allocate(FRAME_HEADER_BYTES);
      segment.file.readFully(head, position.offset);
      head.flip();
      int length = head.getInt();
      int crc = head.getInt();
      long sequence = head.getLong();
      if (length < 0 || length > segment.size) {
        throw new IllegalStateException("log frame damaged at " + position.offset);
      }
      ByteBuffer payload = ByteBuffer.allocate(length);
      segment.file.readFully(payload, position.offset + FRAME_HEADER_BYTES);
      payload.flip();
      if (crc(segment.salt, sequence, payload) != crc) {
        throw new IllegalStateException("log frame damaged at " + position.offset);
      }
      List<Entry> entries = new ArrayList<>();
      parse(payload, entries::add, state -> {});
      return entries;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void parse(ByteBuffer payload, Consumer<Entry> entries, Consumer<HardState> states)
      throws CorruptLogException {
    try {
      while (payload.hasRemaining()) {
        byte type = payload.get();
        int length = payload.getInt();
        switch (type) {
          case ENTRY -> {
            long term = payload.getLong();
            long index = payload.getLong();
            Entry.Kind kind = Entry.Kind.of(payload.get());
            byte[] data = new byte[length - 17];
            payload.get(data);
            entries.accept(new Entry(term, index, kind, data));
          }
          case HARD_STATE -> {
            states.accept(HardState.parseFrom(payload.slice(payload.position(), length)));
            payload.position(payload.position() + length);
          }
          default -> throw new CorruptLogException("unknown log record " + type);
        }
      }
    } catch (InvalidProtocolBufferException
        | BufferUnderflowException
        | NegativeArraySizeException
        | IllegalArgumentException
        | IndexOutOfBoundsException e) {
      throw new CorruptLogException("malformed log record: " + e.getMessage());
    }
  }

  // --- Recovery ---

  private void recover(Consumer<Entry> entries) throws IOException {
    List<Long> numbers = new ArrayList<>();
    for (String name : disk.list(DIRECTORY)) {
      if (name.startsWith("log-") && name.endsWith(".seg")) {
        numbers.add(Long.parseUnsignedLong(name.substring(4, 20), 16));
      }
    }
    boolean torn = false;
    for (int i = 0; i < numbers.size(); i++) {
      boolean last = i == numbers.size() - 1;
      torn = recoverSegment(numbers.get(i), last, i == 0, entries);
    }
    if (torn) {
      roll();
    } else if (!segments.isEmpty()) {
      Segment newest = segments.lastEntry().getValue();
      tail = (int) (newest.end % DiskFile.BLOCK_BYTES);
      newest.file.readFully(blocks.clear().limit(tail), newest.end - tail);
    }
  }

  /** Returns true if the segment ends in a torn frame. */
  private boolean recoverSegment(long number, boolean last, boolean first, Consumer<Entry> entries)
      throws IOException {
    DiskFile file = disk.openDirect(path(number), false);
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    boolean whole = file.size() >= HEADER_BYTES;
    if (whole) {
      file.readFully(header, 0);
      header.flip();
      whole = header.getLong(0) == MAGIC && header.getInt(12) == headerCrc(header);
    }
    if (whole && header.getInt(8) != VERSION) {
      throw new IOException(
          "%s has format version %d; this release reads version %d. Use the release that wrote it."
              .formatted(path(number), header.getInt(8), VERSION));
    }
    if (!whole || header.getLong(16) != number) {
      // A header is durable before the first frame is written: without one, nothing was lost.
      boolean begun = !last || hasFirstFrame(file);
      file.close();
      if (begun) {
        throw new CorruptLogException(path(number) + " has a damaged header");
      }
      disk.delete(path(number));
      return false;
    }
    if (first) {
      nextSequence = header.getLong(32);
    } else if (header.getLong(32) != nextSequence) {
      file.close();
      throw new CorruptLogException(
          "log records %d to %d are damaged or gone".formatted(nextSequence, header.getLong(32)));
    }
    Segment segment = new Segment(number, header.getLong(24), file, file.size());
    segment.end = HEADER_BYTES;
    segments.put(number, segment);
    return recoverFrames(segment, entries);
  }

  private static boolean hasFirstFrame(DiskFile file) throws IOException {
    if (file.size() < HEADER_BYTES + FRAME_HEADER_BYTES) {
      return false;
    }
    ByteBuffer frame = ByteBuffer.allocate(FRAME_HEADER_BYTES);
    file.readFully(frame, HEADER_BYTES);
    return frame.getLong(0) != 0 || frame.getLong(8) != 0;
  }

  private boolean recoverFrames(Segment segment, Consumer<Entry> entries) throws IOException {
    ByteBuffer content = ByteBuffer.allocateDirect((int) segment.size);
    segment.file.readFully(content, 0);
    content.flip();
    while (true) {
      long offset = segment.end;
      Optional<ByteBuffer> payload = frameAt(content, segment.salt, (int) offset, nextSequence);
      if (payload.isEmpty()) {
        break;
      }
      int length = payload.get().remaining();
      parse(
          payload.get(),
          entry -> {
            note(entry, segment, offset);
            entries.accept(entry);
          },
          state -> hardState = state);
      nextSequence++;
      segment.end += padded(FRAME_HEADER_BYTES + length);
    }
    return checkTail(content, segment);
  }

  private void note(Entry entry, Segment segment, long offset) {
    synchronized (positions) {
      positions.tailMap(entry.index(), true).clear();
      Map.Entry<Long, Position> before = positions.lastEntry();
      if (before == null || !before.getValue().equals(new Position(segment, offset))) {
        positions.put(entry.index(), new Position(segment, offset));
      }
    }
    segment.lastIndex = Math.max(segment.lastIndex, entry.index());
  }

  private static Optional<ByteBuffer> frameAt(
      ByteBuffer content, long salt, int offset, long sequence) {
    if (offset + FRAME_HEADER_BYTES > content.limit()) {
      return Optional.empty();
    }
    int length = content.getInt(offset);
    if (length <= 0
        || length > content.limit() - offset - FRAME_HEADER_BYTES
        || content.getLong(offset + 8) != sequence) {
      return Optional.empty();
    }
    ByteBuffer payload = content.slice(offset + FRAME_HEADER_BYTES, length);
    return crc(salt, sequence, payload) == content.getInt(offset + 4)
        ? Optional.of(payload)
        : Optional.empty();
  }

  /**
   * Tells a torn last write from damage to what had been durable, which has valid frames behind it.
   */
  private boolean checkTail(ByteBuffer content, Segment segment) throws CorruptLogException {
    boolean torn = false;
    for (int at = (int) segment.end; at + FRAME_HEADER_BYTES <= content.limit(); at += 8) {
      long sequence = content.getLong(at + 8);
      boolean plausible = sequence > nextSequence && sequence - nextSequence < 1 << 20;
      if (plausible && frameAt(content, segment.salt, at, sequence).isPresent()) {
        throw new CorruptLogException(
            "log record %d is damaged, but record %d behind it is whole"
                .formatted(nextSequence, sequence));
      }
      torn |= at == segment.end && content.getLong(at) != 0;
    }
    return torn;
  }

  @Override
  public void close() throws IOException {
    for (Segment segment : segments.values()) {
      segment.file.close();
    }
  }
}
