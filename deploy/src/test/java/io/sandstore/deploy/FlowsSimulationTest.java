package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.deploy.SimulatedCluster.Image;
import io.sandstore.deploy.StandIns.Fate;
import io.sandstore.deploy.StandIns.Result;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An operator's afternoon by seed: deploys, updates with good and bad code, rollbacks and destroys,
 * while the API server loses calls and answers, nodes leave the quorum for seconds, and somebody
 * interrupts the flows or kills them at any call and starts them again. What must hold whatever
 * happens:
 *
 * <ul>
 *   <li>no living pod is replaced while the flow could know that another one is missing;
 *   <li>what a flow says in the end is so;
 *   <li>what belongs to others stays as it was;
 *   <li>what was interrupted can be started again, and gets to its end when the faults end;
 *   <li>every flow that was not killed names how it ended.
 * </ul>
 *
 * Run more with {@code -Dflows.seeds=100}, one with {@code -Dflows.seed=42}.
 */
@Tag("slow")
class FlowsSimulationTest {

  private static final List<String> GOOD_ENDS =
      List.of("deployed", "destroyed", "updated", "rolled-back");
  private static final List<String> BAD_ENDS =
      List.of("refused", "halted", "failed", "unknown", "interrupted");
  private static final int ROUNDS = 5;

  @TempDir Path directory;

