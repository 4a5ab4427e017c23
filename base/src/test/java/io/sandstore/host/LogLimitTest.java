package io.sandstore.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LogLimitTest {

  private final List<String> lines = new ArrayList<>();
  private long now = Long.MAX_VALUE - 10;
  private final LogLimit limit = new LogLimit(Duration.ofSeconds(10), () -> now);

  private void say() {
    limit.say(more -> lines.add("again" + more));
  }

  @Test
  void theFirstLineComesAtOnceAndThenOneInAnInterval() {
    for (int i = 0; i < 1000; i++) {
      say();
    }
    assertThat(lines).containsExactly("again");
    now += Duration.ofSeconds(10).toNanos() - 1;
    say();
    assertThat(lines).hasSize(1);
    now++;
    say();
    assertThat(lines).containsExactly("again", "again (and 1000 more like this)");
  }

  @Test
  void aLineThatComesSeldomIsNeverHeldBack() {
    for (int i = 0; i < 3; i++) {
      say();
      now += Duration.ofSeconds(10).toNanos();
    }
    assertThat(lines).containsExactly("again", "again", "again");
  }
}
