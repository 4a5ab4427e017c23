package io.sandstore.profile;

import io.sandstore.replication.Profile;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/**
 * What a profile is made of. Parts that together could not keep what they promise are refused.
 *
 * @param log what orders commands, which keeps them in {@code store}
 * @param blocks what keeps bytes, whose copies are made as {@code copies} says
 * @param reads who answers reads
 */
public record Parts(LogKind log, Store store, BlockKind blocks, Copies copies, Reads reads) {

  /** Where the log keeps its commands. */
  public enum Store {
    FILE("commands are forced to disks before they are acknowledged"),
    MEMORY("commands are in the memory of several processes, and on no disk");

    private final String meaning;

    Store(String meaning) {
      this.meaning = meaning;
    }
  }

  /** How a block's copies are made. */
  public enum Copies {
    STAR("the node that took a block sends it to all its holders at once: one hop"),
    CHAIN("each holder of a block sends it on to the next: no node sends more than one copy");

    private final String meaning;

    Copies(String meaning) {
      this.meaning = meaning;
    }
  }

  /** Who answers reads. */
  public enum Reads {
    PRIMARY("one node, which knows what is the latest, answers for names and attributes"),
    EVERYONE(
        "every node answers for names and attributes, once it made sure that it knows the latest:"
            + " reads cost each node a share");

    private final String meaning;

    Reads(String meaning) {
      this.meaning = meaning;
    }
  }

  /** The keys by which a profile chooses, in the order in which they are shown. */
  static final List<String> KEYS = List.of("log", "store", "blocks", "copies", "reads");

  /**
   * @throws IllegalArgumentException with the reason why these do not go together
   */
  public Parts {
    String with = "log = " + log.name();
    require(
        store == log.store(),
        "store",
        "does not go with %s, which keeps its commands in %s".formatted(with, word(log.store())),
        word(store));
    require(
        blocks.survivesRestart() || !log.survivesRestart(),
        "blocks",
        ("does not go with %s: after a power loss the log would know files whose bytes are gone,"
                + " though fsync had promised them")
            .formatted(with),
        blocks.name());
    require(
        log.survivesRestart() || !blocks.survivesRestart(),
        "blocks",
        ("does not go with %s: after a power loss nobody would know whose the blocks on the disks"
                + " are, and they would fill them")
            .formatted(with),
        blocks.name());
    require(
        blocks.copies().contains(copies),
        "copies",
        "does not go with blocks = %s, whose copies are made by %s"
            .formatted(blocks.name(), listed(blocks.copies().stream().map(Parts::word).toList())),
        word(copies));
    require(
        reads == Reads.PRIMARY || log.everyoneReads(),
        "reads",
        ("does not go with %s: members other than the primary could not tell whether what they"
                + " know is the latest, and would answer with what was")
            .formatted(with),
        word(reads));
  }

  private static void require(boolean condition, String key, String otherwise, String value) {
    if (!condition) {
      throw new Refused(key, "%s = %s %s".formatted(key, value, otherwise));
    }
  }

  /**
   * Chooses by words. Where nothing is said, the store is the log's, copies are a star, and the
   * primary answers reads.
   *
   * @param words by {@link #KEYS}
   * @throws IllegalArgumentException with what to write instead
   */
  static Parts of(Map<String, String> words) {
    LogKind log = chosen(words, "log", named(Kinds.LOGS, LogKind::name));
    BlockKind blocks = chosen(words, "blocks", named(Kinds.BLOCKS, BlockKind::name));
    Map<String, Store> stores = named(List.of(Store.values()), Parts::word);
    Map<String, Copies> copies = named(List.of(Copies.values()), Parts::word);
    Map<String, Reads> reads = named(List.of(Reads.values()), Parts::word);
    reads.put("leader", Reads.PRIMARY); // as Raft says
    return new Parts(
        log,
        words.containsKey("store") ? chosen(words, "store", stores) : log.store(),
        blocks,
        words.containsKey("copies") ? chosen(words, "copies", copies) : Copies.STAR,
        words.containsKey("reads") ? chosen(words, "reads", reads) : Reads.PRIMARY);
  }

  private static <T> T chosen(Map<String, String> words, String key, Map<String, T> choices) {
    String word = words.get(key);
    if (word == null) {
      throw new Refused(key, "%s is not said: it is %s".formatted(key, listed(choices.keySet())));
    }
    T choice = choices.get(word);
    if (choice == null) {
      throw new Refused(key, "%s is %s, not '%s'".formatted(key, listed(choices.keySet()), word));
    }
    return choice;
  }

  private static <T> Map<String, T> named(List<T> choices, Function<T, String> name) {
    Map<String, T> named = new LinkedHashMap<>();
    choices.forEach(choice -> named.put(name.apply(choice), choice));
    return named;
  }

  private static String listed(Collection<String> words) {
    return String.join(" or ", words);
  }

  private static String word(Enum<?> choice) {
    return choice.name().toLowerCase(Locale.ROOT);
  }

  /** What was chosen, in the order of {@link #KEYS}. */
  List<Profile.Part> list() {
    return List.of(
        new Profile.Part("log", log.name(), log.promise()),
        new Profile.Part("store", word(store), store.meaning),
        new Profile.Part("blocks", blocks.name(), blocks.promise()),
        new Profile.Part("copies", word(copies), copies.meaning),
        new Profile.Part("reads", word(reads), reads.meaning));
  }

  /**
   * Chooses by a line, as {@link io.sandstore.replication.Profile#line} makes it.
   *
   * @throws IllegalArgumentException with what to write instead
   */
  static Parts of(String line) {
    Map<String, String> words = new LinkedHashMap<>();
    for (String part : line.split(",", KEYS.size() + 1)) {
      int colon = part.indexOf(':');
      String key = colon < 0 ? part : part.substring(0, colon);
      if (colon < 0 || !KEYS.contains(key) || words.put(key, part.substring(colon + 1)) != null) {
        throw new IllegalArgumentException(
            "'%s' is not one each of %s, as in log:raft,blocks:files".formatted(line, KEYS));
      }
    }
    return of(words);
  }
}
