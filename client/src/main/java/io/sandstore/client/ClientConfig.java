package io.sandstore.client;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * How a client finds and treats a cluster.
 *
 * @param seeds addresses ({@code host:port}) of some or all nodes; one is enough, since any node is
 *     a correct entry and names the others
 * @param seedsOnly true: no other nodes are asked, whatever addresses the cluster names
 * @param timeout how long one operation may take, retries included
 * @param blockBytes write buffer of a file and size of its blocks, 64 KiB to 4 MiB
 * @param blocksInFlight blocks of one file on their way at a time
 * @param inlineBytes flushes up to this size travel in the log instead of as a block
 * @param writeBufferBytes memory for written data of all open files together that is not stored
 *     yet, two blocks at least; by default an eighth of the heap, 64 to 256 MiB. Files that share
 *     less than they would like write smaller blocks or wait for one another.
 */
public record ClientConfig(
    List<String> seeds,
    boolean seedsOnly,
    Duration timeout,
    int blockBytes,
    int blocksInFlight,
    int inlineBytes,
    long writeBufferBytes) {

  private static final long WRITE_BUFFER_BYTES_MIN = 64 << 20;
  private static final long WRITE_BUFFER_BYTES_MAX = 256 << 20;

  public ClientConfig {
    seeds = List.copyOf(seeds);
    if (seeds.isEmpty()) {
      throw new IllegalArgumentException("no address of a node: give host:port[,host:port...]");
    }
    if (blockBytes < 64 << 10 || blockBytes > 4 << 20 || blocksInFlight < 1) {
      throw new IllegalArgumentException("blocks must have 64 KiB to 4 MiB");
    }
    if (writeBufferBytes < 2L * blockBytes) {
      throw new IllegalArgumentException("write buffers must have room for two blocks");
    }
    if (inlineBytes < 0 || inlineBytes > 64 << 10) {
      throw new IllegalArgumentException("at most 64 KiB travel in the log");
    }
  }

  public static ClientConfig of(String seeds) {
    List<String> list =
        Arrays.stream(seeds.split(",", -1)).map(String::strip).filter(s -> !s.isEmpty()).toList();
    return new ClientConfig(list, false, Duration.ofSeconds(30), 4 << 20, 4, 32 << 10, budget());
  }

  /** An eighth of the heap within bounds. */
  private static long budget() {
    long eighth = Runtime.getRuntime().maxMemory() / 8;
    return Math.clamp(eighth, WRITE_BUFFER_BYTES_MIN, WRITE_BUFFER_BYTES_MAX);
  }

  public ClientConfig withSeedsOnly() {
    return new ClientConfig(
        seeds, true, timeout, blockBytes, blocksInFlight, inlineBytes, writeBufferBytes);
  }

  public ClientConfig withTimeout(Duration value) {
    return new ClientConfig(
        seeds, seedsOnly, value, blockBytes, blocksInFlight, inlineBytes, writeBufferBytes);
  }

  public ClientConfig withBlockBytes(int value) {
    return new ClientConfig(
        seeds, seedsOnly, timeout, value, blocksInFlight, inlineBytes, writeBufferBytes);
  }

  public ClientConfig withInlineBytes(int value) {
    return new ClientConfig(
        seeds, seedsOnly, timeout, blockBytes, blocksInFlight, value, writeBufferBytes);
  }

  public ClientConfig withWriteBufferBytes(long value) {
    return new ClientConfig(
        seeds, seedsOnly, timeout, blockBytes, blocksInFlight, inlineBytes, value);
  }
}
