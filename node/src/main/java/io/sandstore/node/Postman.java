package io.sandstore.node;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Mailbox;
import io.sandstore.profile.Profile;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.Peer;
import io.sandstore.wire.Header;
import io.sandstore.wire.Probe;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends the log's messages: a bounded queue and a thread for each other node, so that one that does
 * not read never holds up the log. What does not fit is dropped, which the log is made for.
 */
final class Postman implements Profile.Traffic, Closeable {

  private static final Logger log = LoggerFactory.getLogger(Postman.class);
  private static final int QUEUE_MAX = 256;
  private static final Duration PING_EVERY = Duration.ofSeconds(1);
  private static final Duration PING_LIMIT = Duration.ofSeconds(3);
  private static final Duration CALL_LIMIT = Duration.ofSeconds(10);

  private final Host host;
  private final Peers peers;
  private final Map<String, Mailbox<Header>> boxes = new ConcurrentHashMap<>();
  private volatile boolean running = true;

  Postman(Host host, Peers peers) {
    this.host = host;
    this.peers = peers;
  }

  @Override
  public void cast(String to, Header message) {
    boxes.computeIfAbsent(to, this::open).offer(message);
  }

  private Mailbox<Header> open(String to) {
    Mailbox<Header> box = new Mailbox<>(host.clock(), QUEUE_MAX);
    host.threads().startDedicated("log to " + to, () -> deliver(to, box));
    host.threads().start("ping " + to, () -> ping(to));
    return box;
  }

  private void deliver(String to, Mailbox<Header> box) {
    while (running) {
      try {
        for (Header message : box.take(Duration.ofSeconds(5))) {
          peers.get(to).cast(Peer.LOG, message);
        }
      } catch (IOException e) {
        log.debug("messages to {} are lost: {}", to, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
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
        Peer peer = peers.get(to);
        Header.Builder question = Header.newBuilder().setProbe(Probe.getDefaultInstance());
        try {
          Deadline limit = host.clock().deadline(PING_LIMIT);
          peer.call(Peer.LOG, question, Frame.NO_PAYLOAD, limit).close();
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

  @Override
  public void call(String to, Header.Builder request, ByteBuffer payload)
      throws IOException, InterruptedException {
    Peer peer = peers.get(to);
    peer.call(peer.bulkLane(), request, payload, host.clock().deadline(CALL_LIMIT)).close();
  }

  @Override
  public void close() {
    running = false;
  }
}
