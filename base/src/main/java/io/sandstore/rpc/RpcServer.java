package io.sandstore.rpc;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests. A virtual thread per request, a bound per link; frames without an id are
 * handled on the link's own thread, in order. Whatever a caller sends, it gets a typed refusal at
 * worst.
 */
public final class RpcServer implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(RpcServer.class);
  private static final int IN_FLIGHT_PER_LINK = 256;

  /** Links of clients with a thread of their own; the others, of which there may be many, share. */
  private static final int CLIENT_THREADS_MAX = 64;

  private static final Duration DEADLINE_MAX = Duration.ofMinutes(5);
  private static final Duration DRAIN_PAUSE = Duration.ofMillis(5);

  /** What a process does with requests. */
  public interface Handler {

    /** Accepts or refuses a connection. */
    HelloReply hello(Hello hello) throws PosixException;

    /** The answer to a request. The payload is only valid during the call. */
    Frame handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException;

    /** Takes a message that has no answer. Must not block. */
    void receive(Header message);
  }

  private final Host host;
  private final Handler handler;
  private final Closeable listener;
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final AtomicInteger answering = new AtomicInteger();
  private final Semaphore ownThreads = new Semaphore(CLIENT_THREADS_MAX);
  private volatile boolean draining;
  private volatile boolean closed;

  public RpcServer(Host host, String address, Handler handler) throws IOException {
    this.host = host;
    this.handler = handler;
    this.listener = host.network().listen(address, this::serve);
  }

  /** Takes no more requests, and returns when those that were taken are answered. */
  public void drain(Deadline limit) throws IOException, InterruptedException {
    listener.close();
    draining = true;
    while (answering.get() > 0 && !limit.passed()) {
      host.clock().sleep(DRAIN_PAUSE);
    }
  }

  @Override
  public void close() throws IOException {
    closed = true;
    listener.close();
    links.forEach(Link::close);
  }

  private enum Greeted {
    NOBODY,
    CLIENT,
    NODE
  }

  private void serve(Link link) {
    links.add(link);
    Greeted greeted = Greeted.NOBODY;
    try {
      greeted = closed ? Greeted.NOBODY : greet(link);
    } catch (IOException | RuntimeException e) {
      log.debug("link {} was not greeted: {}", link.remote(), e.toString());
    }
    // A thread of its own is woken once for a message, a virtual one that waits for a socket twice.
    switch (greeted) {
      case NOBODY -> end(link);
      case NODE -> serveOnOwnThread(link, () -> {});
      case CLIENT -> {
        if (ownThreads.tryAcquire()) {
          serveOnOwnThread(link, ownThreads::release);
        } else {
          serveRequests(link);
        }
      }
    }
  }

  private void serveOnOwnThread(Link link, Runnable onEnd) {
    host.threads()
        .startDedicated(
            "link " + link.remote(),
            () -> {
              try {
                serveRequests(link);
              } finally {
                onEnd.run();
              }
            });
  }

  private void end(Link link) {
    link.close();
    links.remove(link);
  }

  private Greeted greet(Link link) throws IOException {
    Frame first = link.receive();
    if (first == null) {
      return Greeted.NOBODY;
    }
    first.close();
    Hello hello = first.header().getHello();
    try {
      if (!first.header().hasHello()) {
        throw new PosixException(Errno.EPROTO, "a connection begins with a hello");
      }
      HelloReply reply = handler.hello(hello);
      boolean node = !hello.getFrom().isEmpty();
      if (node) {
        link.markPeer();
      }
      link.send(Frame.of(Header.newBuilder().setHelloReply(reply).build()));
      return node ? Greeted.NODE : Greeted.CLIENT;
    } catch (PosixException e) {
      log.info("refused {} ({}): {}", link.remote(), hello.getFrom(), e.getMessage());
      link.send(Frame.of(Header.newBuilder().setFault(e.fault()).build()));
      return Greeted.NOBODY;
    }
  }

  private void serveRequests(Link link) {
    try {
      takeRequests(link);
    } catch (IOException e) {
      log.debug("link {} ended: {}", link.remote(), e.toString());
    } finally {
      end(link);
    }
  }

  private void takeRequests(Link link) throws IOException {
    Semaphore inFlight = new Semaphore(IN_FLIGHT_PER_LINK);
    Frame frame;
    while ((frame = link.receive()) != null) {
      if (frame.header().getId() == 0) {
        handler.receive(frame.header());
        frame.close();
        continue;
      }
      answering.incrementAndGet();
      if (draining) {
        // Not answered: the caller asks another node once this link closes.
        answering.decrementAndGet();
        frame.close();
        continue;
      }
      inFlight.acquireUninterruptibly();
      Frame request = frame;
      host.threads()
          .start(
              "request",
              () -> {
                try {
                  answer(link, request);
                } finally {
                  answering.decrementAndGet();
                  inFlight.release();
                }
              });
    }
  }

  private void answer(Link link, Frame request) {
    long id = request.header().getId();
    try (request;
        Frame answer = handle(link, request)) {
      Header.Builder header = answer.header().toBuilder().setId(id);
      Header sealed = Payloads.seal(header, answer.payload()).build();
      link.send(new Frame(sealed, answer.payload(), answer.region(), () -> {}));
    } catch (IOException e) {
      log.debug("answer to {} not sent: {}", link.remote(), e.toString());
    }
  }

  private Frame handle(Link link, Frame request) {
    try {
      Payloads.verify(request, link.remote());
      // A little less than the caller waits, so that it hears what came of it.
      long limitMs = Integer.toUnsignedLong(request.header().getDeadlineMs());
      Deadline deadline =
          host.clock()
              .deadline(Duration.ofMillis(Math.min(limitMs * 9 / 10, DEADLINE_MAX.toMillis())));
      return handler.handle(request.header(), request.payload(), deadline);
    } catch (PosixException e) {
      return fault(e.fault());
    } catch (LostException e) {
      return fault(Errno.ETIMEDOUT, e);
    } catch (IOException e) {
      return fault(Errno.EAGAIN, e);
    } catch (InterruptedException e) {
      return fault(Errno.EAGAIN, e);
    } catch (RuntimeException e) {
      log.error("request {} failed unexpectedly", request.header().getBodyCase(), e);
      return fault(Errno.EIO, e);
    }
  }

  private static Frame fault(Errno errno, Exception e) {
    return fault(
        Fault.newBuilder().setErrno(errno).setMessage(String.valueOf(e.getMessage())).build());
  }

  private static Frame fault(Fault fault) {
    return Frame.of(Header.newBuilder().setFault(fault).build());
  }
}
