package io.sandstore.node;

import io.sandstore.namespace.FeatureLevel;
import java.time.Duration;

/**
 * What differs between the nodes of one cluster while it is updated.
 *
 * @param known highest feature level that it knows
 * @param grace how long all members must have known a higher level than the cluster's before that
 *     is raised: until then the release before can be brought back, and afterwards not any more
 */
public record Build(FeatureLevel known, Duration grace) {

  // No variable: an update changes no configuration, and the release before refuses unknown ones.
  private static final Duration GRACE = Duration.ofHours(1);

  public static final Build THIS = new Build(FeatureLevel.newest(), GRACE);
}
