package io.sandstore.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.ByteString;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Route;
import io.sandstore.replication.StateMachine;
import io.sandstore.rpc.LostException;
import io.sandstore.rpc.PosixException;
import io.sandstore.sim.ProfileMembers;
import io.sandstore.sim.ProfileMembers.Member;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.NodeStatus;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Probe;
import io.sandstore.wire.RaftMessage;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every {@link CommandLog} promises, tried on those of every profile that there is, as far as
 * the profile promises it.
 */
@ParameterizedClass(name = "{0}")
@MethodSource("profiles")
class CommandLogContractTest {

  /** By name, so that reports say which one it was. */
  static List<String> profiles() {
    return List.copyOf(Profile.all().keySet());
  }

  /** Adds up: equal sums and counts mean equal histories. Refuses to be driven out of order. */
  private static final class Counter implements StateMachine {
    long sum;
    long index;
    Configuration members = Configuration.getDefaultInstance();

    @Override
    public List<Outcome> apply(long at, Batch batch) {
      assertThat(at).as("the order of the log").isGreaterThan(index);
      index = at;
      List<Outcome> outcomes = new ArrayList<>();
      for (Command command : batch.getCommandsList()) {
        sum += command.getAllocateBlocks().getCount();
        outcomes.add(Outcome.newBuilder().setValue(sum).build());
      }
      return outcomes;
    }

    @Override
    public void configure(Configuration configuration) {
      members = configuration;
    }

    @Override
    public void restore(InputStream snapshot) throws IOException {
      DataInputStream in = new DataInputStream(snapshot);
      sum = in.readLong();
      index = in.readLong();
    }

    @Override
    public void force() {
      // Nothing is outside of snapshots.
    }

    @Override
    public Frozen freeze() {
      long frozenSum = sum;
      long frozenIndex = index;
      return new Frozen() {
        @Override
        public void writeTo(OutputStream out) throws IOException {
          DataOutputStream data = new DataOutputStream(out);
          data.writeLong(frozenSum);
          data.writeLong(frozenIndex);
        }

        @Override
        public void close() {
          // It is two numbers.
        }
      };
    }
  }

  private final Profile profile;
  private final Map<String, Counter> counters = new HashMap<>();
  private final ProfileMembers cluster;

  CommandLogContractTest(String name) {
    profile = Profile.named(name);
    cluster =
        new ProfileMembers(
            profile,
            (member, site) -> {
              Counter counter = new Counter();
              counters.put(member.name(), counter);
              CommandLog log = profile.log(site, counter);
              member.set(log);
              log.start();
            });
  }

  private Counter counter(Member member) {
    return Objects.requireNonNull(counters.get(member.name()));
  }

  private static Command add(int count) {
    return Command.newBuilder()
        .setAllocateBlocks(AllocateBlocks.newBuilder().setCount(count))
        .build();
  }

  private interface Attempt<T> {
    T run(Member member) throws IOException, InterruptedException;
  }

  /** Where commands go; that may be nowhere for a while. */
  private <T> T where(Attempt<T> attempt) throws Exception {
    Deadline limit = cluster.clock().deadline(Duration.ofMinutes(1));
    while (true) {
      for (Member member : cluster.members()) {
        if (member.isOpen() && member.log().commands() instanceof Route.Here) {
          try {
            return attempt.run(member);
          } catch (PosixException e) {
            assertThat(e.errno()).isIn(Errno.NOT_PRIMARY, Errno.EAGAIN);
          }
        }
      }
      assertThat(limit.passed()).as("nobody takes commands").isFalse();
      cluster.clock().sleep(Duration.ofMillis(20));
    }
  }

  private long propose(int count) throws Exception {
    return where(member -> member.log().propose(add(count), cluster.soon())).getValue();
  }

  private void awaitSum(long sum) throws Exception {
    cluster.await(
        "every member has applied " + sum,
        () -> cluster.members().stream().allMatch(m -> m.isOpen() && counter(m).sum == sum));
  }

  private List<Member> followers() throws Exception {
    Member here = where(member -> member);
    return cluster.members().stream().filter(member -> member != here).toList();
  }

  @Test
  void commandsAreAppliedOnceInOneOrderEverywhere() throws Exception {
    cluster.run(
        () -> {
          for (int i = 1; i <= 60; i++) {
            assertThat(propose(1)).isEqualTo(i);
          }
          awaitSum(60);
          assertThat(cluster.members().stream().map(m -> counter(m).index).distinct()).hasSize(1);
        });
  }

