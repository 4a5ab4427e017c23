package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.config.NodeConfig;
import io.sandstore.replication.Profile;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** What the manifests say, without a cluster. */
class ManifestsTest {

  static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final Path MANIFESTS = ROOT.resolve("deploy/k8s");

  // --- The schemas of the oldest and the newest Kubernetes ---

  @ParameterizedTest
  @ValueSource(strings = {"1.20", "newest"})
  void everyFieldIsKnownToKubernetes(String release) throws Exception {
    try (URLClassLoader models = models(release)) {
      for (Map<String, Object> manifest : manifests()) {
        assertThat(unknownFields(models, manifest))
            .as("fields of %s that Kubernetes %s does not know", name(manifest), release)
            .isEmpty();
      }
    }
  }

  @Test
  void theOldSchemaIsReallyTheOldOne() throws Exception {
    Map<String, Object> service = new HashMap<>(named("Service", "sandstore-client"));
    Map<String, Object> spec = new HashMap<>(map(service.get("spec")));
    spec.put("loadBalancerClass", "of 1.21");
    service.put("spec", spec);
    try (URLClassLoader old = models("1.20");
        URLClassLoader newest = models("newest")) {
      assertThat(unknownFields(old, service)).containsExactly("loadBalancerClass");
      assertThat(unknownFields(newest, service)).isEmpty();
    }
  }

  private static URLClassLoader models(String release) throws IOException {
    try (Stream<Path> jars = Files.list(Path.of("target/kubernetes", release))) {
      List<URL> urls = new ArrayList<>();
      for (Path jar : jars.toList()) {
        urls.add(jar.toUri().toURL());
      }
      return new URLClassLoader(
          urls.toArray(URL[]::new), Thread.currentThread().getContextClassLoader());
    }
  }

  private static List<String> unknownFields(ClassLoader models, Map<String, Object> manifest)
      throws Exception {
    String kind = (String) manifest.get("kind");
    for (String part : List.of("", "apps.", "rbac.", "storage.")) {
      Class<?> type;
      try {
        type = models.loadClass("io.fabric8.kubernetes.api.model." + part + kind);
      } catch (ClassNotFoundException e) {
        continue;
      }
      List<String> unknown = new ArrayList<>();
      collectUnknown(new ObjectMapper().convertValue(manifest, type), unknown);
      return unknown;
    }
    throw new AssertionError("no such kind: " + kind);
  }

  /** The models put what they do not know into a map of its own. */
  private static void collectUnknown(Object value, List<String> unknown) throws Exception {
    if (value instanceof Collection<?> all) {
      for (Object each : all) {
        collectUnknown(each, unknown);
      }
    } else if (value != null && value.getClass().getName().startsWith("io.fabric8.")) {
      for (Method method : value.getClass().getMethods()) {
        boolean getter = method.getName().startsWith("get") && method.getParameterCount() == 0;
        if (method.getName().equals("getAdditionalProperties")) {
          ((Map<?, ?>) method.invoke(value)).keySet().forEach(key -> unknown.add((String) key));
        } else if (getter) {
          collectUnknown(method.invoke(value), unknown);
        }
      }
    }
  }

  // --- Configuration ---

  @Test
  void theConfigMapHasExactlyWhatTheNodeKnows() throws Exception {
    Map<String, Object> data = map(named("ConfigMap", "sandstore-config").get("data"));
    TreeSet<String> keys = new TreeSet<>(data.keySet());
    keys.add("SANDSTORE_NAME"); // from the pod's own name
    assertThat(keys).isEqualTo(known());
    assertThat(map(container().getFirst()).get("env").toString())
        .contains("SANDSTORE_NAME", "metadata.name");
  }

  /**
   * An update leaves a new key out of the cluster, whose pods of before would not know it: so it
   * has the node's default here, and the cluster runs with what the manifest says all the same.
   */
  @Test
  void whatANewKeyIsSetToIsTheNodesDefault() throws Exception {
    Map<String, String> standard = NodeConfig.values(Map.of());
    Set<String> others = new TreeSet<>();
    environment()
        .forEach(
            (key, value) -> {
              if (!value.isEmpty() && !value.equals(standard.get(key))) {
                others.add(key);
              }
            });
    assertThat(others)
        .as("set to something else since before there was an update: no key can be added")
        .isSubsetOf(
            "SANDSTORE_NAME",
            "SANDSTORE_LISTEN",
            "SANDSTORE_DATA_DIR",
            "SANDSTORE_DISCOVERY",
            "SANDSTORE_SERVICE",
            "SANDSTORE_ETCD",
            "SANDSTORE_HTTP",
            "SANDSTORE_POD_LABEL",
            "SANDSTORE_DRAIN_MS");
  }

