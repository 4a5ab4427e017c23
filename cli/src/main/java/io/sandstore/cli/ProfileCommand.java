package io.sandstore.cli;

import io.sandstore.config.NodeConfig;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What profiles there are, what they promise, and whether one's own is in order. */
@Command(
    name = "profile",
    description = {
      "A profile is a file that says what a node is made of. One is named, or given by the path of",
      "its file: mine.conf. docs/profiles.md says how to write one."
    },
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "(list | show | check | explain | env)")
final class ProfileCommand {

  private static final String OR_FILE = "a profile's name, or the path of its file";
  private static final String JSON = "for programs";

  @Command(description = "Lists the profiles that there are.", mixinStandardHelpOptions = true)
  int list(@Option(names = "--json", description = JSON) boolean json) throws IOException {
    List<Map<String, Object>> all = new ArrayList<>();
    for (String name : Profile.names()) {
      Map<String, Object> entry;
      try {
        entry = json(Profile.named(name));
      } catch (IllegalArgumentException e) {
        entry = new LinkedHashMap<>(Map.of("name", name, "refused", describe(e)));
      }
      all.add(entry);
    }
    if (json) {
      FileCommand.print(all);
      return ExitCode.DONE.number();
    }
    for (Map<String, Object> entry : all) {
      String what =
          entry.containsKey("refused")
              ? "refused: " + entry.get("refused")
              : String.valueOf(entry.get("description"));
      System.out.printf("%-12s %s%n", entry.get("name"), what);
    }
    return ExitCode.DONE.number();
  }

  @Command(
      description = "Shows what a profile is made of, what it promises, and what its keys mean.",
      mixinStandardHelpOptions = true)
  int show(
      @Parameters(paramLabel = "PROFILE", description = OR_FILE) String name,
      @Option(names = "--json", description = JSON) boolean json)
      throws IOException {
    Profile profile = Profile.named(name);
    if (json) {
      FileCommand.print(json(profile));
      return ExitCode.DONE.number();
    }
    System.out.println(profile.name() + (blank(profile) ? "" : ": " + profile.description()));
    System.out.println("\nmade of");
    profile.parts().forEach(p -> System.out.printf("  %-7s = %s%n", p.key(), p.value()));
    System.out.printf("  on disks and in clusters it is %s%n", profile.id());
    System.out.println("\npromises");
    for (String promise : profile.promises()) {
      System.out.println("  - " + promise);
    }
    System.out.println("  - " + losses(profile));
    profile.parts().stream()
        .filter(part -> !part.key().equals("log") && !part.key().equals("blocks"))
        .forEach(p -> System.out.printf("  - %s = %s: %s%n", p.key(), p.value(), p.meaning()));
    System.out.println("\nkeys, and what they are unless the environment says otherwise");
    Map<String, String> standards = values(untuned(profile));
    Map<String, String> values = values(profile);
    settings(profile)
        .forEach(
            (key, meaning) ->
                System.out.printf("  %-24s %s%n", key, valued(values, standards, key, meaning)));
    return ExitCode.DONE.number();
  }

  private static String valued(
      Map<String, String> values, Map<String, String> standards, String key, String meaning) {
    String value = values.getOrDefault(key, NOTHING);
    String standard = standards.getOrDefault(key, NOTHING);
    return value.equals(standard)
        ? "%s %s".formatted(value, meaning)
        : "%s (by default %s) %s".formatted(value, standard, meaning);
  }

  private static boolean blank(Profile profile) {
    return profile.description().isEmpty();
  }

  private static String losses(Profile profile) {
    String most =
        profile.membersMax() == 1
            ? "it runs on one node"
            : "of 3 nodes %d may be lost, of 5 %d: the others go on"
                .formatted(profile.mayLose(3), profile.mayLose(5));
    return profile.needsViews() ? most + "; nodes need etcd to agree on who is lost" : most;
  }

