package io.sandstore.cli;

import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import io.sandstore.testkit.LocalCluster;
import io.sandstore.wire.ClusterStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The local cluster behind {@code make up} and {@code make down}. */
@Command(
    name = "cluster",
    description = "Starts and stops three nodes on this machine.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "(up | down)")
final class ClusterCommand {

  @Option(
      names = "--dir",
      description = "where data and logs go (default: ${DEFAULT-VALUE})",
      defaultValue = ".cluster")
  Path directory = Path.of(".cluster");

  @Command(
      description = "Starts the cluster, or what of it does not run, and waits for a primary.",
      mixinStandardHelpOptions = true)
  int up(
      @Option(
              names = LocalNodes.OPTION,
              description = LocalNodes.DESCRIPTION,
              defaultValue = "raft")
          String profile)
      throws Exception {
    long begin = System.nanoTime();
    LocalCluster cluster =
        LocalCluster.standard(directory.toAbsolutePath(), LocalNodes.environment(profile));
    cluster.startAll();
    String primary = cluster.awaitPrimary(cluster.names().size(), Duration.ofSeconds(60));
    refuseOthers(cluster, Profile.named(profile).name());
    System.out.printf(
        "three nodes at %s, primary %s, after %.1f s%n",
        cluster.seeds(), primary, (System.nanoTime() - begin) / 1e9);
    System.out.println("dashboard: " + cluster.dashboard(primary));
    return 0;
  }

  /** Nodes that ran already may be of another profile than was asked for. */
  private static void refuseOthers(LocalCluster cluster, String profile) throws IOException {
    try (SandstoreClient client = cluster.client()) {
      for (ClusterStatus.Entry node : client.status().getNodesList()) {
        String runs = node.getStatus().getProfile();
        if (!runs.equals(profile)) {
          throw new IllegalArgumentException(
              "%s runs with profile '%s', not '%s': stop the nodes first, and give the others a"
                      .formatted(node.getName(), runs, profile)
                  + " directory of their own or wipe this one (sandstore cluster down --wipe)");
        }
      }
    }
  }

  @Command(
      description = "Stops the cluster; its data stays unless --wipe is given.",
      mixinStandardHelpOptions = true)
  int down(@Option(names = "--wipe", description = "remove data and logs") boolean wipe)
      throws Exception {
    LocalCluster cluster = LocalCluster.standard(directory.toAbsolutePath(), Map.of());
    cluster.stopAll();
    if (wipe) {
      cluster.wipe();
    }
    boolean kept = Files.exists(directory);
    System.out.println(kept ? "stopped; the data is in " + directory : "stopped; nothing is left");
    return 0;
  }
}
