package io.sandstore.client;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.rpc.Addresses;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.NodeAddresses;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that a client can reach: its seeds, which stay, and others that it learned of. A
 * greeting names the nodes and where they say they are; not every client gets there, and somebody
 * else may be there. So a node is asked nothing before it was dialled in the background and greeted
 * under that name and cluster. Thread-safe.
 */
final class Routes implements Closeable {

  private static final Duration GREET_LIMIT = Duration.ofSeconds(2);

  /** How long a seed has to greet before the next one is dialled beside it. */
  private static final Duration GREET_PATIENCE = Duration.ofMillis(100);

  private static final Duration PAUSE_MIN = Duration.ofSeconds(1);
  private static final Duration PAUSE_MAX = Duration.ofSeconds(60);

  private record Learned(String name, RpcClient peer) {}

  private final Host host;
  private final Supplier<Hello> hello;
  private final boolean seedsOnly;
  private final List<RpcClient> seeds;
  private volatile List<RpcClient> peers;

  /** The latest greeting that names nodes, and the one whose nodes are all known. */
  private volatile HelloReply heard = HelloReply.getDefaultInstance();

  private volatile HelloReply settled = heard;

  // Guarded by this.
  private final List<Learned> learned = new ArrayList<>();
  private HelloReply inVain = heard;
  private boolean seeking;
  private boolean closed;
  private long pausedAt;
  private Duration pause = Duration.ZERO;

  Routes(Host host, ClientConfig config, Supplier<Hello> hello) {
    this.host = host;
    this.hello = hello;
    this.seedsOnly = config.seedsOnly();
    this.seeds =
        config.seeds().stream().map(seed -> new RpcClient(host, seed, this.hello)).toList();
    this.peers = seeds;
  }

  /** The nodes to ask, seeds first; never empty. */
  List<RpcClient> peers() {
    return peers;
  }

  /**
   * Returns at once if a node has ever greeted, else when one does, all seeds have failed, or the
   * time is up. One that takes the dial and says nothing is not waited for: the next is dialled
   * beside it (as "Happy Eyeballs" does with addresses, RFC 8305).
   */
  void meet(Deadline deadline) throws InterruptedException {
    if (peers.stream().anyMatch(peer -> peer.greeting() != null)) {
      return;
    }
    CompletableFuture<Boolean> met = new CompletableFuture<>();
    List<CompletableFuture<Boolean>> failures = new ArrayList<>();
    for (RpcClient seed : seeds) {
      CompletableFuture<Boolean> failed = new CompletableFuture<>();
      failures.add(failed);
      host.threads().start("greet " + seed.address(), () -> greet(seed, met, failed));
      settles(CompletableFuture.anyOf(met, failed), deadline.leftAtMost(GREET_PATIENCE));
      if (met.isDone()) {
        return;
      }
    }
    CompletableFuture<?> all = CompletableFuture.allOf(failures.toArray(CompletableFuture[]::new));
    settles(CompletableFuture.anyOf(met, all), deadline.leftAtMost(GREET_LIMIT));
  }

  private void greet(
      RpcClient seed, CompletableFuture<Boolean> met, CompletableFuture<Boolean> failed) {
    try {
      seed.greet(host.clock().deadline(GREET_LIMIT));
      met.complete(true);
    } catch (IOException e) {
      failed.complete(true);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      failed.complete(true);
    }
  }

  private void settles(CompletableFuture<?> one, Duration limit) throws InterruptedException {
    try {
      host.clock().await(one, limit);
    } catch (TimeoutException e) {
      // Whoever waits looks for itself.
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // nothing here fails a future
    }
  }

  /** A node that was last heard of under this name. */
  Optional<RpcClient> named(String name) {
    return peers.stream()
        .filter(peer -> Optional.ofNullable(peer.greeting()).filter(is(name)).isPresent())
        .findFirst();
  }

  private static Predicate<HelloReply> is(String name) {
    return greeting -> greeting.getName().equals(name);
  }

  /** A node answered, and had greeted with this. */
  void heard(@Nullable HelloReply greeting) {
    HelloReply before = heard;
    if (greeting != null
        && greeting != before
        && greeting.getNodesCount() > 0
        && !greeting.getNodesList().equals(before.getNodesList())) {
      heard = greeting;
    }
  }

  /** Other nodes would be of use: looks for them in the background, seldom if in vain. */
  void seek() {
    HelloReply latest = heard;
    if (seedsOnly || latest == settled) {
      return;
    }
    synchronized (this) {
      boolean paused = host.clock().nanos() - pausedAt < pause.toNanos();
      if (seeking || paused || closed) {
        return;
      }
      seeking = true;
    }
    host.threads().start("seek nodes", () -> seek(latest));
  }

