package io.sandstore.deploy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What the flows need of a Kubernetes cluster, with a clock of its own that moves only when it is
 * told to: objects, the controllers of StatefulSets and volumes, and three Raft nodes that are
 * Ready only in a quorum. Objects are the maps that manifests are.
 *
 * <p>Nothing here is random and nothing runs by itself: what goes wrong, and when, is the test's.
 */
final class SimulatedCluster {

  static final String NAMESPACE = "default";
  private static final long STEP_MS = 250;
  private static final long START_MS = 1_500;
  private static final long JOIN_MS = 2_000;
  private static final long STOP_MS = 2_000;

  /** Kubernetes notices so much later than the node itself that it left the quorum. */
  private static final long PROBE_LAG_MS = 8_000;

  /** What becomes of a container of an image. */
  enum Image {
    GOOD,
    CRASHES,
    NEVER_READY,
    UNPULLABLE
  }

  record Key(String kind, String namespace, String name) implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      return Comparator.comparing(Key::kind)
          .thenComparing(Key::namespace)
          .thenComparing(Key::name)
          .compare(this, other);
    }
  }

  /** What a pod's process does, beside what its object says. */
  private static final class Process {
    final long born;
    long stopped = Long.MAX_VALUE;
    long awayUntil;
    long unreadySince;
    Map<String, Object> ended = Map.of();

    Process(long now) {
      born = now;
      unreadySince = now;
    }
  }

  final TreeMap<Key, Map<String, Object>> objects = new TreeMap<>();
  final Map<String, Image> images = new HashMap<>();

  /** Every change that was made by a call or a controller, as a sentence, for a failed test. */
  final List<String> history = new ArrayList<>();

  /** Messages of admission that refuse the creation of a kind, by kind. */
  final Map<String, String> refused = new HashMap<>();

  boolean volumesGo = true;

  /** How long a volume is wiped. */
  long wipingMs = 3_000;

  boolean podsFit = true;

  /** What the scheduler says where they do not. */
  String unfit = "0/1 nodes are available: 1 Insufficient memory.";

  /** Pods that Kubernetes calls not Ready, whatever they say themselves. */
  final Set<String> doubted = new HashSet<>();

  /** Until then the controllers do nothing, as when the control plane is busy. */
  long controllersSleepUntil;

  private final Map<String, Process> processes = new HashMap<>();
  private final Map<String, Map<String, Object>> templates = new HashMap<>();
  private long now = 1_764_000_000_000L;
  private int uids;

  SimulatedCluster() {
    put(
        "node",
        "",
        "laptop",
        object(
            "metadata", object("labels", object("sandstore.io/storage", "ssd")),
            "status",
                object(
                    "addresses", List.of(object("type", "InternalIP", "address", "192.0.2.7")))));
  }

  // --- Objects ---

  static Map<String, Object> object(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put((String) pairs[i], pairs[i + 1]);
    }
    return map;
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(Map<String, Object> parent, String name) {
    return (Map<String, Object>) parent.computeIfAbsent(name, n -> new LinkedHashMap<>());
  }

  static String text(String path, Map<String, Object> object) {
    return JsonPath.print("{" + path + "}", object);
  }

  /** A copy that later changes do not reach. */
  @SuppressWarnings("unchecked")
  static <T> T copy(T value) {
    return switch (value) {
      case Map<?, ?> map -> {
        Map<String, Object> copied = new LinkedHashMap<>();
        map.forEach((k, v) -> copied.put((String) k, copy(v)));
        yield (T) copied;
      }
      case List<?> list -> (T) new ArrayList<>(list.stream().map(SimulatedCluster::copy).toList());
      default -> value;
    };
  }

  Map<String, Object> put(String kind, String namespace, String name, Map<String, Object> object) {
    Map<String, Object> metadata = map(object, "metadata");
    metadata.put("name", name);
    if (!namespace.isEmpty()) {
      metadata.put("namespace", namespace);
    }
    metadata.putIfAbsent("uid", "uid-" + ++uids);
    metadata.putIfAbsent("generation", 1);
    object.putIfAbsent("kind", kind);
    objects.put(new Key(kind, namespace, name), object);
    return object;
  }

  Optional<Map<String, Object>> get(String kind, String name) {
    return Optional.ofNullable(objects.get(new Key(kind, NAMESPACE, name)));
  }

  Stream<Map<String, Object>> all(String kind) {
    return objects.entrySet().stream()
        .filter(e -> e.getKey().kind().equals(kind))
        .map(Map.Entry::getValue);
  }

  /** Deletion as the API server does it: what somebody must stop or wipe first is only marked. */
  void delete(Key key) {
    Map<String, Object> object = objects.get(key);
    Map<String, Object> metadata = map(object, "metadata");
    if (metadata.containsKey("deletionTimestamp")) {
      return;
    }
    history.add("deleted " + key.kind() + "/" + key.name());
    switch (key.kind()) {
      case "pod" -> {
        metadata.put("deletionTimestamp", "now");
        process(object).stopped = now + STOP_MS;
      }
      case "persistentvolumeclaim" -> metadata.put("deletionTimestamp", "now");
      default -> {
        objects.remove(key);
        if (key.kind().equals("statefulset")) {
          objects.keySet().removeIf(k -> k.kind().equals("controllerrevision"));
          templates.clear();
        }
      }
    }
  }

  /** Something is said of an object, and outlives it. */
  void event(String object, String reason, String message) {
    Map<String, Object> of =
        Stream.of("pod", "statefulset", "persistentvolumeclaim")
            .flatMap(kind -> get(kind, object).stream())
            .findFirst()
            .orElse(object("metadata", object("uid", "gone")));
    String uid = text(".metadata.uid", of);
    String name = object + "." + reason + "." + uid;
    put(
        "event",
        NAMESPACE,
        name,
        object(
            "involvedObject",
            object("name", object, "uid", uid),
            "reason",
            reason,
            "message",
            message,
            "lastTimestamp",
            String.valueOf(now),
            "type",
            "Warning"));
  }

  // --- Time ---

  long now() {
    return now;
  }

  void advance(long millis) {
    for (long end = now + millis; now < end; ) {
      now = Math.min(end, now + STEP_MS);
      if (now >= controllersSleepUntil) {
        all("statefulset").toList().forEach(this::reconcile);
      }
      runPods();
      runVolumes();
    }
  }

  // --- Nodes ---

  private Process process(Map<String, Object> pod) {
    return processes.computeIfAbsent(text(".metadata.uid", pod), uid -> new Process(now));
  }

  /** A pod's process leaves the quorum for a while, as a node does that is stopped or cut off. */
  void away(String pod, long millis) {
    get("pod", pod).ifPresent(p -> process(p).awayUntil = now + millis);
    history.add(pod + " is away for " + millis + " ms");
  }

  /** A pod's container ended once, and runs again. */
  void ended(String pod, String reason, int code) {
    process(get("pod", pod).orElseThrow()).ended =
        object("terminated", object("reason", reason, "exitCode", code));
  }

  private Image image(String name) {
    return images.getOrDefault(name, Image.GOOD);
  }

  private Image image(Map<String, Object> pod) {
    return image(text(".spec.containers[0].image", pod));
  }

  private boolean runs(Map<String, Object> pod) {
    Process process = process(pod);
    boolean started = podsFit && now - process.born >= START_MS && now < process.stopped;
    return started && (image(pod) == Image.GOOD || image(pod) == Image.NEVER_READY);
  }

  private boolean votes(Map<String, Object> pod) {
    Process process = process(pod);
    return runs(pod)
        && image(pod) == Image.GOOD
        && now >= process.awayUntil
        && now - process.born >= START_MS + JOIN_MS;
  }

  /** What a node says of itself: it votes, and a majority does. */
  boolean saysReady(String pod) {
    Optional<Map<String, Object>> found = get("pod", pod);
    return found.isPresent() && votes(found.orElseThrow()) && quorum();
  }

  boolean quorum() {
    return nodes().filter(this::votes).count() >= 2;
  }

  private Stream<Map<String, Object>> nodes() {
    return all("pod").filter(p -> text(".metadata.labels.component", p).equals("node"));
  }

  /** Since when a pod does not take part; now or later where it does. */
  long unreadySince(String pod) {
    return get("pod", pod).map(p -> process(p).unreadySince).orElse(0L);
  }

  private void runPods() {
    for (Map<String, Object> pod : all("pod").toList()) {
      Process process = process(pod);
      String name = text(".metadata.name", pod);
      if (now >= process.stopped) {
        objects.remove(new Key("pod", NAMESPACE, name));
        continue;
      }
      boolean node = text(".metadata.labels.component", pod).equals("node");
      boolean ready = node ? votes(pod) && quorum() : runs(pod);
      if (ready) {
        process.unreadySince = Long.MAX_VALUE;
      } else if (process.unreadySince == Long.MAX_VALUE) {
        process.unreadySince = now;
      }
      describe(pod, ready, now - process.unreadySince > PROBE_LAG_MS || !runs(pod));
    }
  }

  private void describe(Map<String, Object> pod, boolean ready, boolean seenUnready) {
    Map<String, Object> status = map(pod, "status");
    boolean was = text(".status.conditions[?(@.type==\"Ready\")].status", pod).equals("True");
    boolean believed = !doubted.contains(text(".metadata.name", pod));
    String condition = believed && (ready || (was && !seenUnready)) ? "True" : "False";
    List<Object> conditions = new ArrayList<>();
    conditions.add(object("type", "Ready", "status", condition));
    status.put("conditions", conditions);
    if (!podsFit) {
      status.put("phase", "Pending");
      conditions.add(object("type", "PodScheduled", "status", "False", "message", unfit));
      return;
    }
    List<Object> containers = new ArrayList<>();
    for (Object image : JsonPath.find(".spec.containers[*].image", pod)) {
      containers.add(container(pod, (String) image, status));
    }
    status.put("containerStatuses", containers);
  }

  private Map<String, Object> container(
      Map<String, Object> pod, String image, Map<String, Object> status) {
    Map<String, Object> container = object("name", "c", "image", image, "restartCount", 0);
    boolean runs = runs(pod);
    Process process = process(pod);
    status.put("phase", runs || image(image) == Image.CRASHES ? "Running" : "Pending");
    container.put("imageID", runs ? "docker://x" : "");
    switch (image(image)) {
      case UNPULLABLE ->
          container.put(
              "state",
              object("waiting", object("reason", "ErrImagePull", "message", "manifest unknown")));
      case CRASHES -> {
        container.put("restartCount", (int) ((now - process.born) / 10_000) + 1);
        container.put("state", object("waiting", object("reason", "CrashLoopBackOff")));
        container.put("imageID", "docker://x");
        container.put("lastState", object("terminated", object("reason", "Error", "exitCode", 1)));
      }
      default -> {
        container.put(
            "state",
            runs
                ? object("running", object("startedAt", "now"))
                : object("waiting", object("reason", "ContainerCreating")));
        container.put("lastState", process.ended);
        container.put("restartCount", process.ended.isEmpty() ? 0 : 1);
      }
    }
    return container;
  }

  // --- Controllers ---

  private String revision(Map<String, Object> template) {
    String revision = "r" + Integer.toHexString(template.hashCode());
    if (templates.putIfAbsent(revision, copy(template)) == null) {
      put("controllerrevision", NAMESPACE, revision, object("revision", templates.size()));
    }
    return revision;
  }

  /** As the controller of StatefulSets with parallel pods and a partition does it. */
  private void reconcile(Map<String, Object> set) {
    String name = text(".metadata.name", set);
    if (!text(".metadata.labels.app", set).equals("sandstore") || name.endsWith("-foreign")) {
      return;
    }
    Map<String, Object> status = map(set, "status");
    String update = revision(map(map(set, "spec"), "template"));
    status.put("updateRevision", update);
    status.putIfAbsent("currentRevision", update);
    status.put("observedGeneration", map(set, "metadata").get("generation"));
    int replicas = (Integer) map(set, "spec").get("replicas");
    int partition = partition(set);
    int updated = 0;
    int ready = 0;
    for (int i = 0; i < replicas; i++) {
      Optional<Map<String, Object>> pod = get("pod", name + "-" + i);
      if (pod.isEmpty()) {
        create(set, i, i < partition ? (String) status.get("currentRevision") : update);
      } else {
        updated += revisionOf(pod.orElseThrow()).equals(update) ? 1 : 0;
        ready += healthy(pod.orElseThrow()) ? 1 : 0;
      }
    }
    status.put("updatedReplicas", updated);
    status.put("readyReplicas", ready);
    if (updated == replicas && ready == replicas) {
      status.put("currentRevision", update);
    }
    for (int i = replicas - 1; i >= partition; i--) {
      Optional<Map<String, Object>> pod = get("pod", name + "-" + i);
      if (pod.isEmpty()) {
        return;
      }
      boolean stops = map(pod.orElseThrow(), "metadata").containsKey("deletionTimestamp");
      if (!revisionOf(pod.orElseThrow()).equals(update) && !stops) {
        replacing(name + "-" + i);
        delete(new Key("pod", NAMESPACE, name + "-" + i));
        return;
      }
      if (!healthy(pod.orElseThrow())) {
        return;
      }
    }
  }

  /** {@code kubectl rollout undo --to-revision}: the whole template as it was. */
  void undo(Map<String, Object> set, String number) {
    Map<String, Object> revision =
        all("controllerrevision")
            .filter(r -> text(".revision", r).equals(number))
            .findFirst()
            .orElseThrow();
    Map<String, Object> template = templates.get(text(".metadata.name", revision));
    map(set, "spec").put("template", copy(template));
  }

  static int partition(Map<String, Object> set) {
    String partition = text(".spec.updateStrategy.rollingUpdate.partition", set);
    return partition.isEmpty() ? 0 : Integer.parseInt(partition);
  }

  private static String revisionOf(Map<String, Object> pod) {
    return JsonPath.print("{.metadata.labels.controller-revision-hash}", pod);
  }

  private static boolean healthy(Map<String, Object> pod) {
    return text(".status.conditions[?(@.type==\"Ready\")].status", pod).equals("True")
        && !map(pod, "metadata").containsKey("deletionTimestamp");
  }

  /** Called before a living or dead pod is replaced, by a call or by the controller. */
  java.util.function.Consumer<String> replacing = pod -> {};

  void replacing(String pod) {
    history.add("replacing " + pod);
    replacing.accept(pod);
  }

  private void create(Map<String, Object> set, int ordinal, String revision) {
    String name = text(".metadata.name", set);
    if (refused.containsKey("pod")) {
      event(
          name,
          "FailedCreate",
          "create Pod "
              + name
              + "-"
              + ordinal
              + " in StatefulSet "
              + name
              + " failed error: pods \""
              + name
              + "-"
              + ordinal
              + "\" is forbidden: "
              + refused.get("pod"));
      return;
    }
    Map<String, Object> template = copy(templates.get(revision));
    Map<String, Object> metadata = map(template, "metadata");
    map(metadata, "labels").put("controller-revision-hash", revision);
    for (Object each : JsonPath.find(".spec.volumeClaimTemplates[*]", set)) {
      @SuppressWarnings("unchecked")
      Map<String, Object> claim = copy((Map<String, Object>) each);
      String claimName = text(".metadata.name", claim) + "-" + name + "-" + ordinal;
      if (get("persistentvolumeclaim", claimName).isEmpty()) {
        map(claim, "metadata").remove("uid");
        put("persistentvolumeclaim", NAMESPACE, claimName, claim);
        map(claim, "status").put("phase", "Pending");
      }
    }
    put("pod", NAMESPACE, name + "-" + ordinal, template);
    template.put("kind", "Pod");
    describe(template, false, true);
  }

  private void runVolumes() {
    for (Map<String, Object> claim : all("persistentvolumeclaim").toList()) {
      String name = text(".metadata.name", claim);
      String namespace = text(".metadata.namespace", claim);
      String owner = name.replaceFirst("^data-", "");
      boolean used = get("pod", owner).isPresent();
      if (!text(".metadata.deletionTimestamp", claim).isEmpty()) {
        if (!used) {
          objects.remove(new Key("persistentvolumeclaim", namespace, name));
          all("persistentvolume")
              .filter(v -> text(".spec.claimRef.uid", v).equals(text(".metadata.uid", claim)))
              .forEach(v -> map(v, "status").put("goneAt", now + wipingMs));
        }
      } else if (used && podsFit && text(".status.phase", claim).equals("Pending")) {
        bind(claim);
      }
    }
    for (Map<String, Object> volume : all("persistentvolume").toList()) {
      boolean due =
          JsonPath.find(".status.goneAt", volume).stream().anyMatch(gone -> now >= (long) gone);
      if (volumesGo && due) {
        objects.remove(new Key("persistentvolume", "", text(".metadata.name", volume)));
      }
    }
  }

  /** Gives a claim its volume. */
  void bind(Map<String, Object> claim) {
    map(claim, "status").put("phase", "Bound");
    put(
        "persistentvolume",
        "",
        "pvc-" + text(".metadata.uid", claim),
        object(
            "spec",
            object(
                "storageClassName",
                text(".spec.storageClassName", claim),
                "claimRef",
                object(
                    "namespace", text(".metadata.namespace", claim),
                    "name", text(".metadata.name", claim),
                    "uid", text(".metadata.uid", claim))),
            "status",
            object("phase", "Bound")));
    map(claim, "spec").put("volumeName", "pvc-" + text(".metadata.uid", claim));
  }
}
