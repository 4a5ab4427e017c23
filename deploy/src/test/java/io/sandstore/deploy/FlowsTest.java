package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.deploy.SimulatedCluster.Image;
import io.sandstore.deploy.StandIns.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The flows on a good day, as make runs them: which calls are made, in which order, and above all
 * which are not. Bad days are {@link BadDayTest}'s, a real cluster is {@link KubernetesTest}'s.
 */
@Tag("slow")
class FlowsTest {

  private static final List<String> FLOWS =
      List.of(
          "k8s-build",
          "k8s-destroy",
          "k8s-deploy",
          "k8s-update",
          "k8s-rollback",
          "k8s-logs",
          "k8s-logs-crash",
          "k8s-status",
          "k8s-smoke");

  @TempDir Path directory;
  private StandIns here;

  @BeforeEach
  void begin() throws Exception {
    here = new StandIns(directory.resolve("checkout"));
  }

  @AfterEach
  void end() throws Exception {
    here.close();
  }

  @Test
  void everyCallOfKubectlNamesTheContext() throws Exception {
    for (String flow : FLOWS) {
      here.calls.clear();
      here.pushed += flow.equals("k8s-update") ? 1 : 0;
      Result result = here.make(flow, "KUBE_CONTEXT=over-there");
      assertThat(result.code()).as("%s:%n%s", flow, result.output()).isZero();
      assertThat(here.kubectlCalls())
          .as(flow)
          .allSatisfy(call -> assertThat(call).startsWith("kubectl --context=over-there "));
      assertThat(here.kubectlCalls().isEmpty()).isEqualTo(flow.equals("k8s-build"));
      assertThat(String.join("\n", here.calls)).doesNotContain("use-context");
    }
  }

  /** That a flow finds its parts; what it does here is what it refuses first. */
  @Test
  void everyFlowThatTakesAProfileRefusesAnUnknownOne() throws Exception {
    for (String flow :
        List.of("build", "deploy", "update", "compose-up", "compose-down", "parity")) {
      Result result = run(flow, Map.of("PROFILE", "no-such"));
      assertThat(result.output()).as(flow).startsWith("error: there is no profile 'no-such'");
      assertThat(result.code()).as(flow).isEqualTo(1);
    }
  }

  @Test
  void theContextIsTheLaptopUnlessSaidOtherwise() throws Exception {
    here.make("k8s-destroy");
    assertThat(here.kubectlCalls())
        .isNotEmpty()
        .allSatisfy(call -> assertThat(call).contains("--context=minikube-laptop"));
  }

  @Test
  void clustersOnThisComputerAreRefusedByNameAndByAddress() throws Exception {
    for (String flow : List.of("destroy", "deploy", "update", "rollback")) {
      for (String name : List.of("docker-desktop", "kind-kind", "orbstack")) {
        Map<String, String> context = Map.of("KUBE_CONTEXT", name);
        refused(run(flow, context), "not the remote one");
      }
      for (String server :
          List.of(
              "https://127.0.0.1:6443",
              "https://localhost",
              "https://[::1]:1",
              "https://kubernetes.docker.internal:6443")) {
        here.kubectl.server = server;
        refused(run(flow, Map.of()), "is this computer");
      }
      here.kubectl.server = "https://192.0.2.7:6443";
    }
    here.kubectl.server = "https://127.0.0.1:6443";
    assertThat(here.make("k8s-destroy", "ALLOW_LOCAL_CLUSTER=1").code()).isZero();
  }

  private Result run(String flow, Map<String, String> more) throws Exception {
    here.calls.clear();
    return StandIns.finish(here.start(List.of("bash", "deploy/flows/" + flow + ".sh"), more));
  }

  private void refused(Result result, String message) {
    assertThat(result.code()).isNotZero();
    assertThat(result.output()).contains("error: ", message, "state: refused");
    assertThat(here.kubectlCalls()).noneMatch(FlowsTest::changes);
  }

