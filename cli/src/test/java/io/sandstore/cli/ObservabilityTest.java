package io.sandstore.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.SandstoreClient;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What three real nodes show of themselves: metrics, alarms, logs, and the page in a browser. */
@Tag("slow")
class ObservabilityTest {

  private static final Path RULES = Path.of("../deploy/observability");
  private static final Path SCREENSHOTS = Path.of("target/screenshots");

  @TempDir static Path directory;
  private static TestCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster =
        new TestCluster(
            directory.resolve("cluster"),
            Map.of("SANDSTORE_LOG_FORMAT", "json", "SANDSTORE_SLOW_MS", "1"),
            true);
  }

  @AfterAll
  static void stop() throws Exception {
    cluster.close();
  }

  private static String page(String node, String path) {
    return cluster.nodes.dashboard(node).replace("/ui", path);
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }
  }

  private static String get(String url) throws Exception {
    return send(HttpRequest.newBuilder(URI.create(url))).body();
  }

  @Test
  void everyOperationIsCountedByKindAndOutcome() throws Exception {
    String primary = cluster.awaitAll();
    String before = get(page(primary, "/metrics")); // other tests may have asked this primary, too
    try (SandstoreClient client = SandstoreClient.connect(cluster.nodes.address(primary))) {
      client.mkdir("/counted", 0755);
      TestCluster.write(client, "/counted/file", TestCluster.content(1, 100_000));
      TestCluster.read(client, "/counted/file");
      try {
        client.stat("/not-there");
      } catch (java.io.IOException expected) {
        // It is the point.
      }
    }
    String metrics = get(page(primary, "/metrics"));
    assertThat(count(metrics, "mkdir", "ok")).isEqualTo(count(before, "mkdir", "ok") + 1);
    assertThat(count(metrics, "lookup", "ENOENT")).isEqualTo(count(before, "lookup", "ENOENT") + 1);
    assertThat(metrics)
        .containsPattern("sandstore_log_append_duration_seconds_count [1-9]")
        .containsPattern("sandstore_log_commit_duration_seconds_count\\{stage=\"replicate\"} [1-9]")
        .containsPattern("sandstore_network_bytes_total\\{direction=\"received\"} [1-9]")
        .containsPattern("sandstore_log_member_lag_entries\\{member=\"sandstore-[012]\"} [0-9]");
  }

  private static long count(String metrics, String operation, String outcome) {
    String sample =
        "sandstore_request_duration_seconds_count{operation=\"%s\",origin=\"client\",outcome=\"%s\"} "
            .formatted(operation, outcome);
    return metrics
        .lines()
        .filter(line -> line.startsWith(sample))
        .mapToLong(line -> Long.parseLong(line.substring(sample.length())))
        .sum();
  }

  @Test
  void whatAlarmsAndDashboardAskForExists() throws Exception {
    String primary = cluster.awaitAll();
    get(page(primary, "/metrics")); // a rejection or a slow path may have had no sample yet
    String metrics = get(page(primary, "/metrics"));
    Set<String> asked = new TreeSet<>();
    for (String file : new String[] {"alerts.yml", "grafana.json"}) {
      Matcher names =
          Pattern.compile("\\b(?:sandstore|jvm|process)_[a-z_]+")
              .matcher(Files.readString(RULES.resolve(file)));
      while (names.find()) {
        asked.add(names.group());
      }
    }
    assertThat(asked).hasSizeGreaterThan(15);
    for (String name : asked) {
      String family = name.replaceAll("_(bucket|count|sum)$", "");
      assertThat(metrics).as(name).containsPattern("(?m)^# TYPE " + family + " ");
    }
  }

  @Test
  void theAlarmsRingWhenTheyShould() throws Exception {
    Process promtool =
        new ProcessBuilder("promtool", "test", "rules", "alerts_test.yml")
            .directory(RULES.toFile())
            .redirectErrorStream(true)
            .start();
    String said = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(promtool.waitFor()).as(said).isZero();
  }

  @Test
  void logsAreJsonAndTheirLevelChangesAtRunTime() throws Exception {
    String primary = cluster.awaitAll();
    String url = page(primary, "/log-level");
    assertThat(
            send(HttpRequest.newBuilder(URI.create(url))
                    .PUT(HttpRequest.BodyPublishers.ofString("io.sandstore.rpc DEBUG")))
                .body())
        .isEqualTo("io.sandstore.rpc DEBUG\n");
    assertThat(
            send(HttpRequest.newBuilder(URI.create(url))
                    .PUT(HttpRequest.BodyPublishers.ofString("LOUD")))
                .statusCode())
        .isEqualTo(400);
    try (SandstoreClient client = cluster.client()) {
      TestCluster.write(client, "/slow", TestCluster.content(1, 1 << 20));
    }
    FaultsTest.await(
        () -> Files.readString(cluster.nodes.log(primary)).contains("io.sandstore.slow"));
    var json = new com.fasterxml.jackson.databind.ObjectMapper();
    int lines = 0;
    for (String line : Files.readAllLines(cluster.nodes.log(primary))) {
      if (!line.startsWith("{")) {
        assertThat(line).as("the JVM's own words only").startsWith("WARNING: ");
        continue;
      }
      assertThat(json.readTree(line).path("formattedMessage").asText()).as(line).isNotEmpty();
      assertThat(line).doesNotContain("/slow");
      lines++;
    }
    assertThat(lines).isGreaterThan(2);
  }

  @Test
  void thePageShowsThePrimaryDieAndAnotherTakeOver() throws Exception {
    String primary = cluster.awaitAll();
    String witness =
        cluster.nodes.names().stream().filter(n -> !n.equals(primary)).findFirst().orElseThrow();
    try (Browser browser = new Browser(directory.resolve("browser"));
        TestCluster.Writer writer = cluster.new Writer("/watched")) {
      browser.resize(1200, 1400);
      browser.prefer("light");
      browser.open(cluster.nodes.dashboard(witness));
      FaultsTest.await(() -> state(browser).startsWith("All 3 nodes"));
      writer.awaitMore(50);
      FaultsTest.await(
          () -> browser.evaluate("+document.getElementById('ops').textContent").asInt() > 0);
      browser.screenshot(SCREENSHOTS.resolve("healthy-light.png"));

      cluster.nodes.kill(primary);
      FaultsTest.await(() -> state(browser).contains(primary + " does not answer"));
      assertThat(browser.evaluate("document.querySelector('.silent h3').textContent").asText())
          .contains(primary, "does not answer");
      FaultsTest.await(
          () -> browser.evaluate("document.querySelectorAll('.primary').length").asInt() == 1);
      writer.awaitMore(10);
      browser.prefer("dark");
      browser.screenshot(SCREENSHOTS.resolve("primary-killed-dark.png"));

      browser.resize(400, 900);
      assertThat(
              browser
                  .evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                  .asBoolean())
          .as("a phone need not scroll sideways")
          .isTrue();
      browser.screenshot(SCREENSHOTS.resolve("phone-dark.png"));
      assertThat(
              browser
                  .evaluate(
                      "[...document.querySelectorAll('.card')].every(c => c.tabIndex === 0 || c.tagName === 'DETAILS')")
                  .asBoolean())
          .as("the keyboard reaches every card")
          .isTrue();

      cluster.nodes.start(primary);
      cluster.awaitAll();
      FaultsTest.await(() -> state(browser).startsWith("All 3 nodes"));
      assertThat(browser.evaluate("document.getElementById('primaries').textContent").asText())
          .contains("PRIMARY");
      writer.verify();
    }
  }

  private static String state(Browser browser) throws Exception {
    return browser.evaluate("document.getElementById('state').textContent").asText();
  }
}
