package io.sandstore.node;

import io.sandstore.host.Deadline;
import io.sandstore.host.Host;
import io.sandstore.host.LogLimit;
import io.sandstore.namespace.CommandCheck;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Route;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Command;
import io.sandstore.wire.Done;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Identity;
import io.sandstore.wire.Join;
import io.sandstore.wire.Mutate;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a node answers. One method a request; the table is in {@link #handle}. */
final class RequestHandler implements RpcServer.Handler {

  private static final Logger log = LoggerFactory.getLogger(RequestHandler.class);

  /** Longest command: log entries must fit into one frame with others. */
  private static final int COMMAND_BYTES_MAX = 256 << 10;

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
  public HelloReply hello(Hello hello) throws PosixException {
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
    return HelloReply.newBuilder()
        .setName(identity.getName())
        .setClusterId(identity.getClusterId())
        .build();
  }

  @Override
  public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    long begin = host.clock().nanos();
    String outcome = "error";
    try {
      Reply answer = carryOut(request, payload, deadline);
      outcome = outcome(answer.header());
      return answer;
    } catch (PosixException e) {
      outcome = e.errno().name();
      throw e;
    } finally {
      host.telemetry()
          .request(
              operation(request), isFromClient(request), outcome, host.clock().nanos() - begin);
    }
  }

  /** What one connection asks: it opens sessions only so fast. */
  @Override
  public RpcServer.Handler forLink() {
    SessionRate rate = new SessionRate(host.clock());
    return new RpcServer.Handler() {
      @Override
      public HelloReply hello(Hello hello) throws PosixException {
        return RequestHandler.this.hello(hello);
      }

      @Override
      public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
          throws IOException, InterruptedException {
        if (isFromClient(request) && request.getMutate().getCommand().hasOpenSession()) {
          rate.take();
        }
        return RequestHandler.this.handle(request, payload, deadline);
      }

      @Override
      public void receive(Header message) {
        RequestHandler.this.receive(message);
      }
    };
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

  private static boolean isFromClient(Header request) {
    return switch (request.getBodyCase()) {
      case MUTATE -> !request.getMutate().getForwarded();
      case ASK -> !request.getAsk().getForwarded();
      case READ_BLOCK -> !request.getReadBlock().getLocal();
      case WRITE_BLOCK -> true;
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

  private Reply carryOut(Header request, ByteBuffer payload, Deadline deadline)
      throws IOException, InterruptedException {
    return switch (request.getBodyCase()) {
      case MUTATE -> fromLeader(mutate(request.getMutate(), deadline));
      case ASK -> fromLeader(ask(request.getAsk(), deadline));
      case WRITE_BLOCK ->
          Reply.of(
              Header.newBuilder()
                  .setWriteBlockReply(
                      serving()
                          .blocks()
                          .write(request.getWriteBlock(), checked(payload), deadline)));
      case READ_BLOCK -> Reply.of(serving().blocks().read(request.getReadBlock(), deadline));
      case STATUS_REQUEST ->
          Reply.of(
              request.getStatusRequest().getAll()
                  ? Header.newBuilder().setClusterStatus(node.status().ofAll(deadline))
                  : Header.newBuilder().setNodeStatus(node.status().ofThis()));
      case STORE_BLOCK -> Reply.of(serving().blocks().handle(request, checked(payload)));
      case SNAPSHOT_CHUNK -> Reply.of(serving().log().handle(request, payload));
      case PROBE -> Reply.of(Header.newBuilder().setProbeReply(node.founding().probe()));
      case ADOPT -> {
        node.founding().adopt(request.getAdopt());
        yield Reply.of(done());
      }
      case JOIN -> Reply.of(join(request.getJoin(), deadline));
      case TRANSFER_LEADERSHIP -> {
        serving().log().stepAside(request.getTransferLeadership().getTo(), deadline);
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
          RAFT,
          PROBE_REPLY,
          BODY_NOT_SET ->
          throw new PosixException(
              Errno.EPROTO, "not a request that this release knows: " + request.getBodyCase());
    };
  }

  @Override
  public void receive(Header message) {
    try {
      node.parts().ifPresent(parts -> parts.log().receive(message));
    } catch (IllegalArgumentException e) {
      malformed.say(more -> log.warn("dropped a malformed message: {}{}", e.getMessage(), more));
    }
  }

  /** Tells the caller where to ask next time, if that is not here. */
  private Reply fromLeader(Header.Builder answer) throws PosixException {
    return Reply.of(answer.setLeader(serving().router().leaderElsewhere()));
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

  private Header.Builder mutate(Mutate mutate, Deadline deadline)
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
    if (!mutate.getForwarded() && CommandCheck.isOfNodes(command)) {
      throw new PosixException(Errno.EINVAL, "only nodes have this done: " + command.getOpCase());
    }
    Router router = serving().router();
    return mutate.getForwarded()
        ? router.mutateHere(command, deadline)
        : router.mutateAtLeader(command, deadline);
  }

  private Header.Builder ask(Ask ask, Deadline deadline) throws IOException, InterruptedException {
    Router router = serving().router();
    Header.Builder answer =
        ask.getForwarded()
            ? router.askHere(ask.getQuery(), deadline)
            : router.askLeader(ask.getQuery(), deadline);
    return answer.getAnswer().hasStats() ? withDisk(answer) : answer;
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
    if (commands.commands() instanceof Route.At(String leader) && !join.getForwarded()) {
      Header.Builder forward = Header.newBuilder().setJoin(join.toBuilder().setForwarded(true));
      serving().router().peer(leader).call(forward, deadline).close();
      return done();
    }
    commands.join(join.getName(), join.getMemberId(), deadline);
    return done();
  }
}
