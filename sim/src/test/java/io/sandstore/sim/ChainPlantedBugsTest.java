package io.sandstore.sim;

import static io.sandstore.sim.Planted.edit;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.chain.ChainReplay;
import io.sandstore.sim.Planted.Edit;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Bugs of a chain, each of which the simulation of its core must find. */
@Tag("slow")
class ChainPlantedBugsTest {

  private static final int SEEDS = 3000;
  private static final int STEPS = 4000;
  private static final String CORE = "chain/ChainCore";

  private enum Bug {
    NO_EPOCH_CHECK("    if (message.epoch() < view.epoch()) {", "    if (message.epoch() < 0) {"),
    NO_LEASE("    return readableUntil() > now;", "    return inStep;"),
    COMMITTED_BEFORE_THE_TAIL_HAS_IT(
        "data));\n    if (isTail()) {\n      advance(false);",
        "data));\n    if (leads()) {\n      commitTo(entries.last());"),
    COMMITTED_BEFORE_ALL_ARE_IN_THE_VIEW(
        "      hello(now);\n    }\n  }\n\n  private void getInStep",
        "      hello(now);\n      inStep = true;\n      if (isTail()) {\n        advance(true);\n      }\n"
            + "    }\n  }\n\n  private void getInStep"),
    COMMITTED_BY_A_TAIL_THAT_IS_NOT_IN_STEP(
        "    long committed = inStep ? commit : 0;", "    long committed = commit;"),
    FORWARDED_REQUESTS_DROPPED(
        "    active = false;\n    if (joins) {",
        "    active = false;\n    entries.reset(commit);\n    if (joins) {"),
    DIRTY_VALUE_SERVED(
        "    } else if (isClean()) {\n      outputs.add(new Output.Read(id, commit));",
        "    } else if (now > 0) {\n      outputs.add(new Output.Read(id, entries.last()));"),
    OLD_VALUE_SERVED("    } else if (isClean()) {", "    } else if (now > 0) {"),
    JOINED_BEFORE_COPIED(
        "if (wanted == null && joins.waitedFor && joins.stream.acked() >= commit) {",
        "if (wanted == null) {"),
    COMMITTED_WITHOUT_ONE_THAT_JOINS(
        "    if (joins != null && joins.waitedFor) {", "    if (joins != null && commit < 0) {"),
    HANDED_OVER_BEFORE_ALL_IS_COMMITTED(
        "inStep && wanted == null && commit == entries.last()) {", "inStep && wanted == null) {");

    private final Edit edit;

    Bug(String find, String replacement) {
      this.edit = edit("chain", CORE, find, replacement);
    }
  }

  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void isFoundBySimulation(Bug bug) throws Exception {
    Planted.Ended hunt =
        new Planted(directory, List.of(bug.edit))
            .run(
                List.of(),
                ChainReplay.class,
                "1",
                Integer.toString(STEPS),
                Integer.toString(SEEDS));
    hunt.output()
        .lines()
        .filter(line -> line.startsWith("VIOLATION: "))
        .forEach(line -> System.out.println(bug + ": " + line));
    assertThat(hunt.status()).as(hunt.output()).isEqualTo(4);
    assertThat(hunt.output()).contains("VIOLATION: ");
  }
}
