package io.sandstore.deploy;

import static io.sandstore.deploy.SimulatedCluster.map;
import static io.sandstore.deploy.SimulatedCluster.object;
import static io.sandstore.deploy.SimulatedCluster.text;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.config.NodeConfig;
import io.sandstore.deploy.SimulatedCluster.Image;
import io.sandstore.deploy.StandIns.Fate;
import io.sandstore.deploy.StandIns.Result;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The flows when the cluster, the people around it or the code have a bad day; one fault a test.
 */
@Tag("slow")
class BadDayTest {

  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir Path directory;
  private StandIns here;
  private SimulatedCluster cluster;

  @BeforeEach
  void begin() throws Exception {
    here = new StandIns(directory.resolve("checkout"));
    cluster = here.cluster;
  }

  @AfterEach
  void end() throws Exception {
    here.close();
  }

  private void deployed() {
    here.deployed();
  }

  private void edit(String file, String from, String to) throws Exception {
    Path path = here.repository.resolve(file);
    String before = Files.readString(path);
    assertThat(before).contains(from);
    Files.writeString(path, before.replace(from, to));
  }

  /** The API server is away for so long from the first call on that contains these words. */
  private void outage(String from, long millis) {
    long[] begin = {Long.MAX_VALUE};
    here.fates =
        (number, call) -> {
          if (begin[0] == Long.MAX_VALUE && call.contains(from)) {
            begin[0] = cluster.now();
          }
          boolean away = cluster.now() >= begin[0] && cluster.now() - begin[0] < millis;
          return away ? Fate.LOST : Fate.ANSWERED;
        };
  }

  private static Result in(Result result, String state) {
    assertThat(result.state()).as(result.output()).isEqualTo(state);
    assertThat(result.code() == 0)
        .as(result.output())
        .isEqualTo(List.of("deployed", "destroyed", "updated", "rolled-back").contains(state));
    return result;
  }

  private List<String> replaced() {
    return cluster.history.stream().filter(line -> line.startsWith("replacing")).toList();
  }

  // --- 1. A query that fails is no answer ---

  @Test
  void theReceiptIsNotWrittenByQueriesThatFailed() throws Exception {
    deployed();
    outage("get pv ", 8_000);
    Result result = in(here.flow("destroy"), "destroyed");
    assertThat(cluster.all("persistentvolume")).isEmpty();
    assertThat(result.output()).contains("left: 0 pods, 0 services, 0 claims, 0 volumes");
  }

  @Test
  void volumesThatNobodyCouldListAreNotNone() throws Exception {
    deployed();
    cluster.wipingMs = 60_000;
    long[] claimsGone = {Long.MAX_VALUE};
    here.fates =
        (number, call) -> {
          if (call.contains("delete pvc")) {
            claimsGone[0] = cluster.now();
          }
          boolean away = cluster.now() >= claimsGone[0] && cluster.now() < claimsGone[0] + 20_000;
          return away && call.contains("get pv ") ? Fate.LOST : Fate.ANSWERED;
        };
    Result result = here.flow("destroy");
    assertThat(cluster.all("persistentvolume")).as(result.output()).isEmpty();
    in(result, "destroyed");
  }

  @Test
  void aDeployNeverStartsOnADiskThatIsNotWiped() throws Exception {
    deployed();
    outage("delete pvc", 8_000);
    List<String> before =
        cluster.all("persistentvolume").map(v -> text(".metadata.name", v)).toList();
    List<String> unwiped = new ArrayList<>();
    here.before =
        call -> {
          if (call.contains(" apply ")) {
            cluster
                .all("persistentvolume")
                .map(v -> text(".metadata.name", v))
                .filter(before::contains)
                .forEach(unwiped::add);
          }
        };
    in(here.flow("deploy"), "deployed");
    assertThat(before).hasSize(4);
    assertThat(unwiped).as("volumes of before while the new one is made").isEmpty();
  }

  @Test
  void aClusterThatStaysAwayEndsTheFlowWithWhatIsKnown() throws Exception {
    deployed();
    outage("delete pods", Long.MAX_VALUE);
    long began = cluster.now();
    Result result = in(here.flow("destroy"), "unknown");
    assertThat(result.output())
        .contains("does not answer", "known: ", "was refused")
        .doesNotContain("left:");
    assertThat(cluster.now() - began).isBetween(60_000L, 90_000L);
  }

  @Test
  void nodesThatCouldNotBeAskedAreNotSaidToHaveNoPrimary() throws Exception {
    deployed();
    here.broken.add("sandstore");
    assertThat(in(here.flow("update"), "refused").output())
        .contains("cannot be asked at 192.0.2.7:30080", "Connect timed out", "ENDPOINT=")
        .doesNotContain("know no primary");
  }

  @Test
  void anUpdateThatIsCutOffSaysWhatItHasReplaced() throws Exception {
    deployed();
    here.pushed = 2;
    outage("\"partition\":1", Long.MAX_VALUE);
    Result result = in(here.flow("update"), "unknown");
    assertThat(result.output())
        .contains("known: replaced and in the quorum: sandstore-2; sandstore-1 was told to be");
  }

  /** What calls kubectl itself must have said why, here, that a call that fails is no answer. */
  @Test
  void thereIsOneWayToTheCluster() throws Exception {
    Map<String, Integer> ways =
        Map.of(
            "cluster.sh", 5, // call, and who looks at every failure: context, answers, readyz
            "lock.sh", 2, // the lock is given back on the way out: best effort
            "explain.sh", 2, // logs: that they cannot be had is said
            "deploy.sh", 1, // a table for people
            "logs.sh", 3); // repeated; what fails is said
    Pattern call =
        Pattern.compile(
            "(?m)^(?!\\s*#).*?(^\\s*|[$][(]|if |&& |then |[{] |! |[|] )kube(ctl)? [-\"a-z]");
    try (var flows = Files.list(here.repository.resolve("deploy/flows"))) {
      for (Path flow : flows.filter(f -> f.toString().endsWith(".sh")).toList()) {
        String name = flow.getFileName().toString();
        assertThat(call.matcher(Files.readString(flow)).results().map(r -> r.group()))
            .as(name)
            .hasSize(ways.getOrDefault(name, 0));
      }
    }
  }

