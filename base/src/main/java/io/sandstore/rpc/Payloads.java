package io.sandstore.rpc;

import io.sandstore.host.Frame;
import io.sandstore.wire.Header;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * The checksum that travels beside every payload: the sender's over all of it, or those of the
 * chunks of a block as they lie on its disk.
 */
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
    ByteBuffer payload = frame.payload();
    if (!payload.hasRemaining()) {
      return;
    }
    int chunkBytes = frame.header().getReadBlockReply().getChunkBytes();
    boolean whole =
        chunkBytes == 0
            ? crc(payload) == frame.header().getPayloadCrc()
            : areWhole(payload, chunkBytes, frame.header().getReadBlockReply().getChunkCrcsList());
    if (!whole) {
      throw new DamagedException("payload from " + remote + " is damaged");
    }
  }

  private static boolean areWhole(ByteBuffer payload, int chunkBytes, List<Integer> crcs) {
    int length = payload.remaining();
    if (chunkBytes < 0 || crcs.size() != (length - 1) / chunkBytes + 1) {
      return false;
    }
    int at = payload.position();
    for (int crc : crcs) {
      int part = Math.min(chunkBytes, payload.limit() - at);
      if (crc(payload.slice(at, part)) != crc) {
        return false;
      }
      at += part;
    }
    return true;
  }
}