  @Test
  void everyOneOfManyAtOnceGetsItsOwnOutcome() throws Exception {
    cluster.run(
        () -> {
          propose(1);
          Member here = where(member -> member);
          List<CompletableFuture<Outcome>> outcomes =
              IntStream.range(0, 40)
                  .mapToObj(i -> cluster.beside(() -> here.log().propose(add(1), cluster.soon())))
                  .toList();
          List<Long> sums = new ArrayList<>();
          for (CompletableFuture<Outcome> outcome : outcomes) {
            sums.add(cluster.await(outcome).getValue());
          }
          assertThat(sums)
              .containsExactlyInAnyOrderElementsOf(
                  IntStream.rangeClosed(2, 41).mapToObj(Long::valueOf).toList());
          assertThat(propose(1)).as("what comes later is later in the log").isEqualTo(42);
        });
  }

  @Test
  void afterABarrierTheStateHasEverythingAcknowledged() throws Exception {
    cluster.run(
        () -> {
          for (int i = 1; i <= 20; i++) {
            long acknowledged = propose(3);
            long seen =
                where(
                    member -> {
                      member.log().readBarrier(cluster.soon());
                      return counter(member).sum;
                    });
            assertThat(seen).isGreaterThanOrEqualTo(acknowledged);
          }
        });
  }

  /** Wherever it answers queries: there may be several such members. */
  @Test
  void whoAnswersQueriesMissesNothingThatWasAcknowledged() throws Exception {
    cluster.run(
        () -> {
          for (Member member : profile.readsEverywhere() ? cluster.members() : List.<Member>of()) {
            cluster.await(
                member.name() + " answers queries",
                () -> member.log().queries() instanceof Route.Here);
          }
          int answers = 0;
          for (int i = 1; i <= 20; i++) {
            long acknowledged = propose(3);
            for (Member member : cluster.members()) {
              if (member.log().queries() instanceof Route.Here) {
                member.log().readBarrier(cluster.soon());
                assertThat(counter(member).sum).isGreaterThanOrEqualTo(acknowledged);
                answers++;
              }
            }
          }
          int members = profile.readsEverywhere() ? cluster.members().size() : 1;
          assertThat(answers).isGreaterThan(15 * members);
        });
  }

  /** Who may read alone has all that was acknowledged, at that moment. */
  @Test
  void whoMayReadAloneMissesNothing() throws Exception {
    cluster.run(
        () -> {
          for (int i = 1; i <= 20; i++) {
            long acknowledged = propose(1);
            for (Member member : cluster.members()) {
              if (member.log().mayReadAlone()) {
                assertThat(counter(member).sum).isGreaterThanOrEqualTo(acknowledged);
              }
            }
          }
        });
  }

