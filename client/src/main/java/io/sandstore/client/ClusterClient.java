package io.sandstore.client;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.rpc.DamagedException;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.ReadBlock;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/**
 * The nodes a client knows, and how a request gets to one that answers: the one that answered last
 * first, then the others, again and again until the deadline. All requests carry an id or change
 * nothing, so that sending one twice is safe.
 */
final class ClusterClient implements Closeable {

  private static final Duration RETRY_MIN = Duration.ofMillis(10);
  private static final Duration RETRY_MAX = Duration.ofMillis(250);

  /** A node that hangs must not use up the time in which another one would answer. */
  private static final Duration ATTEMPT_LIMIT = Duration.ofSeconds(3);

  private final Host host;
  private final Clock clock;
  private final Routes routes;
  private final HedgeDelay hedges = new HedgeDelay();
  private final AtomicLong turn = new AtomicLong();
  private final Readers readers;

  private volatile RpcClient preferred;
  private volatile String clusterId = "";

  ClusterClient(Host host, ClientConfig config) {
    this.host = host;
    this.clock = host.clock();
    this.routes = new Routes(host, config, this::hello);
    this.readers = new Readers(host);
    this.preferred = routes.peers().getFirst();
  }

  /** Whose nodes these are; empty before the first of them has answered. */
  String clusterId() {
    return clusterId;
  }

  private Hello hello() {
    return Hello.newBuilder().setClusterId(clusterId).build();
  }

  /**
   * Metadata: to the node that carries it out if it is known, else to who answered last. Queries,
   * where every node answers them, to the one that this client chose.
   */
  Header call(Header.Builder request, Deadline deadline) throws IOException, InterruptedException {
    try (Frame answer = ask(request, deadline)) {
      return answer.header();
    }
  }

  /** Likewise, with the payload that came with the answer; the caller releases it. */
  Frame ask(Header.Builder request, Deadline deadline) throws IOException, InterruptedException {
    Frame answer = call(request, Frame.NO_PAYLOAD, deadline, first(request), false);
    if (!answer.header().getRoute().isEmpty()) {
      follow(answer.header().getRoute());
    }
    return answer;
  }

  private RpcClient first(Header.Builder request) {
    if (!request.hasAsk() || !Readers.answers(preferred)) {
      return preferred;
    }
    routes.seek();
    return readers.choose(routes.peers(), preferred).orElse(preferred);
  }

  /** The next metadata goes to the node itself, if it greeted us; who has not is being asked. */
  private void follow(String route) {
    routes.named(route).ifPresentOrElse(peer -> preferred = peer, routes::seek);
  }

  /** A block to store: to the nodes in turn, which spreads the work. */
  Header send(Header.Builder request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    routes.seek();
    try (Frame answer = call(request, payload, deadline, next(routes.peers()), true)) {
      return answer.header();
    }
  }

  private RpcClient next(List<RpcClient> peers) {
    return peers.get((int) Math.floorMod(turn.getAndIncrement(), (long) peers.size()));
  }

  /**
   * A part of a block: from a holder if one is known, and from another one if the first takes long.
   * Bytes that are damaged are asked for again, to be checked by the node, which mends its block or
   * gets them from another one.
   *
   * @return whose {@link #asked} bytes are what was asked for; the caller releases it
   */
  Frame fetch(ReadBlock part, List<String> holders, Deadline deadline)
      throws IOException, InterruptedException {
    Frame answer = fetched(part, holders, deadline);
    if (asked(answer, part).remaining() != part.getLength()) {
      answer.close();
      throw new PosixException(Errno.EIO, "short read of block " + part.getBlock());
    }
    return answer;
  }

  private Frame fetched(ReadBlock part, List<String> holders, Deadline deadline)
      throws IOException, InterruptedException {
    Header.Builder again = Header.newBuilder().setReadBlock(part);
    try {
      return await(begin(part, holders, deadline), holders);
    } catch (PosixException e) {
      if (!isTransient(e.errno()) && e.errno() != Errno.MISMATCH) {
        throw e;
      }
    } catch (DamagedException e) {
      again.getReadBlockBuilder().clearUnchecked();
    } catch (IOException e) {
      // Asked again, of one after the other.
    }
    try {
      return call(again, Frame.NO_PAYLOAD, deadline, holder(holders, Optional.empty()), true);
    } catch (DamagedException e) {
      again.getReadBlockBuilder().clearUnchecked();
      return call(again, Frame.NO_PAYLOAD, deadline, holder(holders, Optional.empty()), true);
    }
  }

  /** Asks for a part of a block, to be waited for later; if it fails: {@link #fetch}. */
  HedgedRead begin(ReadBlock part, List<String> holders, Deadline deadline) {
    routes.seek();
    RpcClient first = holder(holders, Optional.empty());
    Deadline limit = clock.deadline(deadline.leftAtMost(ATTEMPT_LIMIT));
    return new HedgedRead(host, hedges, part, first, limit);
  }

  /** Waits for a part that was asked for; if it is late, asks another holder, too. */
  Frame await(HedgedRead begun, List<String> holders) throws IOException, InterruptedException {
    return begun.await(
        first -> Optional.of(holder(holders, Optional.of(first))).filter(other -> other != first));
  }

