package io.sandstore.node;

import java.io.IOException;
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

  /**
   * Asks for the right to found a cluster, which is given once: a second cluster beside the first
   * would hide that the first is lost.
   *
   * @param founder the asking node's identity, which may ask again after a crash
   * @return the id to found it under: {@code clusterId}, or what this founder asked for before
   * @throws io.sandstore.rpc.PosixException MISMATCH if somebody else founded one
   * @throws IOException if it cannot be known now
   */
  default String claim(String clusterId, long founder) throws IOException {
    return clusterId;
  }
}
