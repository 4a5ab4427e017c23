package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * What a follower may believe of what is committed; the scripts {@code read-at-a-follower-*} say
 * more.
 */
class FollowerReadsTest {

  private final ScriptedCluster cluster = new ScriptedCluster();

  private String play(String script) {
    StringBuilder told = new StringBuilder();
    script.lines().forEach(line -> told.append(cluster.command(line)));
    return told.toString();
  }

  private void five() {
    play(
        """
        member 1
        member 2
        member 3
        member 4
        member 5
        start
        campaign 1
        run
        elapse 100
        run
        """);
  }

  /** Two of five hear of each other only; the others have another leader by then. */
  @Test
  void aLeaderThatWasReplacedConfirmsNothing() {
    five();
    play(
        """
        cut 1 3
        cut 1 4
        cut 1 5
        cut 2 3
        cut 2 4
        cut 2 5
        step 4 800
        step 5 1
        campaign 3
        run
        propose 3 new
        run
        """);
    assertThat(play("status"))
        .contains("1 is leader in term 1", "2 is follower in term 1", "3 is leader in term ")
        .contains("commit 3");
    assertThat(play("ask 2 r\nrun")).contains("what is committed?").doesNotContain("2 read r at");
  }

  @Test
  void anAnswerToAnEarlierQuestionIsNotOneToALaterOne() {
    five();
    play("ask 2 early\ndeliver 2>1\ncopy 1>2");
    assertThat(play("deliver 1>2 first")).contains("2 read early at 1");
    play("propose 1 x\ndeliver 1>3\ndeliver 1>4\ndeliver 3>1\ndeliver 4>1\nask 2 late");
    assertThat(play("deliver 1>2 first")).doesNotContain("2 read late at");
    assertThat(play("run")).contains("2 read late at 2");
  }

  @Test
  void manyReadersShareAQuestion() {
    five();
    StringBuilder asks = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      asks.append("ask 2 r").append(i).append('\n');
    }
    String told = play(asks + "run");
    assertThat(told.lines().filter(line -> line.contains("what is committed?"))).hasSize(2);
    assertThat(told.lines().filter(line -> line.startsWith("2 read r"))).hasSize(100);
  }
}
