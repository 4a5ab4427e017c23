package io.sandstore.profile;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a profile's file may say, and what is said of one that says something else. */
class ProfileFileTest {

  private static final String LEAST = "log = raft\nblocks = files\n";

  @TempDir Path directory;

  private static ConfiguredProfile parse(String text) {
    return ProfileFile.parse("mine.conf", "mine", text.getBytes(UTF_8));
  }

  private static void refused(ThrowingCallable call, String... words) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(words);
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private static long standard(Profile profile, String key) {
    return profile.keys().stream()
        .filter(each -> each.name().equals(key))
        .mapToLong(Settings.Key::standard)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void twoLinesAreAProfile() {
    ConfiguredProfile mine = parse(LEAST);
    assertThat(mine.name()).isEqualTo("mine");
    assertThat(mine.line()).isEqualTo("log:raft,store:file,blocks:files,copies:star,reads:primary");
    assertThat(mine.keys()).isEqualTo(Profile.named("raft").keys());
    assertThat(mine.id()).startsWith("mine@").endsWith("@aa9fb6cb");
  }

  @Test
  void everyShippedProfileIsMadeAndNamedAsItsFile() throws IOException {
    TreeSet<String> files = new TreeSet<>();
    try (Stream<Path> all = Files.list(Path.of("."))) {
      all.map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(".conf"))
          .forEach(file -> files.add(file.replace(".conf", "")));
    }
    assertThat(files).contains("raft");
    assertThat(new ProfileFiles().names()).containsExactlyElementsOf(files);
    for (String name : files) {
      ConfiguredProfile profile = (ConfiguredProfile) Profile.named(name);
      assertThat(profile.name()).isEqualTo(name);
      assertThat(profile.description()).as(name).isNotEmpty();
      assertThat(profile).isEqualTo(ProfileFile.read(Path.of(name + ".conf")));
    }
    assertThat(Profile.all().keySet()).containsAll(files);
  }

  @Test
  void commentsAndBlanksMeanNothing() {
    String text =
        "\r\n# log = chain\r\n  log=raft # as ever\r\n\tblocks =\tfiles\t#\n\ndescription = a#b = c  # d\n";
    assertThat(parse(text).description()).isEqualTo("a#b = c");
    assertThat(parse(text).isAs(parse(LEAST))).isTrue();
  }

  @Test
  void whoSaysLeaderMeansThePrimary() {
    assertThat(parse(LEAST + "reads = leader").made().reads()).isEqualTo(Parts.Reads.PRIMARY);
  }

