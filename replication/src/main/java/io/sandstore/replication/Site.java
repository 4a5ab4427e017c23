package io.sandstore.replication;

import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.wire.Identity;

/**
 * What a profile builds on: one node's machine, its disk, who it is, and the way to the others.
 *
 * @param traffic sends the log's own messages to other nodes
 * @param views what all nodes agree on without a log
 */
public record Site(
    Host host, Disk disk, Identity identity, Settings settings, Traffic traffic, Views views) {

  /** This node's name. */
  public String name() {
    return identity.getName();
  }

  /** The incarnation under which this node votes and promises. */
  public long memberId() {
    return identity.getMemberId();
  }
}
