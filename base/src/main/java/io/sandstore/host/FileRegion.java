package io.sandstore.host;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A part of an open file that a link sends as a payload, without a copy where that can be. */
public record FileRegion(DiskFile file, long position, int length) {

  /** The bytes, for a link that has no shorter way. */
  public ByteBuffer read() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    file.readFully(bytes, position);
    return bytes.flip();
  }
}
