package io.sandstore.control;

import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.sandstore.node.Node;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.function.ToDoubleFunction;

/** A node's status as metrics, and its JVM's. */
final class NodeMetrics {

  private final PrometheusRegistry registry;
  private final Node node;

  private NodeMetrics(Node node, PrometheusRegistry registry) {
    this.node = node;
    this.registry = registry;
  }

  static void register(Node node, PrometheusRegistry registry) {
    new NodeMetrics(node, registry).registerAll();
    JvmMetrics.builder().register(registry);
  }

  private static boolean isPrimary(NodeStatus status) {
    return status.getPrimary().equals(status.getName());
  }

  private void registerAll() {
    gauge("ready", "1 if the node is in the quorum, caught up and whole", s -> flag(s.getReady()));
    gauge("log_primary", "1 if commands are ordered here", s -> flag(isPrimary(s)));
    gauge("log_primary_known", "1 if it is known where", s -> flag(!s.getPrimary().isEmpty()));
    gauge("log_term", "current term", NodeStatus::getTerm);
    gauge("log_commit_index", "last entry known to be committed", NodeStatus::getCommitIndex);
    gauge("log_applied_index", "last entry applied", NodeStatus::getAppliedIndex);
    gauge("log_last_index", "last entry in the log", NodeStatus::getLastIndex);
    GaugeWithCallback.builder()
        .name("sandstore_log_member_lag_entries")
        .help("on the primary: entries that a member is behind its log")
        .labelNames("member")
        .callback(callback -> status().getBehindMap().forEach((n, lag) -> callback.call(lag, n)))
        .register(registry);
    gauge("blocks", "blocks on this disk", NodeStatus::getBlocks);
    gauge(
        "blocks_under_replicated",
        "blocks with fewer copies than they should have",
        NodeStatus::getUnderReplicatedBlocks);
    gauge("disk_free_bytes", "free on the data's file system", NodeStatus::getDiskFreeBytes);
    gauge("disk_size_bytes", "size of the data's file system", NodeStatus::getDiskTotalBytes);
    gauge("uptime_seconds", "since this process began", s -> s.getUptimeMs() / 1e3);
    counter("blocks_corrupt_found", "damaged blocks found", NodeStatus::getCorruptFound);
    counter("blocks_corrupt_repaired", "damaged blocks replaced", NodeStatus::getCorruptRepaired);
    counter("log_snapshots", "snapshots taken", NodeStatus::getSnapshots);
    counter(
        "log_snapshots_damaged",
        "snapshots of its own found damaged, and replaced",
        NodeStatus::getSnapshotsDamaged);
  }

  private static double flag(boolean value) {
    return value ? 1 : 0;
  }

  private void gauge(String name, String help, ToDoubleFunction<NodeStatus> value) {
    GaugeWithCallback.builder()
        .name("sandstore_" + name)
        .help(help)
        .callback(callback -> callback.call(value.applyAsDouble(status())))
        .register(registry);
  }

  private void counter(String name, String help, ToDoubleFunction<NodeStatus> value) {
    CounterWithCallback.builder()
        .name("sandstore_" + name)
        .help(help)
        .callback(callback -> callback.call(value.applyAsDouble(status())))
        .register(registry);
  }

  private NodeStatus status() {
    try {
      return node.status().ofThis();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
