package io.sandstore.rpc;

import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.Link;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Ping;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The other end of our calls: links to one process, opened when needed and again after they broke.
 *
 * <p>Thread-safe. Calls share links and their answers may come in any order. Lanes keep what must
 * be quick apart from what is large: a heartbeat never waits behind a block.
 */
public final class RpcClient implements Closeable {

  /** Lanes by number: metadata, log replication, and the rest for blocks in turn. */
  public static final int CONTROL = 0;

  public static final int LOG = 1;
  private static final int BULK = 2;
  private static final int BULK_LANES = 4;

  /** After a failed dial, calls fail at once for this long rather than dial in a storm. */
  private static final Duration REDIAL = Duration.ofMillis(50);

  private static final Duration DIAL_LIMIT = Duration.ofSeconds(2);

  private static final Duration PROBE_LIMIT = Duration.ofSeconds(1);

  /** Of one that answered before: a node that is only busy must not be taken for a silent one. */
  private static final Duration CHECK_LIMIT = Duration.ofSeconds(2);

  /** A link that is open and silent is asked something this often. */
  static final Duration KEEP_ALIVE = Duration.ofSeconds(60);

  private static final Duration KEEP_ALIVE_LIMIT = Duration.ofSeconds(10);

  /** How often somebody looks whether a send hangs, which may so much outlast its deadline. */
  private static final Duration LOOK_EVERY = Duration.ofMillis(100);

  private static final int LOOKS_WITHOUT_SENDING = 50;

  /** Larger payloads may not fit into the socket's buffer: sending them can hang. */
  private static final int WATCHED_BYTES = 16 << 10;

  private final Host host;
  private final String address;
  private final Supplier<Hello> hello;
  private final Lane[] lanes = new Lane[BULK + BULK_LANES];
  private final AtomicLong nextBulk = new AtomicLong();
  private final RpcHealth health = new RpcHealth();
  private final AtomicBoolean keepingAlive = new AtomicBoolean();

  /** Large frames that are being sent. */
  private final Set<Sending> sending = ConcurrentHashMap.newKeySet();

  private final AtomicBoolean watching = new AtomicBoolean();
  private volatile boolean closed;
  private volatile @Nullable HelloReply greeting;

  /**
   * @param address {@code host:port}; resolved again at every dial
   * @param hello what to introduce ourselves with
   */
  public RpcClient(Host host, String address, Supplier<Hello> hello) {
    this.host = host;
    this.address = address;
    this.hello = hello;
    for (int i = 0; i < lanes.length; i++) {
      lanes[i] = new Lane();
    }
  }

  public String address() {
    return address;
  }

  /** What the other end called itself when it last answered, or null before that. */
  public @Nullable HelloReply greeting() {
    return greeting;
  }

  /**
   * It did not answer in time: whoever has a choice asks another one, until a probe is answered.
   */
  public void failed() {
    health.failed(host.clock().nanos());
  }

  /**
   * True if it is better not to ask this peer. Does not wait; finds out in the background, now and
   * then, whether that is still so, and who a peer is that never answered.
   */
  public boolean isSuspect() {
    long now = host.clock().nanos();
    if (health.claimProbe(now, greeting == null)) {
      host.threads().start("probe " + address, () -> probe(PROBE_LIMIT));
    }
    return health.isSuspect(now);
  }

  /** Finds out in the background whether a peer that is not suspect still answers. */
  public void check() {
    if (!isSuspect()) {
      host.threads().start("check " + address, () -> probe(CHECK_LIMIT));
    }
  }

