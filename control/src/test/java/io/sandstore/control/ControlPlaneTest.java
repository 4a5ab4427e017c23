package io.sandstore.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.config.NodeConfig;
import io.sandstore.etcd.EtcdClient;
import io.sandstore.etcd.LeaseLostException;
import io.sandstore.node.FoundedCluster;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Views;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.NodeStatus;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The control plane against a real etcd, which is killed, paused and wiped. */
@Tag("slow")
class ControlPlaneTest {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path directory;
  private Etcd etcd;
  private EtcdClient client;

  @BeforeEach
  void start() throws Exception {
    etcd = new Etcd(directory.resolve("etcd"));
    etcd.start();
    client = new EtcdClient(List.of(etcd.endpoint()), Duration.ofSeconds(5));
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    etcd.close();
  }

  // --- The client ---

  @Test
  void keysAreSetListedAndGoWithTheirLease() throws Exception {
    assertThat(client.get("/none")).isEmpty();
    long lease = client.grant(Duration.ofSeconds(60));
    client.put("/a/1", "one", lease);
    client.put("/a/2", "two", 0);
    client.put("/b/1", "other", 0);
    client.keepAlive(lease);
    assertThat(client.list("/a/", 10)).isEqualTo(Map.of("/a/1", "one", "/a/2", "two"));
    assertThat(client.list("/a/", 1)).hasSize(1);
    client.revoke(lease);
    assertThat(client.list("/a/", 10)).isEqualTo(Map.of("/a/2", "two"));
    assertThatThrownBy(() -> client.keepAlive(lease)).isInstanceOf(LeaseLostException.class);
    assertThatThrownBy(() -> client.put("/a/1", "late", lease))
        .isInstanceOf(LeaseLostException.class);
  }

  @Test
  void aKeyIsSetByWhoeverKnowsItsRevision() throws Exception {
    EtcdClient.Entry first = client.compareAndSet("/c", 0, "first").orElseThrow();
    assertThat(first.value()).isEqualTo("first");
    assertThat(client.compareAndSet("/c", 0, "second")).contains(first);
    EtcdClient.Entry third = client.compareAndSet("/c", first.revision(), "third").orElseThrow();
    assertThat(third.value()).isEqualTo("third");
    assertThat(client.compareAndSet("/c", first.revision(), "fourth")).contains(third);
    assertThat(client.compareAndSet("/gone", first.revision(), "fifth")).isEmpty();
    assertThat(client.get("/c")).contains("third");
  }

  @Test
  void anotherEndpointAnswersForOneThatIsAway() throws Exception {
    try (EtcdClient two =
        new EtcdClient(List.of("http://127.0.0.1:1", etcd.endpoint()), Duration.ofSeconds(5))) {
      two.put("/d", "x", 0);
      assertThat(two.get("/d")).contains("x");
      long lease = two.grant(Duration.ofSeconds(60));
      two.keepAlive(lease);
    }
  }