  /** Whether a call changes anything of Sand Store's; the lock's coming and going is none. */
  private static boolean changes(String call) {
    return Stream.of(" apply ", " delete ", " patch ", " set image ", " annotate ", " undo ")
            .anyMatch(call::contains)
        && !call.contains("lease");
  }

  @Test
  void aBuildThatFailsNeverTouchesTheCluster() throws Exception {
    here.deployed();
    for (String profile : List.of("nope")) {
      Result unknown = here.make("k8s-build", "PROFILE=" + profile);
      assertThat(unknown.code()).isNotZero();
      assertThat(unknown.output()).contains("no profile 'nope'").contains("profiles: raft");
    }
    assertThat(here.calls).isEmpty();
    assertThat(here.make("k8s-build", "REGISTRY_URL=").output())
        .contains("REGISTRY_URL is not set");

    for (Map.Entry<String, String> fault :
        Map.of(
                "docker login", "not logged in",
                "docker info", "Docker daemon does not answer",
                "docker build", "was not touched",
                "docker push", "not pushed")
            .entrySet()) {
      here.broken.add(fault.getKey());
      if (fault.getKey().equals("docker login")) {
        // Credentials are there, and are refused.
        Files.writeString(
            here.repository.resolve(".docker/config.json"), "{\"credsStore\":\"desktop\"}");
      }
      Result result = run("update", Map.of());
      assertThat(result.output()).contains(fault.getValue(), "state: refused");
      assertThat(result.code()).isNotZero();
      assertThat(here.kubectlCalls()).noneMatch(FlowsTest::changes);
      here.broken.clear();
    }
  }

  @Test
  void aStrangerIsToldToLogIn() throws Exception {
    Files.delete(here.repository.resolve(".docker/config.json"));
    Result stranger = here.make("k8s-build");
    assertThat(stranger.code()).isNotZero();
    assertThat(stranger.output()).contains("not logged in").contains("docker login registry.inv");
    assertThat(here.calls).noneMatch(call -> call.startsWith("docker build"));
  }

  @Test
  void theBuildNamesProfileAndPlatform() throws Exception {
    here.make("k8s-build", "PROFILE=raft");
    assertThat(here.calls)
        .anyMatch(
            call ->
                call.startsWith("docker build --platform linux/amd64 ")
                    && call.contains("--build-arg PROFILE=raft ")
                    && call.contains("--build-arg TARGETOS=linux --build-arg TARGETARCH=amd64")
                    && call.contains("--tag registry.invalid/me/sandstore-node:raft-latest"))
        .contains("docker push registry.invalid/me/sandstore-node:raft-latest");
  }

  @Test
  void deployChecksThenDestroysThenStartsEtcdBeforeTheNodes() throws Exception {
    here.deployed();
    Result result = here.make("k8s-deploy");
    assertThat(result.state()).isEqualTo("deployed");
    List<String> calls = here.kubectlCalls();
    assertThat(
            List.of(
                index(calls, "create --dry-run=server"),
                index(calls, "delete statefulset,"),
                index(calls, "delete pvc -l app=sandstore,sandstore.io/instance"),
                index(calls, "apply -f target/k8s/rendered/configmap.yaml"),
                index(calls, "apply -f target/k8s/rendered/statefulset-etcd.yaml"),
                index(calls, "apply -f target/k8s/rendered/statefulset-sandstore.yaml")))
        .isSorted();
    assertThat(here.images()).containsOnly(StandIns.image(1));
    assertThat(result.output()).contains("Sand Store runs at 192.0.2.7:30080");
    assertThat(here.calls.getLast()).contains("lease");
    assertThat(here.calls).contains("sandstore smoke --target 192.0.2.7:30080");
  }

  private static int index(List<String> calls, String part) {
    for (int i = 0; i < calls.size(); i++) {
      if (calls.get(i).contains(part)) {
        return i;
      }
    }
    throw new AssertionError("no call with '" + part + "' in\n" + String.join("\n", calls));
  }

