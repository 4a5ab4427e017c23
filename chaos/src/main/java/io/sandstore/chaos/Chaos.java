package io.sandstore.chaos;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code make chaos MINUTES=...}: three real nodes, sixteen clients, one fault after the other. */
@Command(
    name = "chaos",
    description =
        "Hurts a cluster of three real processes while sixteen clients work, and judges whether what "
            + "they saw is linearizable and whether all of it is still there in the end. Needs root: "
            + "network namespaces, loop devices, strace.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:nothing wrong", "2:wrong usage", "4:something was lost or wrong"})
public final class Chaos implements Callable<Integer> {

  /** How many primaries are killed for each other kind of fault. */
  private static final int PRIMARY_KILLS = 9;

  private static final Duration RECOVERY_LIMIT = Duration.ofMinutes(5);

  @Option(names = "--minutes", description = "how long (default: ${DEFAULT-VALUE})")
  double minutes = 3;

  @Option(names = "--faults", description = "end after so many (default: no limit)")
  int faultsMax = Integer.MAX_VALUE;

  @Option(
      names = "--kinds",
      split = ",",
      description =
          "only these: ${COMPLETION-CANDIDATES} (default: all that mean something in the profile)")
  List<Fault> kinds = List.of();

  @Option(names = "--profile", description = "of the nodes, or its file (default: raft)")
  String profile = "raft";

  @Option(names = "--seed", description = "of the choices; real time does not repeat")
  long seed = System.nanoTime();

  @Option(
      names = "--think",
      paramLabel = "MS",
      description =
          "milliseconds that a client waits at least between an operation and the next one; more "
              + "leaves more of the machine to faults and repair, so that more of them fit into an "
              + "hour (default: ${DEFAULT-VALUE})")
  long thinkMs;

  @Option(
      names = "--out",
      description = "where history, verdict, timeline and logs go (default: ${DEFAULT-VALUE})")
  Path out = Path.of("target/chaos");

  @Option(names = "--disks", description = "where the nodes' disks go (default: ${DEFAULT-VALUE})")
  Path disks = Path.of("target/chaos-lab");

  private final List<Timeline.Happened> happened = new ArrayList<>();
  private long beginNanos;

  public static void main(String[] args) {
    ((Logger) LoggerFactory.getLogger("io.sandstore")).setLevel(Level.OFF);
    System.exit(
        new CommandLine(new Chaos()).setCaseInsensitiveEnumValuesAllowed(true).execute(args));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (thinkMs < 0) {
      System.err.println("chaos: --think: a pause is not negative");
      return 2;
    }
    Profile chosen = Profile.named(profile);
    for (Fault kind : kinds) {
      if (!kind.happensTo(chosen)) {
        System.err.printf("chaos: %s means nothing in profile '%s'%n", kind, profile);
        return 2;
      }
    }
    if (kinds.isEmpty()) {
      kinds = Arrays.stream(Fault.values()).filter(kind -> kind.happensTo(chosen)).toList();
    }
    Files.createDirectories(out);
    Random random = new Random(seed);
    try (Lab lab = new Lab(disks.toAbsolutePath(), profile);
        SandstoreClient operator = lab.client(Duration.ofSeconds(5))) {
      Runtime.getRuntime().addShutdownHook(new Thread(lab::close)); // Ctrl-C leaves nothing
      lab.awaitHealthy(operator, RECOVERY_LIMIT);
      try (ClientLoad load = new ClientLoad(lab, seed, Duration.ofMillis(thinkMs))) {
        beginNanos = load.beginNanos();
        load.start();
        System.out.printf("seed %d; %s%n", seed, lab.seeds());
        hurt(lab, load, operator, random);
        load.stop();
        if (load.violations.isEmpty()) {
          System.out.printf("reading all of %d files and trees again%n", load.partitions.get());
        }
        load.verify();
        return report(lab, load);
      }
    }
  }