  private void seek(HelloReply said) {
    HelloReply latest = said;
    boolean all = true;
    try {
      latest = isStale(said) ? askedAgain(said) : said;
      List<NodeAddresses> nodes =
          latest.getNodesList().stream().limit(Addresses.NODES_MAX).toList();
      forgetAllBut(nodes);
      for (NodeAddresses node : nodes) {
        if (named(node.getName()).isEmpty()) {
          all &= !maySeedBe(node) && reach(node, latest.getClusterId());
        }
      }
      all &= !latest.getClusterId().isEmpty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      sought(latest, all);
    }
  }

  private synchronized void sought(HelloReply latest, boolean all) {
    seeking = false;
    heard = latest;
    pausedAt = host.clock().nanos();
    if (all) {
      settled = latest;
      inVain = HelloReply.getDefaultInstance();
      pause = PAUSE_MIN;
    } else {
      inVain = latest;
      Duration twice = pause.multipliedBy(2);
      pause = twice.compareTo(PAUSE_MIN) < 0 ? PAUSE_MIN : twice;
      pause = pause.compareTo(PAUSE_MAX) > 0 ? PAUSE_MAX : pause;
    }
  }

  /** What a link said when it was opened, and led nowhere; or by a node that had no cluster yet. */
  private synchronized boolean isStale(HelloReply said) {
    return said == inVain || said.getClusterId().isEmpty();
  }

  /** What a seed says now. */
  private HelloReply askedAgain(HelloReply said) throws InterruptedException {
    for (RpcClient seed : seeds) {
      try (RpcClient anew = new RpcClient(host, seed.address(), hello)) {
        HelloReply now = anew.greet(host.clock().deadline(GREET_LIMIT));
        if (now.getNodesCount() > 0) {
          return now;
        }
      } catch (IOException e) {
        // Perhaps the next one.
      }
    }
    return said;
  }

  /** A node did not answer: one that was learned of may have moved. */
  synchronized void failed(RpcClient peer) {
    if (learned.stream().anyMatch(node -> node.peer == peer)) {
      settled = HelloReply.getDefaultInstance();
      inVain = heard;
    }
  }

  /** A seed that nobody asked yet may turn out to be this node; several may share an address. */
  private boolean maySeedBe(NodeAddresses node) {
    return seeds.stream()
        .anyMatch(
            seed -> seed.greeting() == null && node.getAddressesList().contains(seed.address()));
  }

  private boolean reach(NodeAddresses node, String clusterId) throws InterruptedException {
    for (String address : Addresses.valid(node.getAddressesList())) {
      RpcClient peer = new RpcClient(host, address, hello);
      try {
        HelloReply greeting = peer.greet(host.clock().deadline(GREET_LIMIT));
        if (!clusterId.isEmpty()
            && greeting.getName().equals(node.getName())
            && greeting.getClusterId().equals(clusterId)
            && add(node.getName(), peer)) {
          return true;
        }
      } catch (IOException e) {
        // Nobody is there, for this client.
      }
      peer.close();
    }
    return false;
  }

  private synchronized boolean add(String name, RpcClient peer) {
    if (closed) {
      return false;
    }
    learned.add(new Learned(name, peer));
    publish();
    return true;
  }

  private void publish() {
    List<RpcClient> all = new ArrayList<>(seeds);
    learned.forEach(node -> all.add(node.peer));
    peers = List.copyOf(all);
  }

  /** Keeps the learned nodes that are still named; one that moved, for as long as it answers. */
  private synchronized void forgetAllBut(List<NodeAddresses> nodes) {
    forget(
        node ->
            nodes.stream()
                .filter(now -> now.getName().equals(node.name))
                .noneMatch(
                    now ->
                        now.getAddressesList().contains(node.peer.address())
                            || !node.peer.isSuspect()));
  }

  /**
   * Another cluster is there now.
   *
   * @return false if it is a seed, which stays
   */
  synchronized boolean forget(RpcClient peer) {
    return forget(node -> node.peer == peer);
  }

  private boolean forget(Predicate<Learned> which) {
    List<Learned> gone = learned.stream().filter(which).toList();
    learned.removeAll(gone);
    publish();
    gone.forEach(node -> node.peer.close());
    return !gone.isEmpty();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    peers.forEach(RpcClient::close);
  }
}
