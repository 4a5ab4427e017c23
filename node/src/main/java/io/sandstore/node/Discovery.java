package io.sandstore.node;

import java.util.Map;

/**
 * Who the nodes are and where: the membership plane. Addresses may change at any time; names do
 * not. A fixed map is the simplest one.
 */
@FunctionalInterface
public interface Discovery {

  /** Address ({@code host:port}) of every node known by now, by name, this one included. */
  Map<String, String> addresses();

  /** How many nodes found a cluster together. */
  default int expected() {
    return addresses().size();
  }
}