  @Test
  void whoTakesNoCommandsRefusesAndKnowsWhoDoes() throws Exception {
    cluster.run(
        () -> {
          long sum = propose(1);
          awaitSum(sum);
          String here = where(Member::name);
          for (Member member : followers()) {
            assertThat(member.log().commands()).isEqualTo(new Route.At(here));
            assertThat(member.log().coordinates()).isFalse();
            assertThatThrownBy(() -> member.log().propose(add(1), cluster.soon()))
                .isInstanceOfSatisfying(
                    PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY));
            cluster.await(
                member.name() + " knows where queries are answered",
                () -> !(member.log().queries() instanceof Route.Nobody));
            if (member.log().queries() instanceof Route.Here) {
              member.log().readBarrier(cluster.soon());
              assertThat(counter(member).sum).as("read at " + member.name()).isEqualTo(sum);
              continue;
            }
            assertThat(member.log().queries()).isEqualTo(new Route.At(here));
            assertThat(member.log().mayReadAlone()).isFalse();
            assertThatThrownBy(() -> member.log().readBarrier(cluster.soon()))
                .isInstanceOfSatisfying(
                    PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.NOT_PRIMARY));
          }
          assertThat(propose(1)).as("what was refused was not taken").isEqualTo(sum + 1);
        });
  }

  @Test
  void everyMemberSaysWhereItStands() throws Exception {
    cluster.run(
        () -> {
          awaitSum(propose(1));
          cluster.await(
              "one serves, and nobody is behind",
              () ->
                  cluster.members().stream().filter(m -> m.log().standing().serves()).count() == 1
                      && cluster.members().stream()
                          .allMatch(m -> m.log().standing().notReady().isEmpty()));
          for (Member member : cluster.members()) {
            CommandLog.Standing standing = member.log().standing();
            assertThat(standing.members()).isEqualTo(cluster.founders());
            assertThat(counter(member).members).isEqualTo(cluster.founders());
            assertThat(standing.appliedIndex()).isEqualTo(counter(member).index);
            assertThat(standing.lastIndex()).isGreaterThanOrEqualTo(standing.appliedIndex());
            assertThat(standing.serves()).isEqualTo(member.log().coordinates());
            assertThat(standing.epoch())
                .isEqualTo(cluster.members().getFirst().log().standing().epoch());
            NodeStatus.Builder status = NodeStatus.newBuilder();
            member.log().describe(status);
            assertThat(status.getRole()).isEqualTo(standing.role());
            assertThat(standing.role().equals(CommandLog.PRIMARY))
                .isEqualTo(member.name().equals(where(Member::name)));
            assertThat(status.getAppliedIndex()).isEqualTo(standing.appliedIndex());
            assertThat(status.getPrimary()).isEqualTo(where(Member::name));
          }
        });
  }

  @Test
  void whoStepsAsideLeavesAnotherOneThatKnowsAll() throws Exception {
    assumeTrue(cluster.members().size() > 1, "there are others");
    cluster.run(
        () -> {
          long before = propose(1);
          Member former = where(member -> member);
          long epoch = former.log().standing().epoch();
          former.log().stepAside("", cluster.soon());
          assertThat(former.log().coordinates()).isFalse();
          assertThat(propose(1)).isEqualTo(before + 1);
          assertThat(where(Member::name)).isNotEqualTo(former.name());
          long later = where(member -> member.log().standing().epoch());
          assertThat(later).isGreaterThan(epoch);
          String named = followers().getFirst().name();
          where(
              member -> {
                member.log().stepAside(named, cluster.soon());
                return true;
              });
          cluster.await(
              named + " took over",
              () ->
                  cluster.members().stream()
                      .anyMatch(m -> m.name().equals(named) && m.log().coordinates()));
        });
  }

  /** What no majority has is not acknowledged; whether it comes about later is not known. */
  @Test
  void anOutcomeThatNobodyKnowsIsSaidToBeUnknownInTime() throws Exception {
    assumeTrue(cluster.members().size() > 1, "there are others");
    assumeTrue(profile.survivesRestart(), "the others come back");
    cluster.run(
        () -> {
          long before = propose(1);
          Member here = where(member -> member);
          List<Member> others = followers();
          others.forEach(Member::kill);
          long begin = cluster.clock().nanos();
          Deadline limit = cluster.clock().deadline(Duration.ofSeconds(2));
          assertThatThrownBy(() -> here.log().propose(add(1), limit))
              .satisfiesAnyOf(
                  e -> assertThat(e).isInstanceOf(LostException.class),
                  e -> assertThat(((PosixException) e).errno()).isEqualTo(Errno.NOT_PRIMARY));
          assertThatThrownBy(() -> here.log().readBarrier(limit)).isInstanceOf(IOException.class);
          assertThat(Duration.ofNanos(cluster.clock().nanos() - begin))
              .isLessThan(Duration.ofSeconds(3));
          others.forEach(Member::boot);
          cluster.await("they are back", () -> others.stream().allMatch(Member::isOpen));
          long after = propose(1);
          assertThat(after).isBetween(before + 1, before + 2);
          awaitSum(after);
        });
  }

  @Test
  void aDeadlineThatHasPassedIsAnsweredAtOnce() throws Exception {
    cluster.run(
        () -> {
          propose(1);
          Member here = where(member -> member);
          long begin = cluster.clock().nanos();
          Deadline passed = cluster.clock().deadline(Duration.ZERO);
          for (Attempt<?> attempt :
              List.<Attempt<?>>of(
                  member -> member.log().propose(add(1), passed),
                  member -> {
                    member.log().readBarrier(passed);
                    return true;
                  })) {
            try {
              attempt.run(here); // whoever can do it at once may
            } catch (LostException e) {
              assertThat(e).hasMessageNotContaining("null");
            } catch (PosixException e) {
              assertThat(e.errno()).as("who cannot know").isEqualTo(Errno.NOT_PRIMARY);
            }
          }
          assertThat(Duration.ofNanos(cluster.clock().nanos() - begin))
              .isLessThan(Duration.ofMillis(100));
        });
  }

  /** Longer than what makes a snapshot due, where there are any, so that some of it is in one. */
  @Test
  void whatWasAcknowledgedIsThereAfterAllLostPower() throws Exception {
    assumeTrue(profile.survivesRestart(), "the profile promises it");
    cluster.run(
        () -> {
          long sum = 0;
          for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 120; i++) {
              long next = propose(1);
              assertThat(next).isEqualTo(sum + 1);
              sum = next;
            }
            cluster.members().forEach(Member::kill);
            cluster.members().forEach(Member::boot);
            cluster.await(
                "they are back", () -> cluster.members().stream().allMatch(Member::isOpen));
          }
          long total = propose(1);
          assertThat(total).isEqualTo(sum + 1);
          awaitSum(total);
        });
  }

  /** Under its old name, on an empty disk: it gets everything, log or snapshot. */
  @Test
  void aNewIncarnationTakesThePlaceOfItsNamesFormerOne() throws Exception {
    assumeTrue(cluster.members().size() > 1, "there are others");
    cluster.run(
        () -> {
          for (int i = 0; i < 200; i++) {
            propose(1);
          }
          Member lost = followers().getFirst();
          lost.kill();
          long id = 99;
          lost.replace(id);
          Deadline limit = cluster.clock().deadline(Duration.ofMinutes(1));
          while (!isMember(id)) {
            assertThat(limit.passed()).as("it is taken in").isFalse();
            try {
              where(
                  member -> {
                    member.log().join(lost.name(), id, cluster.soon());
                    return true;
                  });
            } catch (LostException e) {
              // Asked again.
            }
            cluster.clock().sleep(Duration.ofMillis(100));
          }
          lost.boot();
          awaitSum(propose(1));
          cluster.await(
              "it is a member like the others",
              () ->
                  cluster.members().stream()
                      .allMatch(
                          m ->
                              Configurations.byId(m.log().standing().members(), id)
                                  .filter(joined -> !joined.getLearner())
                                  .isPresent()));
          assertThat(lost.log().standing().members().getMembersCount())
              .isEqualTo(cluster.members().size());
        });
  }

  private boolean isMember(long id) throws Exception {
    return where(member -> Configurations.byId(member.log().standing().members(), id).isPresent());
  }

  /** One that can take nobody in says so. */
  @Test
  void whoIsAloneTakesNobodyIn() throws Exception {
    assumeTrue(profile.membersMax() == 1, "there cannot be others");
    cluster.run(
        () ->
            assertThatThrownBy(
                    () -> cluster.members().getFirst().log().join("m-9", 99, cluster.soon()))
                .isInstanceOf(PosixException.class));
  }

  /** Nothing from the wire is trusted. */
  @Test
  void whatNoMemberWouldSendDoesNoHarm() throws Exception {
    cluster.run(
        () -> {
          long before = propose(1);
          for (Member member : cluster.members()) {
            for (ByteString message :
                List.of(
                    ByteString.EMPTY,
                    ByteString.copyFromUtf8("not a message"),
                    Header.newBuilder().setProbe(Probe.getDefaultInstance()).build().toByteString(),
                    RaftMessage.newBuilder().setTypeValue(77).setTerm(-1).build().toByteString())) {
              try {
                member.log().receive("m-9", message);
              } catch (IllegalArgumentException e) {
                // As the port says.
              }
            }
            assertThatThrownBy(
                    () ->
                        member
                            .log()
                            .handle(ByteString.copyFromUtf8("not a question"), Frame.NO_PAYLOAD))
                .isInstanceOf(IOException.class);
          }
          assertThat(propose(1)).isEqualTo(before + 1);
          awaitSum(before + 1);
        });
  }

  /** Nobody waits for ever on a log that has ended. */
  @Test
  void aClosedLogTakesNothing() throws Exception {
    assumeTrue(profile.survivesRestart(), "else there is nothing to keep from whoever comes next");
    cluster.run(
        () -> {
          propose(1);
          Member here = where(member -> member);
          here.log().close();
          assertThatThrownBy(() -> here.log().propose(add(1), cluster.soon()))
              .isInstanceOf(IOException.class);
        });
  }
}
