package io.sandstore.rpc;

import io.sandstore.host.Frame;
import io.sandstore.wire.Header;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** The checksum that travels beside every payload. */
final class Payloads {

  private Payloads() {}

  static int crc(ByteBuffer payload) {
    CRC32C crc = new CRC32C();
    crc.update(payload.duplicate());
    return (int) crc.getValue();
  }

  static Header.Builder seal(Header.Builder header, ByteBuffer payload) {
    return payload.hasRemaining() ? header.setPayloadCrc(crc(payload)) : header;
  }

  static void verify(Frame frame, String remote) throws IOException {
    if (frame.payload().hasRemaining() && crc(frame.payload()) != frame.header().getPayloadCrc()) {
      throw new IOException("payload from " + remote + " was corrupted on the way");
    }
  }
}
