package io.sandstore.namespace;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;

/**
 * A part of a snapshot that can be decoded by itself.
 *
 * <pre>
 *   length 4 | kind 1 | entries 4 | bytes
 * </pre>
 */
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
record NamespaceFrame(int kind, int entries, byte[] bytes) {

  /** What protobuf records are in, each behind its length. */
  static final int RECORDS = 0;

  static final int INODES = 1;
  static final int DENTRIES = 2;
  static final int EXTENTS = 3;
  static final int BLOCKS = 4;

  /**
   * A frame is written when it has so many bytes or entries; the last entry may exceed the former.
   */
  static final int BYTES = 64 << 10;

  static final int ENTRIES = 1024;

  /** What says that it is longer is damaged. */
  private static final int BYTES_MAX = 4 << 20;

  static void write(OutputStream out, int kind, int entries, Packed.Out packed) throws IOException {
    DataOutputStream data = new DataOutputStream(out);
    data.writeInt(packed.length());
    data.writeByte(kind);
    data.writeInt(entries);
    data.write(packed.bytes(), 0, packed.length());
  }

  /** The next frame; none at the end. */
  static Optional<NamespaceFrame> read(InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    int first = data.read();
    if (first < 0) {
      return Optional.empty();
    }
    try {
      int length = first << 24 | data.readUnsignedByte() << 16 | data.readUnsignedShort();
      int kind = data.readUnsignedByte();
      int entries = data.readInt();
      if (length < 0 || length > BYTES_MAX || entries <= 0 || entries > length) {
        throw Packed.damaged();
      }
      byte[] bytes = data.readNBytes(length);
      if (bytes.length < length) {
        throw Packed.damaged();
      }
      return Optional.of(new NamespaceFrame(kind, entries, bytes));
    } catch (EOFException e) {
      throw Packed.damaged();
    }
  }
}
