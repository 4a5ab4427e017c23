package io.sandstore.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.config.NodeConfig;
import io.sandstore.etcd.EtcdClient;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.node.Node;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real node with what surrounds it, on this machine. */
@Tag("slow")
class NodeServicesTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path directory;

  /** A cluster of one node. */
  private final class Running implements AutoCloseable {
    final String http = "127.0.0.1:" + freePort();
    private final NodeServices services;
    private final Node node;
    private final Thread starting;

    Running(String disk, Map<String, String> more) throws Exception {
      Map<String, String> environment = new TreeMap<>(more);
      String address = "127.0.0.1:" + freePort();
      environment.put("SANDSTORE_NAME", "n-0");
      environment.put("SANDSTORE_LISTEN", address);
      environment.put("SANDSTORE_MEMBERS", "n-0=" + address);
      environment.put("SANDSTORE_HTTP", http);
      environment.put("SANDSTORE_DATA_DIR", directory.resolve(disk).toString());
      NodeConfig config = NodeConfig.of(environment);
      Host host = JvmHost.create(config.buffers());
      Path data = Files.createDirectories(directory.resolve(disk));
      services = new NodeServices(config, new Metrics(Duration.ZERO));
      node = new Node(host, new FileDisk(data), config, services.discovery(), services.views());
      services.attach(node);
      starting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      node.start();
                    } catch (IOException | InterruptedException e) {
                      // Closed while it waited.
                    }
                  });
    }

    HttpResponse<String> get(String path) throws Exception {
      try (HttpClient client = HttpClient.newHttpClient()) {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + http + path)).build();
        return client.send(request, HttpResponse.BodyHandlers.ofString());
      }
    }

    String cluster() throws IOException {
      return node.status().ofThis().getClusterId();
    }

    void awaitReady() throws Exception {
      await(() -> get("/readyz").statusCode() == 200);
    }

    @Override
    public void close() throws Exception {
      starting.interrupt();
      starting.join();
      node.shutDown();
      services.close();
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(20);
    }
  }

  @Test
  void probesAndMetricsTellWhatTheNodeIsAndDoes() throws Exception {
    try (Running node = new Running("a", Map.of())) {
      assertThat(node.get("/livez").statusCode()).isEqualTo(200);
      node.awaitReady();
      assertThat(node.get("/readyz").body()).isEqualTo("ok\n");
      HttpResponse<String> metrics = node.get("/metrics");
      assertThat(metrics.statusCode()).isEqualTo(200);
      assertThat(metrics.headers().firstValue("Content-Type").orElse("")).contains("text/plain");
      assertThat(metrics.body())
          .contains("# TYPE sandstore_log_term gauge")
          .contains("sandstore_log_primary 1.0")
          .contains("sandstore_ready 1.0")
          .contains("sandstore_disk_free_bytes")
          .contains("# TYPE sandstore_blocks_corrupt_found_total counter")
          .contains("jvm_memory_used_bytes");
      assertThat(node.get("/readyz/x").statusCode()).isEqualTo(404);
      assertThat(node.get("/").headers().firstValue("Location")).contains("/ui");
      assertThat(node.get("/ui").body()).contains("<title>Sand Store</title>");
    }
  }

  @Test
  void aNodeThatWaitsIsLiveButNotReadyAndSaysWhy() throws Exception {
    Map<String, String> noEtcd = Map.of("SANDSTORE_ETCD", "http://127.0.0.1:" + freePort());
    try (Running node = new Running("a", noEtcd)) {
      await(() -> node.get("/readyz").body().contains("etcd does not answer"));
      assertThat(node.get("/readyz").statusCode()).isEqualTo(503);
      assertThat(node.get("/readyz").body()).startsWith("not in a cluster yet: ");
      assertThat(node.get("/livez").statusCode()).isEqualTo(200);
      assertThat(node.get("/metrics").body()).contains("sandstore_ready 0.0");
    }
  }

  @Test
  void etcdIsNeededToFoundAClusterAndForNothingElse() throws Exception {
    try (Etcd etcd = new Etcd(directory.resolve("etcd"))) {
      Map<String, String> environment = Map.of("SANDSTORE_ETCD", etcd.endpoint());
      String cluster;
      try (Running node = new Running("a", environment)) {
        await(() -> node.get("/readyz").body().contains("etcd does not answer"));
        etcd.start();
        node.awaitReady();
        cluster = node.cluster();
      }
      etcd.kill();
      try (Running node = new Running("a", environment)) {
        node.awaitReady();
        assertThat(node.cluster()).isEqualTo(cluster);
      }
      // A wiped etcd does not make a node with data found another cluster.
      etcd.wipe();
      etcd.start();
      try (Running node = new Running("a", environment);
          EtcdClient client = new EtcdClient(List.of(etcd.endpoint()), LIMIT)) {
        node.awaitReady();
        assertThat(node.cluster()).isEqualTo(cluster);
        await(() -> client.get("/sandstore/v1/cluster").isPresent());
      }
      // Nor do wiped disks, while etcd remembers.
      try (Running node = new Running("blank", environment)) {
        await(() -> node.get("/readyz").body().contains("in etcd remembers cluster " + cluster));
        assertThat(node.cluster()).isEmpty();
      }
    }
  }
}
