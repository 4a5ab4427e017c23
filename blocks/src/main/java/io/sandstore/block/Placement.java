package io.sandstore.block;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.Comparator;
import java.util.List;

/**
 * Which members hold a block: those with the highest weight for it (rendezvous hashing, Thaler and
 * Ravishankar 1998). A change of members moves only what it must.
 */
final class Placement {

  static final int REPLICAS = 3;

  private Placement() {}

  static List<Member> of(long block, Configuration members) {
    return members.getMembersList().stream()
        .sorted(Comparator.comparingLong((Member m) -> weight(block, m.getId())).reversed())
        .limit(REPLICAS)
        .toList();
  }

  /** The members that should come to hold a block that has too few holders. */
  static List<Member> candidates(long block, long where, Configuration members) {
    int missing = Math.min(REPLICAS, members.getMembersCount()) - Long.bitCount(where);
    return members.getMembersList().stream()
        .filter(m -> !HolderMask.has(where, m))
        .sorted(Comparator.comparingLong((Member m) -> weight(block, m.getId())).reversed())
        .limit(Math.max(0, missing))
        .toList();
  }

  /** splitmix64's finaliser over both ids. */
  private static long weight(long block, long member) {
    long z = block * 0x9E3779B97F4A7C15L + member;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
