package io.sandstore.cli;

import io.sandstore.testkit.LocalCluster;
import picocli.CommandLine.Option;

/** Where the cluster is. */
final class Seeds {

  @Option(
      names = {"-t", "--target"},
      paramLabel = "HOST:PORT[,...]",
      description =
          "addresses of some or all nodes (default: $SANDSTORE_SEEDS, else the local cluster of "
              + "'make up')")
  String seeds = "";

  String text() {
    if (!seeds.isEmpty()) {
      return seeds;
    }
    String fromEnvironment = environment("SANDSTORE_SEEDS");
    return fromEnvironment.isEmpty() ? LocalCluster.SEEDS : fromEnvironment;
  }

  static String environment(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value.strip();
  }
}
