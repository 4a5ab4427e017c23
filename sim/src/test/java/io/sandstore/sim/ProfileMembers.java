package io.sandstore.sim;

import com.google.protobuf.ByteString;
import io.sandstore.host.BufferPool;
import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Configurations;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Site;
import io.sandstore.replication.Traffic;
import io.sandstore.replication.Views;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.Payloads;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcClient;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Members of a cluster on simulated hosts that are made of what a profile makes and nothing else:
 * what the contract suites of its ports are let at. As many as the profile can have, up to three.
 */
public final class ProfileMembers {

  private static final Duration LIMIT = Duration.ofHours(2);
  private static final Duration CALL_LIMIT = Duration.ofSeconds(10);
  private static final int SNAPSHOT_BYTES = 8 << 10;

  /** Opens what a member is made of, with a thread of its process. */
  @FunctionalInterface
  public interface Opener {
    void open(Member member, Site site) throws IOException;
  }

  /** What a test does, on a thread of a process of its own. */
  @FunctionalInterface
  public interface Task {
    void run() throws Exception;
  }

  private final Profile profile;
  private final Opener opener;
  private final World world = new World(1);
  private final SimNetwork network = new SimNetwork(world);
  private final Views views = new SimViews(world);
  private final SimProcess test = new SimProcess(world, "test", network);
  private final Identity cluster;
  private final Map<String, Member> members = new LinkedHashMap<>();

  public ProfileMembers(Profile profile, Opener opener) {
    this.profile = profile;
    this.opener = opener;
    List<io.sandstore.wire.Member> founders =
        IntStream.range(0, Math.min(3, profile.membersMax()))
            .mapToObj(
                i -> io.sandstore.wire.Member.newBuilder().setName("m-" + i).setId(11 + i).build())
            .toList();
    this.cluster =
        Identity.newBuilder()
            .setClusterId("c")
            .setProfile(profile.id())
            .setFounders(Configurations.founders(founders))
            .build();
    founders.forEach(
        founder -> members.put(founder.getName(), new Member(founder.getName(), founder.getId())));
    members.values().forEach(Member::boot);
  }

  public List<Member> members() {
    return List.copyOf(members.values());
  }

  public io.sandstore.wire.Configuration founders() {
    return cluster.getFounders();
  }

  public Clock clock() {
    return test.host.clock();
  }

  public Deadline soon() {
    return clock().deadline(Duration.ofSeconds(30));
  }

  /** Waits until something is so; two minutes of the simulation at most. */
  public void await(String what, BooleanSupplier condition) throws InterruptedException {
    Deadline limit = clock().deadline(Duration.ofMinutes(2));
    while (!condition.getAsBoolean()) {
      if (limit.passed()) {
        throw new AssertionError("not within two minutes: " + what);
      }
      clock().sleep(Duration.ofMillis(10));
    }
  }

