package io.sandstore.deploy;

import static io.sandstore.deploy.SimulatedCluster.copy;
import static io.sandstore.deploy.SimulatedCluster.map;
import static io.sandstore.deploy.SimulatedCluster.object;
import static io.sandstore.deploy.SimulatedCluster.text;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.deploy.SimulatedCluster.Key;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** kubectl's commands on a {@link SimulatedCluster}, as far as the flows use them. */
final class SimulatedKubectl {

  record Answer(int code, String output, String error) {
    static Answer of(String output) {
      return new Answer(0, output, "");
    }

    static Answer refused(String reason, String words) {
      return new Answer(1, "", "Error from server (" + reason + "): " + words + "\n");
    }
  }

  /** A refusal by the API server, on the way out of a command. */
  private static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final transient Answer answer;

    Refusal(String reason, String words) {
      super(words);
      answer = Answer.refused(reason, words);
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, String> KINDS =
      Map.ofEntries(
          Map.entry("po", "pod"),
          Map.entry("pvc", "persistentvolumeclaim"),
          Map.entry("pv", "persistentvolume"),
          Map.entry("svc", "service"),
          Map.entry("cm", "configmap"),
          Map.entry("sts", "statefulset"),
          Map.entry("sc", "storageclass"),
          Map.entry("sa", "serviceaccount"));
  private static final Map<String, String> GROUPS =
      Map.of(
          "statefulset", ".apps",
          "role", ".rbac.authorization.k8s.io",
          "rolebinding", ".rbac.authorization.k8s.io",
          "storageclass", ".storage.k8s.io",
          "lease", ".coordination.k8s.io");
  private static final List<String> CLUSTER_WIDE =
      List.of("node", "persistentvolume", "storageclass");

  private final SimulatedCluster cluster;

  /** What the kubeconfig says: its contexts all lead here. */
  String server = "https://192.0.2.7:6443";

  SimulatedKubectl(SimulatedCluster cluster) {
    this.cluster = cluster;
  }

  /** One command line, taken apart. */
  private record Line(List<String> words, Map<String, List<String>> options) {

    private static final List<String> WITH_VALUE =
        List.of("-l", "-o", "-f", "-p", "-c", "--selector", "--tail", "--since-time");

    static Line of(List<String> arguments) {
      List<String> words = new ArrayList<>();
      Map<String, List<String>> options = new java.util.HashMap<>();
      for (int i = 0; i < arguments.size(); i++) {
        String word = arguments.get(i);
        if (!word.startsWith("-") || word.length() < 2) {
          words.add(word);
        } else if (WITH_VALUE.contains(word)) {
          options.computeIfAbsent(word, o -> new ArrayList<>()).add(arguments.get(++i));
        } else {
          int equals = word.indexOf('=');
          String name = equals < 0 ? word : word.substring(0, equals);
          String value = equals < 0 ? "true" : word.substring(equals + 1);
          options.computeIfAbsent(name, o -> new ArrayList<>()).add(value);
        }
      }
      return new Line(words, options);
    }

    boolean has(String option) {
      return options.containsKey(option);
    }

    String option(String name, String otherwise) {
      return has(name) ? options.get(name).getLast() : otherwise;
    }
  }

  Answer run(Path directory, List<String> arguments) {
    Line line = Line.of(arguments);
    try {
      return switch (line.words().getFirst()) {
        case "config" -> Answer.of(server);
        case "get" -> get(line);
        case "apply", "create" -> apply(directory, line);
        case "delete" -> delete(directory, line);
        case "patch" -> patch(line);
        case "set" -> setImage(line);
        case "annotate" -> mark(line, "annotations");
        case "label" -> mark(line, "labels");
        case "rollout" -> undo(line);
        case "logs" -> logs(line);
        case "describe" -> Answer.of("Name: " + line.words().getLast() + "\n");
        default -> new Answer(1, "", "error: unknown command " + arguments + "\n");
      };
    } catch (Refusal refusal) {
      return refusal.answer;
    } catch (IOException e) {
      return new Answer(1, "", "error: " + e.getMessage() + "\n");
    } catch (IllegalArgumentException e) {
      return new Answer(1, "", "error: error executing jsonpath: " + e.getMessage() + "\n");
    }
  }

  // --- get ---

  private Answer get(Line line) {
    if (line.has("--raw")) {
      return raw(line.option("--raw", ""));
    }
    List<Map<String, Object>> found = selected(line);
    String format = line.option("-o", "");
    if (format.startsWith("jsonpath=")) {
      boolean one = named(line);
      Object root = one ? found.stream().findFirst().orElse(null) : object("items", found);
      return Answer.of(
          root == null ? "" : JsonPath.print(format.substring("jsonpath=".length()), root));
    }
    StringBuilder names = new StringBuilder();
    found.forEach(o -> names.append(nameOf(o)).append('\n'));
    return Answer.of(names.toString());
  }

  private Answer raw(String path) {
    if (!path.endsWith("/proxy/readyz")) {
      return Answer.of("{}");
    }
    String pod = path.replaceFirst(".*/pods/", "").replaceFirst(":.*", "");
    return cluster.saysReady(pod)
        ? Answer.of("ready\n")
        : Answer.refused(
            "ServiceUnavailable", "the server is currently unable to handle the request");
  }

  private static boolean named(Line line) {
    return line.words().size() > 2 || line.words().get(1).contains("/");
  }

  private static String kind(String word) {
    String kind = word.replaceFirst("\\..*", "").toLowerCase(java.util.Locale.ROOT);
    kind = KINDS.getOrDefault(kind, kind);
    if (kind.endsWith("sses")) {
      return kind.substring(0, kind.length() - 2);
    }
    return kind.endsWith("s") && !kind.endsWith("ss") ? kind.substring(0, kind.length() - 1) : kind;
  }

  private static Key key(String kind, String name) {
    return new Key(kind, CLUSTER_WIDE.contains(kind) ? "" : SimulatedCluster.NAMESPACE, name);
  }

  private List<Map<String, Object>> selected(Line line) {
    List<Map<String, Object>> found = new ArrayList<>();
    if (named(line)) {
      for (Key key : keys(line)) {
        Map<String, Object> object = cluster.objects.get(key);
        if (object != null) {
          found.add(object);
        } else if (!line.has("--ignore-not-found")) {
          throw new Refusal("NotFound", key.kind() + " \"" + key.name() + "\" not found");
        }
      }
      return found;
    }
    for (String word : line.words().get(1).split(",")) {
      String kind = kind(word);
      cluster
          .all(kind)
          .filter(
              o ->
                  CLUSTER_WIDE.contains(kind)
                      || line.has("--all-namespaces")
                      || line.has("-A")
                      || text(".metadata.namespace", o).equals(SimulatedCluster.NAMESPACE))
          .filter(o -> matches(line.option("-l", line.option("--selector", "")), o))
          .filter(o -> matchesFields(line.option("--field-selector", ""), o))
          .forEach(found::add);
    }
    return found;
  }

  private static List<Key> keys(Line line) {
    List<Key> keys = new ArrayList<>();
    if (line.words().get(1).contains("/")) {
      for (String word : line.words().subList(1, line.words().size())) {
        keys.add(key(kind(word.substring(0, word.indexOf('/'))), word.replaceFirst(".*/", "")));
      }
    } else {
      for (String name : line.words().subList(2, line.words().size())) {
        keys.add(key(kind(line.words().get(1)), name));
      }
    }
    return keys;
  }

  private static boolean matches(String selector, Map<String, Object> object) {
    Map<?, ?> labels =
        (Map<?, ?>) JsonPath.find(".metadata.labels", object).stream().findFirst().orElse(Map.of());
    return selector.isEmpty()
        || Arrays.stream(selector.split(","))
            .allMatch(
                part -> {
                  String[] sides = part.split("=", 2);
                  Object value = labels.get(sides[0].replaceFirst("^!", ""));
                  if (part.startsWith("!")) {
                    return value == null;
                  }
                  return sides.length == 1 ? value != null : sides[1].equals(value);
                });
  }

  private static boolean matchesFields(String selector, Map<String, Object> object) {
    return selector.isEmpty()
        || Arrays.stream(selector.split(","))
            .allMatch(
                part -> {
                  String[] sides = part.split("=", 2);
                  return text("." + sides[0], object).equals(sides[1]);
                });
  }

  private static String nameOf(Map<String, Object> object) {
    String kind = kind((String) object.get("kind"));
    return kind + GROUPS.getOrDefault(kind, "") + "/" + text(".metadata.name", object);
  }

  // --- apply, create ---

  private Answer apply(Path directory, Line line) throws IOException {
    boolean create = line.words().getFirst().equals("create");
    String dry = line.option("--dry-run", "none");
    StringBuilder out = new StringBuilder();
    for (Map<String, Object> manifest : manifests(directory, line)) {
      String kind = kind((String) manifest.get("kind"));
      Key key = key(kind, text(".metadata.name", manifest));
      Map<String, Object> before = cluster.objects.get(key);
      String format = line.option("-o", "");
      if (format.startsWith("jsonpath=")) {
        out.append(JsonPath.print(format.substring("jsonpath=".length()), manifest));
        continue;
      }
      if (!dry.equals("client")) {
        admit(create, key, manifest, Optional.ofNullable(before));
      }
      if (dry.equals("none")) {
        store(key, manifest, before);
      }
      out.append(nameOf(manifest))
          .append(before == null ? " created" : " configured")
          .append(dry.equals("none") ? "\n" : " (" + dry + " dry run)\n");
    }
    return Answer.of(out.toString());
  }

  private void store(Key key, Map<String, Object> manifest, Map<String, Object> before) {
    cluster.history.add("applied " + key.kind() + "/" + key.name());
    Map<String, Object> object = copy(manifest);
    if (before != null) {
      map(object, "metadata").put("uid", map(before, "metadata").get("uid"));
      object.put("status", map(before, "status"));
      map(object, "metadata").put("generation", generation(before) + 1);
    }
    cluster.put(key.kind(), key.namespace(), key.name(), object);
  }

  private static int generation(Map<String, Object> object) {
    return (Integer) map(object, "metadata").getOrDefault("generation", 1);
  }

  /** What the API server looks at before it takes an object. */
  private void admit(
      boolean create, Key key, Map<String, Object> manifest, Optional<Map<String, Object>> before) {
    String name = key.kind() + " \"" + key.name() + "\"";
    if (create && before.isPresent()) {
      throw new Refusal("AlreadyExists", name + " already exists");
    }
    if (before.isEmpty() && cluster.refused.containsKey(key.kind())) {
      throw new Refusal("Forbidden", name + " is forbidden: " + cluster.refused.get(key.kind()));
    }
    String claims = ".spec.volumeClaimTemplates";
    if (before.isPresent()
        && key.kind().equals("statefulset")
        && !text(claims, manifest).equals(text(claims, before.orElseThrow()))) {
      throw new Refusal(
          "Invalid", name + " is invalid: spec: Forbidden: updates to statefulset spec");
    }
    for (Object port : JsonPath.find(".spec.ports[*].nodePort", manifest)) {
      boolean taken =
          cluster
              .all("service")
              .filter(s -> !text(".metadata.name", s).equals(key.name()))
              .flatMap(s -> JsonPath.find(".spec.ports[*].nodePort", s).stream())
              .anyMatch(port::equals);
      if (taken) {
        throw new Refusal(
            "Invalid",
            name
                + " is invalid: spec.ports[0].nodePort: Invalid value: "
                + port
                + ": provided port is already allocated");
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> manifests(Path directory, Line line) throws IOException {
    List<Map<String, Object>> all = new ArrayList<>();
    for (String name : line.options().get("-f")) {
      Path file = directory.resolve(name);
      List<Path> files = List.of(file);
      if (Files.isDirectory(file)) {
        try (var inside = Files.list(file)) {
          files = inside.filter(f -> f.toString().endsWith(".yaml")).sorted().toList();
        }
      }
      for (Path each : files) {
        Load load = new Load(LoadSettings.builder().build());
        for (Object document : load.loadAllFromString(Files.readString(each))) {
          if (document != null) {
            all.add((Map<String, Object>) document);
          }
        }
      }
    }
    return all;
  }

  // --- delete ---

  private Answer delete(Path directory, Line line) throws IOException {
    List<Map<String, Object>> going = new ArrayList<>();
    if (line.has("-f")) {
      for (Map<String, Object> manifest : manifests(directory, line)) {
        String kind = kind((String) manifest.get("kind"));
        Optional.ofNullable(cluster.objects.get(key(kind, text(".metadata.name", manifest))))
            .ifPresent(going::add);
      }
    } else {
      going.addAll(selected(line));
    }
    StringBuilder out = new StringBuilder();
    for (Map<String, Object> object : going) {
      String kind = kind((String) object.get("kind"));
      Key key = key(kind, text(".metadata.name", object));
      if (kind.equals("pod")
          && !map(object, "metadata").containsKey("deletionTimestamp")
          && cluster.get("statefulset", key.name().replaceFirst("-\\d+$", "")).isPresent()) {
        cluster.replacing(key.name());
      }
      cluster.delete(key);
      if (kind.equals("statefulset")) {
        // The garbage collector takes the pods that the set owns.
        cluster
            .all("pod")
            .filter(p -> text(".metadata.name", p).matches(key.name() + "-\\d+"))
            .map(p -> key("pod", text(".metadata.name", p)))
            .toList()
            .forEach(cluster::delete);
      }
      out.append(nameOf(object)).append(" deleted\n");
    }
    return Answer.of(out.toString());
  }

  // --- Changes ---

  private Map<String, Object> one(Line line, int first) {
    String word = line.words().get(first);
    Key key =
        word.contains("/")
            ? key(kind(word.replaceFirst("/.*", "")), word.replaceFirst(".*/", ""))
            : key(kind(word), line.words().get(first + 1));
    Map<String, Object> object = cluster.objects.get(key);
    if (object == null) {
      throw new Refusal("NotFound", key.kind() + " \"" + key.name() + "\" not found");
    }
    return object;
  }

  private Answer patch(Line line) throws IOException {
    Map<String, Object> object = one(line, 1);
    String before = text(".spec", object);
    String patch = line.option("-p", "");
    if (line.option("--type", "").equals("json")) {
      jsonPatch(object, JSON.readValue(patch, new TypeReference<>() {}));
    } else {
      merge(object, JSON.readValue(patch, new TypeReference<>() {}));
    }
    changed(object, before);
    cluster.history.add("patched " + nameOf(object) + " " + patch);
    return Answer.of(nameOf(object) + " patched\n");
  }

  private static void changed(Map<String, Object> object, String before) {
    if (!text(".spec", object).equals(before)) {
      map(object, "metadata").put("generation", generation(object) + 1);
    }
  }

  @SuppressWarnings("unchecked")
  private static void merge(Map<String, Object> into, Map<String, Object> patch) {
    patch.forEach(
        (name, value) -> {
          if (value == null) {
            into.remove(name);
          } else if (value instanceof Map<?, ?> inner) {
            merge(map(into, name), (Map<String, Object>) inner);
          } else {
            into.put(name, value);
          }
        });
  }

  private static void jsonPatch(Map<String, Object> object, List<Map<String, Object>> steps) {
    for (boolean testing : new boolean[] {true, false}) {
      for (Map<String, Object> step : steps) {
        String[] path = ((String) step.get("path")).substring(1).split("/");
        Map<String, Object> at = object;
        for (String part : Arrays.asList(path).subList(0, path.length - 1)) {
          at = map(at, part.replace("~1", "/").replace("~0", "~"));
        }
        String last = path[path.length - 1].replace("~1", "/").replace("~0", "~");
        boolean test = step.get("op").equals("test");
        if (testing && test && !Objects.equals(at.get(last), step.get("value"))) {
          throw new Refusal(
              "Invalid", "the server rejected our request due to an error in our request");
        }
        if (!testing && !test) {
          at.put(last, step.get("value"));
        }
      }
    }
  }

  private Answer setImage(Line line) {
    Map<String, Object> set = one(line, 2);
    String before = text(".spec", set);
    String image = line.words().getLast().replaceFirst("^[^=]*=", "");
    @SuppressWarnings("unchecked")
    Map<String, Object> container =
        (Map<String, Object>) JsonPath.find(".spec.template.spec.containers[0]", set).getFirst();
    container.put("image", image);
    changed(set, before);
    cluster.history.add("image " + image);
    return Answer.of(nameOf(set) + " image updated\n");
  }

  private Answer mark(Line line, String where) {
    Map<String, Object> object = one(line, 1);
    Map<String, Object> marks = map(map(object, "metadata"), where);
    for (String word : line.words()) {
      if (word.contains("=")) {
        marks.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
      } else if (word.endsWith("-")) {
        marks.remove(word.substring(0, word.length() - 1));
      }
    }
    return Answer.of(nameOf(object) + " marked\n");
  }

  private Answer undo(Line line) {
    Map<String, Object> set = one(line, 2);
    String before = text(".spec", set);
    cluster.undo(set, line.option("--to-revision", ""));
    changed(set, before);
    cluster.history.add("undone");
    return Answer.of(nameOf(set) + " rolled back\n");
  }

  /** What a pod's container says, and its dead one. */
  String words = "2026-11-25T03:00:00.000000001Z a line of a log\n";

  String lastWords = "last words\n";

  private Answer logs(Line line) {
    one(new Line(List.of("logs", "pod", line.words().getLast()), Map.of()), 1);
    return Answer.of(line.has("--previous") ? lastWords : words);
  }
}
