package io.sandstore.block;

import io.sandstore.replication.Whereabouts;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.List;

/** Where a block is: a bit for each member's slot. */
public final class HolderMask implements Whereabouts {

  @Override
  public long everywhere(Configuration members) {
    long mask = 0;
    for (Member member : members.getMembersList()) {
      mask |= bit(member);
    }
    return mask;
  }

  @Override
  public long among(long where, Configuration members) {
    return where & everywhere(members);
  }

  @Override
  public long with(long where, Member member) {
    return where | bit(member);
  }

  @Override
  public boolean isComplete(long where, Configuration members) {
    return Long.bitCount(where) >= Math.min(Placement.REPLICAS, members.getMembersCount());
  }

  @Override
  public List<Member> holders(long where, Configuration members) {
    return members.getMembersList().stream().filter(member -> has(where, member)).toList();
  }

  static boolean has(long where, Member member) {
    return (where & bit(member)) != 0;
  }

  static long bit(Member member) {
    return 1L << member.getSlot();
  }
}