  @Test
  void whatComesBackMeanwhileIsInTheReceipt() throws Exception {
    deployed();
    here.before =
        call -> {
          if (call.contains("get service")
              && cluster.get("service", "sandstore-client").isEmpty()) {
            Map<String, Object> again =
                object("metadata", object("labels", object("app", "sandstore")));
            map(map(again, "metadata"), "labels").put("sandstore.io/instance", "again");
            cluster.put("persistentvolumeclaim", "default", "data-sandstore-0", again);
          }
        };
    Result result = in(here.flow("destroy"), "failed");
    assertThat(result.output())
        .contains("there again", "persistentvolumeclaim/data-sandstore-0")
        .doesNotContain("left: ");
  }

  @Test
  void aLostAnswerIsNoFailure() throws Exception {
    here.fates = (number, call) -> number % 3 == 0 ? Fate.ANSWER_LOST : Fate.ANSWERED;
    in(here.flow("deploy"), "deployed");
    here.pushed = 2;
    in(here.flow("update"), "updated");
    in(here.flow("destroy"), "destroyed");
    assertThat(here.ours()).isEmpty();
  }

  // --- 2. Updates and the quorum ---

  @Test
  void aNodeThatLeavesDuringTheBuildIsNoticedBeforeAnythingIsReplaced() throws Exception {
    deployed();
    here.before =
        call -> {
          if (call.startsWith("docker build ")) {
            cluster.away("sandstore-0", 3_600_000);
          }
        };
    here.pushed = 2;
    Result result = in(here.flow("update", "POD_TIMEOUT=20"), "refused");
    assertThat(result.output()).contains("sandstore-0").contains("could cost the quorum");
    assertThat(replaced()).isEmpty();
  }

  @Test
  void kubernetesAloneIsNotBelievedBecauseItHearsOfItLater() throws Exception {
    deployed();
    // Kubernetes calls it Ready for seconds after it left the quorum.
    here.before =
        call -> {
          if (call.contains("set image")) {
            cluster.away("sandstore-1", 3_600_000);
          }
        };
    here.pushed = 2;
    Result result = in(here.flow("update", "POD_TIMEOUT=20"), "halted");
    assertThat(result.output()).contains("sandstore-2 is not replaced, because sandstore-1");
    assertThat(replaced()).isEmpty();
    assertThat(SimulatedCluster.partition(cluster.get("statefulset", "sandstore").orElseThrow()))
        .isEqualTo(3);
  }

  @Test
  void theNodesAloneAreNotBelievedEither() throws Exception {
    deployed();
    here.before =
        call -> {
          if (call.contains("set image")) {
            cluster.doubted.add("sandstore-1");
          }
        };
    here.pushed = 2;
    Result result = in(here.flow("update", "POD_TIMEOUT=20"), "halted");
    assertThat(result.output()).contains("because sandstore-1 is not Ready");
    assertThat(replaced()).isEmpty();
  }

  @Test
  void anUpdateIsDoneWhenAllAreInTheQuorum() throws Exception {
    deployed();
    here.pushed = 2;
    here.before =
        call -> {
          if (replaced().size() == 3 && cluster.saysReady("sandstore-0")) {
            cluster.away("sandstore-2", 3_600_000);
          }
        };
    assertThat(in(here.flow("update", "POD_TIMEOUT=20"), "failed").output())
        .contains("all pods are replaced, but sandstore-2")
        .doesNotContain("all pods run");
  }

  @Test
  void aMomentOfReadinessDoesNotLetTheRolloutGoOn() throws Exception {
    deployed();
    here.pushed = 2;
    // From the first replacement on, sandstore-0 is in the quorum for a moment in every four
    // seconds.
    long[] last = {0};
    here.before =
        call -> {
          if (!replaced().isEmpty() && cluster.now() - last[0] >= 4_000) {
            last[0] = cluster.now();
            cluster.away("sandstore-0", 3_000);
          }
        };
    in(here.flow("update", "POD_TIMEOUT=40"), "halted");
    assertThat(replaced()).containsExactly("replacing sandstore-2");
  }

  @Test
  void theLastStepWaitsForTheOthersAsEveryStepDoes() throws Exception {
    deployed();
    here.pushed = 2;
    here.before =
        call -> {
          if (replaced().size() == 2
              && cluster.saysReady("sandstore-1")
              && cluster.saysReady("sandstore-2")) {
            cluster.away("sandstore-2", 3_600_000);
          }
        };
    in(here.flow("update", "POD_TIMEOUT=30"), "halted");
    assertThat(replaced()).hasSize(2);
  }

  // --- 3. Rollback, and what is half-way ---

  /** An update of which somebody pressed Ctrl-C after so many replaced pods. */
  private void interruptedUpdate(int replacements) throws Exception {
    here.pushed = 2;
    Process update = here.startFlow("update");
    here.before =
        call -> {
          if (replaced().size() == replacements && call.contains("get pods")) {
            here.signal(update, "INT");
          }
        };
    in(StandIns.finish(update), "interrupted");
    here.before = call -> {};
  }

  @Test
  void anInterruptedGoodUpdateIsResumed() throws Exception {
    deployed();
    interruptedUpdate(1);
    Result status = here.flow("status");
    assertThat(status.output())
        .contains("a rollout is half-way", "partition  2", StandIns.image(1), StandIns.image(2));
    Result again = in(here.flow("update"), "updated");
    assertThat(again.output()).contains("all pods run " + StandIns.image(2));
    assertThat(replaced())
        .containsExactly("replacing sandstore-2", "replacing sandstore-1", "replacing sandstore-0");
    in(here.flow("rollback"), "rolled-back");
    assertThat(here.images()).containsOnly(StandIns.image(1));
  }

  @Test
  void rollbackReplacesNoPodWhileAnotherIsMissing() throws Exception {
    deployed();
    interruptedUpdate(1);
    cluster.advance(20_000);
    cluster.away("sandstore-1", 3_600_000);
    cluster.advance(20_000);
    List<String> before = replaced();
    Result result = in(here.flow("rollback", "POD_TIMEOUT=20"), "halted");
    assertThat(result.output()).contains("sandstore-2 is not replaced, because sandstore-1");
    assertThat(replaced()).isEqualTo(before);
    // Mended, it goes on.
    cluster.away("sandstore-1", 0);
    in(here.flow("rollback"), "rolled-back");
    assertThat(here.images()).containsOnly(StandIns.image(1));
  }

  /** Then the StatefulSet says the old image, and a pod has the new one. */
  @Test
  void anInterruptedRollbackIsNotTakenForADoneUpdate() throws Exception {
    deployed();
    interruptedUpdate(1);
    cluster.advance(20_000);
    Process rollback = here.startFlow("rollback");
    boolean[] undone = {false};
    here.before =
        call -> {
          if (undone[0]) {
            here.signal(rollback, "INT");
          }
          undone[0] |= call.contains("rollout undo");
        };
    in(StandIns.finish(rollback), "interrupted");
    here.before = call -> {};
    here.pushed = 1;
    Result result = in(here.flow("update"), "updated");
    assertThat(result.output()).doesNotContain("nothing to do");
    assertThat(here.images()).containsOnly(StandIns.image(1));
  }

