package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.client.ClientConfig;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.config.NodeConfig;
import io.sandstore.node.Node;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Somebody else eats what a disk has left, the reserve too, while entries are under way. What was
 * acknowledged is read, files are removed, nodes come up again and again; when there is room,
 * everything is as if nothing had been.
 */
class NoRoomTest {

  private static final List<String> NAMES = List.of("n-0", "n-1", "n-2");
  private static final Set<OpenFlag> CREATE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final int SEEDS = Integer.getInteger("noroom.seeds", 30);

  /** What runs out. */
  private enum Resource {
    BYTES {
      @Override
      void exhaust(SimDisk disk) {
        disk.capacityBytes = disk.used();
      }
    },
    INODES {
      @Override
      void exhaust(SimDisk disk) {
        disk.capacityFiles = disk.files();
      }
    };

    abstract void exhaust(SimDisk disk);
  }

  @ParameterizedTest
  @EnumSource
  void aDiskWithoutRoomServesReadersAndRemovalThroughRestarts(Resource resource) {
    for (long seed = 1; seed <= SEEDS; seed++) {
      new Run(seed, resource).play();
    }
  }

  private static final class Run {
    private final long seed;
    private final Resource resource;
    private final World world;
    private final SimNetwork network;
    private final Random random;
    private final Map<String, SimDisk> disks = new LinkedHashMap<>();
    private final Map<String, SimProcess> processes = new LinkedHashMap<>();
    private final Map<String, Node> nodes = new LinkedHashMap<>();
    private final SandstoreClient client;
    private final SimProcess host;
    private final Map<String, byte[]> acknowledged = new LinkedHashMap<>();

    Run(long seed, Resource resource) {
      this.seed = seed;
      this.resource = resource;
      this.world = new World(seed);
      this.network = new SimNetwork(world);
      this.random = new Random(seed);
      for (String name : NAMES) {
        disks.put(name, new SimDisk(new Random(seed)));
        boot(name);
      }
      SimProcess process = new SimProcess(world, "client", network);
      client =
          new SandstoreClient(
              process.host,
              ClientConfig.of(String.join(",", members().values()))
                  .withTimeout(Duration.ofSeconds(30))
                  .withBlockBytes(64 << 10)
                  .withInlineBytes(4 << 10));
      this.host = process;
    }

    private static Map<String, String> members() {
      Map<String, String> addresses = new LinkedHashMap<>();
      NAMES.forEach(name -> addresses.put(name, name + ":9070"));
      return addresses;
    }

    private static NodeConfig config(String name) {
      return new NodeConfig(
          name,
          name + ":9070",
          NodeConfig.Membership.of(members()),
          NodeConfig.Operations.none(),
          "/",
          "raft",
          Duration.ofMillis(100),
          Duration.ofMillis(700),
          32 << 10,
          64 << 10,
          1 << 20,
          Duration.ofSeconds(5),
          Duration.ofSeconds(600),
          Duration.ofSeconds(60),
          Duration.ofMillis(200),
          Duration.ofSeconds(10),
          8);
    }

    private void boot(String name) {
      SimProcess process = new SimProcess(world, name, network);
      processes.put(name, process);
      process.host.threads().start("main", () -> main(name, process));
    }