  static Stream<Integer> seeds() {
    Integer one = Integer.getInteger("flows.seed");
    return one != null
        ? Stream.of(one)
        : IntStream.rangeClosed(1, Integer.getInteger("flows.seeds", 6)).boxed();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void whateverHappensTheInvariantsHold(int seed) throws Exception {
    try (StandIns here = new StandIns(directory.resolve("checkout"))) {
      new Afternoon(seed, here).pass();
    }
  }

  /** One seed's faults, and what is checked while they happen. */
  private static final class Afternoon {
    private final Random random;
    private final StandIns here;
    private final SimulatedCluster cluster;
    private final Foreign foreign;
    private final List<String> violations = new ArrayList<>();
    private final List<String> story = new ArrayList<>();

    private boolean faults;
    private int untilSignal = Integer.MAX_VALUE;
    private String signal = "";
    private Process running;
    private long awayUntil;
    private long lastLook;

    Afternoon(int seed, StandIns here) {
      this.here = here;
      random = new Random(seed);
      cluster = here.cluster;
      foreign = new Foreign(cluster);
      here.fates = this::fate;
      here.before = this::beforeCall;
      cluster.replacing = this::replacing;
    }

    void pass() throws Exception {
      here.pushed = 1;
      insist("deploy");
      for (int round = 0; round < ROUNDS; round++) {
        switch (random.nextInt(6)) {
          case 0 -> insist("deploy");
          case 1 -> {
            attempt("destroy");
            insist("deploy");
          }
          default -> update(random.nextInt(3) > 0);
        }
      }
      insist("destroy");
      assertThat(violations).as(this::told).isEmpty();
    }

    private void update(boolean good) throws Exception {
      here.pushed++;
      cluster.images.put(
          StandIns.image(here.pushed),
          good ? Image.GOOD : random.nextBoolean() ? Image.CRASHES : Image.NEVER_READY);
      String end = attempt("update");
      if (good && !end.equals("updated") && random.nextBoolean()) {
        insist("update");
      } else if (!end.equals("updated")) {
        rollBack();
        here.pushed = workingImage();
      }
    }

    /** An update that was stopped before it changed anything leaves nothing to roll back. */
    private void rollBack() throws Exception {
      if (GOOD_ENDS.contains(attempt("rollback")) || GOOD_ENDS.contains(attempt("rollback"))) {
        return;
      }
      String end = calm("rollback");
      boolean nothing = end.equals("refused") && story.getLast().contains("no update to roll back");
      assertThat(nothing || GOOD_ENDS.contains(end)).as(this::told).isTrue();
      assertThat(here.images()).as(this::told).hasSize(1);
    }

    private int workingImage() {
      String image = here.images().stream().findFirst().orElse(StandIns.image(1));
      return Integer.parseInt(image.substring(image.length() - 9));
    }

    /** Tries with faults, then without: what was interrupted must get to its end. */
    private void insist(String flow) throws Exception {
      for (int attempt = 0; attempt < 2; attempt++) {
        if (GOOD_ENDS.contains(attempt(flow))) {
          return;
        }
      }
      assertThat(calm(flow)).as(this::told).isIn(GOOD_ENDS);
    }

    private String calm(String flow) throws Exception {
      faults = false;
      cluster.advance(60_000);
      return run(flow);
    }

    private String attempt(String flow) throws Exception {
      faults = true;
      signal = List.of("INT", "TERM", "KILL", "").get(random.nextInt(4));
      untilSignal = signal.isEmpty() ? Integer.MAX_VALUE : random.nextInt(90);
      return run(flow);
    }

    private String run(String flow) throws Exception {
      running = here.startFlow(flow);
      Result result = StandIns.finish(running);
      boolean killed = signal.equals("KILL") && untilSignal < 0;
      untilSignal = Integer.MAX_VALUE;
      story.add(
          "$ %s (faults: %s, %s)%n%s[exit %d]"
              .formatted(flow, faults, signal, result.output(), result.code()));
      String end = killed ? "killed" : ended(result);
      if (!killed) {
        assertThat(end)
            .as(this::told)
            .isIn(Stream.concat(GOOD_ENDS.stream(), BAD_ENDS.stream()).toList());
        assertThat(result.code() == 0).as(this::told).isEqualTo(GOOD_ENDS.contains(end));
        judge(end, result.output());
      }
      foreign.assertUntouchedButClass();
      assertThat(violations).as(this::told).isEmpty();
      return end;
    }

    private String ended(Result result) {
      assertThat(result.output().lines().filter(l -> l.startsWith("state: ")))
          .as(this::told)
          .hasSize(1);
      return result.state();
    }

    /** What a flow says in the end is so. */
    private void judge(String end, String output) {
      switch (end) {
        case "destroyed" -> {
          assertThat(here.ours()).as(this::told).isEmpty();
          assertThat(output).contains("left: 0 pods, 0 services, 0 claims, 0 volumes");
        }
        case "deployed" -> assertThat(here.images()).as(this::told).hasSize(1);
        case "updated", "rolled-back" -> {
          String image =
              output.replaceFirst("(?s).*(all pods|the pods) run (this very image)?", "");
          assertThat(here.images()).as(this::told).hasSize(1);
          if (image.startsWith("registry")) {
            assertThat(image.lines().findFirst().orElse("")).isIn(here.images());
          }
        }
        default -> assertThat(output).doesNotContain("all pods run", "Sand Store runs at");
      }
    }

    // --- Faults ---

    private Fate fate(int number, String call) {
      int dice = faults ? random.nextInt(100) : 100;
      return dice < 4 ? Fate.LOST : dice < 7 ? Fate.ANSWER_LOST : Fate.ANSWERED;
    }

    private void beforeCall(String call) {
      if (call.contains("get pods") || call.contains("/proxy/readyz")) {
        lastLook = cluster.now();
      }
      if (faults && cluster.now() > awayUntil && random.nextInt(60) == 0) {
        // One at a time: two that leave by themselves are nobody's doing.
        int millis = 1_000 + random.nextInt(15_000);
        awayUntil = cluster.now() + millis + 5_000;
        cluster.away("sandstore-" + random.nextInt(3), millis);
      }
      if (--untilSignal == -1) {
        here.signal(running, signal);
      }
    }

    /** Never two of three not Ready by our doing. */
    private void replacing(String pod) {
      if (!cluster.saysReady(pod)) {
        return; // it takes nothing from anybody
      }
      for (int i = 0; i < 3; i++) {
        String other = "sandstore-" + i;
        // Gone since the flow's last look, it could not be known.
        if (!other.equals(pod) && cluster.unreadySince(other) < lastLook - 200) {
          violations.add(pod + " is replaced while " + other + " is missing");
        }
      }
    }

    private String told() {
      return String.join("\n", story) + "\n--- " + String.join("\n", cluster.history);
    }
  }
}
