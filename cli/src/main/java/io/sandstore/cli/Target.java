package io.sandstore.cli;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.testkit.LocalCluster;
import java.time.Duration;
import picocli.CommandLine.Option;

/** Which cluster to talk to. */
final class Target {

  @Option(
      names = {"-t", "--target"},
      paramLabel = "HOST:PORT[,...]",
      description =
          "addresses of some or all nodes (default: $SANDSTORE_SEEDS, else the local cluster of "
              + "'make up')")
  String seeds = "";

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description = "how long one operation may take, retries included (default: 30)")
  int timeoutSeconds = 30;

  String seeds() {
    if (!seeds.isEmpty()) {
      return seeds;
    }
    String fromEnvironment = System.getenv("SANDSTORE_SEEDS");
    return fromEnvironment == null || fromEnvironment.isBlank()
        ? LocalCluster.SEEDS
        : fromEnvironment;
  }

  SandstoreClient connect() {
    ClientConfig config = ClientConfig.of(seeds()).withTimeout(Duration.ofSeconds(timeoutSeconds));
    return new SandstoreClient(JvmHost.create(32), config);
  }
}
