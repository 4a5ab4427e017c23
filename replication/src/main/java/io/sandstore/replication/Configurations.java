package io.sandstore.replication;

import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Changes of members, one at a time. */
public final class Configurations {

  /** Bits in a block's holder mask. */
  public static final int SLOTS_MAX = 64;

  private Configurations() {}

  public static Optional<Member> byName(Configuration configuration, String name) {
    return find(configuration, member -> member.getName().equals(name));
  }

  public static Optional<Member> byId(Configuration configuration, long id) {
    return find(configuration, member -> member.getId() == id);
  }

  private static Optional<Member> find(Configuration configuration, Predicate<Member> wanted) {
    return configuration.getMembersList().stream().filter(wanted).findFirst();
  }

  /** The members but one. */
  public static Configuration without(Configuration configuration, long id) {
    List<Member> rest =
        configuration.getMembersList().stream().filter(member -> member.getId() != id).toList();
    return configuration.toBuilder().clearMembers().addAllMembers(rest).build();
  }

  /** The members of a new cluster. */
  public static Configuration founders(List<Member> members) {
    Configuration.Builder founders = Configuration.newBuilder();
    for (Member member : members) {
      founders.addMembers(member.toBuilder().setSlot(founders.getMembersCount()));
    }
    return founders.setNextSlot(members.size()).build();
  }

  /** Adds a learner in the slot that has been free the longest. */
  public static Configuration withLearner(Configuration configuration, long id, String name) {
    if (configuration.getMembersCount() >= SLOTS_MAX) {
      throw new IllegalArgumentException("a cluster has at most " + SLOTS_MAX + " members");
    }
    int slot = configuration.getNextSlot() % SLOTS_MAX;
    while (taken(configuration, slot)) {
      slot = (slot + 1) % SLOTS_MAX;
    }
    return configuration.toBuilder()
        .setNextSlot(slot + 1)
        .addMembers(
            Member.newBuilder().setId(id).setName(name).setLearner(true).setSlot(slot).build())
        .build();
  }

  private static boolean taken(Configuration configuration, int slot) {
    return find(configuration, member -> member.getSlot() == slot).isPresent();
  }

  /** Makes a learner a voter. */
  public static Configuration promoted(Configuration configuration, long id) {
    Configuration.Builder next = configuration.toBuilder().clearMembers();
    for (Member member : configuration.getMembersList()) {
      next.addMembers(member.getId() == id ? member.toBuilder().setLearner(false).build() : member);
    }
    return next.build();
  }
}
