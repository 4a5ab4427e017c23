package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The flows with stand-ins for kubectl and docker that record what they are called with: which
 * calls are made, in which order, and above all which are not. What the calls do to a cluster is
 * {@link KubernetesTest}'s.
 */
class FlowsTest {

  private static final Path BIN = ManifestsTest.ROOT.resolve("deploy/src/test/bin");
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

  @TempDir Path repository;
  private Path says;
  private Path record;

  /** A checkout of which everything is built. */
  @BeforeEach
  void checkOut() throws IOException {
    for (String part : List.of("deploy/flows", "deploy/k8s", "deploy/profiles")) {
      Files.createDirectories(repository.resolve(part));
      try (Stream<Path> files = Files.list(ManifestsTest.ROOT.resolve(part))) {
        for (Path file : files.toList()) {
          Files.copy(file, repository.resolve(part).resolve(file.getFileName().toString()));
        }
      }
    }
    Files.copy(ManifestsTest.ROOT.resolve("Makefile"), repository.resolve("Makefile"));
    Files.createDirectories(repository.resolve("bin"));
    Files.copy(BIN.resolve("sandstore"), repository.resolve("bin/sandstore"));
    Files.copy(ManifestsTest.ROOT.resolve("bin/find-jdk"), repository.resolve("bin/find-jdk"));
    Files.createDirectories(repository.resolve("cli/target/lib"));
    Files.writeString(repository.resolve("cli/target/lib/.built"), "");
    says = Files.createDirectory(repository.resolve("says"));
    record = repository.resolve("record");
  }

  private record Result(int code, String output, List<String> calls) {
    List<String> of(String program) {
      return calls.stream().filter(call -> call.startsWith(program + " ")).toList();
    }
  }

