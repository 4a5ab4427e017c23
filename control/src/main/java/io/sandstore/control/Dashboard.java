package io.sandstore.control;

import com.sun.net.httpserver.HttpExchange;
import io.sandstore.config.NodeConfig;
import io.sandstore.node.Node;
import io.sandstore.wire.ClusterStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Semaphore;

/** A page that shows the cluster as this node sees it, live by server-sent events. */
final class Dashboard {

  private static final Duration EVERY = Duration.ofSeconds(1);
  private static final int WATCHERS_MAX = 16;

  private final Node node;
  private final NodeConfig config;
  private final Semaphore watchers = new Semaphore(WATCHERS_MAX);
  private final byte[] page;

  Dashboard(Node node, NodeConfig config) throws IOException {
    this.node = node;
    this.config = config;
    try (InputStream in = Dashboard.class.getResourceAsStream("ui.html")) {
      page = Objects.requireNonNull(in, "ui.html is missing").readAllBytes();
    }
  }

  /** The page; it needs nothing else from anywhere. */
  void page(HttpExchange exchange) throws IOException {
    exchange
        .getResponseHeaders()
        .set(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                + "connect-src 'self'; img-src data:");
    HttpEndpoint.answer(exchange, 200, "text/html; charset=utf-8", page);
  }

  /** The status of all nodes, again and again until the reader goes. */
  void events(HttpExchange exchange) throws IOException {
    if (!watchers.tryAcquire()) {
      HttpEndpoint.text(exchange, 503, WATCHERS_MAX + " readers already\n");
      return;
    }
    try {
      exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
      exchange.getResponseHeaders().set("Cache-Control", "no-store");
      exchange.sendResponseHeaders(200, 0);
      OutputStream out = exchange.getResponseBody();
      while (true) {
        String message = "data: " + StatusJson.line(message()) + "\n\n";
        out.write(message.getBytes(StandardCharsets.UTF_8));
        out.flush();
        Thread.sleep(EVERY);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      watchers.release();
    }
  }

  private Map<String, Object> message() throws IOException, InterruptedException {
    ClusterStatus all = node.status().ofAll();
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("from", config.name());
    message.put("time_ms", System.currentTimeMillis());
    message.put("nodes", StatusJson.nodes(all));
    message.put("configuration", NodeConfig.values(System.getenv()));
    return message;
  }
}