  @Test
  void theConfigMapIsOneThatANodeTakes() throws Exception {
    Map<String, String> environment = environment();
    NodeConfig config = NodeConfig.of(environment);
    assertThat(config.addressing().method()).isEqualTo(NodeConfig.DiscoveryMethod.DNS);
    assertThat(config.addressing().service()).isEqualTo("sandstore-headless");
    assertThat(config.addressing().nodes()).isEqualTo(spec("sandstore").get("replicas"));
  }

  /** As the flows render it: a profile's keys in place of those that stand last in the file. */
  @Test
  void everyProfileMakesAConfigMapThatANodeTakes() throws Exception {
    TreeSet<String> profiles = new TreeSet<>();
    try (Stream<Path> files = Files.list(ROOT.resolve("profiles"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".conf")).toList()) {
        Profile profile = Profile.named(file.getFileName().toString().replace(".conf", ""));
        Map<String, String> environment = environment();
        environment.keySet().removeAll(ofTheProfile());
        environment.putAll(NodeConfig.environment(profile));
        assertThat(NodeConfig.of(environment).profile()).isEqualTo(profile);
        profiles.add(profile.name());
      }
    }
    assertThat(profiles).contains("raft").isSubsetOf(Profile.names());
  }

  /** What the flows replace is all of the standard profile's, and nothing else. */
  @Test
  void theKeysOfTheProfileStandLast() throws Exception {
    TreeSet<String> keys = new TreeSet<>();
    Profile.named("raft").keys().forEach(key -> keys.add(key.name()));
    assertThat(ofTheProfile()).isEqualTo(keys);
    String compose = Files.readString(ROOT.resolve("deploy/docker/compose.yaml"));
    String last = compose.substring(compose.indexOf("    # Of the profile"));
    assertThat(matches("(?m)^    (SANDSTORE_[A-Z0-9_]+):", last)).isEqualTo(keys);
  }

  private static Set<String> ofTheProfile() throws IOException {
    String map = Files.readString(MANIFESTS.resolve("configmap.yaml"));
    return matches(
        "(?m)^  (SANDSTORE_[A-Z0-9_]+):", map.substring(map.indexOf("  # Of the profile")));
  }

  private static Set<String> matches(String pattern, String text) {
    return Pattern.compile(pattern)
        .matcher(text)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void composeHasTheSameConfiguration() throws Exception {
    Load load = new Load(LoadSettings.builder().build());
    Map<String, Object> compose =
        map(load.loadFromString(Files.readString(ROOT.resolve("deploy/docker/compose.yaml"))));
    Map<String, String> defaults = new TreeMap<>();
    map(map(compose.get("x-node")).get("environment"))
        .forEach(
            (key, value) -> {
              // Each can be overridden by its own name, as a profile does.
              assertThat((String) value).startsWith("${" + key + ":-").endsWith("}");
              defaults.put(
                  key, ((String) value).substring(key.length() + 4, ((String) value).length() - 1));
            });
    Map<String, Object> expected =
        new TreeMap<>(map(named("ConfigMap", "sandstore-config").get("data")));
    expected.put("SANDSTORE_POD_LABEL", ""); // there are no pods
    assertThat(defaults).isEqualTo(expected);
    for (String node : List.of("sandstore-0", "sandstore-1", "sandstore-2")) {
      assertThat(map(compose.get("services")).get(node).toString())
          .contains("SANDSTORE_NAME=" + node, "${SANDSTORE_IMAGE");
    }
  }

  private static TreeSet<String> known() {
    TreeSet<String> known = new TreeSet<>();
    NodeConfig.keys(Profile.named("raft")).forEach(key -> known.add(key.name()));
    return known;
  }

  private static Map<String, String> environment() throws IOException {
    Map<String, String> environment = new TreeMap<>();
    map(named("ConfigMap", "sandstore-config").get("data"))
        .forEach((key, value) -> environment.put(key, (String) value));
    environment.put("SANDSTORE_NAME", "sandstore-0");
    return environment;
  }

  // --- What the flows and the nodes rely on ---

  @Test
  void everythingCarriesTheLabelThatDestroyLooksFor() throws Exception {
    for (Map<String, Object> manifest : manifests()) {
      Map<String, Object> metadata = map(manifest.get("metadata"));
      assertThat(map(metadata.get("labels"))).as(name(manifest)).containsEntry("app", "sandstore");
      if (manifest.get("kind").equals("StatefulSet")) {
        Map<String, Object> spec = map(manifest.get("spec"));
        for (Object claim : list(spec.get("volumeClaimTemplates"))) {
          assertThat(claim.toString()).contains("app=sandstore", "sandstore-local-ssd");
        }
        assertThat(map(map(spec.get("template")).get("metadata")).toString())
            .contains("app=sandstore");
      }
    }
  }

  @Test
  void thePodsFindEachOtherBeforeTheyAreReady() throws Exception {
    Map<String, Object> headless = map(named("Service", "sandstore-headless").get("spec"));
    assertThat(headless)
        .containsEntry("clusterIP", "None")
        .containsEntry("publishNotReadyAddresses", true);
    assertThat(spec("sandstore"))
        .containsEntry("serviceName", "sandstore-headless")
        .containsEntry("podManagementPolicy", "Parallel");
  }

  @Test
  void theNodePortLeadsToEntriesOnly() throws Exception {
    Map<String, Object> spec = map(named("Service", "sandstore-client").get("spec"));
    String label = environment().get("SANDSTORE_POD_LABEL");
    assertThat(map(spec.get("selector"))).containsEntry(label, "true");
    assertThat(list(spec.get("ports")).toString()).contains("nodePort=30080");
    // Pods begin as entries: without the API server, all are.
    assertThat(spec("sandstore").get("template").toString()).contains(label + "=true");
  }

  @Test
  void thePodsMeetTheRestrictedPodSecurityStandard() throws Exception {
    for (String set : List.of("sandstore", "etcd-cluster")) {
      Map<String, Object> pod = map(map(spec(set).get("template")).get("spec"));
      assertThat(pod.get("securityContext").toString())
          .contains("runAsNonRoot=true", "seccompProfile={type=RuntimeDefault}");
      for (Object container : list(pod.get("containers"))) {
        assertThat(map(container).get("securityContext").toString())
            .contains(
                "allowPrivilegeEscalation=false", "drop=[ALL]", "readOnlyRootFilesystem=true");
        assertThat(map(map(container).get("resources"))).containsKeys("requests", "limits");
      }
      assertThat(pod.toString()).doesNotContain("hostPath", "hostNetwork", "privileged=true");
    }
  }

  @Test
  void theGracePeriodCoversTheDrain() throws Exception {
    Map<String, Object> pod = map(map(spec("sandstore").get("template")).get("spec"));
    long drain = NodeConfig.of(environment()).operations().drain().toSeconds();
    // Handing over may take 5 s, answering what was taken 5 s, closing a few.
    assertThat((Integer) pod.get("terminationGracePeriodSeconds"))
        .isGreaterThan((int) drain + 5 + 5 + 5);
  }

  // --- Means ---

  private static Map<String, Object> spec(String statefulSet) throws IOException {
    return map(named("StatefulSet", statefulSet).get("spec"));
  }

  private static List<Object> container() throws IOException {
    return list(map(map(spec("sandstore").get("template")).get("spec")).get("containers"));
  }

  private static Map<String, Object> named(String kind, String name) throws IOException {
    return manifests().stream()
        .filter(m -> m.get("kind").equals(kind) && name(m).endsWith("/" + name))
        .findFirst()
        .orElseThrow();
  }

  private static String name(Map<String, Object> manifest) {
    return manifest.get("kind") + "/" + map(manifest.get("metadata")).get("name");
  }

  static List<Map<String, Object>> manifests() throws IOException {
    List<Map<String, Object>> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(MANIFESTS)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList()) {
        Load load = new Load(LoadSettings.builder().setAllowDuplicateKeys(false).build());
        load.loadAllFromString(Files.readString(file)).forEach(document -> all.add(map(document)));
      }
    }
    assertThat(all).hasSizeGreaterThan(8);
    return all;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Object value) {
    return (Map<String, Object>) value;
  }

  @SuppressWarnings("unchecked")
  private static List<Object> list(Object value) {
    return (List<Object>) value;
  }

  /** What the image's build needs is sent to it: Docker says so only when an image is built. */
  @Test
  void everyModuleReachesTheImage() throws Exception {
    List<String> sent =
        Files.readAllLines(ROOT.resolve(".dockerignore")).stream()
            .filter(line -> line.startsWith("!"))
            .map(line -> line.substring(1))
            .toList();
    List<String> steps = Files.readAllLines(ROOT.resolve("Dockerfile"));
    List<String> copied = copied(steps.stream());
    List<String> copiedAtFirst = copied(steps.stream().takeWhile(line -> !line.startsWith("RUN ")));
    assertThat(copied).allMatch(path -> sent.contains(path) || sent.contains(path.split("/")[0]));
    List<String> modules =
        Files.readAllLines(ROOT.resolve("pom.xml")).stream()
            .map(line -> line.replaceAll(".*<module>(.*)</module>.*", "$1"))
            .filter(line -> line.matches("[a-z]+") && !line.equals("compare"))
            .toList();
    assertThat(modules)
        .contains("raft", "cli", "sim")
        .allMatch(
            module -> copiedAtFirst.contains(module + "/pom.xml") || copiedAtFirst.contains(module),
            "is known when Maven first runs")
        .filteredOn(sent::contains)
        .isSubsetOf(copied);
  }

  private static List<String> copied(Stream<String> steps) {
    return steps
        .filter(line -> line.startsWith("COPY ") && !line.contains("--from"))
        .map(line -> line.split(" ", -1)[1])
        .toList();
  }
}
