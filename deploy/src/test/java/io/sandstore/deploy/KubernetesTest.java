package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.sandstore.client.SandstoreClient;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.wire.ClusterStatus;
import io.sandstore.wire.NodeStatus;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * The flows on a real cluster, as {@code make e2e} runs them: one after the other, as a person
 * would in an afternoon. Needs KUBE_CONTEXT and REGISTRY_URL, and leaves nothing behind.
 */
@Tag("cluster")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(PodsOnFailure.class)
class KubernetesTest {

  /** What the newer build says of itself once the level has risen to all that it knows. */
  private static final String NEWEST = "0.1.0-newer at " + FeatureLevel.newest().number();

  private static final Duration MINUTES = Duration.ofMinutes(3);
  private static final List<String> PODS = List.of("sandstore-0", "sandstore-1", "sandstore-2");
  private static final String NODE = "node/src/main/java/io/sandstore/node/Node.java";
  private static final String NODE_COMMAND = "cli/src/main/java/io/sandstore/cli/NodeCommand.java";

  private final Shell here = new Shell(ManifestsTest.ROOT, Map.of());
  @TempDir static Path temporary;
  private String endpoint;

  @BeforeAll
  void buildAndPush() throws Exception {
    assertThat(System.getenv("REGISTRY_URL")).as("REGISTRY_URL").isNotNull();
    here.make("k8s-build").succeeds();
    assertThat(here.kubectl("get", "nodes", "-l", "sandstore.io/storage=ssd", "-o", "name"))
        .as("kubectl label node <node> sandstore.io/storage=ssd")
        .isNotEmpty();
    String address =
        here.field("nodes", "{.items[0].status.addresses[?(@.type==\"InternalIP\")].address}");
    String given = System.getenv().getOrDefault("ENDPOINT", "");
    endpoint = given.isEmpty() ? address + ":30080" : given;
  }

  @AfterAll
  void leaveNothing() throws Exception {
    here.make("k8s-destroy");
  }

  // --- From nothing ---

  @Test
  @Order(1)
  void deployFromNothing() throws Exception {
    here.make("k8s-deploy").succeeds();
    assertRunning();
    String claims = "{range .items[*]}{.status.phase} {.spec.storageClassName},{end}";
    assertThat(
            here.kubectl(
                "get", "pvc", "-l", "app=sandstore,component=node", "-o", "jsonpath=" + claims))
        .isEqualTo("Bound sandstore-local-ssd,".repeat(3));
    assertThat(here.make("k8s-smoke").succeeds().output()).contains("26 of 26 steps passed");
    assertThat(here.make("k8s-status").succeeds().output()).contains("PRIMARY", "FOLLOWER");
  }

  private void assertRunning() throws Exception {
    String phases = "{range .items[*]}{.metadata.name}={.status.phase} {end}";
    assertThat(here.kubectl("get", "pods", "-l", "app=sandstore", "-o", "jsonpath=" + phases))
        .isEqualTo(
            "etcd-cluster-0=Running sandstore-0=Running sandstore-1=Running sandstore-2=Running");
    for (String pod : PODS) {
      assertThat(ready(pod)).as(pod).isTrue();
    }
  }

  private boolean ready(String pod) throws Exception {
    return here.field("pod/" + pod, "{.status.conditions[?(@.type==\"Ready\")].status}")
        .equals("True");
  }

  @Test
  @Order(2)
  void theNodePortPointsToThePrimary() throws Exception {
    Shell.await(
        "the primary is the only entry",
        MINUTES,
        () -> {
          String primary = primary();
          return here.field(
                  "endpoints/sandstore-client", "{.subsets[*].addresses[*].targetRef.name}")
              .equals(primary);
        });
  }

  private String primary() throws Exception {
    try (SandstoreClient client = Load.connect(endpoint)) {
      return client.status().getNodesList().stream()
          .map(ClusterStatus.Entry::getStatus)
          .filter(s -> !s.getName().isEmpty() && s.getPrimary().equals(s.getName()))
          .map(NodeStatus::getName)
          .findFirst()
          .orElse("");
    }
  }