  /** Runs a task to its end, once all members are open. */
  public void run(Task task) throws Exception {
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    test.host
        .threads()
        .start(
            "test",
            () -> {
              try {
                await("all members are open", () -> members().stream().allMatch(Member::isOpen));
                task.run();
                done.complete(true);
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    if (!world.run(LIMIT.toNanos(), done::isDone)) {
      throw new AssertionError("the test does not end");
    }
    if (done.isCompletedExceptionally()) {
      throw new AssertionError(done.exceptionNow().getMessage(), done.exceptionNow());
    }
  }

  /** Starts something beside the test, on its machine. */
  public <T> CompletableFuture<T> beside(java.util.concurrent.Callable<T> task) {
    CompletableFuture<T> done = new CompletableFuture<>();
    test.host
        .threads()
        .start(
            "beside",
            () -> {
              try {
                done.complete(task.call());
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    return done;
  }

  public <T> T await(CompletableFuture<T> future) throws Exception {
    return clock().await(future, Duration.ofMinutes(2));
  }

  /** One member: its disk stays, its process comes and goes. */
  public final class Member implements RpcServer.Handler, Traffic {
    private final String name;
    private final SimDisk disk = new SimDisk(new Random(1));
    private final Map<String, RpcClient> peers = new LinkedHashMap<>();
    private long id;
    private SimProcess process = new SimProcess(world, "none", network);
    private boolean open;
    private @Nullable CommandLog log;
    private @Nullable BlockPlane blocks;

    private Member(String name, long id) {
      this.name = name;
      this.id = id;
      disk.capacityBytes = 12 << 20;
    }

    public String name() {
      return name;
    }

    public long id() {
      return id;
    }

    public boolean isOpen() {
      return open;
    }

    public void set(CommandLog made) {
      log = made;
    }

    public void set(BlockPlane made) {
      blocks = made;
    }

    public CommandLog log() {
      return Objects.requireNonNull(log);
    }

    public BlockPlane blocks() {
      return Objects.requireNonNull(blocks);
    }

    public void boot() {
      process = new SimProcess(world, name, network);
      peers.clear();
      SimProcess booted = process;
      booted.host.threads().start("main", () -> main(booted));
    }

    private void main(SimProcess booted) {
      try {
        Identity self = cluster.toBuilder().setName(name).setMemberId(id).build();
        new RpcServer(booted.host, name + ":9070", this);
        opener.open(
            this,
            new Site(
                booted.host, disk, self, Simulation.small(profile, SNAPSHOT_BYTES), this, views));
        open = true;
      } catch (IOException e) {
        booted.host.halt().halt("cannot start: " + e.getMessage(), e);
      }
    }

    /** Ends the process; what was not forced is gone. */
    public void kill() {
      process.kill();
      network.drop(process);
      disk.loseUnforced();
      open = false;
    }

    /** Comes back with an empty disk, as somebody who never promised anything. */
    public void replace(long newId) {
      disk.wipe();
      id = newId;
    }

    /** Another member, as nodes reach each other. */
    public RpcClient peer(String to) {
      Hello hello = Hello.newBuilder().setFrom(name).build();
      return peers.computeIfAbsent(
          to, key -> new RpcClient(process.host, key + ":9070", () -> hello));
    }

    @Override
    public HelloReply hello(Caller caller, Hello hello) {
      return HelloReply.getDefaultInstance();
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      if (!(caller instanceof Caller.Node(String from))) {
        throw new IllegalArgumentException("members have no clients: " + caller);
      }
      return new RpcServer.Requests() {
        @Override
        public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
            throws IOException, InterruptedException {
          return Member.this.handle(request, payload, deadline);
        }

        @Override
        public void receive(Header message) {
          if (open) {
            log().receive(from, message.getLogCast());
          }
        }
      };
    }

    private Reply handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException {
      if (!open) {
        throw new PosixException(Errno.EAGAIN, "not yet");
      }
      Header.Builder answer = Header.newBuilder();
      return switch (request.getBodyCase()) {
        case LOG_CALL -> Reply.of(answer.setLogCall(log().handle(request.getLogCall(), payload)));
        case BLOCK_CALL ->
            Reply.of(
                answer.setBlockCall(
                    blocks().handle(request.getBlockCall(), payload, Payloads.sums(request))));
        case READ_BLOCK -> blocks().read(request.getReadBlock(), deadline);
        default -> throw new PosixException(Errno.EPROTO, "not a request between members");
      };
    }

    @Override
    public void cast(String to, ByteString message) {
      Header header = Header.newBuilder().setLogCast(message).build();
      process
          .host
          .threads()
          .start(
              "cast",
              () -> {
                try {
                  peer(to).cast(RpcClient.LOG, header);
                } catch (IOException e) {
                  // It is lost, as it may be.
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
    }

    @Override
    public Optional<ByteString> call(String to, ByteString request, ByteBuffer payload)
        throws IOException, InterruptedException {
      RpcClient peer = peer(to);
      Header.Builder question = Header.newBuilder().setLogCall(request);
      Deadline limit = process.host.clock().deadline(CALL_LIMIT);
      try (Frame answer = peer.call(peer.bulkLane(), question, payload, limit)) {
        return Optional.of(answer.header().getLogCall());
      }
    }
  }

  /** All bytes of a lease, which is given back. */
  public static byte[] bytes(BufferPool.Lease lease) {
    try (lease) {
      byte[] bytes = new byte[lease.buffer().remaining()];
      lease.buffer().get(bytes);
      return bytes;
    }
  }
}
