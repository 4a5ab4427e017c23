package io.sandstore.replication;

import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.wire.Identity;
import java.time.Duration;

/**
 * What a profile builds on: one node's machine, its disk, who it is, and the way to the others.
 *
 * @param traffic sends the log's own messages to other nodes
 */
public record Site(Host host, Disk disk, Identity identity, Settings settings, Traffic traffic) {

  /**
   * What an operator can tell the planes.
   *
   * @param snapshotBytes log written between two snapshots
   * @param segmentBytes one file of the log
   * @param reserveBytes kept free of file data, so that the log can go on when the disk is full
   * @param scrubPause between two blocks that are read for damage
   * @param collectEvery time of one search of the disk for garbage
   */
  public record Settings(
      Duration heartbeat,
      Duration election,
      long snapshotBytes,
      int segmentBytes,
      long reserveBytes,
      Duration scrubPause,
      Duration collectEvery) {}

  /** This node's name. */
  public String name() {
    return identity.getName();
  }

  /** The incarnation under which this node votes and promises. */
  public long memberId() {
    return identity.getMemberId();
  }
}
