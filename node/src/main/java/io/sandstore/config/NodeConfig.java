package io.sandstore.config;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Everything a node can be told, each by one environment variable. A variable of ours that is not
 * in {@link #KEYS} is refused rather than ignored.
 *
 * @param name this node's stable name, one of the members'
 * @param members names and addresses of all nodes
 * @param reserveBytes kept free of file data, so that the log can go on when the disk is full
 */
public record NodeConfig(
    String name,
    String listen,
    Map<String, String> members,
    String dataDir,
    String profile,
    Duration heartbeat,
    Duration election,
    long snapshotBytes,
    int segmentBytes,
    long reserveBytes,
    Duration orphanGrace,
    Duration sessionTtl,
    Duration blockGrace,
    Duration scrubPause,
    Duration collectEvery,
    int buffers) {

  /** A variable: name, default (empty if it must be given), meaning. */
  public record Key(String name, String standard, String meaning) {}

  private static final String PREFIX = "SANDSTORE_";

  public static final List<Key> KEYS =
      List.of(
          new Key("SANDSTORE_NAME", "", "this node's name, one of SANDSTORE_MEMBERS"),
          new Key("SANDSTORE_LISTEN", "0.0.0.0:9070", "address and port to listen on"),
          new Key("SANDSTORE_MEMBERS", "", "all nodes: name=host:port, separated by commas"),
          new Key("SANDSTORE_DATA_DIR", "", "directory of this node's files"),
          new Key("SANDSTORE_PROFILE", "raft", "how the node is wired"),
          new Key("SANDSTORE_HEARTBEAT_MS", "100", "pause between a leader's heartbeats"),
          new Key("SANDSTORE_ELECTION_MS", "700", "silence after which a leader is replaced"),
          new Key("SANDSTORE_SNAPSHOT_MB", "64", "log written between two snapshots"),
          new Key("SANDSTORE_SEGMENT_MB", "16", "size of one file of the log"),
          new Key("SANDSTORE_RESERVE_MB", "256", "disk space that file data may not use"),
          new Key(
              "SANDSTORE_ORPHAN_GRACE_S", "30", "how long an unlinked file is kept for readers"),
          new Key("SANDSTORE_SESSION_TTL_S", "3600", "how long a silent client is remembered"),
          new Key("SANDSTORE_BLOCK_GRACE_S", "600", "how long a block may wait for its file"),
          new Key("SANDSTORE_SCRUB_MS", "500", "pause between two blocks that are read for damage"),
          new Key("SANDSTORE_COLLECT_S", "60", "time of one search of the disk for garbage"),
          new Key(
              "SANDSTORE_BUFFERS",
              "6",
              "4 MiB buffers of each kind (own, clients, peers, answers)"));

  public NodeConfig {
    members = Map.copyOf(members);
    if (!members.containsKey(name)) {
      throw new IllegalArgumentException(
          "SANDSTORE_NAME '%s' is not one of SANDSTORE_MEMBERS %s"
              .formatted(name, new TreeSet<>(members.keySet())));
    }
    if (segmentBytes < 4 << 20 || buffers < 2) {
      throw new IllegalArgumentException(
          "SANDSTORE_SEGMENT_MB must be at least 4 and SANDSTORE_BUFFERS at least 2");
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  public static NodeConfig of(Map<String, String> environment) {
    Map<String, String> values = new LinkedHashMap<>();
    KEYS.forEach(key -> values.put(key.name, key.standard));
    environment.forEach(
        (name, value) -> {
          if (values.containsKey(name)) {
            values.put(name, value);
          } else if (name.startsWith(PREFIX) && !name.equals("SANDSTORE_SEEDS")) {
            throw new IllegalArgumentException(
                "unknown variable %s; known are %s".formatted(name, values.keySet()));
          }
        });
    Reader r = new Reader(values);
    return new NodeConfig(
        r.text("NAME"),
        r.text("LISTEN"),
        members(r.text("MEMBERS")),
        r.text("DATA_DIR"),
        r.text("PROFILE"),
        Duration.ofMillis(r.number("HEARTBEAT_MS")),
        Duration.ofMillis(r.number("ELECTION_MS")),
        r.number("SNAPSHOT_MB") << 20,
        (int) r.number("SEGMENT_MB") << 20,
        r.number("RESERVE_MB") << 20,
        Duration.ofSeconds(r.number("ORPHAN_GRACE_S")),
        Duration.ofSeconds(r.number("SESSION_TTL_S")),
        Duration.ofSeconds(r.number("BLOCK_GRACE_S")),
        Duration.ofMillis(r.number("SCRUB_MS")),
        Duration.ofSeconds(r.number("COLLECT_S")),
        (int) r.number("BUFFERS"));
  }

  private record Reader(Map<String, String> values) {
    String text(String key) {
      String value = values.getOrDefault(PREFIX + key, "");
      if (value.isBlank()) {
        throw new IllegalArgumentException("set " + PREFIX + key);
      }
      return value;
    }

    long number(String key) {
      try {
        long value = Long.parseLong(text(key).strip());
        if (value > 0 && value < 1 << 20) {
          return value;
        }
      } catch (NumberFormatException e) {
        // Said below.
      }
      throw new IllegalArgumentException(
          PREFIX + key + " must be a number from 1 to 1048575, not '" + text(key) + "'");
    }
  }

  /** Parses {@code name=host:port,name=host:port}. */
  public static Map<String, String> members(String list) {
    Map<String, String> members = new LinkedHashMap<>();
    for (String member : list.split(",", -1)) {
      int equals = member.indexOf('=');
      String name = equals < 0 ? "" : member.substring(0, equals).strip();
      String address = member.substring(equals + 1).strip();
      if (name.isEmpty() || address.lastIndexOf(':') <= 0 || members.containsKey(name)) {
        throw new IllegalArgumentException(
            "SANDSTORE_MEMBERS must be name=host:port,name=host:port,..., not '" + list + "'");
      }
      members.put(name, address);
    }
    return members;
  }
}
