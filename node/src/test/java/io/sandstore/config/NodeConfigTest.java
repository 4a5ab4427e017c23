package io.sandstore.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.replication.Profile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
  void anAddressForClientsIsAHostAndAPort() {
    assertThat(with("SANDSTORE_CLIENT_ADDRESS", "a:1, b.c:65535").addressing().clientAddresses())
        .containsExactly("a:1", "b.c:65535");
    for (String wrong : List.of("a", ":1", "a:", "a:0", "a:65536", "a:-1", "a:1,b:2,c:3,d:4,e:5")) {
      assertThatThrownBy(() -> with("SANDSTORE_CLIENT_ADDRESS", wrong))
          .as(wrong)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("SANDSTORE_CLIENT_ADDRESS");
    }
  }

  @Test
  void everyKeyIsRead() {
    Map<String, String> byDns = new HashMap<>(BASE);
    byDns.putAll(
        Map.of(
            "SANDSTORE_NAME", "n-0",
            "SANDSTORE_DISCOVERY", "dns",
            "SANDSTORE_SERVICE", "headless",
            "SANDSTORE_ETCD", "http://e:1"));
    Map<String, String> other =
        Map.of(
            "SANDSTORE_NAME", "n-1",
            "SANDSTORE_LISTEN", "127.0.0.1:1",
            "SANDSTORE_DISCOVERY", "etcd",
            "SANDSTORE_ETCD", "http://f:2,http://g:3",
            "SANDSTORE_LOG_LEVEL", "DEBUG",
            "SANDSTORE_LOG_FORMAT", "json",
            "SANDSTORE_METRICS", "off",
            "SANDSTORE_DATA_DIR", "/e");
    Map<String, String> bounded =
        Map.of(
            "SANDSTORE_NODES", "5",
            "SANDSTORE_ELECTION_MS", "777",
            "SANDSTORE_RESERVE_MB", "300",
            "SANDSTORE_BLOCK_GRACE_S", "120",
            "SANDSTORE_SQUASH", "root",
            "SANDSTORE_CACHE_FULL", "evict",
            "SANDSTORE_CLIENT_ADDRESS", "outside:1,[::1]:2");
    for (NodeConfig.Key key : NodeConfig.keys(Profile.named("raft"))) {
      if (key.name().startsWith("SANDSTORE_PROFILE")) {
        continue; // below
      }
      Map<String, String> environment = new HashMap<>(byDns);
      if (key.name().equals("SANDSTORE_MEMBERS")) {
        environment = new HashMap<>(BASE);
        environment.put(key.name(), "a=h:9,b=h:2");
      } else {
        environment.put(
            key.name(), other.getOrDefault(key.name(), bounded.getOrDefault(key.name(), "77")));
      }
      assertThat(NodeConfig.of(environment))
          .as("%s changes something", key.name())
          .isNotIn(NodeConfig.of(byDns), NodeConfig.of(BASE));
    }
  }

  @Test
  void aProfileIsNamedOrWrittenInAFileOrInTheEnvironment(@TempDir Path directory)
      throws IOException {
    Path file = directory.resolve("mine.conf");
    Files.writeString(
        file, "log = raft\nblocks = files\nSANDSTORE_ELECTION_MS = 900\nSANDSTORE_SQUASH = all\n");
    NodeConfig mine = with("SANDSTORE_PROFILE", file.toString());
    assertThat(mine.profile().name()).isEqualTo("mine");
    assertThat(mine.settings().values()).containsEntry("SANDSTORE_ELECTION_MS", 900_000_000L);
    assertThat(mine.squash()).isEqualTo(Squash.ALL);
    Map<String, String> environment = new HashMap<>(BASE);
    environment.put("SANDSTORE_PROFILE", file.toString());
    environment.put("SANDSTORE_ELECTION_MS", "800");
    environment.put("SANDSTORE_SQUASH", "none");
    assertThat(NodeConfig.of(environment).settings().values())
        .as("the environment is above the profile")
        .containsEntry("SANDSTORE_ELECTION_MS", 800_000_000L);
    assertThat(NodeConfig.of(environment).squash()).isEqualTo(Squash.NONE);
    environment.putAll(
        Map.of("SANDSTORE_PROFILE", "mine", "SANDSTORE_PROFILE_PARTS", "log:raft,blocks:files"));
    assertThat(NodeConfig.of(environment).profile().id()).isEqualTo(mine.profile().id());
    environment.put("SANDSTORE_PROFILE_PARTS", "log:raft,blocks:fails");
    assertThatThrownBy(() -> NodeConfig.of(environment))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not 'fails'");
  }

  /** A profile may only set what every node understands. */
  @Test
  void whatProfilesMaySetOfNodesIsAmongTheKeys() {
    assertThat(NodeConfig.keys(Profile.named("raft")).stream().map(NodeConfig.Key::name))
        .containsAll(Profile.NODE_KEYS);
  }

  @Test
  void aProfileThatNobodyProvidesIsRefusedByName() {
    assertThatThrownBy(() -> with("SANDSTORE_PROFILE", "rafd"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no profile 'rafd'; there are")
        .hasMessageContaining("raft");
  }

  @Test
  void aVariableSetToNothingHasItsDefault() {
    assertThat(with("SANDSTORE_HEARTBEAT_MS", " ")).isEqualTo(NodeConfig.of(BASE));
    assertThat(with("SANDSTORE_SERVICE", "")).isEqualTo(NodeConfig.of(BASE));
  }

  @Test
  void addressesAreDerivedFromTheService() {
    Map<String, String> environment = new HashMap<>(BASE);
    environment.putAll(
        Map.of(
            "SANDSTORE_NAME", "n-2",
            "SANDSTORE_DISCOVERY", "etcd",
            "SANDSTORE_SERVICE", "headless",
            "SANDSTORE_ETCD", "http://e:1"));
    assertThat(NodeConfig.of(environment).addressing().address()).isEqualTo("n-2.headless:9070");
  }

  @Test
  void aKeyThatNothingReadsIsRefused() {
    assertThatThrownBy(() -> with("SANDSTORE_HARTBEAT_MS", "5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown variable SANDSTORE_HARTBEAT_MS");
    assertThat(with("SANDSTORE_SEEDS", "x")).isEqualTo(NodeConfig.of(BASE));
    assertThat(with("SANDSTORE_AS", "5:6")).isEqualTo(NodeConfig.of(BASE));
    assertThat(with("PATH", "x")).isEqualTo(NodeConfig.of(BASE));
  }

  /** Each value is in order by itself. */
  @Test
  void valuesThatAreUnsafeTogetherAreRefusedWithAWordOnWhatToSet() {
    List<Map<String, String>> unsafe =
        List.of(
            Map.of("SANDSTORE_BLOCK_GRACE_S", "119"),
            Map.of("SANDSTORE_ORPHAN_GRACE_S", "29"),
            Map.of("SANDSTORE_SESSION_TTL_S", "59"),
            Map.of("SANDSTORE_ELECTION_MS", "299"),
            Map.of("SANDSTORE_HEARTBEAT_MS", "234"),
            Map.of("SANDSTORE_ELECTION_MS", "10001"),
            Map.of("SANDSTORE_RESERVE_MB", "95"),
            Map.of("SANDSTORE_SNAPSHOT_MB", "225"),
            Map.of("SANDSTORE_SEGMENT_MB", "97"),
            Map.of("SANDSTORE_DRAIN_MS", "20001"),
            Map.of("SANDSTORE_HTTP", "0.0.0.0:9070"),
            Map.of(
                "SANDSTORE_DISCOVERY", "dns", "SANDSTORE_SERVICE", "s", "SANDSTORE_NODES", "33"));
    for (Map<String, String> values : unsafe) {
      Map<String, String> environment = new HashMap<>(BASE);
      environment.put("SANDSTORE_NAME", values.containsKey("SANDSTORE_DISCOVERY") ? "a-0" : "a");
      environment.putAll(values);
      assertThatThrownBy(() -> NodeConfig.of(environment))
          .as("%s", values)
          .isInstanceOf(IllegalArgumentException.class)
          .message()
          .satisfies(
              message ->
                  assertThat(values.keySet())
                      .anyMatch(key -> message.contains(key + " ") || message.contains(key + ",")))
          .matches(".*must be .*|.*give each .*");
    }
  }

  @Test
  void theBoundsThemselvesAreTaken() {
    for (Map.Entry<String, String> bound :
        Map.of(
                "SANDSTORE_BLOCK_GRACE_S", "120",
                "SANDSTORE_ORPHAN_GRACE_S", "30",
                "SANDSTORE_SESSION_TTL_S", "60",
                "SANDSTORE_ELECTION_MS", "300",
                "SANDSTORE_HEARTBEAT_MS", "233",
                "SANDSTORE_RESERVE_MB", "96",
                "SANDSTORE_DRAIN_MS", "20000",
                "SANDSTORE_HTTP", "0.0.0.0:9071")
            .entrySet()) {
      assertThatCode(() -> with(bound.getKey(), bound.getValue())).doesNotThrowAnyException();
    }
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
    assertThatThrownBy(() -> with("SANDSTORE_DISCOVERY", "mdns"))
        .hasMessageContaining("static, dns");
    assertThatThrownBy(() -> with("SANDSTORE_DISCOVERY", "dns"))
        .hasMessageContaining("SANDSTORE_SERVICE");
    assertThatThrownBy(() -> with("SANDSTORE_DISCOVERY", "etcd"))
        .hasMessageContaining("SANDSTORE_ETCD");
    assertThatThrownBy(() -> with("SANDSTORE_ETCD", "e:2379")).hasMessageContaining("http://host");
    assertThatThrownBy(() -> with("SANDSTORE_LOG_LEVEL", "loud")).hasMessageContaining("DEBUG");
    assertThatThrownBy(() -> with("SANDSTORE_ELECTION_MS", "-1")).hasMessageContaining("number");
    assertThatThrownBy(() -> with("SANDSTORE_SEGMENT_MB", "1")).hasMessageContaining("from 4");
    assertThatThrownBy(() -> with("SANDSTORE_SEGMENT_MB", "2048")).hasMessageContaining("to 1024");
    assertThatThrownBy(() -> NodeConfig.of(Map.of())).hasMessageContaining("set SANDSTORE_NAME");
  }
}