  private void probe(Duration limit) {
    boolean answered = false;
    try {
      Header.Builder ping = Header.newBuilder().setPing(Ping.getDefaultInstance());
      call(ping, host.clock().deadline(limit)).close();
      answered = true;
    } catch (LostException e) {
      drop(); // a link that says nothing may be one that nobody holds the other end of
    } catch (IOException e) {
      // Not back yet.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    health.probed(answered, host.clock().nanos());
  }

  private void keepAlive() {
    if (keepingAlive.compareAndSet(false, true)) {
      host.threads().start("keep alive " + address, this::keepAliveLoop);
    }
  }

  /** Keeps open links open, and finds out which of them have nobody at the other end. */
  private void keepAliveLoop() {
    try {
      do {
        host.clock().sleep(KEEP_ALIVE);
        for (int lane = 0; lane < lanes.length; lane++) {
          Optional<Connection> open = lanes[lane].open();
          if (open.isPresent() && open.get().isSilent()) {
            ask(lane);
          }
        }
      } while (!closed && Arrays.stream(lanes).anyMatch(lane -> lane.open().isPresent()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      keepingAlive.set(false);
    }
  }

  /** A frame on its way, equal to no other one. */
  private static final class Sending {
    final Link link;
    final Deadline deadline;

    Sending(Link link, Deadline deadline) {
      this.link = link;
      this.deadline = deadline;
    }
  }

  /** One thread looks after all that are sending, so that each can send for itself. */
  private void watch() {
    if (watching.compareAndSet(false, true)) {
      host.threads().start("sending to " + address, this::watchLoop);
    }
  }

  /** Breaks links that hang in a send; ends when nothing was sent for a while. */
  private void watchLoop() {
    try {
      for (int idle = 0; idle < LOOKS_WITHOUT_SENDING && !closed; idle++) {
        host.clock().sleep(LOOK_EVERY);
        idle = sending.isEmpty() ? idle : 0;
        for (Sending late : sending) {
          if (late.deadline.passed()) {
            late.link.close();
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      watching.set(false);
    }
    if (!sending.isEmpty() && !closed) {
      watch(); // it began while this one ended
    }
  }

  private void ask(int lane) throws InterruptedException {
    try {
      Header.Builder ping = Header.newBuilder().setPing(Ping.getDefaultInstance());
      Deadline limit = host.clock().deadline(KEEP_ALIVE_LIMIT);
      call(lane, ping, Frame.NO_PAYLOAD, limit).close();
    } catch (LostException e) {
      lanes[lane].drop();
    } catch (IOException e) {
      // It is closed already.
    }
  }

  /** True if a request on this lane goes out at once, without a dial before it. */
  public boolean isOpen(int lane) {
    return lanes[lane].open().isPresent();
  }

  /** A lane for a block. */
  public int bulkLane() {
    return BULK + (int) Math.floorMod(nextBulk.getAndIncrement(), (long) BULK_LANES);
  }

  /**
   * Sends a request and waits for its answer, whose payload the caller must release.
   *
   * @throws PosixException if the other end refused
   * @throws LostException if no answer came in time or the link broke: outcome unknown
   * @throws IOException if the request was certainly not sent
   */
  public Frame call(int lane, Header.Builder request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    return begin(lane, request, payload, deadline).await();
  }

  /** Sends a request, whose answer must be waited for or given up. Fails as {@link #call} does. */
  public Call begin(int lane, Header.Builder request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    return lanes[lane].connection(deadline).begin(request, payload, deadline);
  }

  public Frame call(Header.Builder request, Deadline deadline)
      throws IOException, InterruptedException {
    return call(CONTROL, request, Frame.NO_PAYLOAD, deadline);
  }

  /** Sends a frame that has no answer. */
  public void cast(int lane, Header header) throws IOException, InterruptedException {
    lanes[lane].connection(host.clock().deadline(DIAL_LIMIT)).link.send(Frame.of(header));
  }

  /** Sends a frame that has no answer if the link is open already; false if it is not. */
  public boolean castIfOpen(int lane, Header header) throws IOException {
    Optional<Connection> open = lanes[lane].open();
    if (open.isPresent()) {
      open.get().link.send(Frame.of(header));
    }
    return open.isPresent();
  }

  /** Opens the control link, if it is not open, to learn who is there. */
  public HelloReply greet(Deadline deadline) throws IOException, InterruptedException {
    return lanes[CONTROL].connection(deadline).greeting;
  }

  /** Breaks the links, so that calls which hang in a send end; the next call dials again. */
  public void drop() {
    for (Lane lane : lanes) {
      lane.drop();
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Lane lane : lanes) {
      lane.drop();
    }
  }

  private static String reason(ExecutionException e) {
    Throwable cause = e.getCause();
    return cause == null ? "unknown" : String.valueOf(cause.getMessage());
  }

  /** At most one open connection, and at most one attempt to open it. */
  private final class Lane {

    private @Nullable CompletableFuture<Connection> current;
    private @Nullable Link dialing;
    private long dialedAtNanos;
    private long failedAtNanos;
    private @Nullable IOException failure;

    Connection connection(Deadline deadline) throws IOException, InterruptedException {
      CompletableFuture<Connection> attempt;
      boolean dial = false;
      synchronized (this) {
        if (closed) {
          throw new IOException("closed");
        }
        CompletableFuture<Connection> open = current;
        if (open == null) {
          IOException recent = failure;
          if (recent != null && host.clock().nanos() - failedAtNanos < REDIAL.toNanos()) {
            throw new IOException(recent.getMessage(), recent);
          }
          open = new CompletableFuture<>();
          current = open;
          dialedAtNanos = host.clock().nanos();
          dial = true;
        }
        attempt = open;
      }
      if (dial) {
        dial(attempt, deadline);
      }
      try {
        return host.clock().await(attempt, deadline.leftAtMost(DIAL_LIMIT));
      } catch (ExecutionException e) {
        if (e.getCause() instanceof PosixException refused) {
          throw PosixException.of(refused.fault());
        }
        throw new IOException(reason(e), e);
      } catch (TimeoutException e) {
        IOException silent = new IOException("cannot reach " + address + " in time", e);
        giveUp(attempt, silent);
        throw silent;
      }
    }

    /** A greeting that was lost would otherwise be waited for, for ever, by every later call. */
    private void giveUp(CompletableFuture<Connection> attempt, IOException cause) {
      Link silent;
      synchronized (this) {
        boolean longEnough = host.clock().nanos() - dialedAtNanos >= DIAL_LIMIT.toNanos();
        if (attempt != current || attempt.isDone() || !longEnough) {
          return;
        }
        silent = dialing;
      }
      fail(attempt, cause);
      if (silent != null) {
        silent.close();
      }
    }

    private void dial(CompletableFuture<Connection> attempt, Deadline deadline) {
      try {
        Link link = host.network().dial(address, deadline.leftAtMost(DIAL_LIMIT));
        synchronized (this) {
          dialing = link;
        }
        Connection connection = new Connection(link, this, attempt);
        host.threads().startDedicated("answers from " + address, connection::receiveLoop);
      } catch (IOException e) {
        fail(attempt, e);
      }
    }

    /** Makes the next call dial again. */
    void fail(CompletableFuture<Connection> attempt, IOException cause) {
      boolean worked = attempt.isDone();
      if (!worked) {
        failed(); // no link, or no greeting
      }
      synchronized (this) {
        if (attempt == current) {
          current = null;
          failure = worked ? null : cause; // one that ended is opened again at once
          failedAtNanos = host.clock().nanos();
        }
      }
      attempt.completeExceptionally(cause);
    }

    void drop() {
      open().ifPresent(connection -> connection.link.close());
    }

    Optional<Connection> open() {
      CompletableFuture<Connection> attempt;
      synchronized (this) {
        attempt = current;
      }
      return Optional.ofNullable(attempt)
          .filter(dialed -> dialed.state() == Future.State.SUCCESS)
          .map(Future::resultNow);
    }
  }

  /** A request that was sent. */
  public final class Call {

    private final Connection connection;
    private final long id;
    private final Deadline deadline;
    private final CompletableFuture<Frame> answer = new CompletableFuture<>();

    private Call(Connection connection, long id, Deadline deadline) {
      this.connection = connection;
      this.id = id;
      this.deadline = deadline;
    }

    /** Waits for the answer, once, until the request's deadline. Fails as {@link #call} does. */
    public Frame await() throws IOException, InterruptedException {
      try {
        Frame frame = host.clock().await(answer, deadline.left());
        health.answered(host.clock().nanos());
        return checked(new Frame(frame.header(), frame.payload(), frame.release()));
      } catch (ExecutionException e) {
        throw new LostException("link to " + address + " broke: " + reason(e), e);
      } catch (TimeoutException e) {
        discard();
        throw new LostException("no answer from " + address + " in time", e);
      } catch (InterruptedException e) {
        discard();
        throw e;
      } finally {
        connection.pending.remove(id);
      }
    }

    /**
     * Tells when the answer is here, or why none will come; {@link #await} returns at once then.
     */
    public void onArrival(Consumer<@Nullable Throwable> todo) {
      answer.whenComplete((frame, failure) -> todo.accept(failure));
    }

    /** Takes no answer any more. */
    public void giveUp() {
      connection.pending.remove(id);
      discard();
    }

    private Frame checked(Frame frame) throws IOException {
      try {
        if (frame.header().hasFault()) {
          throw PosixException.of(frame.header().getFault());
        }
        Payloads.verify(frame, address, host.telemetry());
        return frame;
      } catch (IOException e) {
        frame.close();
        throw e;
      }
    }

    /** An answer that came while its caller gave up still holds a buffer; a later one must not. */
    private void discard() {
      if (!answer.cancel(false) && answer.state() == Future.State.SUCCESS) {
        answer.resultNow().close();
      }
    }
  }

  private final class Connection {

    final Link link;
    HelloReply greeting = HelloReply.getDefaultInstance();
    private final Lane lane;
    private final CompletableFuture<Connection> ready;
    final ConcurrentHashMap<Long, CompletableFuture<Frame>> pending = new ConcurrentHashMap<>();
    private final AtomicLong nextId = new AtomicLong();
    private volatile @Nullable IOException broken;
    private volatile long heardAt = host.clock().nanos();

    Connection(Link link, Lane lane, CompletableFuture<Connection> ready) {
      this.link = link;
      this.lane = lane;
      this.ready = ready;
    }

    Call begin(Header.Builder request, ByteBuffer payload, Deadline deadline)
        throws LostException, InterruptedException {
      Call call = new Call(this, nextId.incrementAndGet(), deadline);
      pending.put(call.id, call.answer);
      try {
        IOException gone = broken;
        if (gone != null) {
          throw gone;
        }
        long leftMs = deadline.left().toMillis();
        request.setId(call.id).setDeadlineMs((int) Math.min(Integer.MAX_VALUE, leftMs));
        Header sealed = Payloads.seal(request, payload, host.telemetry()).build();
        send(Frame.of(sealed, payload), deadline);
        return call;
      } catch (IOException e) {
        call.giveUp();
        throw new LostException("link to " + address + " broke: " + e.getMessage(), e);
      } catch (InterruptedException e) {
        call.giveUp();
        throw e;
      }
    }

    /** A peer that does not read must not hold up its caller: the link breaks at the deadline. */
    private void send(Frame frame, Deadline deadline) throws IOException, InterruptedException {
      if (frame.payloadBytes() <= WATCHED_BYTES) {
        link.send(frame);
        return;
      }
      Sending own = new Sending(link, deadline);
      sending.add(own);
      watch();
      try {
        link.send(frame);
      } catch (IOException e) {
        if (Thread.interrupted()) {
          throw new InterruptedException(e.getMessage()); // which is why the link broke
        }
        throw e;
      } finally {
        sending.remove(own);
      }
    }

    boolean isSilent() {
      return host.clock().nanos() - heardAt >= KEEP_ALIVE.toNanos() / 2;
    }

    void receiveLoop() {
      try (link) {
        greet();
        ready.complete(this);
        keepAlive();
        Frame frame;
        while ((frame = link.receive()) != null) {
          heardAt = host.clock().nanos();
          CompletableFuture<Frame> waiting = pending.get(frame.header().getId());
          if (waiting == null || !waiting.complete(frame)) {
            frame.close();
          }
        }
        end(new IOException("closed by the other side"));
      } catch (IOException e) {
        end(e);
      }
    }

    private void greet() throws IOException {
      link.send(Frame.of(Header.newBuilder().setHello(hello.get()).build()));
      Frame first = link.receive();
      if (first == null) {
        throw new IOException(address + " closed the connection");
      }
      if (first.header().hasFault()) {
        throw PosixException.of(first.header().getFault());
      }
      greeting = first.header().getHelloReply();
      RpcClient.this.greeting = greeting;
    }

    private void end(IOException cause) {
      broken = cause;
      lane.fail(ready, cause);
      for (CompletableFuture<Frame> waiting : pending.values()) {
        waiting.completeExceptionally(cause);
      }
    }
  }
}
