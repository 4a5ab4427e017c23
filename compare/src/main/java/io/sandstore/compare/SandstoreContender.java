package io.sandstore.compare;

import io.sandstore.bench.Bench;
import io.sandstore.bench.SandstoreSubject;
import io.sandstore.client.SandstoreClient;
import io.sandstore.replication.Profile;
import io.sandstore.testkit.LocalCluster;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Three nodes as 'make up' starts them. */
final class SandstoreContender implements Contender {

  private static final int BASE_PORT = 9270;
  private final String profile;
  private final Map<String, String> environment;
  private Optional<LocalCluster> cluster = Optional.empty();

  /**
   * @param profile of the nodes, or its file
   * @param more variables of the nodes
   */
  SandstoreContender(String profile, Map<String, String> more) {
    this.profile = profile;
    environment = new HashMap<>(more);
    environment.putAll(Profile.environment(profile, Map.of("SANDSTORE_RESERVE_MB", "128")));
  }

  @Override
  public String guarantees() {
    return Profile.named(profile).survivesRestart()
        ? "metadata and data forced on a majority of three (data: on all that answer in time) "
            + "before the acknowledgement; reads linearizable"
        : "metadata and data in the memory of all members before the acknowledgement; reads "
            + "linearizable; gone when all processes are";
  }

  @Override
  public Set<Bench.Phase> phases() {
    return EnumSet.allOf(Bench.Phase.class);
  }

  @Override
  public void start(Path directory) throws IOException, InterruptedException {
    LocalCluster started = new LocalCluster(directory, BASE_PORT, environment);
    cluster = Optional.of(started);
    started.startAll();
    started.awaitPrimary(3, Duration.ofSeconds(60));
  }

  @Override
  public Bench.Subject connect(int blockBytes) throws IOException {
    SandstoreClient client = cluster.orElseThrow().client();
    SandstoreSubject subject = new SandstoreSubject(client, blockBytes);
    return new Bench.Subject() {
      @Override
      public void prepare(Bench.Phase phase) throws IOException {
        subject.prepare(phase);
      }

      @Override
      public Bench.Operation operation(Bench.Phase phase) throws IOException {
        return subject.operation(phase);
      }

      @Override
      public void close() throws IOException {
        client.close(); // all of it is wiped with the cluster
      }
    };
  }

  @Override
  public void close() throws IOException {
    if (cluster.isPresent()) {
      cluster.get().stopAll();
      cluster.get().wipe();
    }
  }
}
