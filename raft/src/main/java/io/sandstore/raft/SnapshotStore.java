package io.sandstore.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.Disk;
import io.sandstore.host.DiskFile;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.wire.SnapshotMeta;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Snapshots of the state machine on disk; the newest one counts. A file gets its name only when it
 * is whole and durable.
 *
 * <pre>
 *   magic 8 | version 4 | meta length 4 | crc 4 | meta | chunks: length 4, crc 4, bytes | 0 4 | end
 * </pre>
 *
 * <p>The header's crc covers version, length and meta, in every version from 2 on, so that a
 * damaged version is not taken for another one. In version 1 it covered the meta alone. From
 * version 3 on the content is not a stream of records any more; the file is the same.
 */
final class SnapshotStore {

  static final int VERSION = 3;
  private static final long MAGIC = 0x53414E44534E5031L; // SANDSNP1
  private static final int HEADER_BYTES = 20;
  private static final int CHUNK_BYTES = 256 << 10;
  private static final int META_BYTES_MAX = 1 << 20;
  private static final String DIRECTORY = "raft";

  private final Disk disk;

  SnapshotStore(Disk disk) {
    this.disk = disk;
  }

  /** A snapshot that is there. */
  record Stored(String path, long index) {}

  Optional<Stored> newest() throws IOException {
    return disk.list(DIRECTORY).stream()
        .filter(SnapshotStore::isSnapshot)
        .reduce((a, b) -> b)
        .map(name -> new Stored(DIRECTORY + "/" + name, index(name)));
  }

  /** Removes what a process that ended was writing or receiving; nothing may be under way. */
  void removeUnfinished() throws IOException {
    for (String name : disk.list(DIRECTORY)) {
      if (name.startsWith("snapshot-") && name.endsWith(".tmp")) {
        disk.delete(DIRECTORY + "/" + name);
      }
    }
  }

  static String temporary(String purpose) {
    return DIRECTORY + "/snapshot-" + purpose + ".tmp";
  }

  /** Gives a whole, durable temporary file its name and removes older ones. */
  void publish(String temporary, long index) throws IOException {
    disk.rename(temporary, "%s/snapshot-%016x".formatted(DIRECTORY, index));
    disk.forceDirectory(DIRECTORY);
    remove(before(index));
  }

  /** Removes those before the newest: who published it may have ended before that. */
  void removeOlder() throws IOException {
    List<String> older = before(newest().map(Stored::index).orElse(0L));
    if (!older.isEmpty()) {
      disk.forceDirectory(DIRECTORY); // the newest's name may not be durable either
      remove(older);
    }
  }

  private List<String> before(long index) throws IOException {
    return disk.list(DIRECTORY).stream()
        .filter(SnapshotStore::isSnapshot)
        .filter(name -> index(name) < index)
        .toList();
  }

  private void remove(List<String> names) throws IOException {
    for (String name : names) {
      disk.delete(DIRECTORY + "/" + name);
    }
    disk.forceDirectory(DIRECTORY); // or a power loss brings all of them back, time and again
  }

  private static boolean isSnapshot(String name) {
    return name.startsWith("snapshot-") && !name.endsWith(".tmp");
  }

  private static long index(String name) {
    return Long.parseUnsignedLong(name.substring("snapshot-".length()), 16);
  }

  /** Removes what was not finished: on a full disk it takes room from others. */
  void discard(String temporary) throws IOException {
    disk.delete(temporary);
  }

  /** Writes a file: the meta now, the content as it comes, durable when closed. */
  Writer write(String path, SnapshotMeta meta) throws IOException {
    disk.delete(path);
    return new Writer(disk.open(path, true), meta);
  }

  /** The content of a snapshot, checked as it is read. */
  static final class Writer extends OutputStream {
    private final DiskFile file;
    private final ByteBuffer chunk = ByteBuffer.allocate(8 + CHUNK_BYTES).position(8);
    private long position;

    private Writer(DiskFile file, SnapshotMeta meta) throws IOException {
      this.file = file;
      byte[] bytes = meta.toByteArray();
      ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES + bytes.length);
      header.putLong(MAGIC).putInt(VERSION).putInt(bytes.length);
      header.putInt(headerCrc(VERSION, ByteBuffer.wrap(bytes))).put(bytes).flip();
      put(header);
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      while (length > 0) {
        int part = Math.min(length, chunk.remaining());
        chunk.put(bytes, offset, part);
        offset += part;
        length -= part;
        if (!chunk.hasRemaining()) {
          flushChunk();
        }
      }
    }