  @Test
  void anEtcdThatIsAwayIsAnErrorInTime() throws Exception {
    etcd.kill();
    assertThatThrownBy(() -> client.get("/a"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("etcd does not answer");
    etcd.start();
    await(() -> answers());
  }

  @Test
  void anEtcdThatVanishedWithoutAWordIsDialledAgain() throws Exception {
    try (Relay relay = new Relay(URI.create(etcd.endpoint()).getPort());
        EtcdClient far =
            new EtcdClient(List.of("http://127.0.0.1:" + relay.port()), Duration.ofSeconds(1))) {
      long lease = far.grant(Duration.ofSeconds(60));
      relay.loseConnections();
      assertThatThrownBy(() -> far.get("/a")).isInstanceOf(IOException.class);
      assertThat(far.get("/a")).isEmpty();
      relay.loseConnections();
      assertThatThrownBy(() -> far.keepAlive(lease)).isInstanceOf(IOException.class);
      far.keepAlive(lease);
    }
  }

  private boolean answers() {
    try {
      client.get("/a");
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  // --- What a node keeps there ---

  private NodeConfig config(String name) {
    Map<String, String> environment = new TreeMap<>();
    environment.put("SANDSTORE_NAME", name);
    environment.put("SANDSTORE_DATA_DIR", "/d");
    environment.put("SANDSTORE_DISCOVERY", "etcd");
    environment.put("SANDSTORE_ADDRESS", name + ":9070");
    environment.put("SANDSTORE_ETCD", etcd.endpoint());
    return NodeConfig.of(environment);
  }

  private static NodeStatus status(String name, String cluster, String role, long term) {
    return NodeStatus.newBuilder()
        .setClusterId(cluster)
        .setMemberId(7)
        .setRole(role)
        .setPrimary(role.equals("PRIMARY") ? name : "")
        .setTerm(term)
        .build();
  }

  private ControlPlane started(String name, AtomicReference<NodeStatus> status) {
    ControlPlane plane = new ControlPlane(config(name), () -> Optional.ofNullable(status.get()));
    plane.start();
    return plane;
  }

  @Test
  void nodesFindEachOtherAndThePrimaryIsAnnounced() throws Exception {
    AtomicReference<NodeStatus> a = new AtomicReference<>(status("n-0", "c1", "FOLLOWER", 1));
    AtomicReference<NodeStatus> b = new AtomicReference<>(status("n-1", "c1", "PRIMARY", 1));
    try (ControlPlane first = started("n-0", a);
        ControlPlane second = started("n-1", b)) {
      await(() -> first.addresses().equals(Map.of("n-0", "n-0:9070", "n-1", "n-1:9070")));
      await(() -> second.addresses().size() == 2);
      await(() -> client.get("/sandstore/v1/primary").orElse("").contains("\"name\":\"n-1\""));
      a.set(status("n-0", "c1", "PRIMARY", 2));
      await(() -> client.get("/sandstore/v1/primary").orElse("").contains("\"term\":2"));
      // The deposed one still thinks that it leads: a later term stands.
      await(() -> client.get("/sandstore/v1/primary").orElse("").contains("\"name\":\"n-0\""));
    }
    assertThat(client.list("/sandstore/v1/nodes/", 10)).isEmpty();
    assertThat(client.get("/sandstore/v1/cluster").orElse("")).contains("\"cluster\":\"c1\"");
  }

  @Test
  void anEtcdThatWasWipedLearnsOfTheClusterAgain() throws Exception {
    AtomicReference<NodeStatus> status = new AtomicReference<>(status("n-0", "c1", "PRIMARY", 3));
    try (ControlPlane plane = started("n-0", status)) {
      await(() -> client.get("/sandstore/v1/primary").isPresent());
      etcd.kill();
      etcd.wipe();
      etcd.start();
      await(() -> answers() && client.get("/sandstore/v1/primary").isPresent());
      assertThat(client.get("/sandstore/v1/cluster").orElse("")).contains("\"cluster\":\"c1\"");
      // The lease was lost with everything else, and taken again.
      assertThat(client.list("/sandstore/v1/nodes/", 10)).hasSize(1);
      assertThat(plane.addresses()).hasSize(1);
    }
  }

  @Test
  void anEtcdOfAnotherClusterIsLeftAlone() throws Exception {
    String other = "{\"cluster\":\"c2\",\"founder\":\"9\",\"profile\":\"raft\",\"nodes\":3}";
    client.put("/sandstore/v1/cluster", other, 0);
    AtomicReference<NodeStatus> asked = new AtomicReference<>(status("n-0", "c1", "PRIMARY", 3));
    AtomicInteger looks = new AtomicInteger();
    try (ControlPlane plane =
        new ControlPlane(
            config("n-0"),
            () -> {
              looks.incrementAndGet();
              return Optional.of(asked.get());
            })) {
      plane.start();
      await(() -> looks.get() >= 2);
      assertThat(client.list("/sandstore/v1/", 10))
          .isEqualTo(Map.of("/sandstore/v1/cluster", other));
    }
  }

  @Test
  void aClusterIsFoundedOnce() throws Exception {
    try (ControlPlane plane = new ControlPlane(config("n-0"), Optional::empty)) {
      assertThat(claim(plane, "c1", 7)).isEqualTo("c1");
      // After a crash between the claim and the disk: the same founder founds the same cluster.
      assertThat(claim(plane, "c2", 7)).isEqualTo("c1");
      assertThatThrownBy(() -> claim(plane, "c3", 8))
          .isInstanceOf(PosixException.class)
          .hasMessageContaining("remembers cluster c1")
          .hasMessageContaining("/sandstore/v1/cluster in etcd");
      etcd.kill();
      assertThatThrownBy(() -> claim(plane, "c4", 7))
          .isInstanceOf(IOException.class)
          .isNotInstanceOf(PosixException.class);
    }
  }

  @Test
  void aClusterIsOfOneProfile() throws Exception {
    String record = "{\"cluster\":\"c1\",\"founder\":\"7\",\"profile\":\"%s\",\"nodes\":3}";
    try (ControlPlane plane = new ControlPlane(config("n-0"), Optional::empty)) {
      client.put("/sandstore/v1/cluster", record.formatted("flash@00000000"), 0);
      assertThatThrownBy(() -> claim(plane, "c2", 7))
          .isInstanceOf(PosixException.class)
          .hasMessageContaining("cluster c1 of profile flash@00000000")
          .hasMessageContaining("this node runs profile raft@");
      client.put("/sandstore/v1/cluster", record.formatted("raft"), 0);
      assertThat(claim(plane, "c2", 7)).as("as an earlier release noted it").isEqualTo("c1");
    }
  }

  private static String claim(ControlPlane plane, String cluster, long founder) throws IOException {
    String profile = Profile.named("raft").id();
    return new FoundedCluster(cluster, Long.toHexString(founder), profile, 3).claim(plane.views());
  }

  @Test
  void aRecordIsReplacedByWhoeverKnowsItsVersion() throws Exception {
    try (ControlPlane plane = new ControlPlane(config("n-0"), Optional::empty)) {
      Views views = plane.views();
      assertThat(views.lacks()).isEmpty();
      assertThat(views.read("chain")).isEqualTo(Views.View.NONE);
      Views.View one = views.compareAndSet("chain", 0, Map.of("head", "n-0"));
      assertThat(one.fields()).isEqualTo(Map.of("head", "n-0"));
      assertThat(views.compareAndSet("chain", 0, Map.of("head", "n-1"))).isEqualTo(one);
      Views.View two = views.compareAndSet("chain", one.version(), Map.of("head", "n-2"));
      assertThat(two.fields()).isEqualTo(Map.of("head", "n-2"));
      assertThat(views.compareAndSet("chain", one.version(), Map.of())).isEqualTo(two);
      assertThat(views.read("chain")).isEqualTo(two);
      for (String other : List.of("[not ours]", "null", "", "{\"head\":null}", "{\"head\":{}}")) {
        client.put("/sandstore/v1/chain", other, 0);
        assertThatThrownBy(() -> views.read("chain"))
            .as(other)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("/sandstore/v1/chain in etcd is not ours");
      }
      etcd.kill();
      assertThatThrownBy(() -> views.read("chain")).isInstanceOf(IOException.class);
    }
  }

  @Test
  void withoutEtcdNothingCanBeAgreedOnAndItIsSaid() {
    Views views = Views.none();
    assertThat(views.lacks()).hasValueSatisfying(why -> assertThat(why).contains("SANDSTORE_ETCD"));
    assertThatThrownBy(() -> views.compareAndSet("chain", 0, Map.of()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("set SANDSTORE_ETCD");
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(50);
    }
  }
}
