package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.sandstore.client.SandstoreClient;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every node says of itself. */
@Command(
    name = "status",
    description =
        "Shows the nodes: role, term, leader, log, blocks, disk. Exits with 3 if there is no leader.",
    mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {

  @Mixin final Target target = new Target();

  @Option(names = "--json", description = "for programs")
  boolean json;

  @Override
  public Integer call() throws IOException {
    try (SandstoreClient client = target.connect()) {
      Map<String, Optional<NodeStatus>> all = client.status();
      if (json) {
        printJson(all);
      } else {
        print(all);
      }
      boolean led =
          all.values().stream().flatMap(Optional::stream).anyMatch(s -> !s.getLeader().isEmpty());
      return led ? 0 : Main.UNREACHABLE;
    }
  }

  private static void print(Map<String, Optional<NodeStatus>> all) {
    System.out.printf(
        "%-12s %-21s %-9s %-5s %6s %9s %5s %7s %7s %9s  %s%n",
        "NODE", "ADDRESS", "ROLE", "READY", "TERM", "APPLIED", "LAG", "BLOCKS", "REPAIR", "FREE",
        "MEMBERS");
    long commit =
        all.values().stream()
            .flatMap(Optional::stream)
            .mapToLong(NodeStatus::getCommitIndex)
            .max()
            .orElse(0);
    all.forEach(
        (address, status) -> {
          if (status.isEmpty()) {
            System.out.printf("%-12s %-21s does not answer%n", "?", address);
            return;
          }
          NodeStatus s = status.get();
          List<String> members = new ArrayList<>();
          for (Member member : s.getMembersList()) {
            members.add(member.getName() + (member.getLearner() ? " (learning)" : ""));
          }
          System.out.printf(
              "%-12s %-21s %-9s %-5s %6d %9d %5d %7d %7d %9s  %s%n",
              s.getName(),
              address,
              s.getRole(),
              s.getReady() ? "yes" : "no",
              s.getTerm(),
              s.getAppliedIndex(),
              Math.max(0, commit - s.getAppliedIndex()),
              s.getBlocks(),
              s.getUnderReplicatedBlocks(),
              Text.bytes(s.getDiskFreeBytes()),
              String.join(", ", members));
        });
  }

  private static void printJson(Map<String, Optional<NodeStatus>> all) throws IOException {
    List<Map<String, Object>> nodes = new ArrayList<>();
    all.forEach(
        (address, status) -> {
          Map<String, Object> node = new LinkedHashMap<>();
          node.put("address", address);
          node.put("answers", status.isPresent());
          status.ifPresent(
              s ->
                  s.getDescriptorForType()
                      .getFields()
                      .forEach(
                          field -> {
                            if (!field.isRepeated()) {
                              node.put(field.getName(), s.getField(field));
                            }
                          }));
          status.ifPresent(
              s -> node.put("members", s.getMembersList().stream().map(Member::getName).toList()));
          nodes.add(node);
        });
    System.out.println(
        new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(nodes));
  }
}
