package io.sandstore.control;

import io.sandstore.config.NodeConfig;
import java.util.Map;
import java.util.TreeMap;

/**
 * Nodes by their ordinals' names under one domain, as a headless Service gives them to the pods of
 * a StatefulSet. Only names: they are resolved at every dial, so that a pod may come back anywhere.
 */
final class DnsDiscovery {

  private DnsDiscovery() {}

  static Map<String, String> addresses(NodeConfig config) {
    String stem = config.name().substring(0, config.name().lastIndexOf('-'));
    String port = config.listen().substring(config.listen().lastIndexOf(':') + 1);
    Map<String, String> addresses = new TreeMap<>();
    for (int i = 0; i < config.addressing().nodes(); i++) {
      String name = stem + "-" + i;
      addresses.put(name, "%s.%s:%s".formatted(name, config.addressing().service(), port));
    }
    return addresses;
  }
}
