package io.sandstore.compare;

import io.sandstore.bench.Bench;
import io.sandstore.etcd.EtcdClient;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Three members of etcd as Debian's etcd-server brings it, with its defaults. A create is a put of
 * a new key of 128 bytes, a stat is a get of one of 100; the client asks the leader.
 */
final class EtcdContender implements Contender {

  private static final int CLIENT_PORT = 9280;
  private static final int PEER_PORT = 9290;
  private static final int MEMBERS = 3;
  private static final int KEYS = 100;
  private static final String VALUE = "v".repeat(128);

  private Optional<Processes> processes = Optional.empty();
  private List<String> endpoints = List.of();

  @Override
  public String guarantees() {
    return "keys only, no files: forced on a majority of three before the acknowledgement; reads "
        + "linearizable";
  }

  @Override
  public Set<Bench.Phase> phases() {
    return EnumSet.of(Bench.Phase.CREATE, Bench.Phase.STAT);
  }

  private static String url(int port, int member) {
    return "http://127.0.0.1:" + (port + member);
  }

  @Override
  public void start(Path directory) throws IOException, InterruptedException {
    Processes started = new Processes(directory);
    processes = Optional.of(started);
    String members =
        IntStream.range(0, MEMBERS)
            .mapToObj(i -> "m" + i + "=" + url(PEER_PORT, i))
            .collect(Collectors.joining(","));
    for (int i = 0; i < MEMBERS; i++) {
      started.start(
          "etcd-" + i,
          List.of(
              "etcd",
              "--name=m" + i,
              "--data-dir=" + directory.resolve("data-" + i),
              "--listen-client-urls=" + url(CLIENT_PORT, i),
              "--advertise-client-urls=" + url(CLIENT_PORT, i),
              "--listen-peer-urls=" + url(PEER_PORT, i),
              "--initial-advertise-peer-urls=" + url(PEER_PORT, i),
              "--initial-cluster=" + members,
              "--quota-backend-bytes=" + (8L << 30)));
    }
    endpoints = leaderFirst();
  }

  private static List<String> leaderFirst() throws IOException, InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    try (HttpClient http = HttpClient.newHttpClient()) {
      while (System.nanoTime() < end) {
        for (int i = 0; i < MEMBERS; i++) {
          if (leads(http, i)) {
            List<String> urls = new ArrayList<>(List.of(url(CLIENT_PORT, i)));
            urls.add(url(CLIENT_PORT, (i + 1) % MEMBERS));
            urls.add(url(CLIENT_PORT, (i + 2) % MEMBERS));
            return urls;
          }
        }
        Thread.sleep(100);
      }
    }
    throw new IOException("etcd has no leader after 60 s");
  }

  private static boolean leads(HttpClient http, int member) throws InterruptedException {
    try {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(url(CLIENT_PORT, member) + "/metrics")).build();
      return http.send(request, HttpResponse.BodyHandlers.ofString())
          .body()
          .contains("\netcd_server_is_leader 1");
    } catch (IOException notYet) {
      return false;
    }
  }

  @Override
  public Bench.Subject connect(int blockBytes) throws IOException {
    EtcdClient client = new EtcdClient(endpoints, Duration.ofSeconds(10));
    AtomicLong names = new AtomicLong();
    return new Bench.Subject() {
      @Override
      public void prepare(Bench.Phase phase) throws IOException {
        for (int i = 0; i < KEYS; i++) {
          client.put("/list/" + i, VALUE, 0);
        }
      }

      @Override
      public Bench.Operation operation(Bench.Phase phase) {
        return switch (phase) {
          case CREATE ->
              () -> {
                client.put("/bench/" + names.incrementAndGet(), VALUE, 0);
                return 0;
              };
          case STAT ->
              () -> {
                client.get("/list/" + ThreadLocalRandom.current().nextInt(KEYS));
                return 0;
              };
          default -> throw new IllegalArgumentException("etcd has no " + phase);
        };
      }

      @Override
      public void close() {
        client.close();
      }
    };
  }

  @Override
  public void close() throws IOException {
    if (processes.isPresent()) {
      processes.get().close();
    }
  }
}
