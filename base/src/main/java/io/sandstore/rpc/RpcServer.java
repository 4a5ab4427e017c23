package io.sandstore.rpc;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.host.LogLimit;
import io.sandstore.host.Network;
import io.sandstore.rpc.Admission.Kind;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers requests. A virtual thread per request, a bound per link; frames without an id are
 * handled on the link's own thread, in order. Whatever a caller sends, it gets a typed refusal at
 * worst.
 *
 * <p>A link that does not say who it is within {@link #GREETING_LIMIT}, that stops in the middle of
 * a frame for {@link #FRAME_LIMIT}, or that says nothing for {@link #IDLE_LIMIT} is closed: callers
 * that want to keep one ask something now and then ({@link RpcClient#KEEP_ALIVE}). Places are
 * limited by kind ({@link Admission}); a client that has not spoken for {@link #YIELD_AFTER} makes
 * room for another.
 */
public final class RpcServer implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(RpcServer.class);
  private static final int IN_FLIGHT_PER_LINK = 256;

  /** Links of clients with a thread of their own; the others, of which there may be many, share. */
  private static final int CLIENT_THREADS_MAX = 64;

  private static final Duration DEADLINE_MAX = Duration.ofMinutes(5);
  private static final Duration DRAIN_PAUSE = Duration.ofMillis(5);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(1);
  private static final Duration SAY_EVERY = Duration.ofSeconds(10);

  static final Duration GREETING_LIMIT = Duration.ofSeconds(5);
  static final Duration FRAME_LIMIT = Duration.ofSeconds(10);
  static final Duration IDLE_LIMIT = Duration.ofMinutes(3);
  static final Duration YIELD_AFTER = Duration.ofSeconds(20);

  /** What a process does with those who call. */
  public interface Handler {

    /** Accepts or refuses a connection. */
    HelloReply hello(Caller caller, Hello hello) throws PosixException;

    /** What takes the requests of one more connection, which are all this caller's. */
    Requests forLink(Caller caller);
  }

  /** What a process does with the requests of one connection. */
  public interface Requests {

    /** The answer to a request. The payload is whole, and only valid during the call. */
    Reply handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException;

    /** Takes a message that has no answer. Must not block. */
    void receive(Header message);
  }

  private final Host host;
  private final Handler handler;
  private final Network.Listener listener;
  private final AtomicLong arrivals = new AtomicLong();

  /** In the order of arrival: one by chance could not be simulated twice. */
  private final Set<Guest> guests =
      new ConcurrentSkipListSet<>(Comparator.comparingLong(guest -> guest.arrival));

  private final Admission<Guest> admission;
  private final LogLimit refusals;
  private final LogLimit defects;
  private final AtomicInteger answering = new AtomicInteger();
  private final Semaphore ownThreads = new Semaphore(CLIENT_THREADS_MAX);
  private volatile boolean draining;
  private volatile boolean closed;

  public RpcServer(Host host, String address, Handler handler) throws IOException {
    this.host = host;
    this.handler = handler;
    this.admission = new Admission<>(Admission.Places.of(host.network().capacity()));
    this.refusals = new LogLimit(SAY_EVERY, host.clock()::nanos);
    this.defects = new LogLimit(SAY_EVERY, host.clock()::nanos);
    this.listener = host.network().listen(address, this::serve);
    host.threads().start("links", this::look);
  }

  /** Why no client would be let in at the moment; empty if one would. */
  public String trouble() {
    String trouble = listener.trouble();
    if (!trouble.isEmpty()) {
      return trouble;
    }
    synchronized (admission) {
      boolean full = admission.isFull() && longestSilentClient().isEmpty();
      return full ? "all connections of clients are taken" : "";
    }
  }

  /** A link, and what is known of its other end. */
  private final class Guest {
    final Link link;
    final long arrival = arrivals.getAndIncrement();
    final AtomicInteger answering = new AtomicInteger();
    volatile Kind kind = Kind.STRANGER;
    volatile long heardAt = host.clock().nanos();

    Guest(Link link) {
      this.link = link;
    }

    /** Without a word for so long, and without a question of its own that waits for an answer. */
    boolean isSilentFor(Duration time) {
      return answering.get() == 0 && host.clock().nanos() - heardAt >= time.toNanos();
    }
  }

  /** Ends links that hold a place or memory and do nothing with it. */
  private void look() {
    try {
      while (!closed) {
        host.clock().sleep(LOOK_EVERY);
        for (Guest guest : guests) {
          Duration patience = guest.kind == Kind.STRANGER ? GREETING_LIMIT : IDLE_LIMIT;
          if (guest.isSilentFor(patience) || guest.link.isStuck(FRAME_LIMIT)) {
            log.debug("link {} is silent and closed", guest.link.remote());
            guest.link.close();
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Optional<Guest> longestSilentClient() {
    return guests.stream()
        .filter(guest -> guest.kind == Kind.CLIENT && guest.isSilentFor(YIELD_AFTER))
        .min(Comparator.comparingLong(guest -> guest.heardAt - host.clock().nanos()));
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
    guests.forEach(guest -> guest.link.close());
  }

  private void serve(Link link) {
    Guest guest = new Guest(link);
    guests.add(guest);
    Optional<Guest> goes;
    synchronized (admission) {
      goes = admission.enter(guest, address(link));
    }
    goes.ifPresent(stranger -> stranger.link.close());
    Optional<Caller> caller = Optional.empty();
    try {
      if (!closed) {
        caller = greet(guest);
      }
    } catch (IOException | RuntimeException e) {
      log.debug("link {} was not greeted: {}", link.remote(), e.toString());
    }
    // A thread of its own is woken once for a message, a virtual one that waits for a socket twice.
    if (caller.isEmpty()) {
      end(guest);
      return;
    }
    Requests requests = handler.forLink(caller.get());
    if (guest.kind == Kind.NODE) {
      serveOnOwnThread(guest, requests, () -> {});
    } else if (ownThreads.tryAcquire()) {
      serveOnOwnThread(guest, requests, ownThreads::release);
    } else {
      serveRequests(guest, requests);
    }
  }

  /** Without the port. */
  private static String address(Link link) {
    int colon = link.remote().lastIndexOf(':');
    return colon < 0 ? link.remote() : link.remote().substring(0, colon);
  }

  private void serveOnOwnThread(Guest guest, Requests requests, Runnable onEnd) {
    host.threads()
        .startDedicated(
            "link " + guest.link.remote(),
            () -> {
              try {
                serveRequests(guest, requests);
              } finally {
                onEnd.run();
              }
            });
  }

  private void end(Guest guest) {
    guest.link.close();
    guests.remove(guest);
    synchronized (admission) {
      admission.leave(guest);
    }
  }

  /** Who it is; empty: it may not stay. */
  private Optional<Caller> greet(Guest guest) throws IOException {
    Link link = guest.link;
    Frame first = link.receive();
    if (first == null) {
      return Optional.empty();
    }
    first.close();
    Hello hello = first.header().getHello();
    try {
      if (!first.header().hasHello()) {
        throw new PosixException(Errno.EPROTO, "a connection begins with a hello");
      }
      Caller caller = Caller.of(hello);
      HelloReply reply = handler.hello(caller, hello);
      Kind kind = kind(caller);
      admit(guest, kind);
      if (kind == Kind.NODE) {
        link.markNode();
      }
      guest.heardAt = host.clock().nanos();
      link.send(Frame.of(Header.newBuilder().setHelloReply(reply).build()));
      guest.kind = kind;
      return Optional.of(caller);
    } catch (PosixException e) {
      refusals.say(
          more ->
              log.info(
                  "refused {} ({}): {}{}", link.remote(), hello.getFrom(), e.getMessage(), more));
      link.send(Frame.of(Header.newBuilder().setFault(e.fault()).build()));
      return Optional.empty();
    }
  }

  private static Kind kind(Caller caller) {
    return switch (caller) {
      case Caller.Client() -> Kind.CLIENT;
      case Caller.Operator() -> Kind.OPERATOR;
      case Caller.Node(String name) -> Kind.NODE;
    };
  }

  private void admit(Guest guest, Kind kind) throws PosixException {
    synchronized (admission) {
      Optional<String> refusal = admission.admit(guest, kind);
      Optional<Guest> silent =
          refusal.isPresent() && kind == Kind.CLIENT ? longestSilentClient() : Optional.empty();
      if (silent.isPresent()) {
        admission.leave(silent.get());
        silent.get().link.close();
        refusal = admission.admit(guest, kind);
      }
      if (refusal.isPresent()) {
        host.telemetry().rejected("connections");
        throw new PosixException(Errno.EAGAIN, refusal.get());
      }
    }
  }

  private void serveRequests(Guest guest, Requests requests) {
    try {
      takeRequests(guest, requests);
    } catch (IOException e) {
      log.debug("link {} ended: {}", guest.link.remote(), e.toString());
    } finally {
      end(guest);
    }
  }

  private void takeRequests(Guest guest, Requests requests) throws IOException {
    Link link = guest.link;
    Semaphore inFlight = new Semaphore(IN_FLIGHT_PER_LINK);
    Frame frame;
    while ((frame = link.receive()) != null) {
      guest.heardAt = host.clock().nanos();
      if (frame.header().getId() == 0) {
        requests.receive(frame.header());
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
      guest.answering.incrementAndGet();
      Frame request = frame;
      host.threads()
          .start(
              "request",
              () -> {
                try {
                  answer(guest, request, requests);
                } finally {
                  guest.answering.decrementAndGet();
                  answering.decrementAndGet();
                  inFlight.release();
                }
              });
    }
  }

  private void answer(Guest guest, Frame request, Requests requests) {
    Link link = guest.link;
    long id = request.header().getId();
    try (request;
        Reply answer = handle(link, request, requests)) {
      Header.Builder header = answer.header().setId(id);
      Header sealed = Payloads.seal(header, answer.payload(), host.telemetry()).build();
      guest.heardAt = host.clock().nanos(); // before the caller can know, and go on from there
      link.send(new Frame(sealed, answer.payload(), answer.region(), () -> {}));
    } catch (IOException e) {
      log.debug("answer to {} not sent: {}", link.remote(), e.toString());
    }
  }

  private Reply handle(Link link, Frame request, Requests requests) {
    try {
      Payloads.verify(request, link.remote(), host.telemetry());
      // A little less than the caller waits, so that it hears what came of it.
      long limitMs = Integer.toUnsignedLong(request.header().getDeadlineMs());
      Deadline deadline =
          host.clock()
              .deadline(Duration.ofMillis(Math.min(limitMs * 9 / 10, DEADLINE_MAX.toMillis())));
      return requests.handle(request.header(), request.payload(), deadline);
    } catch (PosixException e) {
      return fault(e.fault());
    } catch (LostException e) {
      return fault(Errno.ETIMEDOUT, e);
    } catch (IOException e) {
      return fault(Errno.EAGAIN, e);
    } catch (InterruptedException e) {
      return fault(Errno.EAGAIN, e);
    } catch (RuntimeException e) {
      defects.say(
          more ->
              log.error(
                  "request {} failed unexpectedly{}", request.header().getBodyCase(), more, e));
      return fault(Errno.EIO, e);
    }
  }

  private static Reply fault(Errno errno, Exception e) {
    return fault(
        Fault.newBuilder().setErrno(errno).setMessage(String.valueOf(e.getMessage())).build());
  }

  private static Reply fault(Fault fault) {
    return Reply.of(Header.newBuilder().setFault(fault));
  }
}
