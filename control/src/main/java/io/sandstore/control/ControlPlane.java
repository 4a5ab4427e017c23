package io.sandstore.control;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.config.NodeConfig;
import io.sandstore.etcd.EtcdClient;
import io.sandstore.etcd.LeaseLostException;
import io.sandstore.node.FoundedCluster;
import io.sandstore.replication.Views;
import io.sandstore.wire.NodeStatus;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node keeps in etcd, under {@code PREFIX/v1/}: itself ({@code nodes/NAME}, with a lease),
 * the primary ({@code primary}, with its lease) and the one cluster that was founded ({@code
 * cluster}, for ever).
 *
 * <p>etcd decides only who founds a cluster. A node with data needs it for nothing: away, it is
 * tried again every two seconds while data flows; wiped, it is told again what there is; knowing
 * another cluster, it is left alone and the log says so.
 */
public final class ControlPlane implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(ControlPlane.class);
  private static final Duration EVERY = Duration.ofSeconds(2);
  private static final Duration LEASE = Duration.ofSeconds(10);
  private static final Duration CALL_LIMIT = Duration.ofSeconds(2);
  private static final int NODES_MAX = 1000;
  private static final ObjectMapper JSON =
      new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  /** A registered node. */
  record Registered(String address, String member, String cluster, String profile, String version) {
    static final Registered NONE = new Registered("", "", "", "", "");
  }

  /** The announcement of a primary. */
  record Primary(String name, long term, String address) {}

  private final NodeConfig config;
  private final String prefix;
  private final EtcdClient etcd;
  private final Views views;
  private final Supplier<Optional<NodeStatus>> status;
  private final Map<String, String> addresses = new ConcurrentHashMap<>();
  private final Object wake = new Object();
  private volatile boolean running = true;
  private volatile long lease;
  private Registered registered = Registered.NONE;
  private Optional<Primary> announced = Optional.empty();
  private volatile String trouble = "";

  /**
   * @param status what this node says of itself; empty while there is nothing to say
   */
  public ControlPlane(NodeConfig config, Supplier<Optional<NodeStatus>> status) {
    this.config = config;
    this.prefix = config.operations().etcdPrefix() + "/v1/";
    this.etcd = new EtcdClient(config.operations().etcd(), CALL_LIMIT);
    this.views = new EtcdViews(etcd, prefix);
    this.status = status;
    this.addresses.put(config.name(), config.addressing().address());
  }

  /** Begins to register this node, and to look for others. */
  public void start() {
    Thread.ofVirtual().name("control plane").start(this::run);
  }

  /** Every node that was registered since this one started, gone ones included. */
  Map<String, String> addresses() {
    return new TreeMap<>(addresses);
  }

  /** What all nodes agree on by it. */
  Views views() {
    return views;
  }

  private void run() {
    while (running) {
      try {
        tend();
        say("");
      } catch (LeaseLostException e) {
        log.info("the lease in etcd was lost; registering again");
        lease = 0;
        continue;
      } catch (IOException e) {
        say(String.valueOf(e.getMessage()));
      } catch (RuntimeException e) {
        log.warn("the control plane failed unexpectedly", e);
      }
      synchronized (wake) {
        try {
          if (running) {
            wake.wait(EVERY.toMillis());
          }
        } catch (InterruptedException e) {
          return;
        }
      }
    }
  }

  /** Once when it begins, once when it ends. */
  private void say(String now) {
    if (now.isEmpty() && !trouble.isEmpty()) {
      log.info("etcd answers again");
    } else if (!now.isEmpty() && trouble.isEmpty()) {
      log.warn("{}; trying again every {} s, data is not affected", now, EVERY.toSeconds());
    }
    trouble = now;
  }

  private void tend() throws IOException {
    Optional<NodeStatus> now = status.get();
    if (now.isPresent() && !now.get().getClusterId().isEmpty() && !isOurs(now.get())) {
      return;
    }
    if (lease == 0) {
      lease = etcd.grant(LEASE);
      registered = Registered.NONE;
      announced = Optional.empty();
    } else {
      etcd.keepAlive(lease);
    }
    Registered self =
        new Registered(
            config.addressing().address(),
            now.map(s -> Long.toHexString(s.getMemberId())).orElse(""),
            now.map(NodeStatus::getClusterId).orElse(""),
            config.profile().name(),
            now.map(NodeStatus::getVersion).orElse(""));
    if (!self.equals(registered)) {
      etcd.put(prefix + "nodes/" + config.name(), write(self), lease);
      registered = self;
    }
    if (now.isPresent() && now.get().getPrimary().equals(config.name())) {
      announce(now.get());
    } else {
      announced = Optional.empty();
    }
    etcd.list(prefix + "nodes/", NODES_MAX)
        .forEach((key, value) -> learn(key.substring((prefix + "nodes/").length()), value));
  }

  private void learn(String name, String value) {
    read(value, Registered.class)
        .filter(node -> !node.address().isEmpty())
        .ifPresent(node -> addresses.put(name, node.address()));
  }

  /** True unless etcd knows another cluster; a wiped etcd learns of ours again. */
  private boolean isOurs(NodeStatus self) throws IOException {
    FoundedCluster ours =
        new FoundedCluster(
            self.getClusterId(),
            Long.toHexString(self.getMemberId()),
            config.profile().id(),
            Math.max(1, self.getMembersCount()));
    String cluster = ours.noteIn(views).cluster();
    if (cluster.equals(self.getClusterId())) {
      return true;
    }
    say(
        "%s speaks of cluster %s, this node's disk of %s: not registering"
            .formatted(views.place(FoundedCluster.VIEW), cluster, self.getClusterId()));
    return false;
  }

  /** Tells who the primary is, unless somebody is in a later term. */
  private void announce(NodeStatus self) throws IOException {
    Primary primary = new Primary(config.name(), self.getTerm(), config.addressing().address());
    if (announced.equals(Optional.of(primary))) {
      return;
    }
    String key = prefix + "primary";
    long known = etcd.get(key).flatMap(v -> read(v, Primary.class)).map(Primary::term).orElse(0L);
    if (known <= primary.term()) {
      etcd.put(key, write(primary), lease);
    }
    announced = Optional.of(primary);
  }

  private static String write(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static <T> Optional<T> read(String value, Class<T> type) {
    try {
      return Optional.ofNullable(JSON.readValue(value, type));
    } catch (JsonProcessingException e) {
      log.warn("etcd has something at our keys that is not ours: {}", e.getOriginalMessage());
      return Optional.empty();
    }
  }

  /** Takes this node out of etcd. */
  @Override
  public void close() {
    running = false;
    synchronized (wake) {
      wake.notifyAll();
    }
    try {
      if (lease != 0 && trouble.isEmpty()) {
        etcd.revoke(lease);
      }
    } catch (IOException e) {
      log.debug("the lease ends by itself: {}", e.getMessage());
    }
    etcd.close();
  }
}
