package io.sandstore.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NodeConfigTest {

  private static final Map<String, String> BASE =
      Map.of(
          "SANDSTORE_NAME",
          "a",
          "SANDSTORE_MEMBERS",
          "a=h:1,b=h:2,c=h:3",
          "SANDSTORE_DATA_DIR",
          "/d");

  private static NodeConfig with(String key, String value) {
    Map<String, String> environment = new HashMap<>(BASE);
    environment.put(key, value);
    return NodeConfig.of(environment);
  }

  @Test
  void everyKeyIsRead() {
    NodeConfig standard = NodeConfig.of(BASE);
    Map<String, String> other =
        Map.of(
            "SANDSTORE_NAME", "b",
            "SANDSTORE_LISTEN", "127.0.0.1:1",
            "SANDSTORE_MEMBERS", "a=h:9,b=h:2",
            "SANDSTORE_DATA_DIR", "/e",
            "SANDSTORE_PROFILE", "another");
    for (NodeConfig.Key key : NodeConfig.KEYS) {
      assertThat(with(key.name(), other.getOrDefault(key.name(), "77")))
          .as("%s changes something", key.name())
          .isNotEqualTo(standard);
    }
  }

  @Test
  void aKeyThatNothingReadsIsRefused() {
    assertThatThrownBy(() -> with("SANDSTORE_HARTBEAT_MS", "5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown variable SANDSTORE_HARTBEAT_MS");
    assertThat(with("SANDSTORE_SEEDS", "x")).isEqualTo(NodeConfig.of(BASE));
    assertThat(with("PATH", "x")).isEqualTo(NodeConfig.of(BASE));
  }

  @Test
  void nonsenseIsRefusedWithAWordOnWhatToDo() {
    for (String members : List.of("", "a", "a=", "a=h", "=h:1", "a=h:1,a=h:2", "a=h:1,,b=h:2")) {
      assertThatThrownBy(() -> with("SANDSTORE_MEMBERS", members))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("SANDSTORE_MEMBERS");
    }
    assertThatThrownBy(() -> with("SANDSTORE_NAME", "z"))
        .hasMessageContaining("not one of SANDSTORE_MEMBERS");
    assertThatThrownBy(() -> with("SANDSTORE_ELECTION_MS", "-1")).hasMessageContaining("number");
    assertThatThrownBy(() -> with("SANDSTORE_SEGMENT_MB", "1")).hasMessageContaining("at least 4");
    assertThatThrownBy(() -> NodeConfig.of(Map.of())).hasMessageContaining("set SANDSTORE_NAME");
  }
}
