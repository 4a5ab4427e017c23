package io.sandstore.client;

import io.sandstore.host.Host;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.HelloReply;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Which node a client asks what changes nothing, where every node answers that: each client has its
 * own order of them (rendezvous hashing by a number that it draws), so that many clients load all
 * nodes alike and a node that leaves is replaced by all others. The primary is asked by half as
 * many as another node: it answers the others' questions, too. Thread-safe.
 */
final class Readers {

  /** So long a node is spared that said it cannot answer: it may be cut off from the others. */
  private static final Duration SPARED = Duration.ofSeconds(10);

  /** Against 1 of each other node. */
  private static final double WEIGHT_OF_PRIMARY = 0.5;

  private record Spared(RpcClient peer, long untilNanos) {}

  private final Host host;

  /** Drawn when it is needed; 0: not yet. */
  private final AtomicLong number = new AtomicLong();

  private volatile @Nullable Spared spared;

  Readers(Host host) {
    this.host = host;
  }

  /** True if a node said that it answers queries though it may not order commands. */
  static boolean answers(RpcClient peer) {
    HelloReply greeting = peer.greeting();
    return greeting != null && greeting.getReadsEverywhere();
  }

  /**
   * The node to ask first; empty if they do not answer by themselves, or none is known to live.
   *
   * @param primary the node that commands go to, as far as is known
   */
  Optional<RpcClient> choose(List<RpcClient> peers, RpcClient primary) {
    return peers.stream()
        .filter(peer -> answers(peer) && !peer.isSuspect() && !isSpared(peer))
        .max(Comparator.comparingDouble(peer -> rank(name(peer), peer == primary)));
  }

  /** It answered that it cannot know, or not in time. */
  void failed(RpcClient peer) {
    spared = new Spared(peer, host.clock().nanos() + SPARED.toNanos());
  }

  private boolean isSpared(RpcClient peer) {
    Spared now = spared;
    return now != null && now.peer == peer && now.untilNanos - host.clock().nanos() > 0;
  }

  private static String name(RpcClient peer) {
    HelloReply greeting = peer.greeting();
    return greeting == null ? "" : greeting.getName();
  }

  /** Weighted rendezvous hashing (Schindelhauer and Schomaker 2005). */
  private double rank(String name, boolean primary) {
    double drawn = ((mixed(number() ^ mixed(name.hashCode())) >>> 11) + 0.5) * 0x1p-53;
    return -(primary ? WEIGHT_OF_PRIMARY : 1) / Math.log(drawn);
  }

  private long number() {
    long drawn = number.get();
    if (drawn == 0) {
      number.compareAndSet(0, host.random().nextLong() | 1);
      drawn = number.get();
    }
    return drawn;
  }

  /** The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit depends on every bit. */
  private static long mixed(long value) {
    long z = value + 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