  @Test
  void rollbackGoesOnWhereAPodIsAbsent() throws Exception {
    deployed();
    cluster.images.put(StandIns.image(2), Image.CRASHES);
    here.pushed = 2;
    Result halted = in(here.flow("update"), "halted");
    assertThat(halted.output()).contains("2 of the 2 other pods are Ready", "make k8s-rollback");
    long[] absent = {0};
    here.before =
        call -> {
          if (call.contains("rollout undo")) {
            cluster.objects.remove(
                new SimulatedCluster.Key("pod", SimulatedCluster.NAMESPACE, "sandstore-2"));
            cluster.refused.put("pod", "not now");
            absent[0] = cluster.now();
          }
          if (cluster.now() - absent[0] > 10_000) {
            cluster.refused.clear();
          }
        };
    in(here.flow("rollback"), "rolled-back");
    assertThat(here.images()).containsOnly(StandIns.image(1));
    assertThat(SimulatedCluster.partition(cluster.get("statefulset", "sandstore").orElseThrow()))
        .isZero();
  }

  /** As after the cluster's level has risen: the release before ends itself. */
  @Test
  void whereTheImageOfBeforeDoesNotRunAnyMoreAnotherRollbackBringsTheNewOneBack() throws Exception {
    deployed();
    here.pushed = 2;
    in(here.flow("update"), "updated");
    cluster.images.put(StandIns.image(1), Image.CRASHES);
    Result halted = in(here.flow("rollback"), "halted");
    assertThat(halted.output())
        .contains(
            "sandstore-2 does not start",
            "run k8s-rollback again to go back to what the others run");
    assertThat(here.images()).containsExactlyInAnyOrder(StandIns.image(1), StandIns.image(2));
    assertThat(cluster.quorum()).isTrue();
    in(here.flow("rollback"), "rolled-back");
    assertThat(here.images()).containsOnly(StandIns.image(2));
    here.pushed = 3;
    in(here.flow("update"), "updated");
  }

  @Test
  void aChangeMadeByHandIsNoDeadEnd() throws Exception {
    deployed();
    cluster.images.put("by/hand:1", Image.CRASHES);
    here.byHand("set", "image", "statefulset/sandstore", "sandstore=by/hand:1");
    cluster.advance(20_000);
    assertThat(in(here.flow("update"), "refused").output()).contains("make k8s-rollback");
    in(here.flow("rollback"), "rolled-back");
    assertThat(here.images()).containsOnly(StandIns.image(1));
    here.pushed = 2;
    in(here.flow("update"), "updated");
  }

  @Test
  void whereNothingWasUpdatedThereIsNothingToRollBack() throws Exception {
    deployed();
    assertThat(in(here.flow("rollback"), "refused").output()).contains("no update to roll back");
    assertThat(replaced()).isEmpty();
  }

  @Test
  void statusShowsPartitionRevisionsAndImages() throws Exception {
    deployed();
    assertThat(here.flow("status").output())
        .contains("partition  0", "revisions  current r", "image      " + StandIns.image(1))
        .contains("instance   by-hand", "sandstore-2  r");
  }

  // --- 4. Deploy checks first ---

  private Result refusedBeforeAnythingIsDeleted(String... words) throws Exception {
    cluster.history.clear();
    Result result = in(here.flow("deploy"), "refused");
    assertThat(result.output()).contains(words);
    assertThat(cluster.history)
        .allMatch(line -> line.contains("sandstore-flow") || line.contains("sandstore-pull"));
    return result;
  }

