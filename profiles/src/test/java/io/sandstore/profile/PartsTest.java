package io.sandstore.profile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.profile.Parts.Copies;
import io.sandstore.profile.Parts.Reads;
import io.sandstore.profile.Parts.Store;
import io.sandstore.replication.Settings;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which parts go together, and what is said of those that do not. */
class PartsTest {

  private static final LogKind DISK = log("disk", true, true);
  private static final LogKind RAM = log("ram", false, false);
  private static final BlockKind FILES = blocks("files", true);
  private static final BlockKind MEMORY = blocks("memory", false);

  private static LogKind log(String name, boolean survives, boolean everyone) {
    return kind(
        LogKind.class,
        Map.of(
            "name", name,
            "survivesRestart", survives,
            "store", survives ? Store.FILE : Store.MEMORY,
            "everyoneReads", everyone));
  }

  private static BlockKind blocks(String name, boolean survives) {
    return kind(
        BlockKind.class,
        Map.of("name", name, "survivesRestart", survives, "copies", Set.of(Copies.STAR)));
  }

  /** One that is only asked what it is. */
  private static <T> T kind(Class<T> type, Map<String, Object> answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> answers.get(method.getName())));
  }

  private static void refused(
      LogKind log, Store store, BlockKind blocks, Copies copies, Reads reads, String why) {
    assertThatThrownBy(() -> new Parts(log, store, blocks, copies, reads))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }

  @Test
  void bothSurviveOrNeitherDoes() {
    new Parts(DISK, Store.FILE, FILES, Copies.STAR, Reads.EVERYONE);
    new Parts(RAM, Store.MEMORY, MEMORY, Copies.STAR, Reads.PRIMARY);
    refused(
        DISK,
        Store.FILE,
        MEMORY,
        Copies.STAR,
        Reads.PRIMARY,
        "blocks = memory does not go with log = disk: after a power loss the log would know files"
            + " whose bytes are gone");
    refused(
        RAM,
        Store.MEMORY,
        FILES,
        Copies.STAR,
        Reads.PRIMARY,
        "blocks = files does not go with log = ram: after a power loss nobody would know whose");
  }

  @Test
  void nobodyPromisesWhatItsPartsCannot() {
    refused(
        RAM,
        Store.FILE,
        MEMORY,
        Copies.STAR,
        Reads.PRIMARY,
        "store = file does not go with log = ram, which keeps its commands in memory");
    refused(
        RAM,
        Store.MEMORY,
        MEMORY,
        Copies.STAR,
        Reads.EVERYONE,
        "reads = everyone does not go with log = ram");
    refused(
        DISK,
        Store.FILE,
        FILES,
        Copies.CHAIN,
        Reads.PRIMARY,
        "copies = chain does not go with blocks = files, whose copies are made by star");
  }

  /** Everything there is, with everything there is: made, or refused with a reason. */
  @Test
  void everyCombinationIsDecidedOn() {
    int made = 0;
    for (LogKind log : Kinds.LOGS) {
      for (BlockKind blocks : Kinds.BLOCKS) {
        for (Copies copies : Copies.values()) {
          for (Reads reads : Reads.values()) {
            try {
              Parts parts = new Parts(log, log.store(), blocks, copies, reads);
              ConfiguredProfile profile = ConfiguredProfile.of("mine", "", parts, Map.of());
              assertThat(Parts.of(profile.line())).isEqualTo(parts);
              assertThat(profile.parts()).allMatch(part -> !part.meaning().isEmpty());
              assertThat(profile.survivesRestart()).isEqualTo(blocks.survivesRestart());
              made++;
            } catch (IllegalArgumentException e) {
              assertThat(e).hasMessageContaining(" does not go with ");
            }
          }
        }
      }
    }
    assertThat(made).isPositive();
  }

  @Test
  void kindsHaveNamesWordsAndKeysOfTheirOwn() {
    List<String> names = new ArrayList<>();
    for (LogKind log : Kinds.LOGS) {
      names.add("log " + log.name());
      assertThat(log.form()).as(log.name()).isNotEmpty();
      assertThat(log.promise()).as(log.name()).isNotEmpty();
      for (BlockKind blocks : Kinds.BLOCKS) {
        List<String> keys = new ArrayList<>(log.keys().stream().map(Settings.Key::name).toList());
        keys.addAll(blocks.keys().stream().map(Settings.Key::name).toList());
        assertThat(keys).as("%s and %s", log.name(), blocks.name()).doesNotHaveDuplicates();
      }
    }
    for (BlockKind blocks : Kinds.BLOCKS) {
      names.add("blocks " + blocks.name());
      assertThat(blocks.form()).as(blocks.name()).isNotEmpty();
      assertThat(blocks.promise()).as(blocks.name()).isNotEmpty();
      assertThat(blocks.copies()).as(blocks.name()).isNotEmpty();
    }
    assertThat(new HashSet<>(names)).hasSameSizeAs(names);
  }
}
