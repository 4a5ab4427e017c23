package io.sandstore.profile;

import io.sandstore.block.BlockStore;
import io.sandstore.config.NodeConfig;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.namespace.Namespace;
import io.sandstore.raft.CommandLog;
import io.sandstore.wire.Header;
import io.sandstore.wire.Identity;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/** A topology: what replicates the log, where blocks lie. A profile only constructs. */
public interface Profile {

  /** The profiles of this release by name. */
  Map<String, Profile> ALL = new TreeMap<>(Map.of("raft", new RaftProfile()));

  /**
   * Wires the planes of one node. Nothing runs yet.
   *
   * @param traffic sends the log's own messages to other nodes
   */
  Planes wire(Host host, Disk disk, NodeConfig config, Identity identity, Traffic traffic)
      throws IOException;

  /** What a directory of a disk has of this profile's log, in words; empty: nothing. */
  Optional<String> holdings(Disk disk, String directory) throws IOException;

  /**
   * Makes a stopped node the only member of its cluster: an operator's last resort when more
   * members lost their disks than the cluster survives.
   *
   * @throws IOException if what this disk has of the log is not whole
   */
  void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException;

  static Optional<Profile> named(String name) {
    return Optional.ofNullable(ALL.get(name));
  }

  /** Carries messages between nodes for a log. */
  interface Traffic {
    /** Sends and forgets; may lose it. Called by one thread. */
    void cast(String to, Header message);

    /** A message came from there, so that whatever was sent there before is being read. */
    void heard(String from);

    /** Sends and waits for the answer, at most 10 s. */
    Header call(String to, Header.Builder request, ByteBuffer payload)
        throws IOException, InterruptedException;
  }

  /** Takes the messages of a log from other nodes. */
  interface Receiver {
    void receive(Header message);

    /** The answer to a request. */
    Header.Builder handle(Header request, ByteBuffer payload)
        throws IOException, InterruptedException;
  }

  /** The planes of a node, wired and ready to start. */
  record Planes(
      CommandLog log,
      Receiver receiver,
      Runnable start,
      Closeable stop,
      Namespace namespace,
      BlockStore store) {}
}
