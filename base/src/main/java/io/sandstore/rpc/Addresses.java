package io.sandstore.rpc;

import java.util.List;

/** Addresses that nodes tell each other and their clients: so many, and of this form. */
public final class Addresses {

  /** Nodes that one greeting names. */
  public static final int NODES_MAX = 64;

  /** Addresses of one node. */
  public static final int OF_A_NODE_MAX = 4;

  /** The longest name that DNS has, a colon and a port. */
  private static final int CHARACTERS_MAX = 253 + 6;

  private Addresses() {}

  /** True for {@code host:port}. */
  public static boolean isValid(String address) {
    int colon = address.lastIndexOf(':');
    return colon > 0
        && address.length() <= CHARACTERS_MAX
        && address.substring(colon + 1).matches("[1-9]\\d{0,4}")
        && Integer.parseInt(address.substring(colon + 1)) < 1 << 16;
  }

  /** The valid ones among the first {@link #OF_A_NODE_MAX}. */
  public static List<String> valid(List<String> addresses) {
    return addresses.stream().limit(OF_A_NODE_MAX).filter(Addresses::isValid).toList();
  }
}
