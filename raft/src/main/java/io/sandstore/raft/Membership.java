package io.sandstore.raft;

import io.sandstore.replication.Configurations;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Member;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.LongPredicate;
import java.util.function.LongUnaryOperator;

/**
 * Who is in the cluster, as of the newest configuration in the log, and how to go back if that one
 * is truncated. Members change one at a time (4.1).
 */
final class Membership {

  private record Version(long index, Configuration configuration) {}

  private final ArrayDeque<Version> versions = new ArrayDeque<>();
  private Set<Long> voters = Set.of();
  private Set<Long> learners = Set.of();

  Membership(long index, Configuration configuration) {
    put(index, configuration);
  }

  void reset(long index, Configuration configuration) {
    versions.clear();
    put(index, configuration);
  }

  void put(long index, Configuration configuration) {
    versions.addLast(new Version(index, configuration));
    refresh();
  }

  void truncateFrom(long index) {
    while (versions.size() > 1 && versions.getLast().index >= index) {
      versions.removeLast();
    }
    refresh();
  }

  void compactTo(long index) {
    while (versions.size() > 1 && second().index <= index) {
      versions.removeFirst();
    }
  }

  private Version second() {
    var all = versions.iterator();
    all.next();
    return all.next();
  }

  /** The configuration in force at an index, for a snapshot taken there. */
  Configuration at(long index) {
    Configuration found = versions.getFirst().configuration;
    for (Version version : versions) {
      if (version.index <= index) {
        found = version.configuration;
      }
    }
    return found;
  }

  /** Index of the newest configuration with a member in it; -1 if none is known. */
  long newestWith(long id) {
    long found = -1;
    for (Version version : versions) {
      if (Configurations.byId(version.configuration, id).isPresent()) {
        found = version.index;
      }
    }
    return found;
  }

  private void refresh() {
    Set<Long> newVoters = new LinkedHashSet<>();
    Set<Long> newLearners = new LinkedHashSet<>();
    for (Member member : configuration().getMembersList()) {
      (member.getLearner() ? newLearners : newVoters).add(member.getId());
    }
    voters = newVoters;
    learners = newLearners;
  }

  Configuration configuration() {
    return versions.getLast().configuration;
  }

  long index() {
    return versions.getLast().index;
  }

  Collection<Long> voters() {
    return voters;
  }

  boolean isVoter(long id) {
    return voters.contains(id);
  }

  boolean isMember(long id) {
    return voters.contains(id) || learners.contains(id);
  }

  Collection<Long> all() {
    Set<Long> all = new LinkedHashSet<>(voters);
    all.addAll(learners);
    return all;
  }

  boolean quorum(LongPredicate holds) {
    int count = 0;
    for (long voter : voters) {
      if (holds.test(voter)) {
        count++;
      }
    }
    return count > voters.size() / 2;
  }

  /** The largest value that a majority of voters has reached. */
  long quorumValue(LongUnaryOperator valueOf) {
    if (voters.isEmpty()) {
      return Long.MIN_VALUE;
    }
    long[] values = voters.stream().mapToLong(valueOf::applyAsLong).sorted().toArray();
    return Arrays.stream(values).skip((values.length - 1) / 2).findFirst().orElseThrow();
  }
}
