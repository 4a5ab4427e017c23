package io.sandstore.cli;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.Identity;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import java.time.Duration;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which cluster to talk to. */
final class Target {

  @Mixin final Seeds where = new Seeds();

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
    return where.text();
  }

  private Optional<Identity> identity() {
    String who = as.isEmpty() ? Seeds.environment("SANDSTORE_AS") : as;
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