  private static String unit(Settings.Key key) {
    return key.unit().name().toLowerCase(Locale.ROOT);
  }

  @Command(
      description =
          "Says whether profiles' files are in order, and if one is not, which line it is and what"
              + " to write instead. Exits with 1 if one is refused.",
      mixinStandardHelpOptions = true)
  int check(
      @Parameters(arity = "1..*", paramLabel = "FILE", description = OR_FILE) List<String> all)
      throws IOException {
    ExitCode end = ExitCode.DONE;
    for (String name : all) {
      if (Profile.isFile(name) && !Files.exists(Path.of(name))) {
        throw new NoSuchFileException(name, null, "no such file");
      }
      try {
        Profile profile = Profile.named(name);
        NodeConfig.environment(profile);
        System.out.printf("%s: in order; %s%n", name, profile.line());
      } catch (IllegalArgumentException e) {
        System.out.printf("%s: refused%n  %s%n", name, describe(e));
        end = ExitCode.REFUSED;
      }
    }
    return end.number();
  }

  private static String describe(IllegalArgumentException e) {
    return String.valueOf(e.getMessage());
  }

  @Command(
      description = "Says how two profiles differ, and what that means for those who use them.",
      mixinStandardHelpOptions = true)
  int explain(
      @Parameters(paramLabel = "A", description = OR_FILE) String first,
      @Parameters(paramLabel = "B", description = OR_FILE) String second,
      @Option(names = "--json", description = JSON) boolean json)
      throws IOException {
    Profile a = Profile.named(first);
    Profile b = Profile.named(second);
    List<Difference> differences = differences(a, b);
    if (json) {
      Map<String, Object> both = new LinkedHashMap<>();
      both.put("a", a.name());
      both.put("b", b.name());
      both.put("differences", differences);
      FileCommand.print(both);
      return ExitCode.DONE.number();
    }
    int width = Math.max(12, Math.max(a.name().length(), b.name().length()) + 2);
    String row = "%-24s %-" + width + "s %-" + width + "s%n";
    System.out.printf(row, "", a.name(), b.name());
    for (Difference difference : differences) {
      System.out.printf(row, difference.key, difference.a, difference.b);
      difference.meaning.forEach(line -> System.out.println("  " + line));
    }
    if (differences.isEmpty()) {
      System.out.println("they are made of the same, and tuned alike");
    }
    if (!a.id().equals(b.id())) {
      System.out.printf(
          "%nA disk or a cluster of %s is none of %s: files move from one to the other by copying"
              + " (sandstore get, sandstore put).%n",
          a.name(), b.name());
    }
    return ExitCode.DONE.number();
  }

  /**
   * A line of the comparison.
   *
   * @param meaning for those who use them, in sentences
   */
  record Difference(String key, String a, String b, List<String> meaning) {}

  private static final String NOTHING = "-";

  private static List<Difference> differences(Profile a, Profile b) {
    List<Difference> all = new ArrayList<>();
    Map<String, Profile.Part> ofA = parts(a);
    Map<String, Profile.Part> ofB = parts(b);
    TreeSet<String> keys = new TreeSet<>(ofA.keySet());
    keys.addAll(ofB.keySet());
    Profile.Part none = new Profile.Part("", NOTHING, "it is not made of such parts");
    for (String key : keys) {
      Profile.Part left = ofA.getOrDefault(key, none);
      Profile.Part right = ofB.getOrDefault(key, none);
      add(all, key, left.value(), right.value(), List.of(of(a, left), of(b, right)));
    }
    add(
        all,
        "all lose power",
        outcome(a),
        outcome(b),
        List.of("what there is of acknowledged files after all nodes stopped at once"));
    for (int members : new int[] {3, 5}) {
      add(
          all,
          "may be lost of " + members,
          Integer.toString(a.mayLose(members)),
          Integer.toString(b.mayLose(members)),
          List.of("nodes, while the others go on"));
    }
    Map<String, String> settings = new LinkedHashMap<>(settings(a));
    settings.putAll(settings(b));
    Map<String, String> left = values(a);
    Map<String, String> right = values(b);
    settings.forEach(
        (key, meaning) ->
            add(
                all,
                key,
                left.getOrDefault(key, NOTHING),
                right.getOrDefault(key, NOTHING),
                List.of(meaning)));
    return all;
  }

