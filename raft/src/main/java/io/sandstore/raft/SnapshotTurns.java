package io.sandstore.raft;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;

/**
 * When a member takes its snapshots, so that all do not at the same time: at places in the log that
 * are its own, as far from the others' as they can be. All count the bytes of one log, so that they
 * agree without a word, whoever leads and whoever is silent; and every stretch of {@code
 * everyBytes} has one of each member's places, so that the log behind a snapshot stays bounded.
 *
 * @param everyBytes log between two snapshots of a member
 * @param self the member's id
 */
record SnapshotTurns(long everyBytes, long self) {

  /**
   * True if a place of this member's lies between two positions in the log, the latter included.
   */
  boolean isDue(long lastBytes, long nowBytes, Configuration members) {
    long offset = offset(members);
    return Math.floorDiv(nowBytes - offset, everyBytes)
        > Math.floorDiv(lastBytes - offset, everyBytes);
  }

  private long offset(Configuration members) {
    long before =
        members.getMembersList().stream().mapToLong(Member::getId).filter(id -> id < self).count();
    return everyBytes / Math.max(1, members.getMembersCount()) * before;
  }
}