  private Result make(String target, String... variables) throws Exception {
    Files.deleteIfExists(record);
    List<String> command = new ArrayList<>(List.of("make", "--no-print-directory", target));
    command.addAll(List.of(variables));
    ProcessBuilder builder = new ProcessBuilder(command).directory(repository.toFile());
    Map<String, String> env = builder.environment();
    env.keySet()
        .removeAll(
            List.of("MAKEFLAGS", "MAKELEVEL", "KUBE_CONTEXT", "PROFILE", "ALLOW_LOCAL_CLUSTER"));
    env.put("PATH", BIN + ":" + env.get("PATH"));
    env.put("RECORD", record.toString());
    env.put("SAYS", says.toString());
    env.put("HOME", repository.toString());
    env.put("REGISTRY_URL", "registry.invalid/me");
    env.put("DEPLOY_TIMEOUT", "2");
    env.put("POD_TIMEOUT", "2");
    env.put("DESTROY_TIMEOUT", "2");
    env.put("POD", "sandstore-1");
    env.put("FOLLOW", "0");
    builder.redirectErrorStream(true);
    builder.redirectInput(new java.io.File("/dev/null"));
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes());
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    List<String> calls = Files.exists(record) ? Files.readAllLines(record) : List.of();
    return new Result(process.exitValue(), output, calls);
  }

  private void logIn() throws IOException {
    Files.createDirectories(repository.resolve(".docker"));
    Files.writeString(
        repository.resolve(".docker/config.json"), "{\"auths\":{\"registry.invalid\":{}}}");
  }

  private void say(String what, String answer) throws IOException {
    Files.writeString(says.resolve(what), answer);
  }

  @Test
  void everyCallOfKubectlNamesTheContext() throws Exception {
    logIn();
    for (String flow : FLOWS) {
      Result result = make(flow, "KUBE_CONTEXT=over-there");
      assertThat(result.code()).as("%s:%n%s", flow, result.output()).isZero();
      assertThat(result.of("kubectl"))
          .as(flow)
          .allSatisfy(call -> assertThat(call).startsWith("kubectl --context=over-there "));
      assertThat(result.of("kubectl").isEmpty()).isEqualTo(flow.equals("k8s-build"));
      assertThat(String.join("\n", result.calls())).doesNotContain("use-context");
    }
  }

  @Test
  void theContextIsTheLaptopUnlessSaidOtherwise() throws Exception {
    assertThat(make("k8s-destroy").of("kubectl"))
        .allSatisfy(call -> assertThat(call).contains("--context=minikube-laptop"));
  }

  @Test
  void clustersOnThisComputerAreRefusedByNameAndByAddress() throws Exception {
    for (String flow : List.of("k8s-destroy", "k8s-deploy", "k8s-update", "k8s-rollback")) {
      for (String name : List.of("docker-desktop", "kind-kind", "orbstack")) {
        refused(make(flow, "KUBE_CONTEXT=" + name), "not the remote one");
      }
      for (String server :
          List.of(
              "https://127.0.0.1:6443",
              "https://localhost",
              "https://[::1]:1",
              "https://kubernetes.docker.internal:6443")) {
        say("server", server);
        refused(make(flow), "is this computer");
      }
      Files.delete(says.resolve("server"));
    }
    say("server", "https://127.0.0.1:6443");
    assertThat(make("k8s-destroy", "ALLOW_LOCAL_CLUSTER=1").code()).isZero();
  }

  private static void refused(Result result, String message) {
    assertThat(result.code()).isNotZero();
    assertThat(result.output()).contains("error: ").contains(message);
    assertThat(result.of("kubectl")).noneMatch(FlowsTest::changes);
  }

  private static boolean changes(String call) {
    return Stream.of(" apply ", " delete ", " patch ", " set image statefulset", " annotate ")
            .anyMatch(call::contains)
        && !call.contains(" --local ");
  }

  @Test
  void aBuildThatFailsNeverTouchesTheCluster() throws Exception {
    Result unknown = make("k8s-build", "PROFILE=nope");
    assertThat(unknown.output()).contains("no profile 'nope'").contains("profiles: raft");
    assertThat(unknown.calls()).isEmpty();

    assertThat(make("k8s-build", "REGISTRY_URL=").output()).contains("REGISTRY_URL is not set");

    Result stranger = make("k8s-build");
    assertThat(stranger.output()).contains("not logged in").contains("docker login registry.inv");
    assertThat(stranger.of("docker build")).isEmpty();
    logIn();
    say("no-login", "");
    assertThat(make("k8s-build").output()).contains("not logged in");
    Files.delete(says.resolve("no-login"));

    say("no-docker", "");
    Result down = make("k8s-build");
    assertThat(down.output()).contains("Docker daemon does not answer");
    Files.delete(says.resolve("no-docker"));

    say("no-build", "");
    Result broken = make("k8s-update");
    assertThat(broken.output()).contains("COMPILATION ERROR").contains("was not touched");
    assertThat(broken.of("kubectl")).noneMatch(FlowsTest::changes);
    Files.delete(says.resolve("no-build"));

    say("no-push", "");
    Result unpushed = make("k8s-update");
    assertThat(unpushed.output()).contains("not pushed");
    assertThat(unpushed.of("kubectl")).noneMatch(FlowsTest::changes);

    assertThat(List.of(unknown, stranger, down, broken, unpushed))
        .allSatisfy(result -> assertThat(result.code()).isNotZero());
  }

  @Test
  void theBuildNamesProfileAndPlatform() throws Exception {
    logIn();
    assertThat(make("k8s-build", "PROFILE=raft").calls())
        .anyMatch(
            call ->
                call.startsWith("docker build --platform linux/amd64 ")
                    && call.contains("--build-arg PROFILE=raft ")
                    && call.contains("--build-arg TARGETOS=linux --build-arg TARGETARCH=amd64")
                    && call.contains("--tag registry.invalid/me/sandstore-node:raft-latest"))
        .contains("docker push registry.invalid/me/sandstore-node:raft-latest");
  }

  @Test
  void deployDestroysFirstAndAsksBeforehandWhatItNeeds() throws Exception {
    List<String> calls = make("k8s-deploy").of("kubectl");
    int destroyed = index(calls, "delete -f deploy/k8s/");
    int config = index(calls, "patch --local -f deploy/k8s/configmap.yaml");
    int etcd = index(calls, "apply -f deploy/k8s/statefulset-etcd.yaml");
    int waited = index(calls, "rollout status statefulset/etcd-cluster --timeout=60s");
    int nodes = index(calls, "sandstore=registry.invalid/me/sandstore-node@sha256:");
    assertThat(List.of(destroyed, config, etcd, waited, nodes)).isSorted();
    assertThat(calls.get(config)).contains("\"SANDSTORE_PROFILE\":\"raft\"");

    say("no-image", "");
    refused(make("k8s-deploy"), "run: make k8s-build");
    Files.delete(says.resolve("no-image"));
    say("ssd", "");
    refused(make("k8s-deploy"), "label node <node> sandstore.io/storage=ssd");
    Files.delete(says.resolve("ssd"));

    say("ready", "False");
    Result slow = make("k8s-deploy");
    assertThat(slow.code()).isNotZero();
    assertThat(slow.output()).contains("only 0 of 3 nodes are ready").contains("the SSD has room");
    Files.delete(says.resolve("ready"));
    say("no-smoke", "");
    assertThat(make("k8s-deploy").output()).contains("the smoke test failed");
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
  void updateGoesFromTheHighestOrdinalDownAndHaltsAtTheFirstCrash() throws Exception {
    logIn();
    List<String> good = make("k8s-update").of("kubectl");
    assertThat(
            List.of(
                index(good, "\"partition\":3"),
                index(good, "set image statefulset/sandstore"),
                index(good, "\"partition\":2"),
                index(good, "\"partition\":1"),
                index(good, "\"partition\":0"),
                index(good, "rollout status statefulset/sandstore --timeout=120s")))
        .isSorted();
    assertThat(good).noneMatch(call -> call.contains("rollout pause"));

    say("image", "registry/sandstore-node@sha256:other");
    say("waiting", "CrashLoopBackOff");
    Result bad = make("k8s-update");
    assertThat(bad.code()).isNotZero();
    assertThat(bad.output())
        .contains("the rollout is halted: sandstore-2")
        .contains("make k8s-logs-crash POD=sandstore-2")
        .contains("make k8s-rollback");
    assertThat(bad.of("kubectl")).noneMatch(call -> call.contains("\"partition\":1"));
    assertThat(bad.of("kubectl").reversed())
        .filteredOn(call -> call.contains("partition"))
        .first()
        .asString()
        .contains("\"partition\":3");
  }

  /** The kubelet names a dead container for some seconds that it has removed already. */
  @Test
  void lastWordsAreAskedForAgainWhileTheirContainerIsGone() throws Exception {
    say("gone", "1");
    Result result = make("k8s-logs-crash", "POD=sandstore-2");
    assertThat(result.code()).as(result.output()).isZero();
    assertThat(result.output()).contains("last words").doesNotContain("unable to retrieve");
  }

  @Test
  void updateNeedsAHealthyClusterOfThisProfile() throws Exception {
    logIn();
    say("ready", "False");
    refused(make("k8s-update"), "is not Ready");
    Files.delete(says.resolve("ready"));
    say("no-status", "");
    refused(make("k8s-update"), "know no leader");
    Files.delete(says.resolve("no-status"));
    say("statefulset", "");
    refused(make("k8s-update"), "does not run");
  }

  @Test
  void destroyIsIdempotentAndSaysWhatIsStuck() throws Exception {
    Result result = make("k8s-destroy");
    assertThat(result.output())
        .contains("deleted: nothing")
        .contains("left: 0 pods, 0 services, 0 claims, 0 volumes");
    assertThat(result.of("kubectl"))
        .anyMatch(call -> call.contains("delete -f deploy/k8s/ --ignore-not-found=true"))
        .anyMatch(call -> call.contains("delete pvc -l app=sandstore --ignore-not-found=true"));

    say("stuck", "pod/sandstore-1");
    Result stuck = make("k8s-destroy");
    assertThat(stuck.code()).isNotZero();
    assertThat(stuck.output())
        .contains("nothing more went for 2 s")
        .contains("pod/sandstore-1")
        .contains("delete pods -l app=sandstore --force --grace-period=0");
  }
}