  @Test
  void deployAsksBeforehandWhatItNeeds() throws Exception {
    here.broken.add("docker buildx");
    Result denied = run("deploy", Map.of());
    refused(denied, "run: make k8s-build");
    assertThat(denied.output()).contains("does not say what", "denied").doesNotContain("no image");
    here.broken.clear();
    SimulatedCluster.map(
            SimulatedCluster.map(here.cluster.all("node").findAny().orElseThrow(), "metadata"),
            "labels")
        .clear();
    refused(run("deploy", Map.of()), "label node <node> sandstore.io/storage=ssd");
  }

  @Test
  void aDeployWhoseSmokeTestFailsIsNoSuccess() throws Exception {
    here.broken.add("sandstore smoke");
    Result result = run("deploy", Map.of());
    assertThat(result.state()).isEqualTo("failed");
    assertThat(result.output()).contains("the smoke test failed at 192.0.2.7:30080", "ENDPOINT=");
  }

  @Test
  void updateGoesFromTheHighestOrdinalDownAndHaltsAtTheFirstCrash() throws Exception {
    here.deployed();
    here.pushed = 2;
    assertThat(here.make("k8s-update").state()).isEqualTo("updated");
    List<String> good = here.kubectlCalls();
    assertThat(
            List.of(
                index(good, "\"partition\":3"),
                index(good, "set image statefulset/sandstore"),
                index(good, "\"partition\":2"),
                index(good, "\"partition\":1"),
                index(good, "\"partition\":0")))
        .isSorted();
    assertThat(good).noneMatch(call -> call.contains("rollout pause"));

    here.pushed = 3;
    here.cluster.images.put(StandIns.image(3), Image.CRASHES);
    Result bad = run("update", Map.of());
    assertThat(bad.state()).isEqualTo("halted");
    assertThat(bad.code()).isNotZero();
    assertThat(bad.output())
        .contains("the rollout is halted: sandstore-2")
        .contains("make k8s-logs-crash POD=sandstore-2")
        .contains("make k8s-rollback");
    assertThat(here.kubectlCalls()).noneMatch(call -> call.contains("\"partition\":1"));
    assertThat(here.kubectlCalls().reversed())
        .filteredOn(call -> call.contains("partition\":"))
        .first()
        .asString()
        .contains("\"partition\":3");
  }

  @Test
  void updateNeedsAHealthyClusterOfThisProfile() throws Exception {
    refused(run("update", Map.of()), "does not run");
    here.deployed();
    here.broken.add("sandstore status");
    refused(run("update", Map.of()), "know no primary");
    here.broken.clear();
    here.cluster.away("sandstore-1", 3_600_000);
    refused(run("update", Map.of()), "sandstore-1");
    SimulatedCluster.map(here.cluster.get("configmap", "sandstore-config").orElseThrow(), "data")
        .put("SANDSTORE_PROFILE", "other");
    refused(run("update", Map.of()), "profile 'other' runs, not 'raft'");
    here.byHand(
        "patch", "statefulset", "sandstore", "--type=merge", "-p", "{\"spec\":{\"replicas\":0}}");
    refused(run("update", Map.of()), "has 0 replicas");
  }

  @Test
  void destroyIsIdempotentAndSaysWhatIsStuck() throws Exception {
    Result nothing = here.make("k8s-destroy");
    assertThat(nothing.state()).isEqualTo("destroyed");
    assertThat(nothing.output())
        .contains("deleted: nothing")
        .contains("left: 0 pods, 0 services, 0 claims, 0 volumes");

    here.deployed();
    here.cluster.volumesGo = false;
    Result stuck = run("destroy", Map.of("DESTROY_TIMEOUT", "4"));
    assertThat(stuck.state()).isEqualTo("failed");
    assertThat(stuck.output())
        .contains("nothing more went for 4 s")
        .contains("persistentvolume/pvc-")
        .contains("delete pods -l app=sandstore,sandstore.io/instance --force --grace-period=0");
    here.cluster.volumesGo = true;
    assertThat(here.make("k8s-destroy").output()).contains("left: 0 pods");
  }
}
