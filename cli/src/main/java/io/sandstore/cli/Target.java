package io.sandstore.cli;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.Identity;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.testkit.LocalCluster;
import java.time.Duration;
import java.util.Optional;
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

  @Option(
      names = "--as",
      paramLabel = "UID[:GID[,GROUP...]]",
      description =
          "on whose behalf: what that one may not do is refused, what it makes is its own "
              + "(default: $SANDSTORE_AS, else nobody's: all is allowed)")
  String as = "";

  String seeds() {
    if (!seeds.isEmpty()) {
      return seeds;
    }
    String fromEnvironment = environment("SANDSTORE_SEEDS");
    return fromEnvironment.isEmpty() ? LocalCluster.SEEDS : fromEnvironment;
  }

  private static String environment(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value.strip();
  }

  private Optional<Identity> identity() {
    String who = as.isEmpty() ? environment("SANDSTORE_AS") : as;
    if (who.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Identity.parse(who));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--as, SANDSTORE_AS: " + e.getMessage(), e);
    }
  }

  SandstoreClient connect() {
    ClientConfig config = ClientConfig.of(seeds()).withTimeout(Duration.ofSeconds(timeoutSeconds));
    Optional<Identity> identity = identity();
    SandstoreClient client = new SandstoreClient(JvmHost.create(32), config);
    return identity.map(client::as).orElse(client);
  }
}
