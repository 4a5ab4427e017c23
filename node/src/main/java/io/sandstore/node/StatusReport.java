package io.sandstore.node;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Telemetry;
import io.sandstore.replication.BlockPlane;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.Header;
import io.sandstore.wire.Identity;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.StatusRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** What a node says of itself, and what it hears from the others. */
public final class StatusReport {

  private static final Duration ASK_LIMIT = Duration.ofMillis(1500);

  private final Node node;
  private final Host host;
  private final Peers peers;

  StatusReport(Node node, Host host, Peers peers) {
    this.node = node;
    this.host = host;
    this.peers = peers;
  }

  /** This node. */
  public NodeStatus ofThis() throws IOException {
    Identity identity = node.founding().identity();
    NodeStatus.Builder status =
        NodeStatus.newBuilder()
            .setName(identity.getName())
            .setMemberId(identity.getMemberId())
            .setClusterId(identity.getClusterId())
            .setProfile(node.profile().name())
            .setVersion(Node.VERSION)
            .setPid(ProcessHandle.current().pid())
            .setUptimeMs(node.uptime().toMillis())
            .setKnownLevel(node.build().known().number())
            .setRole("JOINING");
    Telemetry.Rates rates = host.telemetry().rates();
    status
        .setOperationsPerSecond(rates.operationsPerSecond())
        .setP50Ms(rates.p50Millis())
        .setP99Ms(rates.p99Millis());
    for (Telemetry.Event event : host.telemetry().events()) {
      status.addEventsBuilder().setTimeMs(event.timeMs()).setText(event.text());
    }
    if (node.parts().isEmpty()) {
      String why =
          identity.getClusterId().isEmpty() ? node.founding().waiting() : "reading the log";
      return status.addNotReady("not in a cluster yet: " + why).build();
    }
    Node.Parts parts = node.parts().get();
    BlockPlane.Capacity capacity = parts.blocks().capacity();
    BlockPlane.Health health = parts.blocks().health();
    List<String> notReady = notReady(parts, health);
    parts.log().describe(status);
    return status
        .setBlocks(health.blocks())
        .setFeatureLevel(parts.namespace().level().number())
        .setUnderReplicatedBlocks(parts.namespace().underReplicatedCount())
        .setDiskFreeBytes(capacity.freeBytes())
        .setDiskTotalBytes(capacity.totalBytes())
        .setReady(notReady.isEmpty())
        .addAllNotReady(notReady)
        .setCorruptFound(health.corruptFound())
        .setCorruptRepaired(health.corruptRepaired())
        .setCacheExpired(parts.evictor().expired())
        .setCacheEvicted(parts.evictor().evicted())
        .setCacheBytes(parts.evictor().bytes())
        .build();
  }

  private List<String> notReady(Node.Parts parts, BlockPlane.Health health) {
    List<String> reasons = new ArrayList<>();
    if (node.draining()) {
      reasons.add("stopping");
    }
    reasons.addAll(parts.log().standing().notReady());
    if (!node.trouble().isEmpty()) {
      reasons.add(node.trouble());
    }
    if (!health.complete()) {
      reasons.add("blocks are missing on this disk");
    }
    return reasons;
  }

  /** Every node; those that do not answer soon have no status. */
  public ClusterStatus ofAll() throws IOException, InterruptedException {
    return ofAll(host.clock().deadline(ASK_LIMIT));
  }

  /** Every node; those that do not answer in time have no status. */
  ClusterStatus ofAll(Deadline deadline) throws IOException, InterruptedException {
    Map<String, String> addresses = new TreeMap<>(node.discovery().addresses());
    Deadline limit = host.clock().deadline(deadline.leftAtMost(ASK_LIMIT));
    Map<String, CompletableFuture<NodeStatus>> answers = new LinkedHashMap<>();
    for (String name : addresses.keySet()) {
      answers.put(name, ask(name, limit));
    }
    ClusterStatus.Builder all = ClusterStatus.newBuilder();
    for (Map.Entry<String, CompletableFuture<NodeStatus>> answer : answers.entrySet()) {
      ClusterStatus.Entry.Builder entry = all.addNodesBuilder();
      entry.setName(answer.getKey()).setAddress(addresses.getOrDefault(answer.getKey(), "?"));
      try {
        entry.setStatus(host.clock().await(answer.getValue(), limit.left()));
      } catch (ExecutionException | TimeoutException e) {
        // Absent is the answer.
      }
    }
    return all.build();
  }

  private CompletableFuture<NodeStatus> ask(String name, Deadline limit) throws IOException {
    if (name.equals(node.config().name())) {
      return CompletableFuture.completedFuture(ofThis());
    }
    CompletableFuture<NodeStatus> answer = new CompletableFuture<>();
    Header.Builder request =
        Header.newBuilder().setStatusRequest(StatusRequest.getDefaultInstance());
    host.threads()
        .start(
            "status of " + name,
            () -> {
              try (Frame frame = peers.get(name).call(request, limit)) {
                answer.complete(frame.header().getNodeStatus());
              } catch (IOException | InterruptedException e) {
                answer.completeExceptionally(e);
              }
            });
    return answer;
  }
}
