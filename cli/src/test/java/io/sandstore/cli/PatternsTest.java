package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PatternsTest {

  @ParameterizedTest
  @CsvSource({
    "*, anything, true",
    "*.jpg, a.jpg, true",
    "*.jpg, ajpg, false",
    "?, ä, true",
    "?, 😀, true",
    "?, ab, false",
    "[a-c]x, bx, true",
    "[!a-c]x, bx, false",
    "[!a-c]x, dx, true",
    "[^a-c]x, dx, true",
    "[]]x, ]x, true",
    "[!]]x, ax, true",
    "[a, [a, true",
    "[a&&b], &, true",
    "[\\]x, \\x, true",
    "\\*, *, true",
    "\\*, a, false",
    "a.c, abc, false",
    "a+(b), a+(b), true",
    "😀*, 😀x, true",
  })
  void aPatternFitsWhatItFitsInAShell(String pattern, String name, boolean fits) {
    assertThat(Patterns.compile(pattern).matcher(name).matches()).isEqualTo(fits);
  }

  @Test
  void aLineFeedIsALetterToo() {
    assertThat(Patterns.compile("a*b").matcher("a\nb").matches()).isTrue();
    assertThat(Patterns.compile("a?b").matcher("a\nb").matches()).isTrue();
  }

  @Test
  void aSetThatIsNoneIsRefusedInWords() {
    assertThatThrownBy(() -> Patterns.compile("[z-a]"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no pattern: [z-a]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/*", "/**", "/?*", "/*?"})
  void aPatternWithoutALetterFitsAllOfTheRoot(String pattern) {
    assertThat(Patterns.fitsAllOfTheRoot(pattern)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/a*", "/*/*", "/a/*", "/*.gz", "/?", "/"})
  void aPatternThatSaysMoreDoesNot(String pattern) {
    assertThat(Patterns.fitsAllOfTheRoot(pattern)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "@0, 0",
    "@-1, -1000",
    "1970-01-01, -3600000",
    "1970-01-01T01:00, 0",
    "1970-01-01 01:00:01, 1000",
    "1970-01-01T00:00:00.5Z, 500",
    "1970-01-01T02:00+02:00, 0",
  })
  void aTimeIsReadAsItIsWritten(String text, long millis) {
    assertThat(MakeCommands.Touch.millis(text, ZoneId.of("+01:00"))).isEqualTo(millis);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "now", "2024-13-01", "@", "@x", "@9223372036854775807", "12:30"})
  void whatIsNoTimeIsRefusedInWords(String text) {
    assertThatThrownBy(() -> MakeCommands.Touch.millis(text, ZoneId.of("Z")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2024-05-01");
  }
}