  private static void add(
      List<Difference> all, String key, String a, String b, List<String> meaning) {
    if (!a.equals(b)) {
      all.add(new Difference(key, a, b, meaning));
    }
  }

  private static String of(Profile profile, Profile.Part part) {
    return profile.name() + ": " + part.meaning();
  }

  private static String outcome(Profile profile) {
    return profile.survivesRestart() ? "all" : "nothing";
  }

  private static Map<String, Profile.Part> parts(Profile profile) {
    Map<String, Profile.Part> parts = new LinkedHashMap<>();
    profile.parts().forEach(part -> parts.put(part.key(), part));
    return parts;
  }

  /** What each setting counts, may be and means. */
  private static Map<String, String> settings(Profile profile) {
    Map<String, String> meanings = new LinkedHashMap<>();
    for (Settings.Key key : profile.keys()) {
      meanings.put(
          key.name(),
          "%s, from %d to %d: %s".formatted(unit(key), key.min(), key.max(), key.meaning()));
    }
    NodeConfig.keys(profile).stream()
        .filter(key -> profile.ofNodes().containsKey(key.name()))
        .forEach(key -> meanings.put(key.name(), "of every node: " + key.meaning()));
    return meanings;
  }

  private static Map<String, String> values(Profile profile) {
    Map<String, String> values = new LinkedHashMap<>();
    NodeConfig.keys(profile).forEach(key -> values.put(key.name(), key.standard()));
    return values;
  }

  @Command(
      description = {
        "Prints a profile as the variables of a node's environment: for an env file, or a ConfigMap."
      },
      mixinStandardHelpOptions = true)
  int env(
      @Parameters(paramLabel = "PROFILE", description = OR_FILE) String name,
      @Option(names = "--untuned", description = "with the defaults of before its tuning")
          boolean untuned) {
    Profile profile = Profile.named(name);
    NodeConfig.environment(untuned ? untuned(profile) : profile)
        .forEach((key, value) -> System.out.println(key + "=" + value));
    return ExitCode.DONE.number();
  }

  private static Profile untuned(Profile profile) {
    return profile.line().isEmpty() ? profile : Profile.of("untuned", profile.line());
  }

  private static Map<String, Object> json(Profile profile) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("name", profile.name());
    fields.put("id", profile.id());
    fields.put("description", profile.description());
    Map<String, String> parts = new LinkedHashMap<>();
    profile.parts().forEach(part -> parts.put(part.key(), part.value()));
    fields.put("parts", parts);
    List<String> promises = new ArrayList<>(profile.promises());
    promises.add(losses(profile));
    fields.put("promises", promises);
    fields.put("survives_restart", profile.survivesRestart());
    fields.put("members_max", profile.membersMax());
    fields.put("needs_etcd", profile.needsViews());
    Map<String, String> standards = values(untuned(profile));
    List<Map<String, Object>> keys = new ArrayList<>();
    for (Settings.Key key : profile.keys()) {
      Map<String, Object> setting = new LinkedHashMap<>();
      setting.put("key", key.name());
      setting.put("value", key.standard());
      setting.put("default", Long.valueOf(standards.get(key.name())));
      setting.put("unit", unit(key));
      setting.put("min", key.min());
      setting.put("max", key.max());
      setting.put("meaning", key.meaning());
      keys.add(setting);
    }
    fields.put("keys", keys);
    fields.put("of_nodes", profile.ofNodes());
    return fields;
  }
}
