package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.google.protobuf.Descriptors.FieldDescriptor;
import io.sandstore.client.SandstoreClient;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.Member;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
      ClusterStatus status = client.status();
      if (json) {
        printJson(status);
      } else {
        print(status);
      }
      boolean led =
          status.getNodesList().stream().anyMatch(n -> !n.getStatus().getLeader().isEmpty());
      return led ? 0 : Main.UNREACHABLE;
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
  }

  private static void printJson(ClusterStatus all) throws IOException {
    List<Map<String, Object>> nodes = new ArrayList<>();
    for (ClusterStatus.Entry entry : all.getNodesList()) {
      Map<String, Object> node = new LinkedHashMap<>();
      node.put("name", entry.getName());
      node.put("address", entry.getAddress());
      node.put("answers", entry.hasStatus());
      if (entry.hasStatus()) {
        NodeStatus s = entry.getStatus();
        for (FieldDescriptor field : s.getDescriptorForType().getFields()) {
          if (!field.isRepeated()) {
            node.put(field.getName(), s.getField(field));
          }
        }
        node.put("not_ready", List.copyOf(s.getNotReadyList()));
        node.put("members", s.getMembersList().stream().map(Member::getName).toList());
      }
      nodes.add(node);
    }
    System.out.println(
        new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(nodes));
  }
}
