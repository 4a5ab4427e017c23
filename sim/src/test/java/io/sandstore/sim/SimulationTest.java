package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shipped wiring under faults. {@code -Dsim.seeds=N} runs more. */
class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 1000);
  private static final int FIRST = Integer.getInteger("sim.first", 1);
  private static final int STEPS = Integer.getInteger("sim.steps", 10_000);

  @TempDir Path directory;

  /**
   * Runs seeds and prints a line for each. In a process of its own: two simulations in one would
   * share what the JDK and the logger share, and meet there in an order that no seed decides.
   */
  static final class Worker {
    private Worker() {}

    public static void main(String[] args) {
      long first = Long.parseLong(args[0]);
      long end = Long.parseLong(args[1]);
      long stride = Long.parseLong(args[2]);
      int steps = Integer.parseInt(args[3]);
      for (long seed = first; seed < end; seed += stride) {
        System.out.println("RESULT " + seed + " " + result(seed, args[4], steps));
      }
      System.exit(0);
    }

    private static String result(long seed, String profile, int steps) {
      try {
        Simulation.Summary s = new Simulation(seed, profile).run(steps);
        String faults =
            s.faults().entrySet().stream()
                .map(fault -> fault.getKey() + "=" + fault.getValue())
                .collect(Collectors.joining(";"));
        return "%016x %d %d %d %s"
            .formatted(
                s.fingerprint(),
                s.acknowledged(),
                s.caughtUp().toMillis(),
                s.clean().toMillis(),
                faults);
      } catch (RuntimeException | Error e) {
        return "FAILED " + e.toString().replace('\n', ' ');
      }
    }
  }

  private record Run(
      String fingerprint, long acknowledged, long caughtUp, long clean, List<String> faults) {

    static Run of(String text) {
      String[] words = text.split(" ", 5);
      List<String> faults = words[4].isEmpty() ? List.of() : Arrays.asList(words[4].split(";", -1));
      return new Run(
          words[0],
          Long.parseLong(words[1]),
          Long.parseLong(words[2]),
          Long.parseLong(words[3]),
          faults);
    }
  }

  /** Runs seeds in so many processes at a time; the results by seed, as the workers print them. */
  private Map<Long, String> run(String profile, long first, long seeds, int processes)
      throws Exception {
    List<Process> running = new ArrayList<>();
    List<Path> outputs = new ArrayList<>();
    for (int i = 0; i < processes; i++) {
      Path output = directory.resolve("worker-%s-%d-%d-%d".formatted(profile, first, processes, i));
      outputs.add(output);
      running.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx800m",
                  "-XX:+UseSerialGC",
                  "--add-opens=java.base/java.lang=ALL-UNNAMED",
                  "-Djdk.trackAllThreads=false",
                  "-Dlogback.configurationFile=" + System.getProperty("logback.configurationFile"),
                  "-cp",
                  System.getProperty("java.class.path"),
                  Worker.class.getName(),
                  Long.toString(first + i),
                  Long.toString(first + seeds),
                  Integer.toString(processes),
                  Integer.toString(STEPS),
                  profile)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start());
    }
    Map<Long, String> results = new TreeMap<>();
    try {
      for (Process process : running) {
        assertThat(process.waitFor(2, TimeUnit.HOURS)).as("the simulations end").isTrue();
      }
    } finally {
      running.forEach(Process::destroyForcibly);
    }
    for (Path output : outputs) {
      for (String line : Files.readAllLines(output)) {
        if (line.startsWith("RESULT ")) {
          String[] words = line.split(" ", 3);
          results.put(Long.parseLong(words[1]), words[2]);
        }
      }
    }
    assertThat(results)
        .as("seeds that ended; the rest: " + outputs)
        .hasSize(Math.toIntExact(seeds));
    return results;
  }

  private List<Run> all(String profile, int seeds) throws Exception {
    Map<Long, String> results =
        run(profile, FIRST, seeds, Runtime.getRuntime().availableProcessors());
    assertThat(results.entrySet().stream().filter(e -> e.getValue().startsWith("FAILED")))
        .as("replay one with: make sim SEED=...")
        .isEmpty();
    return results.values().stream().map(Run::of).toList();
  }

  /** One that somebody else wrote, of other parts, under the faults that it promises to survive. */
  @Test
  void aProfileInMemoryKeepsWhatItPromisesUnderAnySeed() throws Exception {
    int seeds = Math.max(1, SEEDS / 10);
    List<Run> runs = all("toy", seeds);
    assertThat(runs.stream().mapToLong(Run::acknowledged).sum()).isGreaterThan(seeds * 20L);
    assertThat(runs.stream().flatMap(run -> run.faults.stream()).map(f -> f.split("=")[0]))
        .contains("pause", "slow node", "partition", "clock jump")
        .doesNotContain("kill", "wipe", "power loss of all", "stop");
  }

  @Test
  void nothingAcknowledgedIsLostUnderAnySeed() throws Exception {
    List<Run> runs = all("raft", SEEDS);
    Map<String, Integer> faults = new TreeMap<>();
    for (Run run : runs) {
      for (String fault : run.faults) {
        int at = fault.lastIndexOf('=');
        faults.merge(
            fault.substring(0, at), Integer.parseInt(fault.substring(at + 1)), Integer::sum);
      }
    }
    long acknowledged = runs.stream().mapToLong(Run::acknowledged).sum();
    int count = faults.values().stream().mapToInt(Integer::intValue).sum();
    System.out.printf(
        "%d seeds, %d operations acknowledged, %d faults: %s%n",
        SEEDS, acknowledged, count, faults);
    System.out.printf(
        "from the last fault until all had everything: at most %s, until all was clean: %s%n",
        Duration.ofMillis(runs.stream().mapToLong(Run::caughtUp).max().orElse(0)),
        Duration.ofMillis(runs.stream().mapToLong(Run::clean).max().orElse(0)));
    assertThat(acknowledged).isGreaterThan(SEEDS * 20L);
    assertThat(count).isGreaterThan(SEEDS * 3);
  }

  /** Clients of one member each, which read there, are told nothing old. */
  @Test
  void everyMemberAnswersReadsLinearizablyUnderAnySeed() throws Exception {
    int seeds = Math.max(1, SEEDS / 2);
    List<Run> runs = all("read", seeds);
    assertThat(runs.stream().mapToLong(Run::acknowledged).sum()).isGreaterThan(seeds * 20L);
  }

  /**
   * Also in another process, whose hashes and orders of sets are others, and after other seeds:
   * with two processes and with three, most seeds have different ones before them.
   */
  @Test
  @Tag("slow")
  void theSameSeedGivesTheSameRun() throws Exception {
    assertThat(run("raft", 4711, 20, 3)).isEqualTo(run("raft", 4711, 20, 2));
  }
}