  /** A profile that is none of this checkout's. */
  private String profile(String... lines) throws IOException {
    Path file = Files.createDirectories(directory.resolve("elsewhere")).resolve("mine.conf");
    Files.writeString(file, "log = raft\nblocks = files\n" + String.join("\n", lines) + "\n");
    return "PROFILE=../elsewhere/mine.conf";
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SANDSTORE_SLOW_MS = soon",
        "SANDSTORE_SLOW_MS",
        "export SANDSTORE_SLOW_MS = 5",
        "SANDSTORE_NO_SUCH = 5",
        "SANDSTORE_MEMBERS = a:1",
        "SANDSTORE_ELECTION_MS = $(reboot)",
        "SANDSTORE_ELECTION_MS = 5",
        "log = raft",
        "copies = chain"
      })
  void aProfilesLineThatNobodyUnderstandsIsRefused(String line) throws Exception {
    deployed();
    for (String flow : List.of("deploy", "update")) {
      Result result = in(here.flow(flow, profile(line)), "refused");
      assertThat(result.output())
          .contains("the profile is refused", "see: sandstore profile check ../elsewhere/mine.conf")
          .containsAnyOf("mine.conf, line 3", "mine.conf: ", "SANDSTORE_SLOW_MS must be");
    }
    assertThat(here.kubectlCalls()).noneMatch(call -> call.contains(" delete "));
  }

  @Test
  void aProfileThatIsNotThereIsRefused() throws Exception {
    for (String profile : List.of("no-such", "../no-such.conf", "deploy/flows/lib.sh", "..")) {
      assertThat(in(here.flow("deploy", "PROFILE=" + profile), "refused").output())
          .contains("there is no profile '" + profile + "'", "profiles: ", "raft");
    }
    assertThat(here.kubectlCalls()).isEmpty();
  }

  @Test
  void aProfileOfSomewhereElseReachesTheImageAndTheConfigMap() throws Exception {
    String mine = profile("SANDSTORE_SLOW_MS = 5", "SANDSTORE_ELECTION_MS = 1500");
    assertThat(here.flow("build", mine).code()).isZero();
    assertThat(here.calls)
        .anyMatch(
            call ->
                call.startsWith("docker build ")
                    && call.contains(" --build-arg PROFILE=mine ")
                    && call.contains(" --build-arg PROFILE_PARTS=log:raft,store:file,blocks:files,")
                    && call.contains(" --tag registry.invalid/me/sandstore-node:mine-latest "));
    in(here.flow("deploy", mine), "deployed");
    Map<String, Object> data =
        map(cluster.get("configmap", "sandstore-config").orElseThrow(), "data");
    assertThat(data)
        .containsEntry("SANDSTORE_PROFILE", "mine")
        .containsEntry(
            "SANDSTORE_PROFILE_PARTS", "log:raft,store:file,blocks:files,copies:star,reads:primary")
        .containsEntry("SANDSTORE_SLOW_MS", "5")
        .containsEntry("SANDSTORE_ELECTION_MS", "1500")
        .containsEntry("SANDSTORE_HEARTBEAT_MS", "100");
    Map<String, String> environment = new TreeMap<>(Map.of("SANDSTORE_NAME", "sandstore-0"));
    data.forEach((key, value) -> environment.put(key, (String) value));
    NodeConfig node = NodeConfig.of(environment);
    assertThat(node.profile().name()).isEqualTo("mine");
    assertThat(node.operations().slow()).hasMillis(5);
    here.pushed = 2;
    in(here.flow("update", mine), "updated");
    assertThat(in(here.flow("update"), "refused").output())
        .contains("profile 'mine' runs, not 'raft'");
  }

  @Test
  void aProfileOfThisCheckoutIsItsImages() throws Exception {
    in(here.flow("deploy"), "deployed");
    assertThat(map(cluster.get("configmap", "sandstore-config").orElseThrow(), "data"))
        .containsEntry("SANDSTORE_PROFILE", "raft")
        .containsEntry("SANDSTORE_PROFILE_PARTS", "");
    assertThat(here.flow("build").code()).isZero();
    assertThat(here.calls).anyMatch(call -> call.contains(" --build-arg PROFILE_PARTS= "));
  }

  /** What stands in the manifest is what raft's parts have. */
  @Test
  void keysThatAProfileDoesNotHaveAreNotInItsConfigMap() throws Exception {
    edit(
        "deploy/k8s/configmap.yaml",
        "  SANDSTORE_HEARTBEAT_MS: \"100\"\n",
        "  SANDSTORE_OF_ANOTHER: \"100\"\n");
    in(here.flow("deploy", profile()), "deployed");
    assertThat(map(cluster.get("configmap", "sandstore-config").orElseThrow(), "data"))
        .doesNotContainKey("SANDSTORE_OF_ANOTHER")
        .containsEntry("SANDSTORE_HEARTBEAT_MS", "100");
  }

  @Test
  void anotherServicesNodePortIsFoundBeforeAnythingIsDeleted() throws Exception {
    cluster.put(
        "service",
        "shop",
        "web",
        object("spec", object("ports", List.of(object("port", 80, "nodePort", 30080)))));
    refusedBeforeAnythingIsDeleted("port 30080", "shop/web");
  }

  @Test
  void aQuotaThatLeavesNoRoomIsFoundBeforeAnythingIsDeleted() throws Exception {
    deployed();
    Map<String, Object> quota =
        object(
            "status",
            object(
                "hard", object("pods", "5", "requests.memory", "3Gi"),
                "used", object("pods", "5", "requests.memory", "2112Mi")));
    cluster.put("resourcequota", "default", "small", quota);
    // Four of the five pods are ours, and go first.
    in(here.flow("deploy"), "deployed");
    map(map(quota, "status"), "hard").put("requests.memory", "2Gi");
    refusedBeforeAnythingIsDeleted("quota leaves no room", "requests.memory is at most 2Gi");
  }

  /** Ours are there, so that the API server's own words say nothing of what comes after them. */
  @Test
  void aQuotaOfObjectsIsReckonedWithToo() throws Exception {
    deployed();
    Map<String, Object> hard =
        object(
            "services", "4",
            "services.nodeports", "1",
            "count/statefulsets.apps", "2",
            "count/pods", "4",
            "secrets", "1");
    Map<String, Object> used =
        object(
            "services", "4",
            "services.nodeports", "1",
            "count/statefulsets.apps", "2",
            "count/pods", "4",
            "secrets", "3");
    cluster.put(
        "resourcequota", "default", "few", object("status", object("hard", hard, "used", used)));
    in(here.flow("deploy"), "deployed");
    hard.put("services", "3");
    refusedBeforeAnythingIsDeleted(
        "services is at most 3; 1 are used by others, Sand Store needs 3");
    hard.put("services", "4");
    hard.put("count/statefulsets.apps", "1");
    refusedBeforeAnythingIsDeleted("statefulsets.apps is at most 1; 0 are used by others");
  }

  @Test
  void whatAdmissionSaysOfPodsIsFoundBeforeAnythingIsDeleted() throws Exception {
    deployed();
    cluster.refused.put("pod", "maximum memory usage per Container is 500Mi, but limit is 640Mi");
    refusedBeforeAnythingIsDeleted("would not take a pod", "maximum memory usage");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "configmap",
        "storageclass",
        "serviceaccount",
        "role",
        "rolebinding",
        "service",
        "statefulset",
        "persistentvolumeclaim"
      })
  void whatTheApiServerWouldNotTakeIsFoundBeforeAnythingIsDeleted(String kind) throws Exception {
    deployed();
    cluster.refused.put(kind, "a policy of this cluster");
    refusedBeforeAnythingIsDeleted("the cluster would not take", "a policy of this cluster");
  }

  @Test
  void composeIsGivenTheProfileAsKubernetesIs() throws Exception {
    Result result = compose(profile("SANDSTORE_SLOW_MS = soon"));
    assertThat(result.code()).isNotZero();
    assertThat(result.output()).contains("the profile is refused", "SANDSTORE_SLOW_MS must be");
    assertThat(here.calls).noneMatch(call -> call.contains(" up "));
    compose(profile("SANDSTORE_SLOW_MS = 7", "SANDSTORE_ELECTION_MS = 1500"));
    assertThat(here.calls).anyMatch(call -> call.contains(" up "));
    String file = Files.readString(here.repository.resolve("target/compose/mine.yaml"));
    assertThat(file)
        .contains(
            "    SANDSTORE_ELECTION_MS: \"1500\"\n", "SANDSTORE_SLOW_MS: \"${SANDSTORE_SLOW_MS")
        .doesNotContain("${SANDSTORE_ELECTION_MS");
    assertThat(Files.readString(here.repository.resolve("target/compose/mine.env")))
        .contains("SANDSTORE_SLOW_MS=7\n", "SANDSTORE_PROFILE=mine\n");
  }

  private Result compose(String profile) throws Exception {
    return StandIns.finish(
        here.start(
            List.of("bash", "deploy/flows/compose-up.sh"),
            Map.of("PROFILE", profile.replace("PROFILE=", ""))));
  }

  @Test
  void anImageThatTheClusterCannotPullIsFoundBeforeAnythingIsDeleted() throws Exception {
    deployed();
    here.pushed = 2;
    cluster.images.put(StandIns.image(2), Image.UNPULLABLE);
    refusedBeforeAnythingIsDeleted("cannot pull an image", "ErrImagePull", "manifest unknown");
    assertThat(cluster.get("pod", "sandstore-pull")).isEmpty();
  }

  // --- 5. What belongs to others ---

  @Test
  void whatBelongsToOthersIsNotTouchedAndNotWaitedFor() throws Exception {
    deployed();
    Foreign foreign = new Foreign(cluster);
    Result result = in(here.flow("destroy", "DESTROY_TIMEOUT=20"), "destroyed");
    foreign.assertUntouched();
    assertThat(result.output())
        .contains("left: 0 pods, 0 services, 0 claims, 0 volumes")
        .contains("StorageClass sandstore-local-ssd stays", "shop/data-shop-0")
        .contains("left alone", "pvc/only-labelled");
    assertThat(cluster.get("statefulset", "sandstore")).isEmpty();
  }

  @Test
  void adviceOnFinalizersNamesOnlyWhatIsOurs() throws Exception {
    deployed();
    new Foreign(cluster);
    cluster.volumesGo = false;
    Result result = in(here.flow("destroy", "DESTROY_TIMEOUT=20"), "failed");
    assertThat(result.output())
        .contains("nothing more went for 20 s", "persistentvolume/pvc-uid-")
        .doesNotContain("persistentvolume/shop-volume");
  }

  @Test
  void anotherEtcdIsInTheWayAndStays() throws Exception {
    Map<String, Object> other =
        cluster.put(
            "statefulset", "default", "etcd-cluster", object("spec", object("replicas", 5)));
    Map<String, Object> before = SimulatedCluster.copy(other);
    refusedBeforeAnythingIsDeleted("statefulset/etcd-cluster", "no deploy made");
    in(here.flow("destroy"), "destroyed");
    assertThat(cluster.get("statefulset", "etcd-cluster")).contains(before);
  }

  /** Whatever has one of our names, and no mark: nobody knows whose it is. */
  @Test
  void whatHasOurNamesOnlyIsInTheWayAndStays() throws Exception {
    Map<SimulatedCluster.Key, Map<String, Object>> theirs = new TreeMap<>();
    for (String object :
        List.of(
            "statefulset/sandstore",
            "statefulset/etcd-cluster",
            "service/sandstore-headless",
            "service/sandstore-client",
            "service/etcd-cluster",
            "configmap/sandstore-config",
            "serviceaccount/sandstore",
            "role/sandstore",
            "rolebinding/sandstore",
            "persistentvolumeclaim/data-sandstore-1",
            "persistentvolumeclaim/data-etcd-cluster-0",
            "pod/sandstore-2",
            "pod/sandstore-pull",
            "storageclass/sandstore-local-ssd")) {
      String kind = object.replaceFirst("/.*", "");
      String namespace = kind.equals("storageclass") ? "" : "default";
      String name = object.replaceFirst(".*/", "");
      Map<String, Object> made =
          cluster.put(
              kind,
              namespace,
              name,
              object("spec", object("storageClassName", "sandstore-local-ssd")));
      if (kind.equals("persistentvolumeclaim")) {
        cluster.bind(made);
      }
    }
    cluster.advance(5_000);
    cluster.objects.forEach((key, object) -> theirs.put(key, SimulatedCluster.copy(object)));
    String refused =
        refusedBeforeAnythingIsDeleted("objects with the names of Sand Store").output();
    theirs.keySet().stream()
        .filter(key -> !List.of("node", "persistentvolume").contains(key.kind()))
        .map(key -> key.kind().replace("persistentvolumeclaim", "pvc") + "/" + key.name())
        .forEach(name -> assertThat(refused).contains(name));
    in(here.flow("destroy", "DESTROY_TIMEOUT=20"), "destroyed");
    assertThat(cluster.objects).isEqualTo(theirs);
  }

  @Test
  void everyObjectCarriesTheMarkOfItsDeploy() throws Exception {
    in(here.flow("deploy"), "deployed");
    List<String> marks =
        cluster.objects.entrySet().stream()
            .filter(
                e ->
                    !List.of("node", "persistentvolume", "event", "controllerrevision")
                        .contains(e.getKey().kind()))
            .map(e -> text(".metadata.labels.sandstore\\.io/instance", e.getValue()))
            .distinct()
            .toList();
    assertThat(marks).hasSize(1);
    assertThat(marks.getFirst()).matches("\\d{8}-\\d{6}-\\d+");
  }

  // --- 6. Logs ---

  @Test
  void aStreamThatBreaksIsSaidAndTakenUpAgain() throws Exception {
    deployed();
    here.realMillisPerSecond = 20;
    Process logs = here.startFlow("logs");
    try (BufferedReader lines = logs.inputReader(UTF_8)) {
      write("sandstore-1", "2026-11-25T03:00:00.1Z before the break");
      assertThat(lineWith(lines, "before the break")).isEqualTo("[sandstore-1] before the break");
      here.followed.remove("sandstore-1").close();
      write(
          "sandstore-1",
          "2026-11-25T03:00:00.1Z before the break\n2026-11-25T03:00:00.15Z after the break");
      assertThat(lineWith(lines, "[sandstore-1]")).contains("the stream broke");
      assertThat(lineWith(lines, "[sandstore-1]")).isEqualTo("[sandstore-1] after the break");
      assertThat(here.kubectlCalls())
          .anyMatch(call -> call.contains("--since-time=2026-11-25T03:00:00.1Z"));
    } finally {
      here.signal(logs, "TERM");
      assertThat(logs.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  private void write(String pod, String lines) throws Exception {
    Shell.await("a follower of " + pod, LIMIT, () -> here.followed.containsKey(pod));
    OutputStream out = here.followed.get(pod);
    out.write((lines + "\n").getBytes(UTF_8));
  }

  private static String lineWith(BufferedReader lines, String words) throws Exception {
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.contains(words)) {
        return line;
      }
    }
    throw new AssertionError("no line with " + words);
  }

  @Test
  void logsEndWhenNobodyReadsAnyMore() throws Exception {
    deployed();
    here.realMillisPerSecond = 20;
    Process logs =
        here.start(
            List.of("bash", "-c", "set -o pipefail; deploy/flows/logs.sh | head -1"), Map.of());
    try {
      write("sandstore-0", "2026-11-25T03:00:00.1Z one");
      // Long lines for as long as somebody takes them.
      Shell.await(
          "the flow ends",
          LIMIT,
          () -> {
            try {
              write("sandstore-0", "2026-11-25T03:00:00." + System.nanoTime() + "Z another");
            } catch (IOException e) {
              // This follower has ended, which is not yet the flow's end.
            }
            return !logs.isAlive();
          });
      assertThat(logs.exitValue()).isZero();
      assertThat(new String(logs.getInputStream().readAllBytes(), UTF_8))
          .isEqualTo("[sandstore-0] one\n");
    } finally {
      here.signal(logs, "KILL");
    }
  }

  /** Quiet pods write no line that would show it. */
  @Test
  void logsEndAtOnceWhenTheReaderIsGone() throws Exception {
    deployed();
    here.realMillisPerSecond = 20;
    Process logs =
        here.start(
            List.of("bash", "-c", "set -o pipefail; deploy/flows/logs.sh | head -1"), Map.of());
    try {
      Shell.await("three followers", LIMIT, () -> here.followed.size() == 3);
      List<ProcessHandle> all = logs.descendants().toList();
      write("sandstore-0", "2026-11-25T03:00:00.1Z one");
      assertThat(logs.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).as("the flow ends").isTrue();
      assertThat(logs.exitValue()).isZero();
      Shell.await("its followers end", LIMIT, () -> all.stream().noneMatch(ProcessHandle::isAlive));
    } finally {
      here.signal(logs, "KILL");
    }
  }

  /** A reader that is slow, and a file, are no closed pipe. */
  @ParameterizedTest
  @ValueSource(strings = {"| (cat; sleep 0) >read", ">read"})
  void logsGoOnAsLongAsSomebodyReads(String reader) throws Exception {
    deployed();
    here.realMillisPerSecond = 20;
    Process logs = here.start(List.of("bash", "-c", "deploy/flows/logs.sh " + reader), Map.of());
    try {
      write("sandstore-0", "2026-11-25T03:00:00.1Z one");
      int looks = here.kubectlCalls().size();
      Shell.await("ten more looks", LIMIT, () -> here.kubectlCalls().size() > looks + 10);
      write("sandstore-0", "2026-11-25T03:00:00.2Z two");
      Path read = here.repository.resolve("read");
      Shell.await("the second line", LIMIT, () -> Files.readString(read).contains("] two"));
      assertThat(logs.isAlive()).isTrue();
    } finally {
      here.signal(logs, "TERM");
      assertThat(logs.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }

  // --- 7. Crashes ---

  @Test
  void anOutOfMemoryKillIsExplained() throws Exception {
    deployed();
    here.kubectl.lastWords = "";
    cluster.ended("sandstore-1", "OOMKilled", 137);
    cluster.event("sandstore-1", "BackOff", "Back-off restarting failed container");
    assertThat(here.flow("logs-crash").output())
        .containsSubsequence(
            "memory limit 640Mi",
            "OOMKilled, exit code 137, signal 9 (KILL)",
            "at its memory limit of 640Mi",
            "(it said nothing)",
            "BackOff: Back-off restarting");
  }

  @Test
  void aSavedCrashHasTheExplanationEvenWhereThePodSaidNothing() throws Exception {
    deployed();
    here.kubectl.lastWords = "";
    cluster.images.put(StandIns.image(2), Image.CRASHES);
    here.pushed = 2;
    in(here.flow("update"), "halted");
    try (var files = Files.list(here.repository.resolve("target/k8s"))) {
      Path saved =
          files
              .filter(f -> f.getFileName().toString().startsWith("crash-"))
              .findAny()
              .orElseThrow();
      assertThat(Files.readString(saved)).contains("Error, exit code 1", "(it said nothing)");
    }
  }

  /** The kubelet names a dead container for some seconds that it has removed already. */
  @Test
  void lastWordsAreAskedForAgainWhileTheirContainerIsGone() throws Exception {
    deployed();
    cluster.ended("sandstore-1", "Error", 1);
    here.kubectl.lastWords = "unable to retrieve container logs for docker://0ld";
    here.before =
        call -> {
          if (cluster.now() % 5 == 0 && here.kubectlCalls().size() > 8) {
            here.kubectl.lastWords = "last words\n";
          }
        };
    Result result = here.flow("logs-crash");
    assertThat(result.output()).contains("last words").doesNotContain("unable to retrieve");
  }

  @Test
  void lastWordsThatNobodyCouldBeAskedForAreNotCalledGone() throws Exception {
    deployed();
    cluster.ended("sandstore-1", "Error", 1);
    here.fates = (number, call) -> call.contains("--previous") ? Fate.LOST : Fate.ANSWERED;
    Result result = here.flow("logs-crash");
    assertThat(result.output())
        .contains("exit code 1", "what it said is not known", "was refused", "a line of a log")
        .doesNotContain("is not there");
  }

  // --- 8. Pending, not created ---

  @Test
  void aQuotaThatAppearsLateIsCalledByItsNameAndAtOnce() throws Exception {
    long[] applied = {0};
    here.before =
        call -> {
          if (call.contains("apply -f") && call.contains("statefulset-sandstore")) {
            applied[0] = cluster.now();
            cluster.refused.put("pod", "exceeded quota: small, requested: pods=1, limited: pods=1");
          }
        };
    Result result = in(here.flow("deploy", "DEPLOY_TIMEOUT=20"), "failed");
    assertThat(result.output())
        .contains("sandstore-0 was not created", "exceeded quota: small")
        .doesNotContain("SSD");
    assertThat(cluster.now() - applied[0]).isLessThan(10_000);
  }

  @Test
  void anUpdateSaysWhyAPodIsNotMade() throws Exception {
    deployed();
    here.pushed = 2;
    here.before =
        call -> {
          if (call.contains("set image")) {
            cluster.refused.put("pod", "exceeded quota: small");
          }
        };
    Result result = in(here.flow("update", "POD_TIMEOUT=20"), "halted");
    assertThat(result.output())
        .containsSubsequence(
            "sandstore-2: replacing",
            "sandstore-2 is not created: create Pod sandstore-2",
            "exceeded quota: small",
            "the rollout is halted: sandstore-2 is not ready after 20 s, because it is not");
    assertThat(replaced()).hasSize(1);
  }

  @Test
  void anUpdateDoesNotRepeatWhatWasSaidOfAnEarlierDay() throws Exception {
    deployed();
    here.pushed = 2;
    cluster.event("sandstore", "FailedCreate", "exceeded quota: yesterday");
    here.before =
        call -> {
          if (replaced().size() == 1 && cluster.controllersSleepUntil == 0) {
            cluster.controllersSleepUntil = cluster.now() + 8_000;
          }
        };
    assertThat(in(here.flow("update"), "updated").output()).doesNotContain("yesterday");
  }

  @Test
  void podsThatDoNotFitAreExplainedWhenItIsKnown() throws Exception {
    here.before =
        call -> {
          if (call.contains("statefulset-sandstore") && call.contains("apply")) {
            cluster.podsFit = false;
          }
        };
    Result result = in(here.flow("deploy", "DEPLOY_TIMEOUT=20"), "failed");
    assertThat(result.output())
        .containsSubsequence(
            "sandstore-0 is Pending: 0/1 nodes are available: 1 Insufficient memory",
            "only 0 of 3 nodes are ready after 20 s",
            "SSD has room");
  }

  @Test
  void aVolumeThatIsNotBoundIsExplainedWhenItIsKnown() throws Exception {
    here.before =
        call -> {
          if (call.contains("statefulset-sandstore") && call.contains("apply")) {
            cluster.podsFit = false;
            cluster.unfit =
                "pod has unbound immediate PersistentVolumeClaims: persistentvolumeclaim";
          }
          if (cluster.get("persistentvolumeclaim", "data-sandstore-0").isPresent()) {
            cluster.event("data-sandstore-0", "ProvisioningFailed", "no space left on the disk");
          }
        };
    Result result = in(here.flow("deploy", "DEPLOY_TIMEOUT=20"), "failed");
    assertThat(result.output())
        .containsSubsequence(
            "sandstore-0 is Pending: pod has unbound",
            "its claim data-sandstore-0 is Pending: ProvisioningFailed: no space left",
            "only 0 of 3 nodes are ready after 20 s");
  }

  /** Events live for an hour: what was said of an earlier StatefulSet is not said of this one. */
  @Test
  void anEarlierDeploysQuotaIsNotThisOnes() throws Exception {
    boolean[] full = {true};
    here.before =
        call -> {
          if (call.contains("apply -f") && call.contains("statefulset-sandstore")) {
            if (full[0]) {
              cluster.refused.put("pod", "exceeded quota: small");
            } else {
              cluster.controllersSleepUntil = cluster.now() + 3_000;
            }
          }
        };
    in(here.flow("deploy"), "failed");
    cluster.refused.clear();
    full[0] = false;
    assertThat(in(here.flow("deploy"), "deployed").output()).doesNotContain("exceeded quota");
  }

  @Test
  void anImageThatCannotBePulledIsNotWaitedFor() throws Exception {
    long[] applied = {0};
    here.before =
        call -> {
          if (call.contains("statefulset-sandstore") && call.contains("apply")) {
            applied[0] = cluster.now();
            cluster.images.put(StandIns.image(1), Image.UNPULLABLE);
          }
        };
    Result result = in(here.flow("deploy", "DEPLOY_TIMEOUT=20"), "failed");
    assertThat(result.output()).contains("its image cannot be pulled", "manifest unknown");
    assertThat(cluster.now() - applied[0]).isLessThan(10_000);
  }

  // --- 9. Two at once ---

  @Test
  void ofTwoFlowsAtOnceOneIsToldWhoIsAtWork() throws Exception {
    deployed();
    here.pushed = 2;
    Result[] second = new Result[1];
    here.before =
        call -> {
          if (call.startsWith("docker build ") && second[0] == null) {
            second[0] = new Result(-1, "");
            here.aside(() -> second[0] = here.flow("update"));
          }
        };
    in(here.flow("update"), "updated");
    in(second[0], "refused");
    assertThat(second[0].output())
        .contains("another flow is at work: k8s-update, by ", "since 20", "TAKE_OVER=");
    assertThat(cluster.get("lease", "sandstore-flow")).isEmpty();
  }

  private void updateBy(String holder) {
    Map<String, Object> lease =
        object(
            "metadata",
            object("annotations", object("sandstore.io/flow", "k8s-update")),
            "spec",
            object("holderIdentity", holder, "acquireTime", "2026-11-25T03:00:00.000000Z"));
    cluster.put("lease", "default", "sandstore-flow", lease);
  }

  @ParameterizedTest
  @ValueSource(strings = {"deploy", "destroy", "update", "rollback"})
  void whileAFlowIsAtWorkNoOtherChangesAnything(String flow) throws Exception {
    deployed();
    here.pushed = 2;
    updateBy("ann@mac:7");
    assertThat(in(here.flow(flow), "refused").output())
        .contains("another flow is at work: k8s-update, by ann@mac:7");
    assertThat(cluster.history).isEmpty();
  }

  @Test
  void aLockThatNobodyHoldsIsNamedAndNotWaitedFor() throws Exception {
    deployed();
    updateBy("");
    assertThat(in(here.flow("destroy"), "refused").output())
        .contains("has no holder", "delete lease sandstore-flow");
  }

  @Test
  void aLockOfAnotherComputerIsTakenOverOnlyWhenSomebodySaysSo() throws Exception {
    deployed();
    updateBy("ann@mac:7");
    assertThat(in(here.flow("destroy"), "refused").output())
        .contains("k8s-update, by ann@mac:7, since 2026-11-25T03:00", "TAKE_OVER=ann@mac:7");
    assertThat(here.flow("status").output())
        .contains("at work    k8s-update, by ann@mac:7, since 2026-11-25T03:00");
    Process taken =
        here.start(List.of("bash", "deploy/flows/destroy.sh"), Map.of("TAKE_OVER", "ann@mac:7"));
    in(StandIns.finish(taken), "destroyed");
  }

  @Test
  void aFlowWhosePlaceWasTakenGoesNoFurther() throws Exception {
    deployed();
    here.pushed = 2;
    here.before =
        call -> {
          if (call.startsWith("docker build ")) {
            map(cluster.get("lease", "sandstore-flow").orElseThrow(), "spec")
                .put("holderIdentity", "ann@mac:7");
          }
        };
    assertThat(here.flow("update").output()).contains("this flow was replaced", "ann@mac:7");
    assertThat(replaced()).isEmpty();
    assertThat(cluster.get("lease", "sandstore-flow")).isPresent();
  }

  @Test
  void aLockOfAFlowThatWasKilledHereIsFree() throws Exception {
    deployed();
    here.pushed = 2;
    Process update = here.startFlow("update");
    here.before =
        call -> {
          if (call.contains("set image")) {
            here.signal(update, "KILL");
          }
        };
    assertThat(StandIns.finish(update).code()).isNotZero();
    here.before = call -> {};
    assertThat(cluster.get("lease", "sandstore-flow")).isPresent();
    assertThat(in(here.flow("update"), "updated").output()).contains("taking the place of");
  }

  /** Killed, and nobody has noticed yet: its process is a zombie. */
  @Test
  @Timeout(120)
  void aLockOfAFlowWhoseEndNobodyNoticedIsFree() throws Exception {
    deployed();
    Process parent = new ProcessBuilder("sh", "-c", "sleep 0 & exec sleep 600").start();
    try {
      ProcessHandle ended = zombieOf(parent);
      updateBy("%s@%s:%d".formatted(said("id", "-un"), said("hostname"), ended.pid()));
      here.pushed = 2;
      assertThat(in(here.flow("update"), "updated").output()).contains("taking the place of");
    } finally {
      parent.destroyForcibly().waitFor();
    }
  }

  private static ProcessHandle zombieOf(Process parent) throws Exception {
    while (true) {
      for (ProcessHandle child : parent.children().toList()) {
        if (said("ps", "-o", "stat=", "-p", Long.toString(child.pid())).startsWith("Z")) {
          return child;
        }
      }
      Thread.sleep(10);
    }
  }

  private static String said(String... command) throws Exception {
    Process process = new ProcessBuilder(command).start();
    return new String(process.getInputStream().readAllBytes(), UTF_8).strip();
  }

  // --- 10. Configuration ---

  @Test
  void anUpdateWithOtherConfigurationNamesTheKeys() throws Exception {
    in(here.flow("deploy", profile()), "deployed");
    here.pushed = 2;
    here.calls.clear();
    Result result = in(here.flow("update", profile("SANDSTORE_SLOW_MS = 77")), "refused");
    assertThat(result.output())
        .contains("SANDSTORE_SLOW_MS: runs with \"1000\", here it is \"77\"", "k8s-deploy");
    assertThat(here.calls).noneMatch(call -> call.startsWith("docker build "));
  }

  /**
   * What runs has no such key, and the node's default is what the manifest says (ManifestsTest).
   */
  @Test
  void aReleaseWithOneMoreKeyAtItsDefaultIsRolledOut() throws Exception {
    in(here.flow("deploy"), "deployed");
    anotherKey();
    here.pushed = 2;
    in(here.flow("update"), "updated");
    assertThat(here.images()).containsExactly(StandIns.image(2));
    assertThat(cluster.get("configmap", "sandstore-config").toString())
        .as("what the release before would not know, after a rollback")
        .doesNotContain("SANDSTORE_ANOTHER");
    here.pushed = 3;
    in(here.flow("update"), "updated");
    in(here.flow("rollback"), "rolled-back");
  }

  /**
   * A key that the release before did not have: of any node, and of a profile's parts, which the
   * manifest does not know.
   */
  @ParameterizedTest
  @ValueSource(strings = {"SANDSTORE_SLOW_MS", "SANDSTORE_ELECTION_MS"})
  void anotherKeyWithAValueOfItsOwnIsNamed(String key) throws Exception {
    if (key.equals("SANDSTORE_ELECTION_MS")) {
      edit("deploy/k8s/configmap.yaml", "  " + key + ": \"700\"\n", "");
    }
    in(here.flow("deploy", profile()), "deployed");
    map(cluster.get("configmap", "sandstore-config").orElseThrow(), "data").remove(key);
    here.pushed = 2;
    assertThat(in(here.flow("update", profile(key + " = 877")), "refused").output())
        .contains(key + ": runs without it, here it is \"877\"", "k8s-deploy");
    in(here.flow("update", profile()), "updated");
  }

  /** Empty is a value: it is not what the release before lacks. */
  @Test
  void aKeyThatIsEmptyWhereItRunsIsCompared() throws Exception {
    in(here.flow("deploy"), "deployed");
    edit("deploy/k8s/configmap.yaml", "SANDSTORE_ADDRESS: \"\"", "SANDSTORE_ADDRESS: here:1");
    here.pushed = 2;
    assertThat(in(here.flow("update"), "refused").output())
        .contains("SANDSTORE_ADDRESS: runs with \"\", here it is \"here:1\"");
  }

  /** The new code would refuse it, and halt the rollout at its first pod. */
  @Test
  void aKeyThatIsNoMoreIsNamed() throws Exception {
    in(here.flow("deploy"), "deployed");
    edit("deploy/k8s/configmap.yaml", "  SANDSTORE_BUFFERS: \"6\"\n", "");
    here.pushed = 2;
    assertThat(in(here.flow("update"), "refused").output())
        .contains("SANDSTORE_BUFFERS: runs with \"6\", here there is no such key", "k8s-deploy");
  }

  private void anotherKey() throws Exception {
    edit("deploy/k8s/configmap.yaml", "\ndata:\n", "\ndata:\n  SANDSTORE_ANOTHER: \"7\"\n");
  }

  @Test
  void aReleaseWithOneMoreCommentInAManifestIsRolledOut() throws Exception {
    in(here.flow("deploy"), "deployed");
    edit(
        "deploy/k8s/statefulset-sandstore.yaml",
        "  serviceName:",
        "\n  # One more comment.\n  serviceName:");
    edit("deploy/k8s/rbac.yaml", "kind: Role\n", "kind: Role   # one more\n");
    here.pushed = 2;
    in(here.flow("update"), "updated");
  }

  @Test
  void anUpdateWithOtherManifestsIsRefused() throws Exception {
    in(here.flow("deploy"), "deployed");
    edit("deploy/k8s/statefulset-sandstore.yaml", "memory: 640Mi", "memory: 700Mi");
    here.pushed = 2;
    assertThat(in(here.flow("update"), "refused").output()).contains("manifests", "k8s-deploy");
  }

  /**
   * Its checksum was one of comments and keys, too: what that release deployed cannot be told from
   * it.
   */
  @Test
  void manifestsThatAnEarlierReleaseNotedAreSaidNotToBeCompared() throws Exception {
    in(here.flow("deploy"), "deployed");
    here.byHand(
        "annotate",
        "statefulset",
        "sandstore",
        "--overwrite",
        "sandstore.io/manifests=3022463117-16411");
    here.pushed = 2;
    assertThat(in(here.flow("update"), "updated").output())
        .contains("the manifests are not compared");
  }

  @Test
  void composeSaysThatItsPortIsTaken() throws Exception {
    try (java.net.ServerSocket taken =
        new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      Process up =
          here.start(
              List.of("bash", "deploy/flows/compose-up.sh"),
              Map.of("COMPOSE_PORT", String.valueOf(taken.getLocalPort())));
      Result result = StandIns.finish(up);
      assertThat(result.code()).isNotZero();
      assertThat(result.output()).contains("port " + taken.getLocalPort(), "is taken");
      assertThat(here.calls).noneMatch(call -> call.contains(" up "));
    }
  }
}
