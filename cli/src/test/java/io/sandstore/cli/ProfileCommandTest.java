package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.config.NodeConfig;
import io.sandstore.replication.Profile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What people and programs are told of profiles. */
class ProfileCommandTest {

  @TempDir Path directory;

  private record Run(int code, String out, String err) {}

  private static Run run(Object... words) {
    StringWriter err = new StringWriter();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      String[] args = new String[words.length + 1];
      args[0] = "profile";
      for (int i = 0; i < words.length; i++) {
        args[i + 1] = words[i].toString();
      }
      int code = Main.commandLine().setErr(new PrintWriter(err, true)).execute(args);
      return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString());
    } finally {
      System.setOut(before);
    }
  }

  private static String done(Object... words) {
    Run run = run(words);
    assertThat(run.code).as(run.err).isZero();
    return run.out;
  }

  private Path mine(String... more) throws IOException {
    return Files.writeString(
        directory.resolve("mine.conf"),
        "log = raft\nblocks = files\n" + String.join("\n", more) + "\n");
  }

  @Test
  void allAreListedWithWhatTheyAreFor() throws Exception {
    assertThat(done("list")).containsPattern("(?m)^raft +.*Raft");
    JsonNode all = new ObjectMapper().readTree(done("list", "--json"));
    assertThat(all.findValuesAsText("name")).containsAll(Profile.names());
  }

  @Test
  void whatOneIsMadeOfAndPromisesIsShown() throws Exception {
    Path file = mine("description = slow networks", "SANDSTORE_ELECTION_MS = 1500");
    assertThat(done("show", file))
        .startsWith("mine: slow networks\n")
        .contains("log     = raft", "blocks  = files", "reads   = primary", "mine@")
        .contains("of 3 nodes 1 may be lost, of 5 2")
        .contains("if all nodes stop or lose power at once, nothing acknowledged is lost")
        .containsPattern(
            "SANDSTORE_ELECTION_MS +1500 \\(by default 700\\) milliseconds, from 1 to ")
        .containsPattern("SANDSTORE_HEARTBEAT_MS +100 milliseconds");
    JsonNode shown = new ObjectMapper().readTree(done("show", "--json", file));
    assertThat(shown.at("/parts/log").asText()).isEqualTo("raft");
    assertThat(shown.at("/survives_restart").asBoolean()).isTrue();
    assertThat(shown.at("/keys/1/value").asLong()).isEqualTo(1500);
    assertThat(shown.at("/keys/1/default").asLong()).isEqualTo(700);
    assertThat(shown.at("/promises").size()).isGreaterThan(3);
  }

  @Test
  void everyProfileThatThereIsIsShownAndInOrder() {
    for (String name : Profile.names()) {
      assertThat(done("show", name)).as(name).startsWith(name).contains("promises");
      assertThat(done("check", name)).startsWith(name + ": in order");
      assertThat(done("explain", name, name)).contains("made of the same");
    }
  }

  @Test
  void aFileInOrderIsSaidToBe() throws Exception {
    Path file = mine();
    assertThat(done("check", file))
        .isEqualTo(
            file + ": in order; log:raft,store:file,blocks:files,copies:star,reads:primary\n");
  }

  @Test
  void aFileThatIsRefusedIsSaidToBeWithTheLineAndTheReason() throws Exception {
    Map<String, String> reasons =
        Map.of(
            "store = memory", "line 3: store = memory does not go with log = raft",
            "bolcks = files", "line 3: unknown key 'bolcks'",
            "SANDSTORE_BUFFERS = 1", "SANDSTORE_BUFFERS must be a number from 2",
            "SANDSTORE_ORPHAN_GRACE_S = 3", "SANDSTORE_ORPHAN_GRACE_S must be at least 30");
    for (Map.Entry<String, String> reason : reasons.entrySet()) {
      Run run = run("check", mine(reason.getKey()));
      assertThat(run.code).as(run.err).isEqualTo(ExitCode.REFUSED.number());
      assertThat(run.out).contains("mine.conf: refused", reason.getValue());
      assertThat(run("env", directory.resolve("mine.conf")).code)
          .isEqualTo(ExitCode.USAGE.number());
    }
    Run both = run("check", mine("bolcks = files"), "raft");
    assertThat(both.code).isEqualTo(ExitCode.REFUSED.number());
    assertThat(both.out).contains("raft: in order");
  }

  @Test
  void whatIsNotThereHasItsCode() {
    assertThat(run("check", directory.resolve("none.conf")).code)
        .isEqualTo(ExitCode.NOT_FOUND.number());
    Run run = run("show", "rafd");
    assertThat(run.code).isEqualTo(ExitCode.USAGE.number());
    assertThat(run.err).contains("no profile 'rafd'; there are ");
    assertThat(run().code).isEqualTo(ExitCode.USAGE.number());
  }

  @Test
  void differencesAreExplainedSideBySide() throws Exception {
    Path file = mine("SANDSTORE_ELECTION_MS = 1500", "SANDSTORE_BUFFERS = 3");
    assertThat(done("explain", "raft", file))
        .containsPattern("(?m)^ +raft +mine *$")
        .containsPattern("(?m)^SANDSTORE_ELECTION_MS +700 +1500 *$")
        .contains("silence after which", "A disk or a cluster of raft is none of mine")
        .containsPattern("(?m)^SANDSTORE_BUFFERS +6 +3 *$")
        .doesNotContain("SANDSTORE_HEARTBEAT_MS", "reads");
    JsonNode json = new ObjectMapper().readTree(done("explain", "--json", "raft", file));
    assertThat(json.at("/differences/0/key").asText()).isEqualTo("SANDSTORE_ELECTION_MS");
    assertThat(json.at("/differences/0/b").asText()).isEqualTo("1500");
  }

  /** What the flows put into the ConfigMap. */
  @Test
  void theEnvironmentOfANodeIsPrinted() throws Exception {
    Path file = mine("SANDSTORE_ELECTION_MS = 1500");
    Map<String, String> environment =
        new HashMap<>(
            Map.of(
                "SANDSTORE_NAME", "a",
                "SANDSTORE_MEMBERS", "a=h:1",
                "SANDSTORE_DATA_DIR", "/d"));
    done("env", file)
        .lines()
        .forEach(
            line ->
                environment.put(
                    line.substring(0, line.indexOf('=')), line.substring(line.indexOf('=') + 1)));
    NodeConfig config = NodeConfig.of(environment);
    Profile read = Profile.named(file.toString());
    assertThat(config.profile().id()).isEqualTo(read.id());
    assertThat(config.settings().values()).containsEntry("SANDSTORE_ELECTION_MS", 1_500_000_000L);
    assertThat(done("env", "--untuned", file)).contains("SANDSTORE_ELECTION_MS=700\n");
    assertThat(done("env", "raft"))
        .contains("SANDSTORE_PROFILE=raft\n", "SANDSTORE_PROFILE_PARTS=\n");
  }

  @Test
  void nodesOnThisMachineAreGivenTheFilesPlace() throws Exception {
    Map<String, String> environment = LocalNodes.environment(mine().toString());
    assertThat(environment)
        .containsEntry("SANDSTORE_PROFILE", directory.resolve("mine.conf").toAbsolutePath() + "")
        .containsEntry("SANDSTORE_RESERVE_MB", "128");
    assertThat(LocalNodes.environment(mine("SANDSTORE_SNAPSHOT_MB = 200").toString()))
        .as("what it is tuned to needs more room than that")
        .doesNotContainKey("SANDSTORE_RESERVE_MB");
  }
}
