package io.sandstore.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs make and kubectl as a person would, in a checkout. */
record Shell(Path checkout, Map<String, String> environment) {

  static final String CONTEXT = System.getenv().getOrDefault("KUBE_CONTEXT", "minikube-laptop");

  record Result(int code, String output) {
    Result succeeds() {
      assertThat(code).as(output).isZero();
      return this;
    }

    Result fails(String... messages) {
      assertThat(code).as(output).isNotZero();
      assertThat(output).contains(messages);
      return this;
    }
  }

  Result make(String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of("make", "--no-print-directory"));
    command.addAll(Arrays.asList(words));
    Result result = run(Duration.ofMinutes(15), command);
    System.out.printf(
        "$ make %s%n%s[exit %d]%n", String.join(" ", words), result.output, result.code);
    return result;
  }

  /** The output of a call of kubectl that must succeed. */
  String kubectl(String... words) throws Exception {
    return tryKubectl(words).succeeds().output.strip();
  }

  Result tryKubectl(String... words) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("kubectl", "--context=" + CONTEXT, "--namespace=default"));
    command.addAll(Arrays.asList(words));
    return run(Duration.ofMinutes(3), command);
  }

  String field(String object, String path) throws Exception {
    return tryKubectl("get", object, "-o", "jsonpath=" + path).output.strip();
  }

  Process start(List<String> command, Path output) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).directory(checkout.toFile());
    builder.environment().keySet().removeAll(List.of("MAKEFLAGS", "MAKELEVEL", "MFLAGS"));
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true).redirectOutput(output.toFile());
    builder.redirectInput(Path.of("/dev/null").toFile());
    return builder.start();
  }

  private Result run(Duration limit, List<String> command) throws Exception {
    Path output = Files.createTempFile("sandstore-e2e", ".out");
    try {
      Process process = start(command, output);
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        throw new AssertionError(command + " did not end:\n" + Files.readString(output));
      }
      return new Result(
          process.exitValue(), new String(Files.readAllBytes(output), StandardCharsets.UTF_8));
    } finally {
      Files.deleteIfExists(output);
    }
  }

  Shell with(String variable, String value) {
    Map<String, String> more = new java.util.TreeMap<>(environment);
    more.put(variable, value);
    return new Shell(checkout, more);
  }

  /** A checkout of its own with these very sources, in which a test may change something. */
  Shell copyTo(Path directory) throws Exception {
    for (String file :
        run(Duration.ofMinutes(1), List.of("git", "ls-files", "-co", "--exclude-standard"))
            .succeeds()
            .output
            .lines()
            .toList()) {
      copy(checkout.resolve(file), directory.resolve(file));
    }
    try (Stream<Path> lib = Files.list(checkout.resolve("cli/target/lib"))) {
      for (Path file : lib.toList()) {
        copy(file, directory.resolve("cli/target/lib").resolve(file.getFileName().toString()));
      }
    }
    // The program on this machine stays the one that is tested: only the image is built anew.
    Files.setLastModifiedTime(
        directory.resolve("cli/target/lib/.built"),
        FileTime.from(Instant.now().plus(Duration.ofDays(1))));
    return new Shell(directory, environment);
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    Files.copy(from, to, StandardCopyOption.COPY_ATTRIBUTES, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Changes a file of this checkout; the text must be there. */
  void edit(String file, String from, String to) throws IOException {
    Path path = checkout.resolve(file);
    String text = Files.readString(path);
    assertThat(text).contains(from);
    Files.writeString(path, text.replace(from, to));
  }

  static void await(String what, Duration limit, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + limit.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.sleep(200);
    }
  }
}
