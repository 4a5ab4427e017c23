package io.sandstore.cli;

import io.sandstore.client.SandstoreClient;
import io.sandstore.control.StatusJson;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.Event;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every node says of itself. */
@Command(
    name = "status",
    description =
        "Shows the nodes: role, term, primary, log, blocks, disk. Exits with 69 if there is no primary.",
    mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {

  @Mixin final Target target = new Target();

  @Option(names = "--json", description = "for programs")
  boolean json;

  @Option(names = "--watch", description = "again every second, until interrupted")
  boolean watch;

  private static final Duration EVERY = Duration.ofSeconds(1);
  private static final int EVENTS_SHOWN = 5;
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneId.systemDefault());

  @Override
  public Integer call() throws IOException, InterruptedException {
    try (SandstoreClient client = target.connect()) {
      while (true) {
        ClusterStatus status = client.status();
        if (watch && System.console() != null) {
          System.out.print("\033[H\033[2J"); // to the top of an empty screen
        }
        if (json) {
          System.out.println(StatusJson.pretty(status));
        } else {
          print(status);
        }
        boolean primary =
            status.getNodesList().stream().anyMatch(n -> !n.getStatus().getPrimary().isEmpty());
        if (!watch) {
          return primary ? 0 : ExitCode.UNAVAILABLE.number();
        }
        Thread.sleep(EVERY);
      }
    }
  }

  private static void print(ClusterStatus all) {
    int width = all.getNodesList().stream().mapToInt(n -> n.getAddress().length()).max().orElse(0);
    String address = "%-" + Math.max(width, "ADDRESS".length()) + "s";
    System.out.printf(
        "%-12s " + address + " %-9s %-5s %6s %9s %5s %7s %7s %9s %9s  %s%n",
        "NODE",
        "ADDRESS",
        "ROLE",
        "READY",
        "TERM",
        "APPLIED",
        "LAG",
        "BLOCKS",
        "REPAIR",
        "USED",
        "FREE",
        "MEMBERS");
    long commit =
        all.getNodesList().stream().mapToLong(n -> n.getStatus().getCommitIndex()).max().orElse(0);
    for (ClusterStatus.Entry node : all.getNodesList()) {
      if (!node.hasStatus()) {
        System.out.printf(
            "%-12s " + address + " does not answer%n", node.getName(), node.getAddress());
        continue;
      }
      NodeStatus s = node.getStatus();
      List<String> members = new ArrayList<>();
      for (Member member : s.getMembersList()) {
        members.add(member.getName() + (member.getLearner() ? " (learning)" : ""));
      }
      System.out.printf(
          "%-12s " + address + " %-9s %-5s %6d %9d %5d %7d %7d %9s %9s  %s%n",
          s.getName(),
          node.getAddress(),
          s.getRole(),
          s.getReady() ? "yes" : "no",
          s.getTerm(),
          s.getAppliedIndex(),
          Math.max(0, commit - s.getAppliedIndex()),
          s.getBlocks(),
          s.getUnderReplicatedBlocks(),
          Text.bytes(s.getDiskTotalBytes() - s.getDiskFreeBytes()),
          Text.bytes(s.getDiskFreeBytes()),
          String.join(", ", members));
      if (!s.getReady()) {
        System.out.printf("%-12s not ready: %s%n", "", String.join("; ", s.getNotReadyList()));
      }
    }
    printLevels(all);
    printLoad(all);
  }

  /** The cluster's, and what each node knows while they differ. */
  private static void printLevels(ClusterStatus all) {
    List<NodeStatus> nodes =
        all.getNodesList().stream()
            .filter(ClusterStatus.Entry::hasStatus)
            .map(ClusterStatus.Entry::getStatus)
            .toList();
    int level = nodes.stream().mapToInt(NodeStatus::getFeatureLevel).max().orElse(0);
    boolean same = nodes.stream().allMatch(s -> s.getKnownLevel() == level);
    String known =
        nodes.stream()
            .map(s -> s.getName() + " knows " + s.getKnownLevel())
            .collect(Collectors.joining(", "));
    System.out.printf("feature level %d%s%n", level, same ? "" : ": " + known);
  }

  private static void printLoad(ClusterStatus all) {
    double rate = 0;
    double p99 = 0;
    List<Told> events = new ArrayList<>();
    for (ClusterStatus.Entry node : all.getNodesList()) {
      rate += node.getStatus().getOperationsPerSecond();
      p99 = Math.max(p99, node.getStatus().getP99Ms());
      node.getStatus().getEventsList().forEach(e -> events.add(new Told(node.getName(), e)));
    }
    System.out.printf("%.0f operations/s, p99 %.1f ms%n", rate, p99);
    events.stream()
        .sorted(Comparator.comparingLong((Told told) -> told.event.getTimeMs()).reversed())
        .limit(EVENTS_SHOWN)
        .forEach(
            told ->
                System.out.printf(
                    "  %s  %-12s %s%n",
                    TIME.format(Instant.ofEpochMilli(told.event.getTimeMs())),
                    told.node,
                    told.event.getText()));
  }

  private record Told(String node, Event event) {}
}
