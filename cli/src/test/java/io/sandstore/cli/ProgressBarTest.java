package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What logs get to see; a test has no terminal. */
class ProgressBarTest {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private ProgressBar bar(long bytes, long files) {
    return new ProgressBar(new PrintStream(out, true, StandardCharsets.UTF_8), "put", bytes, files);
  }

  private List<String> lines() {
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void theLastLineHasAllFiles() {
    try (ProgressBar bar = bar(1000, 1)) {
      bar.addBytes(1000);
      bar.addFile();
    }
    assertThat(lines().getLast()).contains("100 %", "1/1 files");
  }

  @Test
  void thereIsALineForEachTenthAndNoMore() {
    try (ProgressBar bar = bar(1000, 1)) {
      for (int i = 0; i < 1000; i++) {
        bar.addBytes(1);
      }
      bar.addFile();
    }
    assertThat(lines()).hasSize(10);
  }

  @Test
  void whatBreaksOffSaysHowFarItCame() {
    try (ProgressBar bar = bar(1000, 2)) {
      bar.addBytes(250);
    }
    assertThat(lines().getLast()).contains("25 %", "0/2 files");
  }
}
