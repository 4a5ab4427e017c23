package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.LockHolder;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Locks of files, as programs on several machines see them. */
class FileLocksTest {

  private static final Duration FOREVER = SandFile.FOREVER;

  private final SimCluster cluster = new SimCluster(1);

  /** A program on a machine of its own, which can be cut off or end. */
  private final class Program {
    final String name;
    final SimProcess process;
    final SandstoreClient client;

    Program(String name) {
      this.name = name;
      process = new SimProcess(cluster.world, name, cluster.network);
      client =
          new SandstoreClient(
              process.host,
              ClientConfig.of(
                      SimCluster.NAMES.stream()
                          .map(node -> node + ":9070")
                          .collect(Collectors.joining(",")))
                  .withTimeout(Duration.ofSeconds(30))
                  .withBlockBytes(64 << 10)
                  .withInlineBytes(4 << 10));
    }

    SandFile open() throws IOException {
      return client.open("/f", EnumSet.of(OpenFlag.O_RDWR, OpenFlag.O_CREAT), 0644);
    }

    /** Something that goes on beside the test. */
    <T> CompletableFuture<T> begin(Step<T> step) {
      CompletableFuture<T> done = new CompletableFuture<>();
      process
          .host
          .threads()
          .start(
              "step",
              () -> {
                try {
                  done.complete(step.run());
                } catch (IOException | RuntimeException | AssertionError e) {
                  done.completeExceptionally(e);
                }
              });
      return done;
    }

    void cutOff() {
      for (String node : SimCluster.NAMES) {
        cluster.network.cut(name, node);
        cluster.network.cut(node, name);
      }
    }

    void end() {
      process.kill();
      cluster.network.drop(process);
    }
  }

  private interface Step<T> {
    T run() throws IOException;
  }

  private final Program a = new Program("a");
  private final Program b = new Program("b");
  private final Program c = new Program("c");

  private <T> T wait(CompletableFuture<T> future, Duration limit) {
    assertThat(cluster.world.run(limit.toNanos(), future::isDone)).as("done in time").isTrue();
    return future.join();
  }

  private <T> T run(Program program, Step<T> step) {
    return wait(program.begin(step), Duration.ofMinutes(2));
  }

  private void pass(Duration time) {
    cluster.world.run(time.toNanos(), () -> false);
  }

  private static void write(SandFile file, String text) throws IOException {
    file.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
  }

