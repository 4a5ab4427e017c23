package io.sandstore.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.wire.HardState;
import java.io.Closeable;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
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
 * <p>Segments go one at a time, the oldest first, each durably before the next: those that are left
 * follow each other. A {@link #reset} gives up all at once, by one frame: the first of a new
 * segment says that earlier ones are void.
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
  private static final int READ_ATTEMPTS = 10;
  static final String DIRECTORY = "raft";
  private static final byte[] ZEROS = new byte[DiskFile.BLOCK_BYTES];

  private final Disk disk;
  private final String directory;
  private final RandomGenerator random;
  private final int segmentBytes;
  private final int frameBytesMax;

  private final TreeMap<Long, Segment> segments = new TreeMap<>();

  /** Where the entries from an index on are, up to the next key. Guarded by itself. */
  private final TreeMap<Long, Position> positions = new TreeMap<>();

  private HardState hardState = HardState.getDefaultInstance();
  private long nextSequence = 1;

  /** The log was begun anew behind this index, which a snapshot covers; 0: it never was. */
  private long beginsBehind;

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

    /** Where the last frame that was found begins. */
    long lastFrame;

    long lastIndex;

    Segment(long number, long salt, DiskFile file, long size) {
      this.number = number;
      this.salt = salt;
      this.file = file;
      this.size = size;
    }
  }

  private LogStore(Disk disk, String directory, RandomGenerator random, int segmentBytes) {
    this.disk = disk;
    this.directory = directory;
    this.random = random;
    this.segmentBytes = segmentBytes;
    this.frameBytesMax = Math.min(FRAME_BYTES_MAX, segmentBytes / 4);
  }

  /**
   * Reads the log of a member, or begins one. What a crash left half done is finished.
   *
   * @param entries is given every entry in the order of writing; one with the index of an earlier
   *     one replaces it and all that followed
   * @throws CorruptLogException if the log lost something that had been durable
   */
  static LogStore open(Disk disk, RandomGenerator random, int segmentBytes, Consumer<Entry> entries)
      throws IOException {
    return open(disk, DIRECTORY, random, segmentBytes, entries);
  }

  /** The same in another directory. */
  static LogStore open(
      Disk disk,
      String directory,
      RandomGenerator random,
      int segmentBytes,
      Consumer<Entry> entries)
      throws IOException {
    LogStore store = new LogStore(disk, directory, random, segmentBytes);
    try {
      store.mend(store.scan(entries));
    } catch (IOException | RuntimeException e) {
      store.close();
      throw e;
    }
    return store;
  }

  /**
   * Reads a log and changes nothing on the disk.
   *
   * @param entries as for {@link #open}; until the damage, if there is some
   * @return the last term and vote
   */
  static HardState look(Disk disk, String directory, Consumer<Entry> entries) throws IOException {
    try (LogStore store = new LogStore(disk, directory, new SplittableRandom(), 0)) {
      store.scan(entries);
      return store.hardState;
    }
  }

  /** True if there is a segment that was in use, whatever else is in it. */
  static boolean exists(Disk disk, String directory) throws IOException {
    for (long number : numbers(disk, directory)) {
      try (DiskFile file = disk.openDirect(path(directory, number), false)) {
        if (header(file).isPresent()) {
          return true;
        }
      }
    }
    return false;
  }

  HardState hardState() {
    return hardState;
  }

  /** Index behind which the log was begun anew, covered by a snapshot; 0 if it never was. */
  long beginsBehind() {
    return beginsBehind;
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
    Segment segment = segments.lastEntry().getValue();
    if (segment.size - segment.end < bytes) {
      segment = roll(0);
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

  /**
   * Begins a new segment, which repeats term and vote so that older ones can go.
   *
   * @param voidUpTo if not 0, older segments do not count from now on: a snapshot at this index
   *     took their place
   */
  private Segment roll(long voidUpTo) throws IOException {
    long number = segments.isEmpty() ? 1 : segments.lastKey() + 1;
    String path = path(directory, number);
    List<String> spares = spares();
    if (!spares.isEmpty()) {
      String spare = directory + "/" + spares.getFirst();
      unmark(spare);
      disk.rename(spare, path);
    }
    DiskFile file = disk.openDirect(path, true);
    if (file.size() < segmentBytes) {
      fillWithZeros(file);
    }
    Segment segment = new Segment(number, random.nextLong(), file, segmentBytes);
    tail = 0;
    blocks.clear().put(header(segment, nextSequence));
    writeBlocks(segment, HEADER_BYTES);
    disk.forceDirectory(directory);
    segments.put(number, segment);
    beginFrame(FRAME_HEADER_BYTES + 64);
    putHardState(hardState.toBuilder().setLogBeginsBehind(voidUpTo).build());
    writeFrame(segment);
    return segment;
  }

  /** Without a header and a first frame it can never be taken for a segment in use. */
  private void unmark(String spare) throws IOException {
    try (DiskFile file = disk.open(spare, false)) {
      file.write(ByteBuffer.allocate(HEADER_BYTES + FRAME_HEADER_BYTES), 0);
      file.force();
    }
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

  private static String path(String directory, long number) {
    return "%s/log-%016x.seg".formatted(directory, number);
  }

  private static List<Long> numbers(Disk disk, String directory) throws IOException {
    return disk.list(directory).stream()
        .filter(name -> name.startsWith("log-") && name.endsWith(".seg"))
        .map(name -> Long.parseUnsignedLong(name.substring(4, 20), 16))
        .toList();
  }

  private List<String> spares() throws IOException {
    return disk.list(directory).stream().filter(name -> name.startsWith("spare-")).toList();
  }

  /** Gives up segments of which every entry is at or before an index. */
  void compactTo(long index) throws IOException {
    while (segments.size() > 1 && segments.firstEntry().getValue().lastIndex <= index) {
      giveUpOldest();
      disk.forceDirectory(directory);
    }
  }

  /** Drops every entry: a snapshot at this index took their place. Term and vote stay. */
  void reset(HardState state, long index) throws IOException {
    hardState = state;
    beginsBehind = index;
    roll(index);
    while (segments.size() > 1) {
      giveUpOldest();
    }
    disk.forceDirectory(directory);
  }

  private void giveUpOldest() throws IOException {
    Segment oldest = segments.pollFirstEntry().getValue();
    synchronized (positions) {
      positions.values().removeIf(position -> position.segment == oldest);
    }
    oldest.file.close();
    retire(oldest.number);
  }

  /** Keeps a segment that is not needed for later use, or removes it. */
  private void retire(long number) throws IOException {
    if (spares().size() < SPARES_MAX) {
      disk.rename(path(directory, number), "%s/spare-%016x".formatted(directory, number));
    } else {
      disk.delete(path(directory, number));
    }
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

  /**
   * What a crash left half done.
   *
   * @param numbers segments that do not count any more, or not yet
   * @param torn if the newest segment ends in a torn frame
   */
  private record Leftovers(List<Long> numbers, boolean torn) {}

  private Leftovers scan(Consumer<Entry> entries) throws IOException {
    List<Long> numbers = numbers(disk, directory);
    int first = Math.max(0, numbers.size() - 1);
    while (first > 0 && !beginsAnew(numbers.get(first))) {
      first--;
    }
    List<Long> leftovers = new ArrayList<>(numbers.subList(0, first));
    boolean torn = false;
    for (int i = first; i < numbers.size(); i++) {
      long number = numbers.get(i);
      DiskFile file = disk.openDirect(path(directory, number), false);
      Optional<ByteBuffer> header = header(file).filter(h -> h.getLong(16) == number);
      if (header.isPresent()) {
        Segment segment = new Segment(number, header.get().getLong(24), file, file.size());
        segments.put(number, segment);
        torn = scanSegment(segment, header.get().getLong(32), i == first, entries);
      } else {
        // A header is durable before the first frame is written: without one, nothing was lost.
        boolean begun = i < numbers.size() - 1 || hasFirstFrame(file);
        file.close();
        if (begun) {
          throw new CorruptLogException(path(directory, number) + " has a damaged header");
        }
        leftovers.add(number);
      }
    }
    return new Leftovers(leftovers, torn);
  }

  /** Makes the disk as if what a crash interrupted had been finished, or never been begun. */
  private void mend(Leftovers leftovers) throws IOException {
    boolean whole = !leftovers.torn && !segments.isEmpty();
    if (whole) {
      forceLastFrame(segments.lastEntry().getValue()); // before what it makes void goes
    }
    for (long number : leftovers.numbers) {
      retire(number);
    }
    if (!whole) {
      roll(0);
      return;
    }
    Segment newest = segments.lastEntry().getValue();
    tail = (int) (newest.end % DiskFile.BLOCK_BYTES);
    readFully(newest.file, blocks.clear().limit(tail), newest.end - tail);
  }

  /**
   * What is found here counts as durable from now on, but the process that wrote the last frame may
   * have ended before it forced it, or because it could not; then the system may take its pages for
   * clean. Written again, they are not. Earlier frames were forced before the last one was begun.
   */
  private void forceLastFrame(Segment newest) throws IOException {
    long from = newest.lastFrame - newest.lastFrame % DiskFile.BLOCK_BYTES;
    int length = (int) (newest.end - from);
    ByteBuffer again = DiskFile.wholeBlocks(length);
    readFully(newest.file, again.limit(length), from);
    again.limit(again.capacity()).put(new byte[again.remaining()]);
    newest.file.write(again.flip(), from);
    newest.file.force();
    disk.forceDirectory(directory);
  }

  /** True if earlier segments do not count, because a snapshot took their place. */
  private boolean beginsAnew(long number) throws IOException {
    try (DiskFile file = disk.openDirect(path(directory, number), false)) {
      Optional<ByteBuffer> header = header(file);
      if (header.isEmpty()) {
        return false;
      }
      ByteBuffer content = ByteBuffer.allocate((int) Math.min(file.size(), DiskFile.BLOCK_BYTES));
      readFully(file, content, 0);
      long salt = header.get().getLong(24);
      long sequence = header.get().getLong(32);
      Optional<ByteBuffer> frame = frameAt(content.flip(), salt, HEADER_BYTES, sequence);
      boolean[] anew = {false};
      if (frame.isPresent()) {
        parse(frame.get(), entry -> {}, state -> anew[0] = state.getLogBeginsBehind() > 0);
      }
      return anew[0];
    }
  }

  /** The header of a segment if it is whole. */
  private static Optional<ByteBuffer> header(DiskFile file) throws IOException {
    if (file.size() < HEADER_BYTES) {
      return Optional.empty();
    }
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    readFully(file, header, 0);
    header.flip();
    if (header.getLong(0) != MAGIC || header.getInt(12) != headerCrc(header)) {
      return Optional.empty();
    }
    if (header.getInt(8) != VERSION) {
      throw new IOException(
          "a segment of the log has format version %d; this release reads version %d. Use the release that wrote it."
              .formatted(header.getInt(8), VERSION));
    }
    return Optional.of(header);
  }

  /**
   * A disk that cannot read what was durable has lost it; asked several times, for an error may
   * pass, and a new identity is a high price.
   */
  static void readFully(DiskFile file, ByteBuffer into, long position) throws IOException {
    int begin = into.position();
    for (int attempt = 1; ; attempt++) {
      try {
        file.readFully(into.position(begin), position);
        return;
      } catch (IOException e) {
        if (attempt == READ_ATTEMPTS) {
          throw new CorruptLogException("the disk cannot read what it had: " + e.getMessage());
        }
      }
    }
  }

  private static boolean hasFirstFrame(DiskFile file) throws IOException {
    if (file.size() < HEADER_BYTES + FRAME_HEADER_BYTES) {
      return false;
    }
    ByteBuffer frame = ByteBuffer.allocate(FRAME_HEADER_BYTES);
    readFully(file, frame, HEADER_BYTES);
    return frame.getLong(0) != 0 || frame.getLong(8) != 0;
  }

  /** Returns true if the segment ends in a torn frame. */
  private boolean scanSegment(
      Segment segment, long firstSequence, boolean first, Consumer<Entry> entries)
      throws IOException {
    if (first) {
      nextSequence = firstSequence;
    } else if (firstSequence != nextSequence) {
      throw new CorruptLogException(
          "log records %d to %d are damaged or gone".formatted(nextSequence, firstSequence));
    }
    segment.end = HEADER_BYTES;
    ByteBuffer content = ByteBuffer.allocateDirect((int) segment.size);
    readFully(segment.file, content, 0);
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
          this::note);
      nextSequence++;
      segment.lastFrame = segment.end;
      segment.end += padded(FRAME_HEADER_BYTES + length);
    }
    return checkTail(content, segment);
  }

  private void note(HardState state) {
    beginsBehind = Math.max(beginsBehind, state.getLogBeginsBehind());
    hardState = state.toBuilder().clearLogBeginsBehind().build();
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