  /** The bytes of an answer that were asked for: it may hold whole chunks around them. */
  static ByteBuffer asked(Frame answer, ReadBlock part) {
    ByteBuffer payload = answer.payload();
    int chunkBytes = answer.header().getReadBlockReply().getChunkBytes();
    int before = chunkBytes == 0 ? 0 : part.getOffset() % chunkBytes;
    int from = Math.min(before, payload.remaining());
    return payload.slice(from, Math.min(part.getLength(), payload.remaining() - from));
  }

  /** The node to ask for a block, in turns among those that are equally good. */
  private RpcClient holder(List<String> holders, Optional<RpcClient> not) {
    List<RpcClient> peers = routes.peers();
    int start = (int) Math.floorMod(turn.getAndIncrement(), (long) peers.size());
    RpcClient best = peers.get(start);
    int bestRank = Integer.MAX_VALUE;
    for (int i = 0; i < peers.size(); i++) {
      RpcClient candidate = peers.get((start + i) % peers.size());
      int rank = rank(candidate, holders) + (not.isPresent() && not.get() == candidate ? 8 : 0);
      if (rank < bestRank) {
        best = candidate;
        bestRank = rank;
      }
    }
    return best;
  }

  /** Holders first, then those that fetch it, then strangers; the suspect behind all of them. */
  private static int rank(RpcClient peer, List<String> holders) {
    HelloReply greeting = peer.greeting();
    int rank = greeting == null ? 2 : holders.contains(greeting.getName()) ? 0 : 1;
    return rank + (peer.isSuspect() ? 4 : 0);
  }

  /**
   * All nodes, from one on in turn, the suspect behind the others, and strangers behind those that
   * have greeted: one that stands still takes a dial and never greets.
   */
  private List<RpcClient> order(RpcClient first) {
    List<RpcClient> peers = routes.peers();
    int start = Math.max(0, peers.indexOf(first));
    return IntStream.range(0, peers.size())
        .mapToObj(i -> peers.get((start + i) % peers.size()))
        .sorted(
            Comparator.comparing(RpcClient::isSuspect)
                .thenComparing(peer -> peer.greeting() == null))
        .toList();
  }

  private Frame call(
      Header.Builder request, ByteBuffer payload, Deadline deadline, RpcClient first, boolean bulk)
      throws IOException, InterruptedException {
    Duration pause = RETRY_MIN;
    routes.meet(deadline);
    List<RpcClient> order = order(first);
    for (int attempt = 0; ; attempt++) {
      RpcClient peer = order.get(attempt);
      IOException last;
      try {
        Deadline limit = clock.deadline(deadline.leftAtMost(ATTEMPT_LIMIT));
        int lane = bulk ? peer.bulkLane() : RpcClient.CONTROL;
        Frame answer = peer.call(lane, request.clone(), payload.duplicate(), limit);
        remember(peer, bulk || (request.hasAsk() && Readers.answers(peer)));
        return answer;
      } catch (PosixException e) {
        boolean elsewhere = e.errno() == Errno.MISMATCH && routes.forget(peer);
        if (!elsewhere && !isTransient(e.errno())) {
          throw e;
        }
        if (request.hasAsk()) {
          readers.failed(peer);
        }
        last = e;
      } catch (DamagedException e) {
        if (request.getReadBlock().getUnchecked()) {
          throw e;
        }
        last = e;
      } catch (LostException e) {
        peer.failed(); // where only the cluster was slow, the next probe says so
        peer.drop(); // a link that says nothing may be one that nobody holds the other end of
        routes.failed(peer);
        last = e;
      } catch (IOException e) {
        routes.failed(peer);
        last = e;
      }
      routes.seek();
      if (deadline.left().compareTo(pause) <= 0) {
        throw timeout(last);
      }
      if (attempt + 1 == order.size()) {
        long jitter = host.random().nextLong(pause.toNanos());
        clock.sleep(pause.plusNanos(jitter));
        order = order(first);
        attempt = -1;
        pause = pause.multipliedBy(2).compareTo(RETRY_MAX) < 0 ? pause.multipliedBy(2) : RETRY_MAX;
      }
    }
  }

  /**
   * @param anyone would have done
   */
  private void remember(RpcClient peer, boolean anyone) {
    if (!anyone) {
      preferred = peer;
    }
    routes.heard(peer.greeting());
    Optional.ofNullable(peer.greeting())
        .map(HelloReply::getClusterId)
        .filter(id -> !id.isEmpty())
        .ifPresent(id -> clusterId = id);
  }

  private static boolean isTransient(Errno errno) {
    return switch (errno) {
      case EAGAIN, ETIMEDOUT, NOT_PRIMARY -> true;
      default -> false;
    };
  }

  private PosixException timeout(IOException last) {
    List<String> addresses = routes.peers().stream().map(RpcClient::address).toList();
    PosixException timeout =
        new PosixException(
            Errno.ETIMEDOUT,
            "no answer in time from %s: %s".formatted(addresses, last.getMessage()));
    timeout.initCause(last);
    return timeout;
  }

  /** A link of an operator, for whom a node keeps places when clients have taken all of theirs. */
  RpcClient operator(String address) {
    return new RpcClient(host, address, () -> hello().toBuilder().setOperator(true).build());
  }

  /** Every known node, for questions to each of them. */
  List<RpcClient> peers() {
    return routes.peers();
  }

  @Override
  public void close() {
    routes.close();
  }
}
