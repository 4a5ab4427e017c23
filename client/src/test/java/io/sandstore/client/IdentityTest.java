package io.sandstore.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** On whose behalf a client acts. */
class IdentityTest {

  @Test
  void isReadFromOneWord() {
    assertThat(Identity.parse("5")).isEqualTo(Identity.of(5, 5));
    assertThat(Identity.parse("5:6")).isEqualTo(Identity.of(5, 6));
    assertThat(Identity.parse("5:6,7,8")).isEqualTo(Identity.of(5, 6, 7, 8));
    assertThat(Identity.parse("4294967294:0").uid()).isEqualTo(-2);
    assertThat(Identity.of(5, 6).umask()).isEqualTo(022);
  }

  @Test
  void whatIsNobodyIsRefused() {
    for (String text : List.of("", "anne", "5:", "5:6,", ":6", "-1", "5:6:7", "4294967296")) {
      assertThatThrownBy(() -> Identity.parse(text))
          .as(text)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("must be UID[:GID[,GROUP...]] in numbers, not '" + text + "'");
    }
    assertThatThrownBy(() -> Identity.parse("4294967295"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("neither a user nor a group");
    List<Integer> many = Collections.nCopies(1025, 7);
    assertThatThrownBy(() -> new Identity(1, 1, many, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Identity.of(1, 1).withUmask(01000))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void ofThisProcessIsWhoOwnsWhatItMakes() throws Exception {
    assumeThat(Path.of("/proc/self/status")).as("Linux tells").isReadable();
    Path made = Files.createTempFile("identity", "");
    try {
      Identity process = Identity.ofProcess();
      assertThat(process.uid()).isEqualTo(Files.getAttribute(made, "unix:uid"));
      assertThat(process.gid()).isEqualTo(Files.getAttribute(made, "unix:gid"));
    } finally {
      Files.delete(made);
    }
  }
}