  /** Below what the environment says. */
  @Test
  void tuningIsTheDefaultOfASetting() {
    ConfiguredProfile mine = parse(LEAST + "SANDSTORE_ELECTION_MS = 1500\nSANDSTORE_BUFFERS = 3\n");
    assertThat(standard(mine, "SANDSTORE_ELECTION_MS")).isEqualTo(1500);
    assertThat(standard(mine, "SANDSTORE_HEARTBEAT_MS")).isEqualTo(100);
    assertThat(mine.ofNodes()).isEqualTo(Map.of("SANDSTORE_BUFFERS", "3"));
    Settings.Key election =
        mine.keys().stream().filter(k -> k.name().contains("ELECTION")).findFirst().orElseThrow();
    assertThat(Settings.of(mine.keys(), Map.of()).time(election)).hasMillis(1500);
    assertThat(Settings.of(mine.keys(), Map.of(election.name(), "900")).time(election))
        .hasMillis(900);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          bolcks = files                | line 3: unknown key 'bolcks'
          files                         | line 3: 'files' is not key = value
          = files                       | line 3: '= files' is not key = value
          reads =                       | line 3: reads has no value
          log = raft                    | line 3: log a second time: line 1 has it
          reads = nobody                | line 3: reads is primary or everyone or leader, not 'nobody'
          copies = ring                 | line 3: copies is star or chain, not 'ring'
          store = tape                  | line 3: store is file or memory, not 'tape'
          store = memory                | line 3: store = memory does not go with log = raft
          SANDSTORE_ELECTION_MS = soon  | line 3: SANDSTORE_ELECTION_MS must be a number from 1
          SANDSTORE_SEGMENT_MB = 3      | line 3: SANDSTORE_SEGMENT_MB must be a number from 4
          SANDSTORE_ELECTION_MS = 150   | mine.conf: SANDSTORE_ELECTION_MS (150) must be at least
          SANDSTORE_NAME = me           | line 3: unknown setting SANDSTORE_NAME
          SANDSTORE_DATA_DIR = /d       | line 3: unknown setting SANDSTORE_DATA_DIR
          sandstore_buffers = 3         | line 3: unknown key 'sandstore_buffers'
          """)
  void aLineThatNobodyUnderstandsIsRefused(String line, String why) {
    refused(() -> parse(LEAST + line), "mine.conf", why);
  }

  @Test
  void whatMustBeChosenIsAskedFor() {
    refused(() -> parse(""), "mine.conf: log is not said: it is ", "raft");
    refused(() -> parse("log = raft"), "mine.conf: blocks is not said: it is ", "files");
    refused(() -> parse("log = paper\nblocks = files"), "line 1: log is ", ", not 'paper'");
  }

  @Test
  void whatIsNoTextOrTooMuchIsRefused() {
    refused(() -> parse(LEAST + "#".repeat(20_000)), "more than 16384 bytes");
    refused(() -> parse(LEAST + "#" + "x".repeat(1024)), "line 3: more than 1024 characters");
    refused(() -> parse(LEAST + "description = a\u0007b"), "line 3: a control character");
    refused(
        () -> ProfileFile.parse("mine.conf", "mine", "description = \u00e9".getBytes(ISO_8859_1)),
        "mine.conf: it is not UTF-8");
  }

  @Test
  void aFileIsNamedByItsPath() throws IOException {
    Path file = write("mine-2.conf", LEAST);
    assertThat(Profile.named(file.toString()).name()).isEqualTo("mine-2");
    refused(() -> Profile.named(directory + "/none.conf"), "there is no profile", "none.conf");
    refused(() -> Profile.named(directory + "/mine-2"), "does not end with .conf");
    refused(() -> Profile.named(directory.toString()), "does not end with .conf");
    Files.createDirectory(directory.resolve("dir.conf"));
    refused(() -> Profile.named(directory + "/dir.conf"), "no such file");
    for (String name : new String[] {"Mine", "-mine", "mi ne", "x".repeat(33), ""}) {
      Path wrong = write(name + ".conf", LEAST);
      refused(() -> Profile.named(wrong.toString()), "is no name of a profile");
    }
  }

  /** Its data would not be what that name says elsewhere. */
  @Test
  void aFileCannotPassForAShippedProfile() throws IOException {
    Path same = write("raft.conf", LEAST + "description = as ours\n");
    assertThat(Profile.named(same.toString()).id()).isEqualTo(Profile.named("raft").id());
    write("raft.conf", LEAST + "SANDSTORE_BUFFERS = 3\n");
    refused(() -> Profile.named(same.toString()), "there is another profile 'raft'");
    refused(() -> Profile.named("rafd"), "no profile 'rafd'; there are ", "raft");
  }

  @Test
  void partsAreALineAndBack() {
    Profile mine = Profile.of("mine", "log:raft,blocks:files");
    assertThat(mine).isEqualTo(parse(LEAST));
    assertThat(Profile.of("mine", mine.line())).isEqualTo(mine);
    for (String wrong :
        new String[] {"", "log", "log:raft", "log:raft,log:raft", "log:raft,blocks:files,x:y"}) {
      refused(() -> Profile.of("mine", wrong), "");
    }
    refused(() -> Profile.of("../mine", mine.line()), "no name of a profile");
  }
}
