package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModesTest {

  /** What coreutils' chmod makes of them, under the umask 022. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "644 0755 0644",
        "7777 0 7777",
        "0 4755 0",
        "u+x 0644 0744",
        "u+x,go-r 0644 0700",
        "a=r 0755 0444",
        "go= 0755 0700",
        "+x 0644 0755",
        "+w 0444 0644",
        "-w 0666 0466",
        "=rw 0777 0644",
        "ug+s 0755 6755",
        "u-s 6755 2755",
        "+t 0777 1777",
        "o+t 0777 1777",
        "u+t 0777 0777",
        "g=u 0740 0770",
        "o=g 0750 0755",
        "u+w-x 0544 0644",
        "a+X 0644 0644",
        "a+X 0744 0755",
        "u=rwX,go=rX 0700 0755",
        "u=rwx,g=u 0000 0770",
      })
  void aFileHasTheModeThatTheShellWouldGive(String change, String before, String after) {
    assertThat(Modes.change(change, Integer.parseInt(before, 8), false))
        .isEqualTo(Integer.parseInt(after, 8));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {"a+X 0644 0755", "g=rx 2700 2750", "go=rX 0700 0755", "g-s 2755 0755"})
  void aDirectoryIsSearchableAndKeepsItsSetIdBits(String change, String before, String after) {
    assertThat(Modes.change(change, Integer.parseInt(before, 8), true))
        .isEqualTo(Integer.parseInt(after, 8));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "8", "77777", "u", "u+q", "x", "u+x,", "rwx", "u+r w", "-1", "u+ug"})
  void whatIsNoModeIsRefusedInWords(String change) {
    assertThatThrownBy(() -> Modes.change(change, 0, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("neither octal");
  }

  @Test
  void aModeIsTwelveBitsHoweverManyThereWere() {
    assertThat(Modes.change("u+x", 0100644, false)).isEqualTo(0744);
  }
}