    private void flushChunk() throws IOException {
      chunk.flip();
      int length = chunk.limit() - 8;
      if (length > 0) {
        chunk.putInt(0, length).putInt(4, crc(chunk.slice(8, length)));
        put(chunk);
      }
      chunk.clear().position(8);
    }

    private void put(ByteBuffer bytes) throws IOException {
      int length = bytes.remaining();
      file.write(bytes, position);
      position += length;
    }

    /** Ends the file and makes it durable. */
    void finish() throws IOException {
      flushChunk();
      put(ByteBuffer.allocate(4));
      file.force();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }

  /** Opens a snapshot and checks its header. */
  Reader read(String path) throws IOException {
    return new Reader(path, disk.open(path, false));
  }

  /** The content of a snapshot; every chunk is checked before it is handed out. */
  static final class Reader extends InputStream {
    private final String path;
    private final DiskFile file;
    private final SnapshotMeta meta;
    private ByteBuffer chunk = ByteBuffer.allocate(0);
    private final CRC32C crc = new CRC32C();
    private long position;
    private boolean ended;

    private Reader(String path, DiskFile file) throws IOException {
      this.path = path;
      this.file = file;
      ByteBuffer header = take(HEADER_BYTES);
      if (header.getLong() != MAGIC) {
        throw new CorruptLogException(path + " is not a snapshot");
      }
      int version = header.getInt();
      int length = header.getInt();
      if (length < 0 || length > META_BYTES_MAX) {
        throw new CorruptLogException(path + " has a damaged header");
      }
      int expected = header.getInt();
      ByteBuffer bytes = take(length);
      boolean first = version == 1 && expected == crc(bytes);
      if (!first && expected != headerCrc(version, bytes)) {
        throw new CorruptLogException(path + " has a damaged header");
      }
      if (!first && (version < 2 || version > VERSION)) {
        throw new IOException(
            "%s has format version %d; this release reads versions 1 to %d. Use the release that wrote it."
                .formatted(path, version, VERSION));
      }
      try {
        meta = SnapshotMeta.parseFrom(bytes);
      } catch (InvalidProtocolBufferException e) {
        throw new CorruptLogException(path + " has a damaged header");
      }
    }

    SnapshotMeta meta() {
      return meta;
    }

    private ByteBuffer take(int length) throws IOException {
      if (position + length > file.size()) {
        throw new CorruptLogException(path + " is cut short");
      }
      ByteBuffer bytes = ByteBuffer.allocate(length);
      LogStore.readFully(file, bytes, position);
      position += length;
      bytes.flip();
      crc.update(bytes.duplicate());
      return bytes;
    }

    long size() throws IOException {
      return file.size();
    }

    /** Bytes of the file as it is, its format included. */
    ByteBuffer at(long offset, int length) throws IOException {
      ByteBuffer bytes = ByteBuffer.allocate(length);
      file.readFully(bytes, offset);
      return bytes.flip();
    }

    private boolean advance() throws IOException {
      if (ended) {
        return false;
      }
      int length = take(4).getInt();
      if (length == 0) {
        if (position != file.size()) {
          throw new CorruptLogException(path + " ends before its end");
        }
        ended = true;
        return false;
      }
      if (length < 0 || length > CHUNK_BYTES) {
        throw new CorruptLogException(path + " is damaged");
      }
      int expected = take(4).getInt();
      chunk = take(length);
      if (crc(chunk) != expected) {
        throw new CorruptLogException(path + " is damaged");
      }
      return true;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      if (!chunk.hasRemaining() && !advance()) {
        return -1;
      }
      int part = Math.min(length, chunk.remaining());
      chunk.get(bytes, offset, part);
      return part;
    }

    /** Reads to the end, which checks every byte; the CRC32C of the whole file. */
    int verify() throws IOException {
      byte[] sink = new byte[CHUNK_BYTES];
      while (read(sink, 0, sink.length) >= 0) {
        // Reading is checking.
      }
      return (int) crc.getValue();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }

  private static int headerCrc(int version, ByteBuffer meta) {
    CRC32C crc = new CRC32C();
    crc.update(ByteBuffer.allocate(8).putInt(version).putInt(meta.remaining()).flip());
    crc.update(meta.duplicate());
    return (int) crc.getValue();
  }

  private static int crc(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate());
    return (int) crc.getValue();
  }
}
