package io.sandstore.client;

import io.sandstore.host.Frame;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.ReadBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Asks for what a sequential reader of one file will want next, some chunks at a time. Blocks never
 * change, so bytes that were fetched early are as good as bytes fetched late; which blocks a file
 * consists of is asked anew at every read, so that no acknowledged write is missed.
 *
 * <p>Looks {@link #WINDOW_BYTES} ahead, if the client's {@link SandstoreClient#aheads} allow: what
 * has arrived waits in a buffer of the link's, and others need some too. Not thread-safe: the
 * file's lock guards it.
 */
final class ReadAhead {

  /** How far ahead of the reader. */
  static final int WINDOW_BYTES = 4 << 20;

  /** Measured: 1 MiB gives two thirds of the rate (docs/performance.md). */
  private static final int CHUNK_BYTES = 512 << 10;

  /** A part of a block that is fetched as one. */
  private record Chunk(long block, int from, int to) {

    ReadBlock request() {
      return ReadBlock.newBuilder()
          .setBlock(block)
          .setOffset(from)
          .setLength(to - from)
          .setUnchecked(true)
          .build();
    }
  }

  /** A reader that was not heard of for so long gives everything back when others want it. */
  static final Duration IDLE_AFTER = Duration.ofMillis(500);

  private final SandstoreClient client;
  private final SandFile file;
  private final LinkedHashMap<Chunk, Part> parts = new LinkedHashMap<>();

  /** Chunks for which a permit is held; others look at it. */
  private final AtomicInteger held = new AtomicInteger();

  private long usedNanos;

  ReadAhead(SandstoreClient client, SandFile file) {
    this.client = client;
    this.file = file;
  }

  int held() {
    return held.get();
  }

  /** Gives back what is furthest ahead, down to a share, or all if the reader is idle. */
  void share(int share) {
    boolean idle = client.clock().nanos() - usedNanos >= IDLE_AFTER.toNanos();
    while (held.get() > (idle ? 0 : share)) {
      drop(parts.lastEntry().getKey());
    }
  }

  /**
   * Copies a part of an extent's block, and asks for what follows.
   *
   * @param following the file's extents behind this one, as far as they are known
   * @throws IOException if a chunk could not be fetched; nothing was copied of it
   */
  void read(ByteBuffer into, Extent extent, int from, int to, List<Extent> following)
      throws IOException {
    usedNanos = client.clock().nanos();
    for (int at = from; at < to; ) {
      lookAhead(extent, at, following);
      Chunk chunk = chunk(extent, at);
      Part part = parts.computeIfAbsent(chunk, c -> new Part(c, null));
      ByteBuffer bytes = part.bytes(extent.getHoldersList());
      int count = Math.min(to, chunk.to) - at;
      into.put(bytes.slice(at - chunk.from, count));
      at += count;
      if (at == chunk.to) {
        drop(chunk);
      }
    }
  }

  /** Forgets everything: the reader went elsewhere. */
  void clear() {
    parts.values().forEach(Part::close);
    parts.clear();
  }

  private void drop(Chunk chunk) {
    Part part = parts.remove(chunk);
    if (part != null) {
      part.close();
    }
  }

  private static Chunk chunk(Extent extent, int at) {
    int start = at / CHUNK_BYTES * CHUNK_BYTES;
    int end = extent.getBlockOffset() + extent.getLength();
    return new Chunk(
        extent.getBlock(),
        Math.max(start, extent.getBlockOffset()),
        Math.min(start + CHUNK_BYTES, end));
  }

  private void lookAhead(Extent extent, int at, List<Extent> following) throws IOException {
    int left = ask(extent, at, WINDOW_BYTES);
    for (Extent next : following) {
      left = ask(next, next.getBlockOffset(), left);
    }
  }

  /** What is left of the window behind this extent; 0 if no more can be asked for now. */
  private int ask(Extent extent, int from, int window) throws IOException {
    int end = extent.getBlockOffset() + extent.getLength();
    int at = from;
    int left = window;
    while (at < end && left > 0) {
      Chunk chunk = chunk(extent, at);
      if (!parts.containsKey(chunk) && !ask(chunk, extent.getHoldersList())) {
        return 0;
      }
      left -= chunk.to - chunk.from;
      at = chunk.to;
    }
    return left;
  }

  private boolean ask(Chunk chunk, List<String> holders) throws IOException {
    // What a reader jumped over is still held: the oldest makes room.
    if (parts.size() > WINDOW_BYTES / CHUNK_BYTES) {
      drop(parts.keySet().iterator().next());
    }
    if (!client.mayReadAhead(file)) {
      return false;
    }
    held.incrementAndGet();
    try {
      parts.put(
          chunk,
          new Part(
              chunk, client.clusterClient().begin(chunk.request(), holders, client.deadline())));
      return true;
    } catch (RuntimeException e) {
      giveBack();
      throw e;
    }
  }

  private void giveBack() {
    held.decrementAndGet();
    client.aheads().release();
  }

  /** A chunk that was asked for ahead, and its bytes when somebody has waited for them. */
  private final class Part {
    private final Chunk chunk;
    private @Nullable HedgedRead call;
    private @Nullable Frame answer;
    private @Nullable ByteBuffer bytes;

    /**
     * @param call under way, for which an "ahead" was taken; null: none
     */
    Part(Chunk chunk, @Nullable HedgedRead call) {
      this.chunk = chunk;
      this.call = call;
    }

    ByteBuffer bytes(List<String> holders) throws IOException {
      ByteBuffer known = bytes;
      if (known != null) {
        return known;
      }
      try {
        ByteBuffer fetched = awaited(holders);
        fetched = fetched == null ? fetched(holders) : fetched;
        bytes = fetched;
        return fetched;
      } catch (InterruptedException e) {
        throw SandstoreClient.interrupted(e);
      }
    }

    /** What was asked for ahead; null if that did not work. */
    private @Nullable ByteBuffer awaited(List<String> holders)
        throws IOException, InterruptedException {
      HedgedRead begun = call;
      if (begun == null) {
        return null;
      }
      try {
        Frame came = client.clusterClient().await(begun, holders);
        call = null;
        answer = came;
        ByteBuffer asked = ClusterClient.asked(came, chunk.request());
        return asked.remaining() == chunk.to - chunk.from ? asked : null;
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          throw e; // and nobody else has it
        }
        return null;
      } catch (IOException e) {
        return null; // asked for once more, with all that can be done about it
      }
    }

    /** Copied, so that the link's buffer is free again however long the reader takes. */
    private ByteBuffer fetched(List<String> holders) throws IOException, InterruptedException {
      close();
      ReadBlock request = chunk.request();
      try (Frame came = client.clusterClient().fetch(request, holders, client.deadline())) {
        return ByteBuffer.allocate(request.getLength())
            .put(ClusterClient.asked(came, request))
            .flip();
      }
    }

    void close() {
      HedgedRead begun = call;
      Frame came = answer;
      call = null;
      answer = null;
      if (begun != null) {
        begun.giveUp();
      }
      if (came != null) {
        came.close();
      }
      if (begun != null || came != null) {
        giveBack();
      }
    }
  }
}
