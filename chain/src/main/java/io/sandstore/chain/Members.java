package io.sandstore.chain;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.HashMap;
import java.util.Map;

/**
 * The members as the state machine knows them: who is in the chain, and as learners those who were
 * promised a place and copy the state.
 */
final class Members {

  private Members() {}

  /** What the head of a view makes of the members of the one before. */
  static Configuration in(ChainView view, Configuration before) {
    Configuration members = before;
    for (Member member : before.getMembersList()) {
      if (!member.getLearner() && !view.has(member.getId())) {
        members = Configurations.without(members, member.getId());
      }
    }
    for (ChainView.Link link : view.chain()) {
      if (Configurations.byId(members, link.id()).isEmpty()) {
        members = Configurations.withLearner(members, link.id(), link.name());
      }
      if (Configurations.byId(members, link.id()).filter(Member::getLearner).isPresent()) {
        members = Configurations.promoted(members, link.id());
      }
    }
    return members;
  }

  /** With one that may join in the place of those of its name that never did. */
  static Configuration with(Configuration before, long id, String name) {
    Configuration members = before;
    for (Member member : before.getMembersList()) {
      if (member.getName().equals(name)) {
        members = Configurations.without(members, member.getId());
      }
    }
    return Configurations.withLearner(members, id, name);
  }

  /** Who may join: names by ids. */
  static Map<Long, String> admissible(Configuration members) {
    Map<Long, String> names = new HashMap<>();
    for (Member member : members.getMembersList()) {
      if (member.getLearner()) {
        names.put(member.getId(), member.getName());
      }
    }
    return names;
  }
}
