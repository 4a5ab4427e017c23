package io.sandstore.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** A real Chromium, without a window, driven by chromedriver (W3C WebDriver). */
final class Browser implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Process driver;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String base;
  private String session = "";

  Browser(Path directory) throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    base = "http://127.0.0.1:" + port;
    Files.createDirectories(directory);
    try {
      driver =
          new ProcessBuilder("chromedriver", "--port=" + port)
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("chromedriver.log").toFile())
              .start();
    } catch (IOException e) {
      throw new AssertionError("install chromium: apt install chromium chromium-driver", e);
    }
    FaultsTest.await(this::listens);
    List<String> arguments =
        List.of(
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--user-data-dir=" + directory.resolve("profile"));
    Map<String, Object> options =
        Map.of(
            "capabilities",
            Map.of("alwaysMatch", Map.of("goog:chromeOptions", Map.of("args", arguments))));
    session = "/session/" + post("/session", options).path("sessionId").asText();
  }

  private boolean listens() throws InterruptedException {
    try {
      return http.send(
                  HttpRequest.newBuilder(URI.create(base + "/status")).build(),
                  HttpResponse.BodyHandlers.ofString())
              .statusCode()
          == 200;
    } catch (IOException notYet) {
      return false;
    }
  }

  private JsonNode post(String path, Object body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(base + path))
            .timeout(LIMIT)
            .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body)))
            .build();
    HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException(path + ": " + answer.body());
    }
    return JSON.readTree(answer.body()).path("value");
  }

  void open(String url) throws Exception {
    post(session + "/url", Map.of("url", url));
  }

  void resize(int width, int height) throws Exception {
    post(session + "/window/rect", Map.of("width", width, "height", height));
  }

  /** Light or dark, as the user's system would ask for. */
  void prefer(String scheme) throws Exception {
    post(
        session + "/goog/cdp/execute",
        Map.of(
            "cmd",
            "Emulation.setEmulatedMedia",
            "params",
            Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme)))));
  }

  JsonNode evaluate(String expression) throws Exception {
    return post(
        session + "/execute/sync", Map.of("script", "return " + expression, "args", List.of()));
  }

  void screenshot(Path file) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(base + session + "/screenshot")).timeout(LIMIT).build();
    String answer = http.send(request, HttpResponse.BodyHandlers.ofString()).body();
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.write(file, Base64.getDecoder().decode(JSON.readTree(answer).path("value").asText()));
  }

  @Override
  public void close() throws Exception {
    http.send(
        HttpRequest.newBuilder(URI.create(base + session)).DELETE().build(),
        HttpResponse.BodyHandlers.discarding());
    http.close();
    driver.destroyForcibly().onExit().join();
  }
}