  // --- What is refused leaves the cluster as it is ---

  /** Names and versions of everything that runs. */
  private String everything() throws Exception {
    return here.kubectl(
        "get",
        "statefulsets,pods,services,configmaps,pvc,roles,rolebindings,serviceaccounts,storageclasses",
        "-l",
        "app=sandstore",
        "-o",
        "jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.resourceVersion}\n{end}");
  }

  private interface Attempt {
    void run() throws Exception;
  }

  private void untouched(Attempt attempt) throws Exception {
    String before = everything();
    attempt.run();
    assertThat(everything()).isEqualTo(before);
  }

  @Test
  @Order(3)
  void anUnknownProfileIsRefused() throws Exception {
    untouched(() -> here.make("k8s-deploy", "PROFILE=nope").fails("no profile 'nope'", "raft"));
  }

  @Test
  @Order(4)
  void withoutALoginNothingIsBuiltOrChanged() throws Exception {
    HttpServer registry = privateRegistry();
    try {
      String url = "localhost:" + registry.getAddress().getPort() + "/me";
      Shell stranger =
          here.with("DOCKER_CONFIG", Files.createDirectory(temporary.resolve("d")).toString());
      untouched(() -> stranger.make("k8s-update", "REGISTRY_URL=" + url).fails("not logged in"));
    } finally {
      registry.stop(0);
    }
  }

