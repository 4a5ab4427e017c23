package io.sandstore.control;

import ch.qos.logback.classic.Level;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.sandstore.config.NodeConfig;
import io.sandstore.node.Node;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Probes and metrics over HTTP.
 *
 * <ul>
 *   <li>{@code /livez}: 200 while this process works. Nothing that a restart would not mend counts.
 *   <li>{@code /readyz}: 200 while this node is in the quorum, caught up and has its blocks; else
 *       503 and the reasons, a line each
 *   <li>{@code /metrics}: for Prometheus
 *   <li>{@code /ui}: the dashboard, fed by {@code /ui/events}
 *   <li>{@code /log-level}: PUT {@code LEVEL} or {@code LOGGER LEVEL}; only from this machine
 * </ul>
 */
final class HttpEndpoint implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(HttpEndpoint.class);
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final int BACKLOG = 64;
  private static final int LEVEL_BYTES_MAX = 200;

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  HttpEndpoint(NodeConfig config, Node node, Metrics metrics) throws IOException {
    String address = config.operations().http();
    URI uri = URI.create("http://" + address);
    if (uri.getHost() == null || uri.getPort() < 0) {
      throw new IOException("SANDSTORE_HTTP must be host:port, not '" + address + "'");
    }
    try {
      server = HttpServer.create(new InetSocketAddress(uri.getHost(), uri.getPort()), BACKLOG);
    } catch (IOException e) {
      throw new IOException("cannot listen on " + address + ": " + e.getMessage(), e);
    }
    PrometheusRegistry registry = metrics.registry();
    NodeMetrics.register(node, registry);
    Dashboard dashboard = new Dashboard(node, config);
    PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
    serve("/livez", exchange -> text(exchange, 200, "ok\n"));
    serve("/readyz", exchange -> ready(exchange, node));
    serve(
        "/metrics",
        exchange -> {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          writer.write(out, registry.scrape());
          answer(exchange, 200, writer.getContentType(), out.toByteArray());
        });
    serve("/ui", dashboard::page);
    serve("/ui/events", dashboard::events);
    serve("/log-level", HttpEndpoint::logLevel);
    serve("/", HttpEndpoint::home);
    server.setExecutor(threads);
    server.start();
  }

  private interface Page {
    void answer(HttpExchange exchange) throws IOException;
  }

  private void serve(String path, Page page) {
    server.createContext(
        path,
        exchange -> {
          try (exchange) {
            if (!exchange.getRequestURI().getPath().equals(path)) {
              text(exchange, 404, "no such page\n");
            } else {
              page.answer(exchange);
            }
          }
        });
  }

  private static void ready(HttpExchange exchange, Node node) throws IOException {
    List<String> reasons = node.status().ofThis().getNotReadyList();
    String text = reasons.isEmpty() ? "ok\n" : String.join("\n", reasons) + "\n";
    text(exchange, reasons.isEmpty() ? 200 : 503, text);
  }

  private static void home(HttpExchange exchange) throws IOException {
    exchange.getResponseHeaders().set("Location", "/ui");
    text(exchange, 302, "/ui\n");
  }

  /** Whoever may run programs beside the node may; a port-forward comes from there, too. */
  private static void logLevel(HttpExchange exchange) throws IOException {
    if (!exchange.getRemoteAddress().getAddress().isLoopbackAddress()) {
      text(exchange, 403, "only from this machine: use kubectl port-forward\n");
      return;
    }
    String body =
        new String(exchange.getRequestBody().readNBytes(LEVEL_BYTES_MAX), StandardCharsets.UTF_8);
    String[] words = body.strip().split("\\s+");
    String logger = words.length == 2 ? words[0] : "io.sandstore";
    Level level = Level.toLevel(words[words.length - 1], null);
    if (!exchange.getRequestMethod().equals("PUT") || level == null || words.length > 2) {
      text(
          exchange,
          400,
          "PUT a level (TRACE, DEBUG, INFO, WARN, ERROR), or a logger and a level\n");
      return;
    }
    ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger(logger)).setLevel(level);
    log.info("{} logs at {}", logger, level);
    text(exchange, 200, logger + " " + level + "\n");
  }

  static void text(HttpExchange exchange, int code, String text) throws IOException {
    answer(exchange, code, TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  static void answer(HttpExchange exchange, int code, String type, byte[] body) throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(code, body.length);
    exchange.getResponseBody().write(body);
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
