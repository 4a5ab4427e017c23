package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.testkit.LocalCluster;
import java.io.File;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A profile in a jar that somebody else compiled works when it is dropped beside ours. */
@Tag("slow")
class ExtensionTest {

  private static final Path SOURCE =
      Path.of("../sim/src/test/java/org/example/toy/ToyProfile.java");
  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @TempDir Path directory;

  private Path jar() throws Exception {
    Path classes = Files.createDirectory(directory.resolve("classes"));
    int compiled =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-proc:none",
                "-cp",
                CLASS_PATH,
                "-d",
                classes.toString(),
                SOURCE.toString());
    assertThat(compiled).as("the profile compiles").isZero();
    Path jar = Files.createDirectory(directory.resolve("extensions")).resolve("toy.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file)) {
      for (Path path : TestCluster.files(classes)) {
        out.putNextEntry(new JarEntry(classes.relativize(path).toString()));
        out.write(Files.readAllBytes(path));
      }
      out.putNextEntry(new JarEntry("META-INF/services/io.sandstore.replication.Profile"));
      out.write("org.example.toy.ToyProfile".getBytes(StandardCharsets.UTF_8));
    }
    return jar;
  }

  private static final Map<String, String> TOY =
      Map.of("SANDSTORE_PROFILE", "toy", "SANDSTORE_TOY_MB", "128");

  private Process node(List<String> command, int port, Map<String, String> profile)
      throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(key -> key.startsWith("SANDSTORE_"));
    environment.putAll(profile);
    environment.put("SANDSTORE_NAME", "n-0");
    environment.put("SANDSTORE_MEMBERS", "n-0=127.0.0.1:" + port);
    environment.put("SANDSTORE_LISTEN", "127.0.0.1:" + port);
    environment.put("SANDSTORE_DATA_DIR", directory.resolve("data").toString());
    return builder
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("log").toFile())
        .start();
  }

  @Test
  void aNodeOfItServesTheCommandLine() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    List<String> command = new ArrayList<>(LocalCluster.command());
    int classPath = command.indexOf("-cp") + 1;
    String extended = CLASS_PATH + File.pathSeparator + jar().resolveSibling("*");
    command.set(classPath, extended);
    Process node = node(command, port, TOY);
    try (SandstoreClient client =
        new SandstoreClient(
            JvmHost.create(4),
            ClientConfig.of("127.0.0.1:" + port).withTimeout(Duration.ofSeconds(60)))) {
      assertThat(SmokeCommand.run(client, false, Optional.empty()))
          .as(Files.readString(directory.resolve("log")))
          .isTrue();
      var status = client.status().getNodes(0).getStatus();
      assertThat(status.getProfile()).isEqualTo("toy");
      assertThat(status.getRole()).isEqualTo("PRIMARY");
      assertThat(status.getReady()).isTrue();
    } finally {
      node.destroyForcibly().waitFor();
    }
  }

  /** Without the jar, the name says nothing to a node, which says so at once. */
  @Test
  void withoutItsJarTheNameIsRefused() throws Exception {
    Process node = node(LocalCluster.command(), 1, TOY);
    assertThat(node.waitFor()).isEqualTo(ExitCode.USAGE.number());
    assertThat(Files.readString(directory.resolve("log")))
        .contains("no profile 'toy'; there are [")
        .contains("raft");
  }

  /** Three lines, anywhere: no jar, and nothing compiled. */
  @Test
  void aNodeOfAProfileInAFileServesTheCommandLine() throws Exception {
    Path file = directory.resolve("mine.conf");
    Files.writeString(file, "log = raft\nblocks = files\nSANDSTORE_RESERVE_MB = 128\n");
    Map<String, String> mine = Map.of("SANDSTORE_PROFILE", file.toString());
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    Process node = node(LocalCluster.command(), port, mine);
    try (SandstoreClient client =
        new SandstoreClient(
            JvmHost.create(4),
            ClientConfig.of("127.0.0.1:" + port).withTimeout(Duration.ofSeconds(60)))) {
      assertThat(SmokeCommand.run(client, false, Optional.empty()))
          .as(Files.readString(directory.resolve("log")))
          .isTrue();
      assertThat(client.status().getNodes(0).getStatus().getProfile()).isEqualTo("mine");
    } finally {
      node.destroyForcibly().waitFor();
    }
    Process other = node(LocalCluster.command(), port, Map.of());
    assertThat(other.waitFor()).isNotZero();
    assertThat(Files.readString(directory.resolve("log")))
        .contains("the data directory is of profile mine@", "this node would run profile raft@");
  }
}