  private static String read(SandFile file) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(100);
    file.read(into, 0);
    return new String(into.array(), 0, into.position(), StandardCharsets.UTF_8);
  }

  private static void assertLost(Program program, CompletableFuture<?> use) {
    assertThatThrownBy(use::join)
        .as(program.name)
        .cause()
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("the lock was lost")
        .satisfies(e -> assertThat(((PosixException) e).errno()).isEqualTo(Errno.ESTALE));
  }

  @Test
  void oneHasItTheOthersWaitAndGetItInTheirOrder() {
    List<String> order = new ArrayList<>();
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    List<CompletableFuture<Boolean>> waits = new ArrayList<>();
    for (Program program : List.of(c, b)) {
      SandFile file = run(program, program::open);
      assertThat(run(program, () -> file.tryLock(5, 5, true))).isFalse();
      waits.add(
          program.begin(
              () -> {
                assertThat(file.lock(0, 10, false, FOREVER)).isTrue();
                order.add(program.name + " sees " + read(file));
                write(file, program.name);
                file.unlock(0, 10);
                return true;
              }));
      pass(Duration.ofSeconds(3));
    }
    List<LockHolder> holders = run(b, () -> b.open().locks(0, 0));
    assertThat(holders).extracting(LockHolder::waiting).containsExactly(false, true, true);
    run(
        a,
        () -> {
          write(first, "a");
          first.unlock(0, 0);
          return true;
        });
    waits.forEach(each -> wait(each, Duration.ofSeconds(5)));
    assertThat(order).containsExactly("c sees a", "b sees c");
  }

  @Test
  void theNodeThatIsAskedMayDieWhileOneWaits() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.flock(false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.flock(true, FOREVER));
    for (String node : SimCluster.NAMES) {
      pass(Duration.ofSeconds(3));
      cluster.restart(node, true);
    }
    pass(Duration.ofSeconds(3));
    assertThat(waits).isNotDone();
    String primary = cluster.primary();
    cluster.kill(primary);
    run(
        a,
        () -> {
          first.funlock();
          return true;
        });
    assertThat(wait(waits, Duration.ofSeconds(10))).isTrue();
  }

  @Test
  void allNodesMayLosePowerAndLocksAndWaitsAreThere() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 100, true, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(50, 100, false, FOREVER));
    pass(Duration.ofSeconds(3));
    SimCluster.NAMES.forEach(node -> cluster.restart(node, true));
    pass(Duration.ofMinutes(3));
    assertThat(waits).isNotDone();
    SandFile third = run(c, c::open);
    assertThat(run(c, () -> third.tryLock(99, 1, false))).isFalse();
    run(
        a,
        () -> {
          first.close();
          return true;
        });
    assertThat(wait(waits, Duration.ofSeconds(5))).isTrue();
  }

  @Test
  void whoIsThereKeepsItsLocksThoughItDoesNothing() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    pass(Duration.ofMinutes(20));
    SandFile second = run(b, b::open);
    assertThat(run(b, () -> second.tryLock(0, 1, true))).isFalse();
    assertThat(run(a, () -> read(first))).isEmpty();
  }

  @Test
  void whoEndsWithoutAWordLosesThemAfterAMinute() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    pass(Duration.ofSeconds(5));
    a.end();
    pass(Duration.ofSeconds(45));
    assertThat(waits).isNotDone();
    assertThat(wait(waits, Duration.ofSeconds(40))).isTrue();
  }

  @Test
  void whoClosesItsClientLeavesNothing() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    pass(Duration.ofSeconds(5));
    run(
        a,
        () -> {
          a.client.close();
          return true;
        });
    assertThat(wait(waits, Duration.ofSeconds(5))).isTrue();
  }

  @Test
  void whoWasCutOffIsToldThatItsLocksAreGoneAndChangesNothing() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    run(
        a,
        () -> {
          write(first, "not flushed");
          return true;
        });
    SandFile reads = run(a, a::open);
    assertThat(run(a, () -> reads.flock(true, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    a.cutOff();
    assertThat(wait(waits, Duration.ofMinutes(2))).isTrue();
    run(
        b,
        () -> {
          write(second, "b");
          second.fsync();
          return true;
        });
    cluster.network.heal();
    CompletableFuture<?> flush =
        a.begin(
            () -> {
              first.fsync();
              return true;
            });
    CompletableFuture<?> reading = a.begin(() -> read(reads));
    cluster.world.run(Duration.ofMinutes(1).toNanos(), () -> flush.isDone() && reading.isDone());
    assertLost(a, flush);
    assertLost(a, reading);
    CompletableFuture<?> again = a.begin(() -> first.tryLock(0, 0, false));
    CompletableFuture<?> unlock =
        a.begin(
            () -> {
              reads.funlock();
              return true;
            });
    cluster.world.run(Duration.ofMinutes(1).toNanos(), () -> again.isDone() && unlock.isDone());
    assertLost(a, again);
    assertLost(a, unlock);
    SandFile anew = run(a, a::open);
    assertThat(run(a, () -> read(anew))).isEqualTo("b");
    assertThat(run(a, () -> anew.tryLock(0, 1, false))).isFalse();
    assertThat(run(a, () -> anew.flock(false, Duration.ZERO))).isTrue();
  }

  @Test
  void whoLostItsLockChangesNothingByOtherCallsThanWriteEither() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    run(
        a,
        () -> {
          write(first, "kept");
          first.fsync();
          return true;
        });
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    a.cutOff();
    assertThat(wait(waits, Duration.ofMinutes(2))).isTrue();
    cluster.network.heal();
    List<CompletableFuture<?>> changes =
        List.of(
            a.begin(
                () -> {
                  first.punchHole(0, 2);
                  return true;
                }),
            a.begin(() -> first.copyFrom(first, 0, 4, 4)),
            a.begin(
                () -> {
                  first.truncate(1);
                  return true;
                }));
    cluster.world.run(
        Duration.ofMinutes(1).toNanos(),
        () -> changes.stream().allMatch(CompletableFuture::isDone));
    changes.forEach(change -> assertLost(a, change));
    assertThat(run(b, () -> read(second))).isEqualTo("kept");
  }

  /** It loses its place in the queue, and hears of it. */
  @Test
  void whoIsCutOffWhileItWaitsDoesNotBelieveThatItGotTheLock() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    pass(Duration.ofSeconds(5));
    b.cutOff();
    pass(Duration.ofMinutes(2));
    cluster.network.heal();
    cluster.world.run(Duration.ofMinutes(1).toNanos(), waits::isDone);
    assertLost(b, waits);
    run(
        a,
        () -> {
          first.unlock(0, 0);
          return true;
        });
    SandFile third = run(c, c::open);
    assertThat(run(c, () -> third.tryLock(0, 0, false))).isTrue();
  }

  @Test
  void twoClientsThatWouldWaitForEachOtherAreToldSo() {
    SandFile first = run(a, a::open);
    SandFile second = run(b, b::open);
    assertThat(run(a, () -> first.tryLock(0, 1, false))).isTrue();
    assertThat(run(b, () -> second.tryLock(1, 1, false))).isTrue();
    CompletableFuture<Boolean> waits = a.begin(() -> first.lock(1, 1, false, FOREVER));
    pass(Duration.ofSeconds(3));
    CompletableFuture<Boolean> refused = b.begin(() -> second.lock(0, 1, true, FOREVER));
    cluster.world.run(Duration.ofSeconds(10).toNanos(), refused::isDone);
    assertThatThrownBy(refused::join)
        .cause()
        .satisfies(e -> assertThat(((PosixException) e).errno()).isEqualTo(Errno.EDEADLK));
    run(
        b,
        () -> {
          second.unlock(1, 1);
          return true;
        });
    assertThat(wait(waits, Duration.ofSeconds(5))).isTrue();
  }

  @Test
  void whoGivesUpWaitsNoMore() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    assertThat(run(b, () -> second.lock(0, 0, false, Duration.ofSeconds(4)))).isFalse();
    Thread[] waiter = new Thread[1];
    CompletableFuture<Boolean> interrupted =
        b.begin(
            () -> {
              waiter[0] = Thread.currentThread();
              return second.lock(0, 0, false, FOREVER);
            });
    pass(Duration.ofSeconds(3));
    waiter[0].interrupt();
    cluster.world.run(Duration.ofSeconds(10).toNanos(), interrupted::isDone);
    assertThatThrownBy(interrupted::join).cause().isInstanceOf(InterruptedIOException.class);
    assertThat(run(a, () -> first.locks(0, 0))).hasSize(1);
    run(
        a,
        () -> {
          first.unlock(0, 0);
          return true;
        });
    assertThat(run(a, () -> first.locks(0, 0))).isEmpty();
  }

  @Test
  void handlesOfOneProgramKeepEachOtherOut() {
    SandFile first = run(a, a::open);
    SandFile second = run(a, a::open);
    assertThat(run(a, () -> first.tryLock(0, 10, false))).isTrue();
    assertThat(run(a, () -> second.tryLock(9, 1, true))).isFalse();
    run(
        a,
        () -> {
          first.close();
          return true;
        });
    assertThat(run(a, () -> second.tryLock(9, 1, true))).isTrue();
  }

  @Test
  void aRemovedFileKeepsItsLocksAsLongAsItIsOpen() {
    SandFile first = run(a, a::open);
    SandFile second = run(b, b::open);
    assertThat(run(a, () -> first.tryLock(0, 10, false))).isTrue();
    run(
        c,
        () -> {
          c.client.unlink("/f");
          return true;
        });
    pass(Duration.ofSeconds(3)); // they say less often that it is open than it is kept here
    assertThat(run(b, () -> second.tryLock(0, 1, false))).isFalse();
    run(
        a,
        () -> {
          first.unlock(0, 5);
          return true;
        });
    assertThat(run(b, () -> second.tryLock(0, 5, false))).isTrue();
  }

  /** Two questions in three seconds for each that waits, and those of a change of nodes. */
  @Test
  void whoWaitsAsksSeldom() {
    SandFile first = run(a, a::open);
    assertThat(run(a, () -> first.lock(0, 0, false, FOREVER))).isTrue();
    SandFile second = run(b, b::open);
    CompletableFuture<Boolean> waits = b.begin(() -> second.lock(0, 0, false, FOREVER));
    pass(Duration.ofSeconds(10));
    AtomicInteger asked = new AtomicInteger();
    cluster.network.observer =
        sent -> {
          if (sent.header().getAsk().getQuery().hasGetLock()) {
            asked.incrementAndGet();
          }
        };
    pass(Duration.ofMinutes(3));
    assertThat(waits).isNotDone();
    assertThat(asked.get()).isBetween(60, 240 + 20); // forwarded by a node, too
  }

  /** Adds one to the number in the file, again and again, under a lock of it. */
  private final class Counter {
    private final Program program;
    private final Random random;
    private final Set<Long> acknowledged;
    private boolean finishing;
    private int lost;

    Counter(Program program, Random random, Set<Long> acknowledged) {
      this.program = program;
      this.random = random;
      this.acknowledged = acknowledged;
    }

    boolean run() throws IOException {
      while (!finishing) {
        try (SandFile file = program.open()) {
          boolean flock = random.nextBoolean();
          boolean held =
              flock
                  ? file.flock(false, Duration.ofSeconds(random.nextInt(30)))
                      && file.lock(0, 0, false, Duration.ofSeconds(30))
                  : file.lock(0, 0, false, Duration.ofSeconds(random.nextInt(30)));
          if (held) {
            addOne(file);
          }
        } catch (PosixException e) {
          assertThat(e.errno()).isIn(Errno.ETIMEDOUT, Errno.ESTALE, Errno.EIO, Errno.EDEADLK);
          lost += e.errno() == Errno.ESTALE ? 1 : 0;
        }
        pause(1000);
      }
      return true;
    }

    private void addOne(SandFile file) throws IOException {
      String text = read(file);
      long next = text.isEmpty() ? 1 : Long.parseLong(text) + 1;
      pause(random.nextInt(8) == 0 ? 90_000 : 2000); // so that some lose it in the middle
      write(file, Long.toString(next));
      file.fsync();
      assertThat(acknowledged.add(next)).as("%d is added by one only", next).isTrue();
      if (random.nextBoolean()) {
        file.unlock(0, 0);
      }
    }

    private void pause(int millis) {
      try {
        program.process.host.clock().sleep(Duration.ofMillis(random.nextInt(millis)));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Whatever happens to nodes and links, one at a time counts, and nobody waits for nothing. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void noTwoHaveItAtOnceWhateverHappens(long seed) {
    Random random = new Random(seed);
    Set<Long> acknowledged = new TreeSet<>();
    List<Program> programs = List.of(a, b, c, new Program("d"));
    List<Counter> counters = new ArrayList<>();
    List<CompletableFuture<Boolean>> ends = new ArrayList<>();
    for (Program program : programs) {
      Counter counter = new Counter(program, new Random(random.nextLong()), acknowledged);
      counters.add(counter);
      ends.add(program.begin(counter::run));
    }
    for (int round = 0; round < 25; round++) {
      String node = SimCluster.NAMES.get(random.nextInt(SimCluster.NAMES.size()));
      switch (random.nextInt(4)) {
        case 0, 1 -> cluster.restart(node, true);
        case 2 -> {
          programs.get(random.nextInt(programs.size())).cutOff();
          pass(Duration.ofSeconds(random.nextInt(100)));
          cluster.network.heal();
        }
        default -> SimCluster.NAMES.forEach(each -> cluster.restart(each, true));
      }
      pass(Duration.ofSeconds(5 + random.nextInt(15)));
      assertThat(ends).as("nobody failed").noneMatch(CompletableFuture::isDone);
    }
    counters.forEach(counter -> counter.finishing = true);
    ends.forEach(end -> wait(end, Duration.ofMinutes(5)));
    assertThat(acknowledged).hasSizeGreaterThan(20);
    long last = run(a, () -> Long.parseLong(read(a.open())));
    assertThat(acknowledged).allMatch(value -> value <= last);
    pass(Duration.ofMinutes(2));
    assertThat(run(a, () -> a.open().locks(0, 0))).isEmpty();
  }
}
