package io.sandstore.config;

import io.sandstore.wire.Credentials;
import java.util.Optional;

/**
 * Which clients count as nobody, whatever they say of themselves: the node that takes a request
 * from a client decides it, before the log. Whoever does not say who it is counts as root here,
 * since it may do as much.
 */
public enum Squash {
  NONE,
  /** User 0 counts as nobody, and so does group 0. */
  ROOT,
  ALL;

  /** User and group of nobody, as Linux has them. */
  public static final int NOBODY = 65534;

  private static final Credentials NOBODYS =
      Credentials.newBuilder().setUid(NOBODY).setGid(NOBODY).build();

  /** As whom a client's request counts; empty: as one to whom everything is allowed. */
  public Optional<Credentials> applyTo(Optional<Credentials> said) {
    return switch (this) {
      case NONE -> said;
      case ROOT ->
          Optional.of(said.filter(c -> c.getUid() != 0).map(Squash::withoutGroup0).orElse(NOBODYS));
      case ALL -> Optional.of(NOBODYS);
    };
  }

  private static Credentials withoutGroup0(Credentials credentials) {
    Credentials.Builder without = credentials.toBuilder().setGid(squashed(credentials.getGid()));
    for (int i = 0; i < without.getGroupsCount(); i++) {
      without.setGroups(i, squashed(without.getGroups(i)));
    }
    return without.build();
  }

  private static int squashed(int gid) {
    return gid == 0 ? NOBODY : gid;
  }
}
