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
 * nodes alike and a node that leaves is replaced by all others. Thread-safe.
 */
final class Readers {

  /** So long a node is spared that said it cannot answer: it may be cut off from the others. */
  private static final Duration SPARED = Duration.ofSeconds(10);

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

  /** The node to ask first; empty if they do not answer by themselves, or none is known to live. */
  Optional<RpcClient> choose(List<RpcClient> peers) {
    return peers.stream()
        .filter(peer -> answers(peer) && !peer.isSuspect() && !isSpared(peer))
        .max(Comparator.comparingLong(this::rank));
  }

  /** It answered that it cannot know, or not in time. */
  void failed(RpcClient peer) {
    spared = new Spared(peer, host.clock().nanos() + SPARED.toNanos());
  }

  private boolean isSpared(RpcClient peer) {
    Spared now = spared;
    return now != null && now.peer == peer && now.untilNanos - host.clock().nanos() > 0;
  }

  private long rank(RpcClient peer) {
    HelloReply greeting = peer.greeting();
    long name = greeting == null ? 0 : greeting.getName().hashCode();
    return mixed(number() ^ mixed(name));
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