  private void hurt(Lab lab, ClientLoad load, SandstoreClient operator, Random random)
      throws InterruptedException {
    List<Fault> deck = new ArrayList<>();
    while (seconds() < minutes * 60 && happened.size() < faultsMax && load.violations.isEmpty()) {
      if (deck.isEmpty()) {
        kinds.forEach(
            kind ->
                deck.addAll(
                    Collections.nCopies(kind == Fault.KILL_PRIMARY ? PRIMARY_KILLS : 1, kind)));
        Collections.shuffle(deck, random);
      }
      Fault fault = deck.removeLast();
      double begin = seconds();
      try {
        Lab.LabNode primary = lab.awaitHealthy(operator, RECOVERY_LIMIT);
        List<Integer> hurt =
            fault.happen(new Fault.Scene(lab, load, primary, random)).stream()
                .map(m -> m.number)
                .toList();
        double end = seconds();
        lab.awaitHealthy(operator, RECOVERY_LIMIT);
        if (hurt.isEmpty()) {
          System.out.printf(
              Locale.ROOT, "%6.1f s  %-18s not counted: nothing to damage yet%n", begin, fault);
          continue;
        }
        happened.add(new Timeline.Happened(fault, hurt, begin, end, seconds()));
        System.out.printf(
            Locale.ROOT,
            "%6.1f s  %-18s on %s, %4.1f s, ready again after %4.1f s; %d changes acknowledged, %d "
                + "without an answer%n",
            begin,
            fault,
            hurt,
            end - begin,
            seconds() - end,
            load.acknowledgedChanges.get(),
            load.unknown.get());
      } catch (IOException e) {
        load.violations.add("after %s at %.1f s: %s".formatted(fault, begin, e.getMessage()));
      }
    }
  }

  private double seconds() {
    return (System.nanoTime() - beginNanos) / 1e9;
  }

  private int report(Lab lab, ClientLoad load) throws IOException {
    Map<Fault, Integer> counts = new EnumMap<>(Fault.class);
    happened.forEach(h -> counts.merge(h.fault(), 1, Integer::sum));
    List<Double> gaps = load.gapsSeconds.stream().sorted().toList();
    Map<String, Object> verdict = new LinkedHashMap<>();
    verdict.put("verdict", load.violations.isEmpty() ? "nothing wrong" : "VIOLATED");
    verdict.put("violations", load.violations);
    verdict.put("profile", profile);
    verdict.put("seed", seed);
    verdict.put("seconds", Math.round(seconds()));
    verdict.put("acknowledged_operations", load.acknowledged.get());
    verdict.put("acknowledged_changes", load.acknowledgedChanges.get());
    verdict.put("without_an_answer", load.unknown.get());
    verdict.put("histories", load.partitions.get());
    verdict.put("wrong_content", load.wrong.get());
    verdict.put("rates", load.rates);
    verdict.put("faults", happened.size());
    verdict.put("kinds", counts.size());
    verdict.put("faults_by_kind", counts);
    verdict.put("primary_kills_measured", gaps.size());
    if (!gaps.isEmpty()) {
      verdict.put("gap_p50_seconds", percentile(gaps, 0.5));
      verdict.put("gap_p99_seconds", percentile(gaps, 0.99));
      verdict.put("gap_max_seconds", gaps.getLast());
    }
    ObjectMapper json = new ObjectMapper();
    String text = json.writerWithDefaultPrettyPrinter().writeValueAsString(verdict);
    Files.writeString(out.resolve("verdict.json"), text + "\n");
    load.write(out.resolve("history.jsonl.gz"));
    Files.writeString(
        out.resolve("timeline.svg"),
        Timeline.svg(
            "%d faults of %d kinds, %d acknowledged changes: %s"
                .formatted(
                    happened.size(),
                    counts.size(),
                    load.acknowledgedChanges.get(),
                    verdict.get("verdict")),
            happened,
            load.perSecond));
    for (Lab.LabNode machine : lab.machines) {
      Files.copy(
          machine.log(),
          out.resolve(machine.name + ".log"),
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }
    System.out.println(text);
    System.out.printf("history, timeline and the nodes' logs: %s%n", out);
    return load.violations.isEmpty() ? 0 : 4;
  }

  private static double percentile(List<Double> sorted, double share) {
    double value =
        sorted.get((int) Math.min(sorted.size() - 1L, Math.round(share * (sorted.size() - 1))));
    return Math.round(value * 1000) / 1000.0;
  }
}
