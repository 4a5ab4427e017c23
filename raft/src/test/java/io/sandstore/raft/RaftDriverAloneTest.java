package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.host.NoRoomException;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.CorruptLogException;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Member;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SnapshotChunk;
import io.sandstore.wire.SnapshotMeta;
import io.sandstore.wire.TermStart;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One member of three on a real disk and threads; the test is the other two. */
class RaftDriverAloneTest {

  private static final Configuration THREE =
      Configurations.founders(List.of(member(1, "a"), member(2, "b"), member(3, "c")));

  @TempDir Path directory;
  private Host host;
  private Clock clock;
  private Disk disk;
  private final Machine machine = new Machine();
  private RaftDriver driver;
  private final LinkedBlockingQueue<Message> sent = new LinkedBlockingQueue<>();
  private final CompletableFuture<Boolean> leaseWhenOffered = new CompletableFuture<>();
  private final CompletableFuture<String> halted = new CompletableFuture<>();

  private static Member member(long id, String name) {
    return Member.newBuilder().setId(id).setName(name).build();
  }

  @BeforeEach
  void start() throws IOException {
    Host real = JvmHost.create(2);
    host =
        new Host(
            real.clock(),
            real.random(),
            real.threads(),
            real.network(),
            real.buffers(),
            real.memory(),
            real.telemetry(),
            (reason, cause) -> halted.complete(reason));
    clock = host.clock();
    disk = new FileDisk(directory);
    driver = open();
    driver.start();
  }

  private RaftDriver open() throws IOException {
    return new RaftDriver(
        host,
        disk,
        Timing.standard(),
        new RaftDriver.Sizes(64 << 10, 4 << 10),
        1,
        THREE,
        machine,
        new Bench());
  }

  /** Notes what the log asks of it. */
  private final class Machine extends Counter {
    final List<String> asked = Collections.synchronizedList(new ArrayList<>());
    volatile boolean full;

    /** Happens once, while it is made durable. */
    volatile Runnable meanwhile = () -> {};

    @Override
    public List<Outcome> apply(long index, Batch batch) {
      asked.add("apply " + index);
      return super.apply(index, batch);
    }

    @Override
    public void force() throws NoRoomException {
      asked.add("force");
      Runnable once = meanwhile;
      meanwhile = () -> {};
      once.run();
      if (full) {
        full = false;
        throw new NoRoomException("full");
      }
    }

    @Override
    public void restore(InputStream snapshot) throws IOException {
      asked.add("restore");
      super.restore(snapshot);
    }
  }

  @AfterEach
  void stop() {
    driver.close();
  }

  private final class Bench implements Transport {
    @Override
    public void send(String toName, Message message) {
      if (message instanceof Message.TimeoutNow) {
        leaseWhenOffered.complete(hasLease());
      }
      sent.add(message);
    }

