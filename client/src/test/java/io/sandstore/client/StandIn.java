package io.sandstore.client;

import io.sandstore.host.Clock;
import io.sandstore.host.Deadline;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.rpc.Caller;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.Reply;
import io.sandstore.rpc.RpcServer;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.Command;
import io.sandstore.wire.Done;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.HelloReply;
import io.sandstore.wire.Layout;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadBlock;
import io.sandstore.wire.ReadBlockReply;
import io.sandstore.wire.Write;
import io.sandstore.wire.WriteBlockReply;
import java.io.Closeable;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A cluster of some nodes in one process, without a log and without disks: files are extents of
 * blocks in memory. Every node answers everything. Tests say what a node does before it answers.
 */
final class StandIn implements Closeable {

  /** What happens before a node answers; may wait, or refuse. */
  interface Before {
    void request(String node, Header request) throws IOException, InterruptedException;
  }

  private static final class Content {
    long size;
    final TreeMap<Long, NewExtent> extents = new TreeMap<>();
  }

  private final List<RpcServer> servers = new ArrayList<>();
  private final List<String> addresses = new ArrayList<>();
  private final Map<String, Long> inodes = new HashMap<>();
  private final Map<Long, Content> files = new HashMap<>();
  private final Map<Long, byte[]> blocks = new HashMap<>();
  private final List<Write> writes = new ArrayList<>();
  private long nextBlock = 1;
  private volatile boolean onlyLengths;
  private volatile int extentsPerAnswer = 1000;
  private volatile Before before = (node, request) -> {};

  StandIn(int nodes) throws IOException {
    Host host = JvmHost.create(16);
    for (int i = 0; i < nodes; i++) {
      String address = "127.0.0.1:" + freePort();
      addresses.add(address);
      servers.add(new RpcServer(host, address, new Node("node-" + i)));
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  String seeds() {
    return String.join(",", addresses);
  }

  void before(Before todo) {
    before = todo;
  }

  /** Forgets the bytes of blocks: for tests that write much and read nothing. */
  void keepOnlyLengths() {
    onlyLengths = true;
  }

  void answerInPages(int extents) {
    extentsPerAnswer = extents;
  }

  /** The Write commands so far, in order. */
  synchronized List<Write> writes() {
    return List.copyOf(writes);
  }

  synchronized byte[] content(String path) {
    Content file = files.get(inodes.get(path));
    byte[] bytes = new byte[(int) file.size];
    file.extents.forEach(
        (offset, extent) -> {
          byte[] block = blocks.get(extent.getBlock());
          System.arraycopy(block, 0, bytes, (int) (long) offset, extent.getLength());
        });
    return bytes;
  }

  /** Puts every extent's bytes into a new block; the old blocks are gone. */
  synchronized void overwrite(String path) {
    Content file = files.get(inodes.get(path));
    file.extents.replaceAll(
        (offset, extent) -> {
          byte[] moved = blocks.remove(extent.getBlock());
          blocks.put(nextBlock, moved);
          return extent.toBuilder().setBlock(nextBlock++).build();
        });
  }

  /** What one write command of another client does. */
  synchronized void append(String path, byte[] bytes) {
    apply(
        Write.newBuilder()
            .setInode(inodes.get(path))
            .setAppend(true)
            .setInlineData(com.google.protobuf.ByteString.copyFrom(bytes))
            .build());
  }

  private synchronized Outcome apply(Command command) {
    return switch (command.getOpCase()) {
      case OPEN_SESSION -> Outcome.newBuilder().setValue(1).build();
      case CREATE -> {
        String path = command.getCreate().getLocation().getPath();
        long inode = inodes.computeIfAbsent(path, p -> 2L + inodes.size());
        Content file = files.computeIfAbsent(inode, i -> new Content());
        if (command.getCreate().getTruncate()) {
          file.size = 0;
          file.extents.clear();
        }
        yield Outcome.newBuilder().setAttributes(attributes(inode)).build();
      }
      case WRITE -> {
        writes.add(command.getWrite());
        yield apply(command.getWrite());
      }
      default -> Outcome.getDefaultInstance();
    };
  }

  private Outcome apply(Write write) {
    Content file = files.get(write.getInode());
    long base = write.getAppend() ? file.size : 0;
    List<NewExtent> extents = new ArrayList<>(write.getExtentsList());
    if (!write.getInlineData().isEmpty()) {
      blocks.put(nextBlock, write.getInlineData().toByteArray());
      extents.add(
          NewExtent.newBuilder()
              .setOffset(write.getInlineOffset())
              .setLength(write.getInlineData().size())
              .setBlock(nextBlock++)
              .build());
    }
    for (NewExtent extent : extents) {
      long offset = base + extent.getOffset();
      file.extents.put(offset, extent);
      file.size = Math.max(file.size, offset + extent.getLength());
    }
    return Outcome.newBuilder().setAttributes(attributes(write.getInode())).setValue(base).build();
  }

  private Attributes attributes(long inode) {
    return Attributes.newBuilder()
        .setInode(inode)
        .setType(FileType.REGULAR)
        .setSize(files.get(inode).size)
        .build();
  }

  private synchronized Answer answer(Query query) {
    return switch (query.getOpCase()) {
      case LOOKUP -> {
        var lookup = query.getLookup();
        Long inode =
            lookup.getInode() != 0
                ? Long.valueOf(lookup.getInode())
                : inodes.get(lookup.getLocation().getPath());
        yield Answer.newBuilder().setAttributes(attributes(inode)).build();
      }
      case LAYOUT -> layout(query.getLayout());
      default -> Answer.getDefaultInstance();
    };
  }

  private Answer layout(Layout asked) {
    Content file = files.get(asked.getInode());
    Answer.Builder answer = Answer.newBuilder().setAttributes(attributes(asked.getInode()));
    file.extents.forEach(
        (offset, extent) -> {
          boolean touches =
              offset < asked.getOffset() + asked.getLength()
                  && offset + extent.getLength() > asked.getOffset();
          if (touches && answer.getExtentsCount() == extentsPerAnswer) {
            answer.setMore(true);
          } else if (touches) {
            answer.addExtents(
                Extent.newBuilder()
                    .setOffset(offset)
                    .setLength(extent.getLength())
                    .setBlock(extent.getBlock())
                    .setBlockLength(extent.getLength())
                    .addAllHolders(holders()));
          }
        });
    return answer.build();
  }

  private List<String> holders() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < addresses.size(); i++) {
      names.add("node-" + i);
    }
    return names;
  }

