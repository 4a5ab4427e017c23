package io.sandstore.control;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
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

/**
 * Probes and metrics over HTTP.
 *
 * <ul>
 *   <li>{@code /livez}: 200 while this process works. Nothing that a restart would not mend counts.
 *   <li>{@code /readyz}: 200 while this node is in the quorum, caught up and has its blocks; else
 *       503 and the reasons, a line each
 *   <li>{@code /metrics}: for Prometheus
 * </ul>
 */
final class HttpEndpoint implements Closeable {

  private static final String TEXT = "text/plain; charset=utf-8";
  private static final int BACKLOG = 64;

  private final HttpServer server;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  HttpEndpoint(String address, Node node) throws IOException {
    URI uri = URI.create("http://" + address);
    if (uri.getHost() == null || uri.getPort() < 0) {
      throw new IOException("SANDSTORE_HTTP must be host:port, not '" + address + "'");
    }
    try {
      server = HttpServer.create(new InetSocketAddress(uri.getHost(), uri.getPort()), BACKLOG);
    } catch (IOException e) {
      throw new IOException("cannot listen on " + address + ": " + e.getMessage(), e);
    }
    PrometheusRegistry registry = NodeMetrics.register(node);
    PrometheusTextFormatWriter writer = PrometheusTextFormatWriter.create();
    serve(
        "/livez", exchange -> answer(exchange, 200, TEXT, "ok\n".getBytes(StandardCharsets.UTF_8)));
    serve("/readyz", exchange -> ready(exchange, node));
    serve(
        "/metrics",
        exchange -> {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          writer.write(out, registry.scrape());
          answer(exchange, 200, writer.getContentType(), out.toByteArray());
        });
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
              answer(exchange, 404, TEXT, "no such page\n".getBytes(StandardCharsets.UTF_8));
            } else {
              page.answer(exchange);
            }
          }
        });
  }

  private static void ready(HttpExchange exchange, Node node) throws IOException {
    List<String> reasons = node.status().ofThis().getNotReadyList();
    String text = reasons.isEmpty() ? "ok\n" : String.join("\n", reasons) + "\n";
    answer(exchange, reasons.isEmpty() ? 200 : 503, TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  private static void answer(HttpExchange exchange, int code, String type, byte[] body)
      throws IOException {
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
