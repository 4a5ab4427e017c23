package io.sandstore.client;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * How a client finds and treats a cluster.
 *
 * @param seeds addresses ({@code host:port}) of some or all nodes; one is enough, since any node is
 *     a correct entry
 * @param timeout how long one operation may take, retries included
 * @param blockBytes write buffer of a file and size of its blocks, 64 KiB to 4 MiB
 * @param blocksInFlight blocks of one file on their way at a time
 * @param inlineBytes flushes up to this size travel in the log instead of as a block
 */
public record ClientConfig(
    List<String> seeds, Duration timeout, int blockBytes, int blocksInFlight, int inlineBytes) {

  public ClientConfig {
    seeds = List.copyOf(seeds);
    if (seeds.isEmpty()) {
      throw new IllegalArgumentException("no address of a node: give host:port[,host:port...]");
    }
    if (blockBytes < 64 << 10 || blockBytes > 4 << 20 || blocksInFlight < 1) {
      throw new IllegalArgumentException("blocks must have 64 KiB to 4 MiB");
    }
    if (inlineBytes < 0 || inlineBytes > 64 << 10) {
      throw new IllegalArgumentException("at most 64 KiB travel in the log");
    }
  }

  public static ClientConfig of(String seeds) {
    List<String> list =
        Arrays.stream(seeds.split(",", -1)).map(String::strip).filter(s -> !s.isEmpty()).toList();
    return new ClientConfig(list, Duration.ofSeconds(30), 4 << 20, 4, 32 << 10);
  }

  public ClientConfig withTimeout(Duration value) {
    return new ClientConfig(seeds, value, blockBytes, blocksInFlight, inlineBytes);
  }

  public ClientConfig withBlockBytes(int value) {
    return new ClientConfig(seeds, timeout, value, blocksInFlight, inlineBytes);
  }

  public ClientConfig withInlineBytes(int value) {
    return new ClientConfig(seeds, timeout, blockBytes, blocksInFlight, value);
  }
}
