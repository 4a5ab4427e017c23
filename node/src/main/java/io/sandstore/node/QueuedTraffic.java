package io.sandstore.node;

import com.google.protobuf.ByteString;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.replication.Traffic;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Header;
import io.sandstore.wire.Probe;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the log's messages so that a node that does not read never holds up the log: a bounded
 * queue and a thread for each other node. A small message to one that was just heard of goes at
 * once, which saves waking that thread. What does not fit is dropped, which the log is made for.
 */
final class QueuedTraffic implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(QueuedTraffic.class);
  private static final int QUEUE_MAX = 256;
  private static final int SMALL_BYTES = 4 << 10;

  /** Less than the smallest buffer that a kernel gives a socket, with room for its own overhead. */
  private static final int ROOM_BYTES = 16 << 10;

  private static final int DEBT_BYTES_MAX = 1 << 20;

  private static final Duration PING_EVERY = Duration.ofSeconds(1);
  private static final Duration PING_LIMIT = Duration.ofSeconds(3);
  private static final Duration CALL_LIMIT = Duration.ofSeconds(10);

  private final Host host;
  private final Peers peers;
  private final Map<String, Box> boxes = new ConcurrentHashMap<>();
  private volatile boolean running = true;

  QueuedTraffic(Host host, Peers peers) {
    this.host = host;
    this.peers = peers;
  }

  /** What waits for one node. */
  private static final class Box {
    final Mailbox<Header> queue;

    /** Not yet sent, what the thread has taken from the queue included. */
    final AtomicInteger waiting = new AtomicInteger();

    /**
     * Bytes that surely fit into the socket. Whatever is sent takes some; each message from the
     * node gives some back, since it came after the node had read what was sent long before.
     */
    final AtomicInteger room = new AtomicInteger();

    Box(Clock clock) {
      queue = new Mailbox<>(clock, QUEUE_MAX);
    }

    boolean takesAtOnce(int bytes) {
      int left = room.updateAndGet(r -> Math.max(r - bytes, -DEBT_BYTES_MAX));
      return bytes <= SMALL_BYTES && left >= 0 && waiting.get() == 0;
    }
  }

  /** The way of one of this node's logs to the same one on other nodes. */
  Traffic of(int log) {
    return new Traffic() {
      @Override
      public void cast(String to, ByteString message) {
        QueuedTraffic.this.cast(to, Header.newBuilder().setLog(log).setLogCast(message).build());
      }

      @Override
      public Optional<ByteString> call(String to, ByteString request, ByteBuffer payload)
          throws IOException, InterruptedException {
        Header.Builder question = Header.newBuilder().setLog(log).setLogCall(request);
        Header answer = QueuedTraffic.this.call(to, question, payload);
        return answer.hasLogCall() ? Optional.of(answer.getLogCall()) : Optional.empty();
      }
    };
  }

  private void cast(String to, Header message) {
    Box box = boxes.computeIfAbsent(to, this::open);
    try {
      if (box.takesAtOnce(message.getSerializedSize())
          && peers.get(to).castIfOpen(RpcClient.LOG, message)) {
        return;
      }
    } catch (IOException e) {
      log.debug("a message to {} is lost: {}", to, e.getMessage());
      return;
    }
    box.waiting.incrementAndGet();
    if (!box.queue.offer(message)) {
      box.waiting.decrementAndGet();
    }
  }

  /** A message of a log came from there, so that whatever was sent there before is being read. */
  void heard(String from) {
    Box box = boxes.get(from);
    if (box != null) {
      box.room.updateAndGet(r -> Math.min(r + ROOM_BYTES, ROOM_BYTES));
    }
  }

  private Box open(String to) {
    Box box = new Box(host.clock());
    host.threads().startDedicated("log to " + to, () -> deliver(to, box));
    host.threads().start("ping " + to, () -> ping(to));
    return box;
  }

  private void deliver(String to, Box box) {
    while (running) {
      try {
        deliver(to, box, box.queue.take(Duration.ofSeconds(5)));
      } catch (IOException e) {
        log.debug("messages to {} are lost: {}", to, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void deliver(String to, Box box, List<Header> messages)
      throws IOException, InterruptedException {
    try {
      for (Header message : messages) {
        peers.get(to).cast(RpcClient.LOG, message);
      }
    } finally {
      box.waiting.addAndGet(-messages.size());
    }
  }

  /**
   * Messages of the log have no answers, so that a link whose other end is gone without a word
   * would take them for a quarter of an hour. A question now and then finds out, and breaks it.
   */
  private void ping(String to) {
    while (running) {
      try {
        host.clock().sleep(PING_EVERY);
        RpcClient peer = peers.get(to);
        Header.Builder question = Header.newBuilder().setProbe(Probe.getDefaultInstance());
        try {
          Deadline limit = host.clock().deadline(PING_LIMIT);
          peer.call(RpcClient.LOG, question, Frame.NO_PAYLOAD, limit).close();
        } catch (LostException e) {
          peer.drop();
        }
      } catch (IOException e) {
        log.debug("{} does not answer: {}", to, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private Header call(String to, Header.Builder request, ByteBuffer payload)
      throws IOException, InterruptedException {
    RpcClient peer = peers.get(to);
    Deadline limit = host.clock().deadline(CALL_LIMIT);
    try (Frame answer = peer.call(peer.bulkLane(), request, payload, limit)) {
      return answer.header();
    }
  }

  @Override
  public void close() {
    running = false;
  }
}
