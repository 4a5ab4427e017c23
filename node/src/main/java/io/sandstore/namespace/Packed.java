package io.sandstore.namespace;

import java.io.IOException;
import java.util.Arrays;

/** Integers of variable length, seven bits a byte, the lowest first: what is small takes little. */
final class Packed {

  private Packed() {}

  /** Bytes that grow. */
  static final class Out {
    private byte[] bytes = new byte[16 << 10];
    private int length;

    int length() {
      return length;
    }

    byte[] bytes() {
      return bytes;
    }

    void clear() {
      length = 0;
    }

    private void makeRoom(int more) {
      if (length + more > bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
      }
    }

    /** Small where the value is small; ten bytes where it is negative. */
    void unsigned(long value) {
      makeRoom(10);
      long rest = value;
      while ((rest & ~0x7FL) != 0) {
        bytes[length++] = (byte) (rest | 0x80);
        rest >>>= 7;
      }
      bytes[length++] = (byte) rest;
    }

    /** Small where the value is near zero, of either sign. */
    void signed(long value) {
      unsigned((value << 1) ^ (value >> 63));
    }

    void raw(byte[] from, int offset, int count) {
      makeRoom(count);
      System.arraycopy(from, offset, bytes, length, count);
      length += count;
    }
  }

  /** What an {@link Out} took. Trusts nothing: what does not fit is refused. */
  static final class In {
    private final byte[] bytes;
    private int position;

    In(byte[] bytes) {
      this.bytes = bytes;
    }

    boolean ended() {
      return position == bytes.length;
    }

    long unsigned() throws IOException {
      long value = 0;
      for (int shift = 0; shift < 64; shift += 7) {
        if (position == bytes.length) {
          throw damaged();
        }
        byte next = bytes[position++];
        value |= (long) (next & 0x7F) << shift;
        if (next >= 0) {
          return value;
        }
      }
      throw damaged();
    }

    long signed() throws IOException {
      long folded = unsigned();
      return (folded >>> 1) ^ -(folded & 1);
    }

    /** A number of bytes that are here; at most what is left. */
    int count() throws IOException {
      long count = unsigned();
      if (count < 0 || count > bytes.length - position) {
        throw damaged();
      }
      return (int) count;
    }

    byte[] raw(int count) {
      position += count;
      return Arrays.copyOfRange(bytes, position - count, position);
    }

    void raw(byte[] to, int offset, int count) {
      System.arraycopy(bytes, position, to, offset, count);
      position += count;
    }
  }

  static IOException damaged() {
    return new IOException("a malformed snapshot of the namespace");
  }
}
