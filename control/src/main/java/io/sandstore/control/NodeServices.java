package io.sandstore.control;

import io.sandstore.config.NodeConfig;
import io.sandstore.node.Discovery;
import io.sandstore.node.Node;
import io.sandstore.replication.Views;
import io.sandstore.wire.NodeStatus;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Everything around one node that its configuration asks for: discovery, registration in etcd,
 * probes and metrics, the label of its pod. Constructed before the node, which needs its discovery.
 */
public final class NodeServices implements Closeable {

  private final NodeConfig config;
  private final Metrics metrics;
  private final Optional<ControlPlane> controlPlane;
  private final List<Closeable> open = new ArrayList<>();
  private volatile Optional<Node> node = Optional.empty();

  /**
   * @param metrics what the node's host tells its figures
   */
  public NodeServices(NodeConfig config, Metrics metrics) {
    this.config = config;
    this.metrics = metrics;
    this.controlPlane =
        config.operations().etcd().isEmpty()
            ? Optional.empty()
            : Optional.of(new ControlPlane(config, this::status));
    controlPlane.ifPresent(
        plane -> {
          open.add(plane);
          plane.start();
        });
  }

  private Optional<NodeStatus> status() {
    return node.flatMap(
        n -> {
          try {
            return Optional.of(n.status().ofThis());
          } catch (IOException e) {
            return Optional.empty();
          }
        });
  }

  /** How the node finds the others. */
  public Discovery discovery() {
    Supplier<Map<String, String>> addresses =
        switch (config.addressing().method()) {
          case STATIC -> config.addressing()::members;
          case DNS -> () -> DnsDiscovery.addresses(config);
          case ETCD -> controlPlane.orElseThrow()::addresses;
        };
    int expected = config.addressing().nodes();
    return new Discovery() {
      @Override
      public Map<String, String> addresses() {
        return addresses.get();
      }

      @Override
      public int expected() {
        return expected;
      }
    };
  }

  /** What the nodes agree on without a log. */
  public Views views() {
    return controlPlane.map(ControlPlane::views).orElseGet(Views::none);
  }

  /** Begins to tell others about a node that is about to start. */
  public void attach(Node started) throws IOException {
    node = Optional.of(started);
    if (!config.operations().http().isEmpty()) {
      open.add(new HttpEndpoint(config, started, metrics));
    }
    if (!config.operations().podLabel().isEmpty()) {
      open.add(new PodLabel(config.name(), config.operations().podLabel(), started));
    }
  }

  @Override
  public void close() throws IOException {
    for (Closeable part : open.reversed()) {
      part.close();
    }
  }
}
