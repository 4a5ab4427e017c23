package io.sandstore.node;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.LogLimit;
import io.sandstore.namespace.CommandCheck;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.namespace.Namespace;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Route;
import io.sandstore.rpc.Addresses;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.Payloads;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Command;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Done;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.GetLock;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Identity;
import io.sandstore.wire.Join;
import io.sandstore.wire.Mutate;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node answers. One method a request; the table is in {@link #handle}. */
final class RequestHandler implements RpcServer.Handler {

  private static final Logger log = LoggerFactory.getLogger(RequestHandler.class);

  /** Longest command: log entries must fit into one frame with others. */
  private static final int COMMAND_BYTES_MAX = 256 << 10;

  /** So long the answer to one that waits for a lock is held back; less than clients wait. */
  private static final int LOCK_WAIT_MS_MAX = 1500;

  /** Names of operations in metrics, made once. */
  private static final Map<Enum<?>, String> OPERATIONS = new ConcurrentHashMap<>();

  private final Node node;
  private final Host host;
  private final LogLimit malformed;

  RequestHandler(Node node, Host host) {
    this.node = node;
    this.host = host;
    this.malformed = new LogLimit(Duration.ofSeconds(10), host.clock()::nanos);
  }

  @Override
  public HelloReply hello(Caller caller, Hello hello) throws PosixException {
    checkCluster(hello);
    if (caller instanceof Caller.Node(String name)) {
      checkNode(name);
    }
    Identity identity = node.founding().identity();
    HelloReply.Builder reply =
        HelloReply.newBuilder()
            .setName(identity.getName())
            .setClusterId(identity.getClusterId())
            .addAllAddresses(node.config().addressing().clientAddresses())
            .setReadsEverywhere(node.profile().readsEverywhere());
    return caller instanceof Caller.Node ? reply.build() : withNodes(reply).build();
  }

  private void checkNode(String name) throws PosixException {
    if (name.equals(node.config().name())) {
      throw new PosixException(Errno.MISMATCH, "two nodes call themselves " + name);
    }
    boolean listed = node.discovery().addresses().containsKey(name);
    boolean member =
        node.parts()
            .map(parts -> parts.log().standing().members())
            .flatMap(members -> Configurations.byName(members, name))
            .isPresent();
    if (!listed && !member) {
      // Not for good: it may be on the caller's list already and not yet on this node's.
      throw new PosixException(Errno.EAGAIN, "'" + name + "' is not on the list of nodes");
    }
  }

  /** Where clients reach the nodes, as far as those have said; else where nodes do. */
  private HelloReply.Builder withNodes(HelloReply.Builder reply) {
    new TreeMap<>(node.discovery().addresses())
        .forEach(
            (name, address) -> {
              List<String> own =
                  name.equals(reply.getName())
                      ? reply.getAddressesList()
                      : node.peers().clientAddresses(name);
              if (reply.getNodesCount() < Addresses.NODES_MAX) {
                reply.addNodesBuilder().setName(name).addAllAddresses(own).addAddresses(address);
              }
            });
    return reply;
  }

  private void checkCluster(Hello hello) throws PosixException {
    Identity identity = node.founding().identity();
    String profile = node.profile().id();
    if (!hello.getProfile().isEmpty() && !hello.getProfile().equals(profile)) {
      throw new PosixException(
          Errno.MISMATCH,
          "%s runs profile %s, %s profile %s: the nodes of a cluster run one"
              .formatted(identity.getName(), profile, hello.getFrom(), hello.getProfile()));
    }
    boolean known = !hello.getClusterId().isEmpty() && !identity.getClusterId().isEmpty();
    if (known && !hello.getClusterId().equals(identity.getClusterId())) {
      throw new PosixException(
          Errno.MISMATCH,
          "%s belongs to cluster %s, %s to cluster %s"
              .formatted(
                  identity.getName(),
                  identity.getClusterId(),
                  hello.getFrom(),
                  hello.getClusterId()));
    }
  }

  @Override
  public RpcServer.Requests forLink(Caller caller) {
    return new OfLink(caller);
  }

  /** What one caller asks on one connection: it opens sessions only so fast. */
  private final class OfLink implements RpcServer.Requests {

    private final Caller caller;
    private final SessionRate sessions;

    OfLink(Caller caller) {
      this.caller = caller;
      this.sessions = new SessionRate(host.clock());
    }

    @Override
    public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException {
      long begin = host.clock().nanos();
      String outcome = "error";
      try {
        Permissions.check(caller, request);
        if (awaitLock(request, deadline)) {
          begin = host.clock().nanos(); // what was slow is whoever had the lock
        }
        if (!(caller instanceof Caller.Node) && request.getMutate().getCommand().hasOpenSession()) {
          sessions.take();
        }
        Reply answer = carryOut(caller, request, payload, deadline);
        outcome = outcome(answer.header());
        return answer;
      } catch (PosixException e) {
        outcome = e.errno().name();
        throw e;
      } finally {
        host.telemetry()
            .request(
                operation(request),
                isFromClient(caller, request),
                outcome,
                host.clock().nanos() - begin);
      }
    }

    @Override
    public void receive(Header message) {
      if (!(caller instanceof Caller.Node(String name))) {
        dropped(caller + " sent " + message.getBodyCase());
      } else if (!message.hasLogCast() || message.getLog() != Node.LOG) {
        dropped(
            "%s sent %s for log %d"
                .formatted(name, message.getBodyCase(), Integer.toUnsignedLong(message.getLog())));
      } else {
        node.heard(name);
        try {
          node.parts().ifPresent(parts -> parts.log().receive(name, message.getLogCast()));
        } catch (IllegalArgumentException e) {
          dropped(String.valueOf(e.getMessage()));
        }
      }
    }
  }

  /**
   * Holds back a question whether a lock came, until it may have, as this node's state shows. The
   * answer is that of the primary all the same.
   *
   * @return true if it did
   */
  private boolean awaitLock(Header request, Deadline deadline)
      throws PosixException, InterruptedException {
    GetLock op = request.getAsk().getQuery().getGetLock();
    if (op.getTicket() == 0 || op.getWaitMs() <= 0 || request.getAsk().getForwarded()) {
      return false;
    }
    Duration limit = Duration.ofMillis(Math.min(op.getWaitMs(), LOCK_WAIT_MS_MAX));
    Namespace namespace = serving().namespace();
    CompletableFuture<Boolean> ends =
        namespace.waitEnds(op.getInode(), op.getSession(), op.getTicket());
    try {
      return host.clock().await(ends, deadline.leftAtMost(limit));
    } catch (TimeoutException e) {
      return true;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // nobody fails it
    } finally {
      namespace.forgetWait(op.getSession(), op.getTicket(), ends);
    }
  }

  private void dropped(String what) {
    host.telemetry().rejected("messages");
    malformed.say(more -> log.warn("dropped a message: {}{}", what, more));
  }

  private static String operation(Header request) {
    Enum<?> name =
        switch (request.getBodyCase()) {
          case MUTATE -> request.getMutate().getCommand().getOpCase();
          case ASK -> request.getAsk().getQuery().getOpCase();
          default -> request.getBodyCase();
        };
    return OPERATIONS.computeIfAbsent(name, n -> n.name().toLowerCase(Locale.ROOT));
  }

  private static boolean isFromClient(Caller caller, Header request) {
    return !(caller instanceof Caller.Node)
        && switch (request.getBodyCase()) {
          case MUTATE, ASK, READ_BLOCK, WRITE_BLOCK -> true;
          default -> false;
        };
  }

  private static String outcome(Header.Builder answer) {
    return switch (answer.getBodyCase()) {
      case OUTCOME -> name(answer.getOutcome().getFault());
      case ANSWER -> name(answer.getAnswer().getFault());
      default -> "ok";
    };
  }

  private static String name(Fault fault) {
    return fault.getErrno() == Errno.OK ? "ok" : fault.getErrno().name();
  }

  private Reply carryOut(Caller caller, Header request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    return switch (request.getBodyCase()) {
      case MUTATE -> routed(mutate(caller, request.getMutate(), deadline));
      case ASK -> asked(caller, request.getAsk(), deadline);
      case WRITE_BLOCK ->
          Reply.of(
              Header.newBuilder()
                  .setWriteBlockReply(
                      serving()
                          .evictor()
                          .whereRoomIsMade(
                              deadline,
                              () ->
                                  serving()
                                      .blocks()
                                      .write(checked(payload), Payloads.sums(request), deadline))));
      case READ_BLOCK -> serving().blocks().read(request.getReadBlock(), deadline);
      case STATUS_REQUEST ->
          Reply.of(
              request.getStatusRequest().getAll()
                  ? Header.newBuilder().setClusterStatus(node.status().ofAll(deadline))
                  : Header.newBuilder().setNodeStatus(node.status().ofThis()));
      case BLOCK_CALL ->
          Reply.of(
              Header.newBuilder()
                  .setBlockCall(
                      serving()
                          .blocks()
                          .handle(request.getBlockCall(), payload, Payloads.sums(request))));
      case LOG_CALL ->
          Reply.of(
              Header.newBuilder()
                  .setLogCall(serving().log().handle(request.getLogCall(), payload)));
      case PROBE -> Reply.of(Header.newBuilder().setProbeReply(node.founding().probe()));
      case ADOPT -> {
        node.founding().adopt(request.getAdopt());
        yield Reply.of(done());
      }
      case JOIN -> Reply.of(join(request.getJoin(), deadline));
      case STEP_ASIDE -> {
        serving().log().stepAside(request.getStepAside().getTo(), deadline);
        yield Reply.of(done());
      }
      case CACHE_USE -> {
        serving().evictor().uses().heard(request.getCacheUse());
        yield Reply.of(done());
      }
      case MAKE_ROOM -> {
        serving().evictor().makeRoom();
        yield Reply.of(done());
      }
      case PING -> Reply.of(done());
      case FAULT,
          HELLO,
          HELLO_REPLY,
          OUTCOME,
          ANSWER,
          WRITE_BLOCK_REPLY,
          READ_BLOCK_REPLY,
          NODE_STATUS,
          CLUSTER_STATUS,
          DONE,
          LOG_CAST,
          PROBE_REPLY,
          BODY_NOT_SET ->
          throw new IllegalStateException("permitted, and not a request");
    };
  }

  /** Tells the caller where to ask next time, if that is not here. */
  private Reply routed(Header.Builder answer) throws PosixException {
    return Reply.of(answer.setRoute(serving().router().elsewhere()));
  }

  private Reply asked(Caller caller, Ask ask, Deadline deadline)
      throws IOException, InterruptedException {
    Reply answer = routed(ask(caller, ask, deadline));
    if (ask.getFirstBytes() == 0) {
      return answer;
    }
    serving().evictor().uses().read(answer.header().getAnswer().getAttributes().getInode());
    return FirstBytes.with(answer, ask, serving().blocks(), deadline);
  }

  private static Header.Builder done() {
    return Header.newBuilder().setDone(Done.getDefaultInstance());
  }

  private Node.Parts serving() throws PosixException {
    return node.parts()
        .orElseThrow(() -> new PosixException(Errno.EAGAIN, "this node is not in a cluster yet"));
  }

  private static ByteBuffer checked(ByteBuffer payload) throws PosixException {
    if (!payload.hasRemaining()) {
      throw new PosixException(Errno.EINVAL, "an empty block");
    }
    return payload;
  }

  private Header.Builder mutate(Caller caller, Mutate mutate, Deadline deadline)
      throws IOException, InterruptedException {
    Command command = mutate.getCommand();
    if (command.getSerializedSize() > COMMAND_BYTES_MAX) {
      throw new PosixException(
          Errno.EINVAL, "a command of more than " + COMMAND_BYTES_MAX + " bytes");
    }
    Optional<Fault> fault = CommandCheck.fault(command);
    if (fault.isPresent()) {
      throw PosixException.of(fault.get());
    }
    Mutate.Builder counted = mutate.toBuilder();
    counts(caller, mutate.hasCredentials(), mutate.getCredentials())
        .ifPresent(counted::setCredentials);
    Router router = serving().router();
    return serving()
        .evictor()
        .whereRoomIsMade(
            deadline,
            () ->
                mutate.getForwarded()
                    ? router.mutateHere(counted.build(), deadline)
                    : router.mutateRouted(counted.build(), deadline));
  }

  private Header.Builder ask(Caller caller, Ask ask, Deadline deadline)
      throws IOException, InterruptedException {
    Ask.Builder counted = ask.toBuilder();
    counts(caller, ask.hasCredentials(), ask.getCredentials()).ifPresent(counted::setCredentials);
    Router router = serving().router();
    Header.Builder answer =
        ask.getForwarded()
            ? router.askHere(counted.build(), deadline)
            : router.askRouted(counted.build(), deadline);
    return answer.getAnswer().hasStats() ? withDisk(answer) : answer;
  }

  /** As whom a request counts. A node has squashed already whom it passes on. */
  private Optional<Credentials> counts(Caller caller, boolean named, Credentials credentials)
      throws PosixException {
    Optional<Fault> fault = CommandCheck.fault(credentials);
    if (fault.isPresent()) {
      throw PosixException.of(fault.get());
    }
    Optional<Credentials> said = named ? Optional.of(credentials) : Optional.empty();
    return caller instanceof Caller.Node ? said : node.config().squash().applyTo(said);
  }

  /** Every node holds about the same, so that this one's disk stands for all. */
  private Header.Builder withDisk(Header.Builder header) throws IOException {
    BlockPlane.Capacity capacity = serving().blocks().capacity();
    Answer.Builder answer = header.getAnswer().toBuilder();
    answer
        .getStatsBuilder()
        .setCapacityBytes(capacity.totalBytes())
        .setAvailableBytes(capacity.availableBytes());
    return header.setAnswer(answer);
  }

  private Header.Builder join(Join join, Deadline deadline)
      throws IOException, InterruptedException {
    CommandLog commands = serving().log();
    if (!node.discovery().addresses().containsKey(join.getName()) || join.getMemberId() == 0) {
      throw new PosixException(Errno.EINVAL, "'" + join.getName() + "' is not on the list");
    }
    int level = serving().namespace().level().number();
    if (join.getKnownLevel() < level) {
      throw new PosixException(
          Errno.MISMATCH, FeatureLevel.tooOld(join.getName(), join.getKnownLevel(), level));
    }
    if (commands.commands() instanceof Route.At(String name) && !join.getForwarded()) {
      Header.Builder forward = Header.newBuilder().setJoin(join.toBuilder().setForwarded(true));
      serving().router().peer(name).call(forward, deadline).close();
      return done();
    }
    commands.join(join.getName(), join.getMemberId(), deadline);
    return done();
  }
}