    @Override
    public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes) {
      throw new UnsupportedOperationException();
    }
  }

  /** A barrier that may not wait is reached by the lease alone. */
  private boolean hasLease() {
    try {
      driver.readBarrier(clock.deadline(Duration.ZERO));
      return true;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private <T extends Message> T next(Class<T> kind) throws InterruptedException {
    while (true) {
      Message message = sent.poll(20, TimeUnit.SECONDS);
      assertThat(message).as("a " + kind.getSimpleName()).isNotNull();
      if (kind.isInstance(message)) {
        return kind.cast(message);
      }
    }
  }

  private void lead() throws InterruptedException {
    long term = next(Message.PreVote.class).term();
    driver.receive(new Message.PreVoteReply(2, 1, term, true), "b");
    next(Message.Vote.class);
    driver.receive(new Message.VoteReply(2, 1, term, true), "b");
    Message.Append first = next(Message.Append.class);
    driver.receive(new Message.AppendReply(2, 1, term, true, 1, 0, 0, 1, first.sequence()), "b");
    driver.receive(new Message.HeartbeatReply(2, 1, term, 1, 7), "b");
  }

  /** The reader would wait for its whole limit although there is nothing to wait for. */
  @Test
  void barriersFailAtOnceWhenASnapshotTakesTheLogsPlace() throws Exception {
    lead();
    long term = driver.view().term();
    next(Message.Heartbeat.class); // nobody answers it: the lease, if any, is over soon
    clock.sleep(Duration.ofMillis(650));
    CompletableFuture<Throwable> outcome = new CompletableFuture<>();
    host.threads()
        .start(
            "reader",
            () -> {
              try {
                driver.readBarrier(clock.deadline(Duration.ofSeconds(20)));
                outcome.complete(new AssertionError("no leader, but a barrier"));
              } catch (IOException | InterruptedException e) {
                outcome.complete(e);
              }
            });
    next(Message.Heartbeat.class);
    install(term + 1, 50);
    assertThat(outcome.get(30, TimeUnit.SECONDS))
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY));
  }

  private void install(long term, long index, TermStart... terms)
      throws IOException, InterruptedException {
    SnapshotMeta meta =
        SnapshotMeta.newBuilder()
            .setIndex(index)
            .setTerm(term)
            .setConfiguration(THREE)
            .addAllTerms(List.of(terms))
            .build();
    FileDisk elsewhere = new FileDisk(directory.resolve("elsewhere"));
    SnapshotStore store = new SnapshotStore(elsewhere);
    String path = SnapshotStore.temporary("own");
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    new Counter().freeze().writeTo(content);
    try (SnapshotStore.Writer writer = store.write(path, meta)) {
      writer.write(content.toByteArray());
      writer.finish();
    }
    try (SnapshotStore.Reader reader = store.read(path)) {
      SnapshotChunk whole =
          SnapshotChunk.newBuilder()
              .setFrom(2)
              .setTo(1)
              .setTerm(term)
              .setIndex(index)
              .setSize(reader.size())
              .setCrc(reader.verify())
              .setLast(true)
              .build();
      driver.receiveChunk(whole, reader.at(0, (int) reader.size()));
    }
  }

  private void append(long term, long index) {
    Batch batch = Batch.newBuilder().addCommands(Counter.add(1)).build();
    Entry entry = new Entry(term, index, Entry.Kind.COMMANDS, batch.toByteArray());
    long previous = term == 1 || index > 4 ? term : 1;
    driver.receive(
        new Message.Append(
            2, 1, term, index - 1, index == 1 ? 0 : previous, List.of(entry), 0, 1, index),
        "b");
  }

  private void installBehindAcknowledgedEntries(TermStart... terms) throws Exception {
    for (long index = 1; index <= 6; index++) {
      append(index < 4 ? 1 : 2, index);
      assertThat(next(Message.AppendReply.class).index()).isEqualTo(index);
    }
    install(3, 50, terms);
  }

  private static TermStart start(long index, long term) {
    return TermStart.newBuilder().setIndex(index).setTerm(term).build();
  }

  private List<String> askedUntilRestored() {
    awaitAsked("restore");
    return List.copyOf(machine.asked);
  }

  /** It may be one of two that have them: what came with them must be on its disk first. */
  @Test
  void whatOnlyTheLogHasIsKeptWhenASnapshotTakesItsPlace() throws Exception {
    installBehindAcknowledgedEntries(start(1, 1), start(4, 2), start(7, 3));
    assertThat(askedUntilRestored())
        .containsExactly(
            "apply 1", "apply 2", "apply 3", "apply 4", "apply 5", "apply 6", "force", "restore");
  }

  /** Entries of a leader that a later one did not know of are not committed. */
  @Test
  void whatTheSnapshotDoesNotShareIsNotApplied() throws Exception {
    installBehindAcknowledgedEntries(start(1, 1), start(5, 3));
    assertThat(askedUntilRestored())
        .containsExactly("apply 1", "apply 2", "apply 3", "force", "restore");
  }

  /** It says nothing of its terms: what is known to be committed is made durable at least. */
  @Test
  void aSnapshotOfAReleaseBeforeIsInstalledToo() throws Exception {
    installBehindAcknowledgedEntries();
    assertThat(askedUntilRestored()).containsExactly("force", "restore");
  }

  /** A later leader's entries came while the earlier ones were made durable. */
  @Test
  void whatWasAppliedMeanwhileIsKeptToo() throws Exception {
    machine.meanwhile =
        () -> {
          Batch batch = Batch.newBuilder().addCommands(Counter.add(1)).build();
          Entry entry = new Entry(3, 7, Entry.Kind.COMMANDS, batch.toByteArray());
          driver.receive(new Message.Append(2, 1, 3, 6, 2, List.of(entry), 7, 1, 7), "b");
          awaitAsked("apply 7");
        };
    TermStart[] terms = {start(1, 1), start(4, 2), start(7, 3)};
    installBehindAcknowledgedEntries(terms);
    assertThatThrownBy(() -> driver.readBarrier(clock.deadline(Duration.ofSeconds(20))))
        .as("answered behind the first snapshot")
        .isInstanceOf(PosixException.class);
    install(3, 50, terms);
    assertThat(askedUntilRestored())
        .endsWith("apply 6", "force", "apply 7", "force", "restore")
        .containsOnlyOnce("restore");
  }

  private void awaitAsked(String what) {
    Deadline deadline = clock.deadline(Duration.ofSeconds(20));
    try {
      while (!machine.asked.contains(what)) {
        assertThat(deadline.passed()).as(what).isFalse();
        clock.sleep(Duration.ofMillis(5));
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aSnapshotWaitsForRoomForWhatOnlyTheLogHas() throws Exception {
    machine.full = true;
    installBehindAcknowledgedEntries(start(1, 1), start(4, 2));
    assertThat(askedUntilRestored()).endsWith("apply 6", "force", "force", "restore");
  }

  /** 6.4.1 with 3.10: the votes that an offer leads to do not ask for the lease. */
  @Test
  void theLeaseEndsBeforeTheOfferOfLeadershipLeaves() throws Exception {
    lead();
    while (!hasLease()) {
      Message.Heartbeat beat = next(Message.Heartbeat.class);
      if (beat.to() == 2) {
        driver.receive(new Message.HeartbeatReply(2, 1, beat.term(), beat.round(), 7), "b");
      }
    }
    assertThatThrownBy(() -> driver.stepAside("b", clock.deadline(Duration.ofMillis(50))))
        .isInstanceOf(IOException.class);
    assertThat(leaseWhenOffered.get(20, TimeUnit.SECONDS)).isFalse();
  }

  /** A member that was replaced while it was away stops, and never comes back as who it was. */
  @Test
  void aMemberThatHearsItIsRemovedStopsAndComesBackAsAnother() throws Exception {
    next(Message.PreVote.class);
    driver.receive(new Message.Removed(2, 1, 5, 12), "b");
    assertThat(halted.get(20, TimeUnit.SECONDS)).contains("removed from the cluster");
    driver.close();
    assertThatThrownBy(this::open)
        .isInstanceOf(CorruptLogException.class)
        .hasMessageContaining("removed");
  }
}
