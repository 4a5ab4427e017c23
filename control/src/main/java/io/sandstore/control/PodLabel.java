package io.sandstore.control;

import io.sandstore.node.Node;
import io.sandstore.wire.NodeStatus;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a label on this node's own pod by which a Service finds the primary: {@code true} while it
 * is the primary or knows of none, {@code false} while it knows another. Pods begin with {@code
 * true}, so that where the API server cannot be reached every pod is an entry, which is always
 * correct and only a hop longer.
 */
final class PodLabel implements Closeable {

  private static final Logger log = LoggerFactory.getLogger(PodLabel.class);
  private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");
  private static final Duration LOOK_EVERY = Duration.ofMillis(100);
  private static final Duration RETRY = Duration.ofSeconds(5);
  private static final Duration LIMIT = Duration.ofSeconds(3);

  private final String pod;
  private final String label;
  private final Node node;
  private final Thread thread;
  private Optional<Boolean> written = Optional.empty();
  private boolean complained;

  PodLabel(String pod, String label, Node node) {
    this.pod = pod;
    this.label = label;
    this.node = node;
    this.thread = Thread.ofVirtual().name("pod label").start(this::run);
  }

  private void run() {
    try {
      if (System.getenv("KUBERNETES_SERVICE_HOST") == null) {
        log.warn("SANDSTORE_POD_LABEL is set, but this is not a pod of Kubernetes");
        return;
      }
      while (true) {
        Thread.sleep(look() ? LOOK_EVERY : RETRY);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean look() throws InterruptedException {
    try {
      NodeStatus status = node.status().ofThis();
      boolean follows =
          !status.getPrimary().isEmpty() && !status.getPrimary().equals(status.getName());
      boolean entry = !follows && !node.draining();
      if (!written.equals(Optional.of(entry))) {
        patch(entry);
        written = Optional.of(entry);
        complained = false;
        log.info("this pod is {} entry for clients", entry ? "an" : "no");
      }
      return true;
    } catch (IOException | GeneralSecurityException e) {
      if (!complained) {
        log.warn("the pod's label stays as it is, clients may take a hop more: {}", e.toString());
        complained = true;
      }
      return false;
    }
  }

  private void patch(boolean entry)
      throws IOException, GeneralSecurityException, InterruptedException {
    String host = System.getenv("KUBERNETES_SERVICE_HOST");
    String port = System.getenv().getOrDefault("KUBERNETES_SERVICE_PORT", "443");
    String space = Files.readString(ACCOUNT.resolve("namespace")).strip();
    URI uri =
        URI.create(
            "https://%s:%s/api/v1/namespaces/%s/pods/%s"
                .formatted(host.indexOf(':') < 0 ? host : "[" + host + "]", port, space, pod));
    HttpRequest request =
        HttpRequest.newBuilder(uri)
            .timeout(LIMIT)
            // Read each time: the kubelet replaces it before it expires.
            .header("Authorization", "Bearer " + Files.readString(ACCOUNT.resolve("token")).strip())
            .header("Content-Type", "application/merge-patch+json")
            .method(
                "PATCH",
                HttpRequest.BodyPublishers.ofString(
                    "{\"metadata\":{\"labels\":{\"%s\":\"%s\"}}}".formatted(label, entry)))
            .build();
    try (HttpClient client =
        HttpClient.newBuilder().sslContext(trusted()).connectTimeout(LIMIT).build()) {
      HttpResponse<Void> answer = client.send(request, HttpResponse.BodyHandlers.discarding());
      if (answer.statusCode() != 200) {
        throw new IOException("the API server answered " + answer.statusCode());
      }
    }
  }

  /** Trusts the cluster's own authority and nobody else. */
  private static SSLContext trusted() throws IOException, GeneralSecurityException {
    KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
    authorities.load(null, null);
    try (InputStream in = Files.newInputStream(ACCOUNT.resolve("ca.crt"))) {
      int i = 0;
      for (Certificate ca : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        authorities.setCertificateEntry("ca" + i++, ca);
      }
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(authorities);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
