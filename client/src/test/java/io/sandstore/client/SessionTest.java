package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Host;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Command;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Under which numbers requests go, and which go again. The test is the cluster. */
class SessionTest {

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final Command.Builder MKDIR =
      Command.newBuilder().setMkdir(Mkdir.getDefaultInstance());

  /** What a node says to the next command that is not about sessions. */
  private interface Reply {
    Outcome to(Command command) throws IOException, InterruptedException;
  }

  private final List<Command> asked = Collections.synchronizedList(new ArrayList<>());
  private final ArrayDeque<Reply> replies = new ArrayDeque<>();
  private StandIn.LeapingClock clock;
  private RpcServer server;
  private ClusterClient clusterClient;
  private Session session;
  private long sessions;

  @BeforeEach
  void start() throws IOException {
    String address;
    try (ServerSocket free = new ServerSocket(0)) {
      address = "127.0.0.1:" + free.getLocalPort();
    }
    Host machine = JvmHost.create(2);
    clock = new StandIn.LeapingClock(machine.clock());
    Host host = StandIn.with(machine, clock);
    server = new RpcServer(machine, address, new Node());
    clusterClient = new ClusterClient(host, ClientConfig.of(address));
    session = new Session(host, clusterClient);
  }

  @AfterEach
  void stop() throws IOException {
    clusterClient.close();
    server.close();
  }

  private final class Node implements RpcServer.Handler, RpcServer.Requests {
    @Override
    public HelloReply hello(Caller caller, Hello hello) {
      return HelloReply.newBuilder().setName("n-0").setClusterId("c").build();
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      return this;
    }

    @Override
    public io.sandstore.rpc.Reply handle(
        Header request, ByteBuffer payload, io.sandstore.host.Deadline deadline)
        throws IOException, InterruptedException {
      Command command = request.getMutate().getCommand();
      asked.add(command);
      return io.sandstore.rpc.Reply.of(Header.newBuilder().setOutcome(outcome(command)));
    }

    private Outcome outcome(Command command) throws IOException, InterruptedException {
      if (command.hasOpenSession()) {
        return Outcome.newBuilder().setValue(++sessions).build();
      }
      Reply next;
      synchronized (replies) {
        next = command.hasCloseSession() ? null : replies.poll();
      }
      return next == null ? Outcome.getDefaultInstance() : next.to(command);
    }

    @Override
    public void receive(Header message) {
      // There is none.
    }
  }

  private static Outcome fault(Errno errno) {
    return Outcome.newBuilder().setFault(Fault.newBuilder().setErrno(errno)).build();
  }

  private void reply(Reply reply) {
    synchronized (replies) {
      replies.add(reply);
    }
  }

  private Outcome apply() throws IOException, InterruptedException {
    return session.apply(Mutate.newBuilder().setCommand(MKDIR), clock.deadline(LIMIT));
  }

  /** Session and number of every command that is not about sessions. */
  private List<String> numbers() {
    return asked.stream()
        .filter(command -> command.hasMkdir())
        .map(command -> command.getSession() + "/" + command.getSequence())
        .toList();
  }

  @Test
  void everyRequestHasANumberOfItsOwnInOneSession() throws Exception {
    for (int i = 0; i < 3; i++) {
      apply();
    }
    assertThat(numbers()).containsExactly("1/1", "1/2", "1/3");
    assertThat(sessions).isEqualTo(1);
  }

  /** Whether it was applied is not known: under another number it might be applied twice. */
  @Test
  void aRequestWithoutAnAnswerGoesAgainUnderItsNumber() throws Exception {
    reply(
        command -> {
          throw new PosixException(Errno.ETIMEDOUT, "the primary could not be reached in time");
        });
    reply(
        command -> {
          throw new PosixException(Errno.NOT_PRIMARY, "not any more");
        });
    apply();
    apply();
    assertThat(numbers()).containsExactly("1/1", "1/1", "1/1", "1/2");
  }

  @Test
  void aSessionThatIsGoneIsReplacedAndTheRequestGoesAgain() throws Exception {
    reply(command -> fault(Errno.SESSION_EXPIRED));
    apply();
    assertThat(numbers()).containsExactly("1/1", "2/2");
    assertThat(
            asked.stream().filter(Command::hasOpenSession).map(c -> c.getOpenSession().getNonce()))
        .as("another session has another nonce")
        .doesNotHaveDuplicates()
        .doesNotContain(0L);
  }

  /** After so long it may have been applied, and the session have ended since. */
  @Test
  void aSessionThatEndedLongAfterTheRequestWasSentSaysNothingOfIt() {
    reply(
        command -> {
          clock.leapUnderAWait(Duration.ofSeconds(46));
          return fault(Errno.SESSION_EXPIRED);
        });
    assertThatThrownBy(
            () ->
                session.apply(
                    Mutate.newBuilder().setCommand(MKDIR), clock.deadline(Duration.ofMinutes(5))))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ETIMEDOUT))
        .hasMessageContaining("it may have happened");
    assertThat(numbers()).containsExactly("1/1");
  }

  @Test
  void whatWasRefusedForNowGoesAgainUnderAnotherNumber() throws Exception {
    reply(command -> fault(Errno.EAGAIN));
    apply();
    assertThat(numbers()).containsExactly("1/1", "1/2");
  }

  @Test
  void aRefusalIsTheAnswer() {
    reply(command -> fault(Errno.EEXIST));
    assertThatThrownBy(this::apply)
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EEXIST));
    assertThat(numbers()).containsExactly("1/1");
  }

  /** What the cluster may forget: nothing that may still be asked for again. */
  @Test
  void whatIsAcknowledgedEndsBeforeTheOldestThatIsOnItsWay() throws Exception {
    apply();
    CompletableFuture<Boolean> arrived = new CompletableFuture<>();
    CompletableFuture<Boolean> answer = new CompletableFuture<>();
    reply(
        command -> {
          arrived.complete(true);
          answer.join();
          return Outcome.getDefaultInstance();
        });
    CompletableFuture<Boolean> slow = new CompletableFuture<>();
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                apply();
                slow.complete(true);
              } catch (IOException | InterruptedException e) {
                slow.completeExceptionally(e);
              }
            });
    arrived.join();
    apply();
    apply();
    answer.complete(true);
    slow.join();
    apply();
    assertThat(asked.stream().filter(Command::hasMkdir).map(Command::getAcknowledgedBelow))
        .containsExactly(1L, 2L, 2L, 2L, 5L);
  }

  @Test
  void aClosedSessionSaysSoAndTakesNothingMore() throws Exception {
    apply();
    session.close();
    assertThat(asked.getLast().getCloseSession().getSession()).isEqualTo(1);
    assertThat(asked.getLast().getCloseSession().getNonce())
        .isEqualTo(asked.getFirst().getOpenSession().getNonce());
    assertThatThrownBy(this::apply)
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBADF));
  }

  @Test
  void aSessionThatNeverBeganIsNotClosed() throws Exception {
    session.close();
    assertThat(asked).isEmpty();
  }
}
