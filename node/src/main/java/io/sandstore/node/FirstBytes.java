package io.sandstore.node;

import io.sandstore.host.Deadline;
import io.sandstore.replication.BlockPlane;
import io.sandstore.rpc.Reply;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Header;
import io.sandstore.wire.ReadBlock;
import java.io.IOException;

/**
 * The bytes of a small file with the answer to who opens it, if they are in one block that is here:
 * then opening and reading it is one round trip. Everything else is read as ever.
 */
final class FirstBytes {

  /** The longest file whose bytes come with its attributes. */
  static final int MAX = 128 << 10;

  private FirstBytes() {}

  /** An answer with the bytes of which it says where they are, or as it is. */
  static Reply with(Reply answer, Ask ask, BlockPlane blocks, Deadline deadline)
      throws IOException, InterruptedException {
    Answer found = answer.header().getAnswer();
    long size = found.getAttributes().getSize();
    if (found.getExtentsCount() != 1 || !isSmall(ask, size) || !covers(found.getExtents(0), size)) {
      return answer;
    }
    Extent extent = found.getExtents(0);
    ReadBlock here =
        ReadBlock.newBuilder()
            .setBlock(extent.getBlock())
            .setOffset(extent.getBlockOffset())
            .setLength((int) size)
            .setLocal(true)
            .build();
    try {
      Reply bytes = blocks.read(here, deadline);
      Header.Builder both = answer.header();
      both.getAnswerBuilder().setWhole(true);
      return new Reply(both, bytes.payload(), bytes.region(), bytes.release());
    } catch (IOException e) {
      return answer; // not here, or not whole: whoever wants them asks a holder
    }
  }

  private static boolean isSmall(Ask ask, long size) {
    return size > 0 && size <= Math.min(MAX, Integer.toUnsignedLong(ask.getFirstBytes()));
  }

  private static boolean covers(Extent extent, long size) {
    return extent.getOffset() == 0 && extent.getLength() == size;
  }
}