  private synchronized long store(byte[] bytes) {
    blocks.put(nextBlock, onlyLengths ? new byte[0] : bytes);
    return nextBlock++;
  }

  private synchronized byte[] read(ReadBlock part) throws PosixException {
    byte[] block = blocks.get(part.getBlock());
    if (block == null) {
      throw new PosixException(Errno.ENOENT, "no node has block " + part.getBlock());
    }
    return Arrays.copyOfRange(block, part.getOffset(), part.getOffset() + part.getLength());
  }

  private final class Node implements RpcServer.Handler, RpcServer.Requests {
    private final String name;

    Node(String name) {
      this.name = name;
    }

    @Override
    public HelloReply hello(Caller caller, Hello hello) {
      return HelloReply.newBuilder().setName(name).setClusterId("stand-in").build();
    }

    @Override
    public RpcServer.Requests forLink(Caller caller) {
      return this;
    }

    @Override
    public Reply handle(Header request, ByteBuffer payload, Deadline deadline)
        throws IOException, InterruptedException {
      before.request(name, request);
      return switch (request.getBodyCase()) {
        case MUTATE ->
            Reply.of(Header.newBuilder().setOutcome(apply(request.getMutate().getCommand())));
        case ASK -> Reply.of(Header.newBuilder().setAnswer(answer(request.getAsk().getQuery())));
        case WRITE_BLOCK -> {
          byte[] bytes = new byte[payload.remaining()];
          payload.get(bytes);
          yield Reply.of(
              Header.newBuilder()
                  .setWriteBlockReply(
                      WriteBlockReply.newBuilder().setBlock(store(bytes)).setWhere(7)));
        }
        case READ_BLOCK ->
            Reply.of(
                Frame.of(
                    Header.newBuilder()
                        .setReadBlockReply(ReadBlockReply.getDefaultInstance())
                        .build(),
                    ByteBuffer.wrap(read(request.getReadBlock()))));
        default -> Reply.of(Header.newBuilder().setDone(Done.getDefaultInstance()));
      };
    }

    @Override
    public void receive(Header message) {}
  }

  @Override
  public void close() throws IOException {
    for (RpcServer server : servers) {
      server.close();
    }
  }

  /** The machine's clock, which a test can put forward. */
  static final class LeapingClock implements Clock {
    private final Clock machine;
    private final AtomicLong ahead = new AtomicLong();
    private final AtomicInteger waiting = new AtomicInteger();

    LeapingClock(Clock machine) {
      this.machine = machine;
    }

    void leap(Duration time) {
      ahead.addAndGet(time.toNanos());
    }

    /** The same while somebody waits, who has worked out how long before. */
    void leapUnderAWait(Duration time) throws InterruptedException {
      while (waiting.get() == 0) {
        Thread.sleep(1);
      }
      leap(time);
    }

    @Override
    public long nanos() {
      return machine.nanos() + ahead.get();
    }

    @Override
    public long millis() {
      return machine.millis();
    }

    @Override
    public void sleep(Duration time) throws InterruptedException {
      machine.sleep(time);
    }

    @Override
    public <T> T await(CompletableFuture<T> future, Duration limit)
        throws InterruptedException, ExecutionException, TimeoutException {
      waiting.incrementAndGet();
      try {
        return machine.await(future, limit);
      } finally {
        waiting.decrementAndGet();
      }
    }
  }

  /** This machine, with another clock. */
  static Host with(Host host, Clock clock) {
    return new Host(
        clock,
        host.random(),
        host.threads(),
        host.network(),
        host.buffers(),
        host.memory(),
        host.telemetry(),
        host.halt());
  }
}
