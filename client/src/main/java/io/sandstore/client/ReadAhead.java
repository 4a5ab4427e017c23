package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Header;
import io.sandstore.wire.ReadBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/**
 * Fetches what a sequential reader of one file will ask for next, some chunks at a time. Blocks
 * never change, so bytes that were fetched early are as good as bytes fetched late; which blocks a
 * file consists of is asked anew at every read, so that no acknowledged write is missed.
 *
 * <p>Holds at most {@link #WINDOW_BYTES}. Not thread-safe: the file's lock guards it.
 */
final class ReadAhead {

  /** How far ahead of the reader. */
  static final int WINDOW_BYTES = 4 << 20;

  private static final int CHUNK_BYTES = 1 << 20;

  /** A part of a block that is fetched as one. */
  private record Chunk(long block, int from, int to) {}

  private final SandstoreClient client;
  private final Map<Chunk, CompletableFuture<ByteBuffer>> chunks = new LinkedHashMap<>();

  ReadAhead(SandstoreClient client) {
    this.client = client;
  }

  /**
   * Copies a part of an extent's block, and begins to fetch what follows.
   *
   * @param following the file's extents behind this one, as far as they are known
   * @throws IOException if a chunk could not be fetched; nothing was copied of it
   */
  void read(
      ByteBuffer into, Extent extent, int from, int to, List<Extent> following, Deadline deadline)
      throws IOException {
    for (int at = from; at < to; ) {
      fetchAhead(extent, at, following, deadline);
      Chunk chunk = chunk(extent, at);
      ByteBuffer bytes = await(chunk, deadline);
      int count = Math.min(to, chunk.to) - at;
      into.put(bytes.slice(at - chunk.from, count));
      at += count;
      if (at == chunk.to) {
        chunks.remove(chunk);
      }
    }
  }

  /** Forgets everything: the reader went elsewhere. */
  void clear() {
    chunks.clear();
  }

  private static Chunk chunk(Extent extent, int at) {
    int start = at / CHUNK_BYTES * CHUNK_BYTES;
    int end = extent.getBlockOffset() + extent.getLength();
    return new Chunk(
        extent.getBlock(),
        Math.max(start, extent.getBlockOffset()),
        Math.min(start + CHUNK_BYTES, end));
  }

  private void fetchAhead(Extent extent, int at, List<Extent> following, Deadline deadline) {
    int left = fetch(extent, at, WINDOW_BYTES, deadline);
    for (Extent next : following) {
      left = fetch(next, next.getBlockOffset(), left, deadline);
    }
  }

  /** What is left of the window behind this extent. */
  private int fetch(Extent extent, int from, int window, Deadline deadline) {
    int end = extent.getBlockOffset() + extent.getLength();
    int at = from;
    int left = window;
    while (at < end && left > 0) {
      Chunk chunk = chunk(extent, at);
      if (!chunks.containsKey(chunk)) {
        // What a reader jumped over is still held: the oldest makes room.
        if (chunks.size() > WINDOW_BYTES / CHUNK_BYTES) {
          chunks.remove(chunks.keySet().iterator().next());
        }
        chunks.put(chunk, start(chunk, extent.getHoldersList(), deadline));
      }
      left -= chunk.to - chunk.from;
      at = chunk.to;
    }
    return left;
  }

  private CompletableFuture<ByteBuffer> start(
      Chunk chunk, List<String> holders, Deadline deadline) {
    CompletableFuture<ByteBuffer> bytes = new CompletableFuture<>();
    client
        .host()
        .threads()
        .start(
            "read ahead",
            () -> {
              try {
                bytes.complete(load(chunk, holders, deadline));
              } catch (IOException | RuntimeException e) {
                bytes.completeExceptionally(e);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                bytes.completeExceptionally(e);
              }
            });
    return bytes;
  }

  /** Copied, so that the link's buffers are free again however long the reader takes. */
  private ByteBuffer load(Chunk chunk, List<String> holders, Deadline deadline)
      throws IOException, InterruptedException {
    int length = chunk.to - chunk.from;
    try (Frame answer =
        client.connector().fetch(request(chunk.block, chunk.from, length), holders, deadline)) {
      if (answer.payload().remaining() != length) {
        throw new PosixException(Errno.EIO, "short read of block " + chunk.block);
      }
      return ByteBuffer.allocate(length).put(answer.payload()).flip();
    }
  }

  static Header.Builder request(long block, int offset, int length) {
    return Header.newBuilder()
        .setReadBlock(ReadBlock.newBuilder().setBlock(block).setOffset(offset).setLength(length));
  }

  private ByteBuffer await(Chunk chunk, Deadline deadline) throws IOException {
    CompletableFuture<ByteBuffer> bytes = chunks.get(chunk);
    if (bytes == null) {
      throw new IllegalStateException("not asked for: " + chunk);
    }
    try {
      return client.clock().await(bytes, deadline.left());
    } catch (ExecutionException e) {
      chunks.remove(chunk);
      if (e.getCause() instanceof PosixException refused) {
        throw PosixException.of(refused.fault());
      }
      throw new IOException("a block could not be read", e);
    } catch (TimeoutException e) {
      throw new PosixException(Errno.ETIMEDOUT, "a block was not read in time");
    } catch (InterruptedException e) {
      throw SandstoreClient.interrupted(e);
    }
  }
}
