package io.sandstore.deploy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.config.NodeConfig;
import io.sandstore.deploy.SimulatedKubectl.Answer;
import io.sandstore.replication.Profile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A checkout in which the flows run against a {@link SimulatedCluster}: kubectl, docker,
 * bin/sandstore, sleep and date are one small script that asks this class. So the cluster's clock
 * is the flows' clock, a wait of minutes takes milliseconds, and every call can be made to go
 * wrong.
 */
final class StandIns implements AutoCloseable {

  /** What happens to a call of kubectl. */
  enum Fate {
    ANSWERED,
    /** It never reached the API server. */
    LOST,
    /** It was done, and the answer was lost. */
    ANSWER_LOST
  }

  /** Decides on calls of kubectl, in the order in which they come. */
  interface Fates {
    Fate of(int number, String call);
  }

  record Result(int code, String output) {
    /** The flow's own word for how it ended. */
    String state() {
      List<String> lines = output.lines().filter(l -> l.startsWith("state: ")).toList();
      assertThat(lines).as(output).hasSize(1);
      return lines.getFirst().substring("state: ".length());
    }
  }

  /** A fault in a flow: this text, which its file has once, becomes the other. */
  record Edit(String file, String find, String replacement) {

    private void apply(Path flows) throws IOException {
      Path path = flows.resolve(file);
      String before = Files.readString(path);
      assertThat(before.split(Pattern.quote(find), -1)).as("places in " + file).hasSize(2);
      Files.writeString(path, before.replace(find, replacement));
    }
  }

  /** What is planted in every checkout that a test makes, see {@link PlantedInFlowsTest}. */
  static final ScopedValue<List<Edit>> PLANTED = ScopedValue.newInstance();

  private static final Path STAND_IN = ManifestsTest.ROOT.resolve("deploy/src/test/bin/stand-in");
  private static final String UNREACHABLE =
      "The connection to the server 192.0.2.7:6443 was refused - did you specify the right host or"
          + " port?\n";
  static final String DIGEST = "sha256:%064d";

  final SimulatedCluster cluster = new SimulatedCluster();
  final SimulatedKubectl kubectl = new SimulatedKubectl(cluster);

  /** Programs and calls that fail: {@code docker info}, {@code sandstore status}. */
  final Set<String> broken = new HashSet<>();

  /** Every call of a program, but sleep's and date's. */
  final List<String> calls = Collections.synchronizedList(new ArrayList<>());

  Fates fates = (number, call) -> Fate.ANSWERED;

  /** Called before a call is looked at, with its program and arguments. */
  java.util.function.Consumer<String> before = call -> {};

  /** The digest's number of the image that the next build pushes, and that the registry has. */
  int pushed = 1;

  /** How long a sleep of a second is in reality, where a test has parts that run by themselves. */
  long realMillisPerSecond;

  /** Streams of logs that are followed, by pod. */
  final Map<String, OutputStream> followed = new ConcurrentHashMap<>();

  final Path repository;
  private final ServerSocket server;
  private final AtomicInteger number = new AtomicInteger();
  private final ReentrantLock turn = new ReentrantLock();

