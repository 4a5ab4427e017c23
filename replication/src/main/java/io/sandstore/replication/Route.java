package io.sandstore.replication;

/** Where a request goes from this node, as of a moment ago. */
public sealed interface Route {

  /** This node carries it out. */
  record Here() implements Route {}

  /** Another node does. */
  record At(String name) implements Route {}

  /** Nobody, as far as known: wait and ask again. */
  record Nobody(String why) implements Route {}
}