    private void main(String name, SimProcess process) {
      try {
        Node node = new Node(process.host, disks.get(name), config(name), () -> members());
        nodes.put(name, node);
        node.start();
      } catch (IOException e) {
        process.host.halt().halt("cannot start: " + e.getMessage(), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private void restart(String name, boolean power) {
      processes.get(name).kill();
      network.drop(processes.get(name));
      if (power) {
        disks.get(name).loseUnforced();
      }
      boot(name);
    }

    void play() {
      inClient(() -> writeSome("before", 20, false));
      // In the middle of writing, so that entries are under way that nobody has room for.
      long eaten = 1_000_000L * (1 + random.nextInt(200));
      world.after(eaten, () -> disks.values().forEach(resource::exhaust));
      inClient(() -> writeSome("while", 200, true));
      for (int round = 0; round < 3; round++) {
        int which = random.nextInt(NAMES.size() + 1);
        for (int i = 0; i < NAMES.size(); i++) {
          if (which == i || which == NAMES.size()) {
            restart(NAMES.get(i), which == i && random.nextBoolean());
          }
        }
        disks.values().forEach(resource::exhaust);
        inClient(this::readAll);
      }
      List<String> removed = acknowledged.keySet().stream().limit(10).toList();
      inClient(() -> removed.forEach(this::unlink));
      restart(NAMES.get(random.nextInt(NAMES.size())), random.nextBoolean());
      inClient(this::readAll);
      for (SimDisk disk : disks.values()) {
        disk.capacityBytes = Long.MAX_VALUE;
        disk.capacityFiles = Long.MAX_VALUE;
      }
      inClient(this::awaitRoom);
      inClient(() -> writeSome("after", 100, false));
      NAMES.forEach(name -> restart(name, false));
      inClient(this::readAll);
      boolean whole = world.run(Duration.ofMinutes(3).toNanos(), this::whole);
      assertThat(whole).as("seed %d: every disk has what it should hold", seed).isTrue();
    }

    private boolean whole() {
      nobodyHalted();
      return nodes.values().stream()
          .allMatch(
              n -> n.inspect().map(i -> i.ready() && i.blocksAreAsReferenced()).orElse(false));
    }

    private void nobodyHalted() {
      processes.forEach(
          (name, process) ->
              assertThat(process.haltedBy()).as("seed %d: %s halted", seed, name).isEmpty());
    }

    private interface Step {
      void run() throws IOException;
    }

    private void inClient(Step step) {
      CompletableFuture<@Nullable Throwable> end = new CompletableFuture<>();
      host.host
          .threads()
          .start(
              "step",
              () -> {
                try {
                  step.run();
                  end.complete(null);
                } catch (IOException | RuntimeException | AssertionError e) {
                  end.complete(e);
                }
              });
      boolean ended =
          world.run(
              Duration.ofMinutes(5).toNanos(),
              () -> {
                nobodyHalted();
                return end.isDone();
              });
      assertThat(ended).as("seed %d: the client gets on", seed).isTrue();
      if (end.join() != null) {
        throw new AssertionError("seed " + seed + ": " + end.join(), end.join());
      }
    }

    /** Small files, whose bytes come with the log, and a larger one now and then. */
    private void writeSome(String what, int count, boolean mayBeFull) throws IOException {
      for (int i = 0; i < count; i++) {
        byte[] bytes = new byte[i % 10 == 9 ? 10_000 : 1 + random.nextInt(3000)];
        random.nextBytes(bytes);
        String path = "/" + what + i;
        try (SandFile file = client.open(path, CREATE, 0644)) {
          file.write(ByteBuffer.wrap(bytes));
          file.fsync();
          acknowledged.put(path, bytes);
        } catch (PosixException e) {
          assertThat(e.errno()).as(e.getMessage()).isEqualTo(Errno.ENOSPC);
          assertThat(mayBeFull).as(e.getMessage()).isTrue();
          return;
        }
      }
    }

    private void awaitRoom() throws IOException {
      for (int i = 0; i < 50; i++) {
        try {
          client.open("/room", CREATE, 0644).close();
          return;
        } catch (PosixException e) {
          assertThat(e.errno()).as(e.getMessage()).isEqualTo(Errno.ENOSPC);
          sleep(Duration.ofMillis(100));
        }
      }
      throw new AssertionError("there is room, and nobody notices");
    }

    private void sleep(Duration time) {
      try {
        host.host.clock().sleep(time);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private void readAll() throws IOException {
      for (Map.Entry<String, byte[]> entry : acknowledged.entrySet()) {
        byte[] expected = entry.getValue();
        ByteBuffer all = ByteBuffer.allocate(expected.length + 1);
        try (SandFile file = client.open(entry.getKey(), EnumSet.of(OpenFlag.O_RDONLY), 0)) {
          while (file.read(all) >= 0) {
            // Until the end.
          }
        }
        assertThat(Arrays.copyOf(all.array(), all.position()))
            .as(entry.getKey())
            .isEqualTo(expected);
      }
    }

    private void unlink(String path) {
      try {
        client.unlink(path);
        acknowledged.remove(path);
      } catch (IOException e) {
        throw new AssertionError("cannot remove " + path + " from a full disk: " + e, e);
      }
    }
  }
}