  StandIns(Path repository) throws IOException {
    this.repository = repository;
    for (String part : List.of("deploy/flows", "deploy/k8s", "deploy/docker", "profiles")) {
      Files.createDirectories(repository.resolve(part));
      try (Stream<Path> files = Files.list(ManifestsTest.ROOT.resolve(part))) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          Files.copy(file, repository.resolve(part).resolve(file.getFileName().toString()));
        }
      }
    }
    for (Edit edit : PLANTED.orElse(List.of())) {
      edit.apply(repository.resolve("deploy/flows"));
    }
    Files.copy(ManifestsTest.ROOT.resolve("Makefile"), repository.resolve("Makefile"));
    Files.createDirectories(repository.resolve("bin"));
    Files.copy(ManifestsTest.ROOT.resolve("bin/find-jdk"), repository.resolve("bin/find-jdk"));
    Files.createDirectories(repository.resolve("cli/target/lib"));
    Files.writeString(repository.resolve("cli/target/lib/.built"), "");
    Path programs = Files.createDirectory(repository.resolve("programs"));
    for (String name : List.of("kubectl", "docker", "sleep", "date")) {
      Files.copy(STAND_IN, programs.resolve(name));
    }
    Files.copy(STAND_IN, repository.resolve("bin/sandstore"));
    logIn();
    server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::serve);
  }

  private void logIn() throws IOException {
    Files.createDirectories(repository.resolve(".docker"));
    Files.writeString(
        repository.resolve(".docker/config.json"), "{\"auths\":{\"registry.invalid\":{}}}");
  }

  static String image(int number) {
    return "registry.invalid/me/sandstore-node@" + DIGEST.formatted(number);
  }

  // --- Running flows ---

  Result make(String target, String... variables) throws Exception {
    List<String> command = new ArrayList<>(List.of("make", "--no-print-directory", target));
    command.addAll(List.of(variables));
    return finish(start(command, Map.of("FOLLOW", "0", "POD", "sandstore-1")));
  }

  /**
   * Runs a flow's script itself, which is much faster than make.
   *
   * @param settings as {@code POD_TIMEOUT=20}: a long wait is many calls
   */
  Result flow(String name, String... settings) throws Exception {
    return finish(startFlow(name, settings));
  }

  Process startFlow(String name, String... settings) throws IOException {
    Map<String, String> more = new HashMap<>(Map.of("POD", "sandstore-1"));
    for (String setting : settings) {
      more.put(setting.replaceFirst("=.*", ""), setting.replaceFirst(".*=", ""));
    }
    // Ctrl-C must come through also where these tests run in the background of a script, which
    // ignores it.
    return start(
        List.of("env", "--default-signal=INT", "bash", "deploy/flows/" + name + ".sh"), more);
  }

  Process start(List<String> command, Map<String, String> more) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(repository.toFile());
    Map<String, String> env = builder.environment();
    env.keySet()
        .removeAll(
            List.of(
                "MAKEFLAGS",
                "MAKELEVEL",
                "KUBE_CONTEXT",
                "PROFILE",
                "ALLOW_LOCAL_CLUSTER",
                "ENDPOINT",
                "ETCD_IMAGE"));
    env.put("PATH", repository.resolve("programs") + ":" + env.get("PATH"));
    env.put("STAND_INS", String.valueOf(server.getLocalPort()));
    env.put("HOME", repository.toString());
    env.put("REGISTRY_URL", "registry.invalid/me");
    env.putAll(more);
    builder.redirectErrorStream(true);
    builder.redirectInput(Path.of("/dev/null").toFile());
    return builder.start();
  }

  static Result finish(Process process) throws Exception {
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    return new Result(process.exitValue(), output);
  }

  List<String> kubectlCalls() {
    return List.copyOf(calls).stream().filter(call -> call.startsWith("kubectl ")).toList();
  }

  /** A call that somebody makes without the flows. */
  Answer byHand(String... words) {
    Answer answer = kubectl.run(repository, List.of(words));
    assertThat(answer.code()).as(answer.error()).isZero();
    return answer;
  }

  /** Sand Store runs image 1, as after {@code kubectl apply -f deploy/k8s}; its nodes are Ready. */
  void deployed() {
    byHand("apply", "-f", "deploy/k8s");
    byHand("set", "image", "statefulset/sandstore", "sandstore=" + image(1));
    cluster.advance(20_000);
    assertThat(cluster.quorum()).isTrue();
    cluster.history.clear();
  }

  /** Everything that a deploy made, but a StorageClass that others use. */
  List<SimulatedCluster.Key> ours() {
    return cluster.objects.entrySet().stream()
        .filter(e -> !e.getKey().kind().equals("storageclass"))
        .filter(
            e ->
                !SimulatedCluster.text(".metadata.labels.sandstore\\.io/instance", e.getValue())
                        .isEmpty()
                    || e.getKey().name().startsWith("pvc-"))
        .map(Map.Entry::getKey)
        .toList();
  }

  /** What the nodes' pods run, each once. */
  Set<String> images() {
    Set<String> images = new HashSet<>();
    cluster
        .all("pod")
        .filter(p -> SimulatedCluster.text(".metadata.labels.component", p).equals("node"))
        .forEach(p -> images.add(SimulatedCluster.text(".spec.containers[0].image", p)));
    return images;
  }

  /** Sends a signal to a flow and to what it runs, as a terminal does. */
  void signal(Process flow, String signal) {
    List<String> command = new ArrayList<>(List.of("kill", "-" + signal));
    command.add(String.valueOf(flow.pid()));
    flow.descendants().forEach(child -> command.add(String.valueOf(child.pid())));
    try {
      // A process may be gone meanwhile.
      new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  interface Work {
    void run() throws Exception;
  }

  /** Runs something to its end while a call waits for its answer: its own calls are answered. */
  void aside(Work work) {
    turn.unlock();
    try {
      work.run();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    } finally {
      turn.lock();
    }
  }

  // --- Answering ---

  private void serve() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        Thread.ofVirtual().start(() -> answer(socket));
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void answer(Socket socket) {
    try (socket) {
      List<String> words = words(new BufferedInputStream(socket.getInputStream()));
      Path directory = Path.of(words.get(0));
      String program = words.get(1);
      List<String> arguments = words.subList(2, words.size());
      if (program.equals("sleep") && realMillisPerSecond > 0) {
        Thread.sleep(realMillisPerSecond);
      }
      OutputStream out = socket.getOutputStream();
      if (program.equals("kubectl") && arguments.contains("--follow")) {
        follow(arguments, out, socket.getInputStream());
        return;
      }
      Answer answer;
      turn.lock();
      try {
        answer = answer(directory, program, arguments);
      } finally {
        turn.unlock();
      }
      long lines = answer.error().lines().count();
      String error = answer.error().isEmpty() || answer.error().endsWith("\n") ? "" : "\n";
      out.write(
          (answer.code() + " " + lines + "\n" + answer.error() + error + answer.output())
              .getBytes(UTF_8));
    } catch (IOException | InterruptedException e) {
      // The flow was killed while it asked.
    }
  }

  private static List<String> words(InputStream in) throws IOException {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    java.io.Reader reader = new java.io.InputStreamReader(in, UTF_8);
    for (int c = reader.read(); c >= 0; c = reader.read()) {
      if (c == 1) {
        return words;
      } else if (c == 0) {
        words.add(word.toString());
        word.setLength(0);
      } else {
        word.append((char) c);
      }
    }
    throw new IOException("half a call");
  }

  private Answer answer(Path directory, String program, List<String> arguments) {
    String call = program + " " + String.join(" ", arguments);
    return switch (program) {
      case "sleep" -> {
        cluster.advance(Long.parseLong(arguments.getFirst()) * 1000);
        yield Answer.of("");
      }
      case "date" -> Answer.of(cluster.now() / 1000 + "\n");
      default -> {
        calls.add(call);
        cluster.advance(100);
        before.accept(call);
        yield switch (program) {
          case "docker" -> docker(arguments);
          case "sandstore" -> sandstore(directory, arguments);
          default -> kubectl(directory, arguments, call);
        };
      }
    };
  }

  private Answer docker(List<String> arguments) {
    String verb = arguments.getFirst();
    if (broken.contains("docker " + verb)) {
      return new Answer(1, verb.equals("build") ? "COMPILATION ERROR\n" : "denied\n", "");
    }
    String digest = DIGEST.formatted(pushed);
    return switch (verb) {
      case "push" -> Answer.of("raft-latest: digest: " + digest + " size: 1\n");
      case "buildx" -> Answer.of("Digest: " + digest + "\n");
      default -> Answer.of("");
    };
  }

  private Answer sandstore(Path directory, List<String> arguments) {
    String verb = arguments.getFirst();
    if (verb.equals("profile")) {
      return profile(directory, arguments);
    }
    if (broken.contains("sandstore")) {
      return new Answer(69, "", "sandstore: cannot reach 192.0.2.7:30080: Connect timed out\n");
    }
    boolean leads = cluster.quorum() && !broken.contains("sandstore " + verb);
    return new Answer(leads ? 0 : 69, "NODE ADDRESS ROLE READY\n", "");
  }

  /** As the command does: {@code profile env [--untuned] PROFILE}. */
  private static Answer profile(Path directory, List<String> arguments) {
    String name = arguments.getLast();
    try {
      Profile profile =
          Profile.named(
              Profile.isFile(name) ? directory.resolve(name).normalize().toString() : name);
      if (arguments.contains("--untuned")) {
        profile = Profile.of("untuned", profile.line());
      }
      StringBuilder lines = new StringBuilder();
      NodeConfig.environment(profile)
          .forEach((key, value) -> lines.append(key).append('=').append(value).append('\n'));
      return Answer.of(lines.toString());
    } catch (IllegalArgumentException e) {
      return new Answer(64, "", "sandstore: " + e.getMessage() + "\n");
    }
  }

  private Answer kubectl(Path directory, List<String> arguments, String call) {
    List<String> words =
        arguments.stream()
            .filter(a -> !a.matches("--(context|namespace|request-timeout)=.*"))
            .toList();
    Fate fate =
        words.getFirst().equals("config")
            ? Fate.ANSWERED
            : fates.of(number.incrementAndGet(), call);
    if (fate == Fate.LOST) {
      return new Answer(1, "", UNREACHABLE);
    }
    Answer answer = kubectl.run(directory, words);
    return fate == Fate.ANSWERED ? answer : new Answer(1, "", UNREACHABLE);
  }

  private void follow(List<String> arguments, OutputStream out, InputStream in) throws IOException {
    calls.add("kubectl " + String.join(" ", arguments));
    String pod = arguments.get(arguments.indexOf("logs") + 1);
    out.write("0 0\n".getBytes(UTF_8));
    followed.put(pod, out);
    int end = in.read(); // until the other side, or the test, has had enough
    assertThat(end).isNegative();
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
