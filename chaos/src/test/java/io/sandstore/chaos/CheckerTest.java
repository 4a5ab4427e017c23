package io.sandstore.chaos;

import static io.sandstore.chaos.Operation.Kind.APPEND;
import static io.sandstore.chaos.Operation.Kind.CREATE;
import static io.sandstore.chaos.Operation.Kind.EXCHANGE;
import static io.sandstore.chaos.Operation.Kind.GET;
import static io.sandstore.chaos.Operation.Kind.GET_ATTRIBUTE;
import static io.sandstore.chaos.Operation.Kind.LINK;
import static io.sandstore.chaos.Operation.Kind.LIST;
import static io.sandstore.chaos.Operation.Kind.MKDIR;
import static io.sandstore.chaos.Operation.Kind.PUNCH;
import static io.sandstore.chaos.Operation.Kind.RENAME;
import static io.sandstore.chaos.Operation.Kind.SET;
import static io.sandstore.chaos.Operation.Kind.SET_ATTRIBUTE;
import static io.sandstore.chaos.Operation.Kind.STAT;
import static io.sandstore.chaos.Operation.Kind.UNLINK;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Histories whose verdict is known. */
class CheckerTest {

  @Test
  void twoNamesOfOneFileShareWhatIsSetAndStayWhenOneIsRenamedToTheOther() {
    Operation create = op(CREATE, "a", "", 5, "ok", 0, 10);
    Operation link = op(LINK, "a", "b", 0, "ok", 20, 30);
    Operation set = op(SET_ATTRIBUTE, "a", "", 7, "ok", 40, 50);
    Operation rename = op(RENAME, "a", "b", 0, "ok", 60, 70);
    assertThat(tree(create, link, set, rename, op(GET_ATTRIBUTE, "b", "", 0, "ok:7", 80, 90)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(tree(create, link, set, op(GET_ATTRIBUTE, "b", "", 0, "ENODATA", 80, 90)))
        .isEqualTo(Checker.Verdict.VIOLATION);
    assertThat(tree(create, link, set, rename, op(STAT, "a", "", 0, "ok:f5*2", 80, 90)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(tree(create, link, set, rename, op(STAT, "a", "", 0, "ok:f5*1", 80, 90)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void exchangedNamesTakeWhatIsBelowThemAlong() {
    Operation made = op(MKDIR, "a", "", 1, "ok", 0, 10);
    Operation inside = op(CREATE, "a/x", "", 2, "ok", 20, 30);
    Operation file = op(CREATE, "b", "", 3, "ok", 40, 50);
    Operation exchange = op(EXCHANGE, "a", "b", 0, "ok", 60, 70);
    assertThat(tree(made, inside, file, exchange, op(STAT, "b/x", "", 0, "ok:f2*1", 80, 90)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(tree(made, inside, file, exchange, op(STAT, "a", "", 0, "ok:d1", 80, 90)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void aPunchedFileIsZerosUntilItIsWrittenAgain() {
    Operation set = op(SET, 1, "ok", 0, 10);
    Operation punch = op(PUNCH, 0, "ok", 20, 30);
    assertThat(register(set, punch, op(GET, 0, "ok:-1", 40, 50)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(register(set, punch, op(GET, 0, "ok:1", 40, 50)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  private static Operation op(
      Operation.Kind kind, int value, String result, long called, long returned) {
    return op(kind, "", "", value, result, called, returned);
  }

  private static Operation op(
      Operation.Kind kind,
      String path,
      String other,
      int value,
      String result,
      long called,
      long returned) {
    Optional<String> answer = result.isEmpty() ? Optional.empty() : Optional.of(result);
    return new Operation((int) called, kind, path, other, value, answer, called, returned);
  }

  private static Checker.Verdict register(Operation... history) {
    return Checker.check(new RegisterModel(), List.of(history), Duration.ofSeconds(10));
  }

  private static Checker.Verdict tree(Operation... history) {
    return Checker.check(new TreeModel(), List.of(history), Duration.ofSeconds(10));
  }

  @Test
  void aReadOfTheLastWriteIsFine() {
    assertThat(register(op(SET, 1, "ok", 0, 10), op(GET, 0, "ok:1", 20, 30)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
  }

  @Test
  void aStaleReadIsNot() {
    assertThat(
            register(op(SET, 1, "ok", 0, 10), op(SET, 2, "ok", 20, 30), op(GET, 0, "ok:1", 40, 50)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void aLostWriteIsNot() {
    assertThat(register(op(SET, 1, "ok", 0, 10), op(GET, 0, "ok:0", 20, 30)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void overlappingReadsMayDisagreeOnlyInOneOrder() {
    Operation write = op(SET, 1, "ok", 0, 100);
    assertThat(register(write, op(GET, 0, "ok:0", 10, 20), op(GET, 0, "ok:1", 30, 40)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(register(write, op(GET, 0, "ok:1", 10, 20), op(GET, 0, "ok:0", 30, 40)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void anUnknownWriteMayHaveHappenedLateOrNeverButOnce() {
    Operation unknown = op(SET, 1, "", 0, 0);
    assertThat(register(unknown, op(GET, 0, "ok:0", 10, 20), op(GET, 0, "ok:1", 500, 600)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(register(unknown, op(GET, 0, "ok:0", 10, 20)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(
            register(
                unknown,
                op(GET, 0, "ok:1", 10, 20),
                op(SET, 2, "ok", 30, 40),
                op(GET, 0, "ok:1", 50, 60)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void wrongBytesAreAViolation() {
    assertThat(register(op(SET, 1, "ok", 0, 10), op(GET, 0, "ok:WRONG: value 1", 20, 30)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void anAppendAppliedTwiceIsAViolation() {
    List<Operation> twice = List.of(op(APPEND, 7, "ok", 0, 10), op(GET, 0, "ok:7 7 ", 20, 30));
    assertThat(Checker.check(new AppendModel(), twice, Duration.ofSeconds(10)))
        .isEqualTo(Checker.Verdict.VIOLATION);
    List<Operation> once = List.of(op(APPEND, 7, "ok", 0, 10), op(GET, 0, "ok:7 ", 20, 30));
    assertThat(Checker.check(new AppendModel(), once, Duration.ofSeconds(10)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
  }

  @Test
  void appendsThatGotNoAnswerAndNobodySawDoNotMakeTheSearchLong() {
    List<Operation> history = new ArrayList<>();
    history.add(op(APPEND, 1, "ok", 0, 10));
    for (int i = 2; i < 20; i++) {
      history.add(op(APPEND, i, "", 20, 30));
    }
    for (int i = 0; i < 30; i++) {
      history.add(op(GET, 0, "ok:1 ", 100 + 10 * i, 105 + 10 * i));
    }
    assertThat(Checker.check(new AppendModel(), history, Duration.ofSeconds(60)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    history.add(op(GET, 0, "ok:", 1000, 1010));
    assertThat(Checker.check(new AppendModel(), history, Duration.ofSeconds(60)))
        .isEqualTo(Checker.Verdict.VIOLATION);
  }

  @Test
  void aRenamedFileKeepsItsIdentity() {
    Operation create = op(CREATE, "a", "", 5, "ok", 0, 10);
    Operation rename = op(RENAME, "a", "b", 0, "ok", 20, 30);
    assertThat(tree(create, rename, op(STAT, "b", "", 0, "ok:f5*1", 40, 50)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(tree(create, rename, op(STAT, "a", "", 0, "ok:f5*1", 40, 50)))
        .isEqualTo(Checker.Verdict.VIOLATION);
    assertThat(tree(create, rename, op(STAT, "a", "", 0, "ENOENT", 40, 50)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
  }

  @Test
  void aRefusalIsAnAnswerToo() {
    Operation made = op(MKDIR, "a", "", 1, "ok", 0, 10);
    Operation inside = op(CREATE, "a/x", "", 2, "ok", 20, 30);
    assertThat(tree(made, inside, op(UNLINK, "a", "", 0, "EISDIR", 40, 50)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
    assertThat(tree(made, inside, op(UNLINK, "a/x", "", 0, "ENOENT", 40, 50)))
        .isEqualTo(Checker.Verdict.VIOLATION);
    assertThat(tree(made, inside, op(LIST, "a", "", 0, "ok:x=f2*1 ", 40, 50)))
        .isEqualTo(Checker.Verdict.LINEARIZABLE);
  }

  @Test
  void everyHistoryOfACorrectStoreIsLinearizable() {
    for (long seed = 0; seed < 200; seed++) {
      assertThat(Checker.check(new RegisterModel(), history(seed, -1), Duration.ofSeconds(10)))
          .as("seed " + seed)
          .isEqualTo(Checker.Verdict.LINEARIZABLE);
    }
  }

  @Test
  void aReadFromLongAgoIsFoundInEveryHistory() {
    for (long seed = 0; seed < 200; seed++) {
      assertThat(Checker.check(new RegisterModel(), history(seed, 80), Duration.ofSeconds(10)))
          .as("seed " + seed)
          .isEqualTo(Checker.Verdict.VIOLATION);
    }
  }

  /**
   * Operations in a real order, each with its call and return around its moment.
   *
   * @param staleAt position of a read that sees the very first value; none if negative
   */
  private static List<Operation> history(long seed, int staleAt) {
    Random random = new Random(seed);
    List<Operation> history = new ArrayList<>();
    int value = 0;
    for (int i = 0; i < 100; i++) {
      long moment = 1000L * i;
      long called = moment - random.nextInt(3000);
      long returned = moment + random.nextInt(3000);
      if (i == staleAt) {
        history.add(op(GET, 0, "ok:0", called, returned));
      } else if (random.nextBoolean() || i < 5) {
        value = i + 1;
        boolean unknown = i > 5 && random.nextInt(10) == 0;
        history.add(op(SET, value, unknown ? "" : "ok", called, returned));
      } else {
        history.add(op(GET, 0, "ok:" + value, called, returned));
      }
    }
    Collections.shuffle(history, random);
    return history;
  }
}