  /** A registry that wants to know who asks. */
  private static HttpServer privateRegistry() throws Exception {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
    server.createContext(
        "/v2/",
        exchange -> {
          exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"private\"");
          exchange.sendResponseHeaders(401, -1);
          exchange.close();
        });
    server.start();
    return server;
  }

  @Test
  @Order(5)
  void aBuildThatDoesNotCompileChangesNothing() throws Exception {
    Shell broken = here.copyTo(temporary.resolve("broken"));
    broken.edit(NODE_COMMAND, "final class NodeCommand", "final clash NodeCommand");
    untouched(() -> broken.make("k8s-update").fails("was not built", "was not touched"));
  }

  @Test
  @Order(6)
  void aWrongContextIsRefused() throws Exception {
    untouched(
        () -> {
          here.make("k8s-destroy", "KUBE_CONTEXT=no-such").fails("knows no context 'no-such'");
          Shell copy = here.with("KUBECONFIG", dockerDesktop());
          copy.make("k8s-destroy", "KUBE_CONTEXT=docker-desktop", "ALLOW_LOCAL_CLUSTER=")
              .fails("not the remote one");
          copy.make("k8s-destroy", "KUBE_CONTEXT=somewhere", "ALLOW_LOCAL_CLUSTER=")
              .fails("is this computer");
        });
  }

  /** This very cluster under the names of one on this computer. */
  private String dockerDesktop() throws Exception {
    Path file = temporary.resolve("kubeconfig");
    Files.writeString(file, here.kubectl("config", "view", "--minify", "--flatten", "--raw"));
    Shell copy = here.with("KUBECONFIG", file.toString());
    String context = "jsonpath={.contexts[0].context.%s}";
    String cluster = here.kubectl("config", "view", "--minify", "-o", context.formatted("cluster"));
    String user = here.kubectl("config", "view", "--minify", "-o", context.formatted("user"));
    copy.kubectl("config", "set-cluster", "local", "--server=https://127.0.0.1:6443");
    copy.kubectl(
        "config", "set-context", "docker-desktop", "--cluster=" + cluster, "--user=" + user);
    copy.kubectl("config", "set-context", "somewhere", "--cluster=local", "--user=" + user);
    return file.toString();
  }

  @Test
  @Order(7)
  void withoutAnSsdLabelTheDeploySaysWhatToLabel() throws Exception {
    String nodes = here.kubectl("get", "nodes", "-l", "sandstore.io/storage=ssd", "-o", "name");
    try {
      for (String node : nodes.lines().toList()) {
        here.kubectl("label", node, "sandstore.io/storage-");
      }
      untouched(() -> here.make("k8s-deploy").fails("label node <node> sandstore.io/storage=ssd"));
    } finally {
      for (String node : nodes.lines().toList()) {
        here.kubectl("label", node, "sandstore.io/storage=ssd");
      }
    }
  }

  // --- Faults ---

  @Test
  @Order(10)
  void aDeletedPodRejoinsUnderAnotherAddress() throws Exception {
    String pod = PODS.get(1);
    String address = here.field("pod/" + pod, "{.status.podIP}");
    try (Load load = new Load(endpoint, "/deleted-pod")) {
      load.awaitMore(20, MINUTES);
      here.kubectl("delete", "pod", pod, "--wait=true");
      Shell.await(pod + " is back", MINUTES, () -> ready(pod));
      load.awaitMore(20, MINUTES);
      load.verify();
    }
    assertThat(here.field("pod/" + pod, "{.status.podIP}")).isNotEqualTo(address);
  }

  @Test
  @Order(11)
  void thePrimaryIsKilledAndWritesGoOn() throws Exception {
    String primary = primary();
    try (Load load = new Load(endpoint, "/killed-primary")) {
      load.awaitMore(50, MINUTES);
      long killed = System.nanoTime();
      here.kubectl("delete", "pod", primary, "--grace-period=0", "--force", "--wait=false");
      Shell.await("another leads", MINUTES, () -> !List.of("", primary).contains(primary()));
      load.awaitMore(50, MINUTES);
      Shell.await(primary + " is back", MINUTES, () -> ready(primary));
      note(
          "longest time without an acknowledged write, primary's pod killed: %d ms",
          load.longestGapMillis(killed));
      load.verify();
    }
  }

  private static void note(String format, Object... values) throws Exception {
    String line = "e2e: " + format.formatted(values);
    System.out.println(line);
    Path file = Path.of("target/e2e.txt");
    Files.createDirectories(file.getParent());
    Files.writeString(
        file,
        line + "\n",
        java.nio.file.StandardOpenOption.CREATE,
        java.nio.file.StandardOpenOption.APPEND);
  }

  @Test
  @Order(12)
  void etcdIsKilledAndWritesGoOn() throws Exception {
    try (Load load = new Load(endpoint, "/killed-etcd")) {
      load.awaitMore(20, MINUTES);
      here.kubectl("delete", "pod", "etcd-cluster-0", "--grace-period=0", "--force");
      load.awaitMore(50, MINUTES);
      Shell.await("etcd is back", MINUTES, () -> ready("etcd-cluster-0"));
      load.awaitMore(20, MINUTES);
      load.verify();
    }
    for (String pod : PODS) {
      assertThat(ready(pod)).isTrue();
    }
    here.kubectl("exec", "etcd-cluster-0", "--", "etcdctl", "version");
    Shell.await(
        "the nodes are registered again",
        MINUTES,
        () ->
            here.tryKubectl(
                        "exec",
                        "etcd-cluster-0",
                        "--",
                        "etcdctl",
                        "get",
                        "--prefix",
                        "/sandstore/v1/nodes/",
                        "--keys-only")
                    .output()
                    .lines()
                    .filter(line -> line.startsWith("/sandstore/v1/nodes/sandstore-"))
                    .count()
                == 3);
  }

  // --- New code ---

  @Test
  @Order(20)
  void anUpdateUnderLoadLosesNothing() throws Exception {
    Shell newer = here.copyTo(temporary.resolve("newer"));
    newer.edit(NODE, "\"0.1.0\"", "\"0.1.0-newer\"");
    try (Load load = new Load(endpoint, "/update");
        Quorum quorum = new Quorum()) {
      load.awaitMore(20, MINUTES);
      long began = System.nanoTime();
      Shell.Result result = newer.make("k8s-update").succeeds();
      assertThat(result.output())
          .containsSubsequence("sandstore-2: ready", "sandstore-1: ready", "sandstore-0: ready");
      note(
          "update under load: %d writes acknowledged, longest gap %d ms, at least %d nodes answered",
          load.count(), load.longestGapMillis(began), quorum.least());
      load.verify();
      assertThat(quorum.least()).as("nodes in the quorum at any time").isGreaterThanOrEqualTo(2);
    }
    try (SandstoreClient client = Load.connect(endpoint)) {
      assertThat(client.status().getNodesList())
          .allSatisfy(
              n -> {
                assertThat(n.getStatus().getVersion()).isEqualTo("0.1.0-newer");
                assertThat(n.getStatus().getEventsList())
                    .as("a rollout is an event")
                    .anyMatch(e -> e.getText().endsWith("release 0.1.0-newer now, before: 0.1.0"));
              });
    }
    assertThat(here.field("statefulset/sandstore", "{.spec.template.spec.containers[0].image}"))
        .contains("@sha256:");
  }

  /** Asks all the time how many nodes take part. */
  private final class Quorum implements AutoCloseable {
    private final AtomicBoolean running = new AtomicBoolean(true);
    private final AtomicInteger least = new AtomicInteger(Integer.MAX_VALUE);
    private final Thread thread = Thread.ofVirtual().start(this::poll);

    private void poll() {
      try (SandstoreClient client = Load.connect(endpoint)) {
        while (running.get()) {
          List<String> roles =
              client.status().getNodesList().stream().map(n -> n.getStatus().getRole()).toList();
          // An entry that stops just now says nothing of any node: the next poll has another one.
          if (roles.size() == PODS.size()) {
            int voters =
                (int)
                    roles.stream()
                        .filter(r -> !List.of("", "JOINING", "LEARNER").contains(r))
                        .count();
            least.accumulateAndGet(voters, Math::min);
          }
          Thread.sleep(100);
        }
      } catch (java.io.IOException | InterruptedException e) {
        least.set(-1);
      }
    }

    int least() {
      return least.get();
    }

    @Override
    public void close() throws InterruptedException {
      running.set(false);
      thread.join();
    }
  }

  @Test
  @Order(21)
  void logsOfAllPodsComeInOneStreamNewOnesIncluded() throws Exception {
    Path output = temporary.resolve("logs");
    Process logs = here.start(List.of("make", "--no-print-directory", "k8s-logs"), output);
    try {
      Shell.await("three prefixes", MINUTES, () -> prefixes(output) == 3);
      here.kubectl("delete", "pod", PODS.get(2), "--wait=true");
      Shell.await(PODS.get(2) + " is back", MINUTES, () -> ready(PODS.get(2)));
      Shell.await(
          "the new pod's log is in the stream",
          MINUTES,
          () ->
              Files.readAllLines(output).stream()
                      .filter(
                          line -> line.startsWith("[sandstore-2]") && line.contains(" serves at "))
                      .count()
                  >= 2);
      // An election can be followed by reading.
      assertThat(Files.readString(output))
          .containsPattern("\\[sandstore-\\d] .*term \\d+: PRIMARY");
    } finally {
      logs.descendants().forEach(ProcessHandle::destroy);
      logs.destroy();
      assertThat(logs.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static long prefixes(Path output) throws Exception {
    return Files.readAllLines(output).stream()
        .filter(line -> line.startsWith("[sandstore-"))
        .map(line -> line.substring(0, line.indexOf(']')))
        .distinct()
        .count();
  }

  @Test
  @Order(22)
  void aCrashingImageHaltsTheRolloutAndARollbackHeals() throws Exception {
    String image = here.field("statefulset/sandstore", "{.spec.template.spec.containers[0].image}");
    Shell crashing = here.copyTo(temporary.resolve("crashing"));
    crashing.edit(
        NODE_COMMAND,
        "  private static void run(NodeConfig config, Path data) throws Exception {\n",
        "  private static void run(NodeConfig config, Path data) throws Exception {\n"
            + "    if (config.buffers() > 0) {\n"
            + "      throw new IllegalStateException(\"planted by the test\");\n    }\n");
    try (Load load = new Load(endpoint, "/crash")) {
      load.awaitMore(20, MINUTES);
      crashing
          .make("k8s-update")
          .fails("the rollout is halted: sandstore-2", "k8s-logs-crash", "k8s-rollback");
      assertThat(
              here.field("statefulset/sandstore", "{.spec.updateStrategy.rollingUpdate.partition}"))
          .isEqualTo("3");
      for (String pod : PODS.subList(0, 2)) {
        assertThat(ready(pod)).isTrue();
        assertThat(here.field("pod/" + pod, "{.spec.containers[0].image}")).isEqualTo(image);
      }
      load.awaitMore(50, MINUTES);
      Shell.await(
          "sandstore-2 crashed again",
          MINUTES,
          () -> here.tryKubectl("logs", "sandstore-2", "--previous").code() == 0);
      assertThat(here.make("k8s-logs-crash", "POD=sandstore-2").succeeds().output())
          .contains("IllegalStateException: planted by the test", "NodeCommand.run");

      here.make("k8s-update").fails("is not Ready", "k8s-rollback");

      here.make("k8s-rollback").succeeds();
      assertRunning();
      for (String pod : PODS) {
        assertThat(here.field("pod/" + pod, "{.spec.containers[0].image}")).isEqualTo(image);
      }
      load.awaitMore(20, MINUTES);
      load.verify();
    }
  }

  /** A checkout whose level rises soon, for it cannot be waited an hour here. */
  private Shell rolling(String name) throws Exception {
    Shell copy = here.copyTo(temporary.resolve(name));
    copy.edit(
        "node/src/main/java/io/sandstore/node/Build.java",
        "GRACE = Duration.ofHours(1)",
        "GRACE = Duration.ofSeconds(90)");
    copy.edit(NODE, "\"0.1.0\"", "\"0.1.0-" + name + "\"");
    return copy;
  }

  private List<String> releasesAndLevels() throws Exception {
    try (SandstoreClient client = Load.connect(endpoint)) {
      return client.status().getNodesList().stream()
          .map(ClusterStatus.Entry::getStatus)
          .map(s -> "%s at %d".formatted(s.getVersion(), s.getFeatureLevel()))
          .distinct()
          .toList();
    }
  }

  @Test
  @Order(23)
  void aBuildThatLacksACommandIsUpdatedAndCanBeBroughtBackUntilTheLevelRisesAndNotAfterwards()
      throws Exception {
    Shell older = rolling("older");
    older.edit(
        "node/src/main/java/io/sandstore/namespace/FeatureLevel.java",
        "return values()[values().length - 1];",
        "return BASE;");
    older.make("k8s-build").succeeds();
    older.make("k8s-deploy").succeeds();
    assertThat(releasesAndLevels()).containsExactly("0.1.0-older at 1");
    Shell newer = rolling("newer");
    try (Load load = new Load(endpoint, "/level")) {
      newer.make("k8s-update").succeeds();
      assertThat(releasesAndLevels()).containsExactly("0.1.0-newer at 1");
      newer.make("k8s-rollback").succeeds();
      assertThat(releasesAndLevels()).containsExactly("0.1.0-older at 1");
      newer.make("k8s-update").succeeds();
      Shell.await(
          "the level rises",
          Duration.ofMinutes(5),
          () -> releasesAndLevels().equals(List.of(NEWEST)));
      load.awaitMore(20, MINUTES);
      thereIsNoWayBackOverALevel(newer, load);
      load.verify();
    }
  }

  /** The older build ends itself, and the rollback halts there; another brings the newer back. */
  private void thereIsNoWayBackOverALevel(Shell newer, Load load) throws Exception {
    String image = here.field("pod/sandstore-0", "{.spec.containers[0].image}");
    newer.make("k8s-rollback").fails("sandstore-2 does not start", "nothing further is replaced");
    for (String pod : PODS.subList(0, 2)) {
      assertThat(ready(pod)).as(pod).isTrue();
      assertThat(here.field("pod/" + pod, "{.spec.containers[0].image}")).isEqualTo(image);
    }
    Shell.await(
        "sandstore-2 ended itself",
        MINUTES,
        () -> here.tryKubectl("logs", "sandstore-2", "--previous").code() == 0);
    assertThat(newer.make("k8s-logs-crash", "POD=sandstore-2").succeeds().output())
        .contains("knows feature levels up to 1");
    load.awaitMore(20, MINUTES);
    newer.make("k8s-rollback").succeeds();
    assertRunning();
    assertThat(releasesAndLevels()).containsExactly(NEWEST);
    load.awaitMore(20, MINUTES);
  }

  // --- The end, and from the start ---

  @Test
  @Order(30)
  void destroyLeavesNothing() throws Exception {
    String ours = "jsonpath={range .items[?(@.spec.storageClassName==\"sandstore-local-ssd\")]}";
    List<Path> directories =
        here.kubectl("get", "pv", "-o", ours + "{.spec.hostPath.path}{.spec.local.path}\n{end}")
            .lines()
            .map(Path::of)
            .toList();
    assertThat(directories).hasSize(4);
    here.make("k8s-destroy").succeeds();
    assertThat(
            here.kubectl(
                "get",
                "all,pvc,configmaps,roles,rolebindings,serviceaccounts,storageclasses",
                "-l",
                "app=sandstore",
                "-o",
                "name"))
        .isEmpty();
    assertThat(here.kubectl("get", "pv", "-o", ours + "{.metadata.name}{end}")).isEmpty();
    // Where the node is this machine, the bytes can be looked for as well.
    assertThat(directories).allSatisfy(directory -> assertThat(directory).doesNotExist());
    assertThat(here.make("k8s-destroy").succeeds().output()).contains("deleted: nothing");
  }

  @Test
  @Order(31)
  void nodesThatAreUpBeforeEtcdWaitForIt() throws Exception {
    for (String file : List.of("configmap", "storageclass", "rbac", "service-headless")) {
      here.kubectl("apply", "-f", "deploy/k8s/" + file + ".yaml");
    }
    String image = Files.readString(ManifestsTest.ROOT.resolve("target/k8s/raft.image")).strip();
    Path manifest = temporary.resolve("sandstore.yaml");
    Files.writeString(
        manifest,
        Files.readString(ManifestsTest.ROOT.resolve("deploy/k8s/statefulset-sandstore.yaml"))
            .replace("sandstore-node:raft-latest", image));
    here.kubectl("apply", "-f", manifest.toString());
    Shell.await(
        "the nodes say that they wait",
        MINUTES,
        () ->
            here.tryKubectl("logs", "sandstore-0").output().contains("no cluster can be founded"));
    here.kubectl("apply", "-f", "deploy/k8s/statefulset-etcd.yaml");
    for (String pod : PODS) {
      Shell.await(pod + " is ready", MINUTES, () -> ready(pod));
      assertThat(here.field("pod/" + pod, "{.status.containerStatuses[0].restartCount}"))
          .isEqualTo("0");
    }
  }

  @Test
  @Order(32)
  void tooLargeRequestsStayPendingAndAreExplained() throws Exception {
    Shell greedy = here.copyTo(temporary.resolve("greedy")).with("DEPLOY_TIMEOUT", "30");
    greedy.edit(
        "deploy/k8s/statefulset-sandstore.yaml",
        "requests: {cpu: 250m, memory: 640Mi}\n            limits: {cpu: \"2\", memory: 640Mi}",
        "requests: {cpu: \"900\", memory: 9000Gi}\n"
            + "            limits: {cpu: \"900\", memory: 9000Gi}");
    greedy
        .make("k8s-deploy")
        .fails("only 0 of 3 nodes", "Insufficient cpu", "Insufficient memory", "SSD has room");
    assertThat(ready("etcd-cluster-0")).isTrue();
  }

  @Test
  @Order(33)
  void deployAfterDestroyStartsEmpty() throws Exception {
    here.make("k8s-build").succeeds(); // the tag still names the image that crashed
    here.make("k8s-deploy").succeeds();
    assertRunning();
    try (SandstoreClient client = Load.connect(endpoint)) {
      // Not by statfs: what the deploy's own smoke test removed is counted until its grace is over.
      assertThat(client.readdir("/")).isEmpty();
    }
  }
}
