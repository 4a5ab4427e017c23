package io.sandstore.sim;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.host.FileRegion;
import io.sandstore.host.Frame;
import io.sandstore.host.Link;
import io.sandstore.host.Network;
import io.sandstore.wire.Header;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Links between simulated processes: frames are copied, delayed, and in bad weather lost, doubled
 * and reordered, which is worse than TCP does. One-way cuts drop everything silently.
 */
final class SimNetwork {

  private record Port(SimProcess process, Consumer<Link> accept) {}

  private static final long LATE_MAX_NANOS = 60_000_000_000L;

  private final World world;
  private final Map<String, Port> listeners = new HashMap<>();
  private final Set<String> cuts = new HashSet<>();
  private final List<End> ends = new ArrayList<>();
  double loss;
  double duplication;
  long maxDelayNanos = 1_000_000;

  /** Chance that a message of the log comes minutes late, of each type of message by itself. */
  double lateness;

  /** A frame that a process sent, whether it arrives or not. */
  record Sent(SimProcess from, SimProcess to, Header header, Connection connection) {}

  /** Two ends of a link. */
  static final class Connection {
    private boolean broken;

    /** False once one of the ends has closed. */
    boolean isOpen() {
      return !broken;
    }
  }

  Consumer<Sent> observer = sent -> {};

  SimNetwork(World world) {
    this.world = world;
  }

  Network of(SimProcess process) {
    return new Network() {
      @Override
      public Network.Listener listen(String address, Consumer<Link> accept) throws IOException {
        Port other = listeners.get(address);
        if (other != null && other.process.alive()) {
          throw new IOException("cannot listen on " + address + ": in use");
        }
        Port listener = new Port(process, accept);
        listeners.put(address, listener);
        return () -> listeners.remove(address, listener);
      }

      @Override
      public Link dial(String address, Duration limit) throws IOException {
        return SimNetwork.this.dial(process, address, limit);
      }
    };
  }

  void cut(String from, String to) {
    cuts.add(from + ">" + to);
  }

  void heal() {
    cuts.clear();
  }

  /** What a dead process leaves behind: its links break, sooner or later. */
  void drop(SimProcess process) {
    for (End end : List.copyOf(ends)) {
      if (end.process == process) {
        end.close();
      }
    }
    ends.removeIf(end -> end.process == process);
  }

  private boolean isCut(SimProcess from, SimProcess to) {
    return cuts.contains(from.name + ">" + to.name);
  }

  private Link dial(SimProcess from, String address, Duration limit) throws IOException {
    pause(delay());
    Port listener = listeners.get(address);
    if (listener == null || !listener.process.alive()) {
      throw new IOException("cannot reach " + address + ": connection refused");
    }
    if (isCut(from, listener.process) || isCut(listener.process, from)) {
      pause(limit.toNanos());
      throw new IOException("cannot reach " + address + ": timed out");
    }
    Connection connection = new Connection();
    End near = new End(from, listener.process, connection);
    End far = new End(listener.process, from, connection);
    near.other = far;
    far.other = near;
    ends.add(near);
    ends.add(far);
    listener.process.host.threads().start("link", () -> listener.accept.accept(far));
    return near;
  }

  private void pause(long nanos) {
    CompletableFuture<Boolean> over = new CompletableFuture<>();
    world.after(nanos, () -> over.complete(true));
    over.join();
  }

  private long delay() {
    return 20_000 + world.random.nextLong(maxDelayNanos);
  }

  /** As often by about a second as by a minute. */
  private long lateBy() {
    return world.random.nextLong(LATE_MAX_NANOS >> world.random.nextInt(7));
  }

  /** Seldom sent types come late as often as common ones: it is the rare one that does harm. */
  private boolean comesLate(Header header) {
    if (lateness == 0 || !header.hasLogCast()) {
      return false;
    }
    RaftMessage message = message(header);
    double rarity =
        switch (message.getType()) {
          case TIMEOUT_NOW -> 900;
          case VOTE, VOTE_REPLY, PRE_VOTE, PRE_VOTE_REPLY -> 30;
          default -> message.getFlag() ? 1 : 3;
        };
    return world.random.nextDouble() < lateness * rarity;
  }

  /** What the log of a member says to another's; an empty one if it says nothing. */
  static RaftMessage message(Header header) {
    try {
      return RaftMessage.parseFrom(header.getLogCast());
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a member sends what it cannot mean", e);
    }
  }

  /** A piece of a snapshot, or the answer to one; an empty one if it is neither. */
  static SnapshotChunk piece(Header header) {
    try {
      return SnapshotChunk.parseFrom(header.getLogCall());
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a member sends what it cannot mean", e);
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Packet(byte[] header, byte[] payload) {}

  private final class End implements Link {
    final SimProcess process;
    private final SimProcess peer;
    private final Connection connection;
    private final ArrayDeque<Packet> arrived = new ArrayDeque<>();
    private @Nullable CompletableFuture<Boolean> reader;
    private @Nullable End other;
    private long lastArrival;
    private int sent;
    private boolean closed;
    private boolean broken;

    End(SimProcess process, SimProcess peer, Connection connection) {
      this.process = process;
      this.peer = peer;
      this.connection = connection;
    }

    @Override
    public void send(Frame frame) throws IOException {
      if (closed || broken) {
        throw new IOException("link to " + peer.name + " is closed");
      }
      FileRegion region = frame.region();
      ByteBuffer payload = region == null ? frame.payload().duplicate() : region.read();
      byte[] bytes = new byte[payload.remaining()];
      payload.get(bytes);
      Packet packet = new Packet(frame.header().toByteArray(), bytes);
      boolean greeting = sent++ == 0;
      boolean lost = isCut(process, peer) || (!greeting && world.random.nextDouble() < loss);
      observer.accept(new Sent(process, peer, frame.header(), connection));
      if (lost) {
        return;
      }
      if (comesLate(frame.header())) {
        arriveAt(world.nowNanos() + lateBy(), packet);
        return;
      }
      deliver(packet, greeting);
      if (!greeting && world.random.nextDouble() < duplication) {
        deliver(packet, false);
      }
    }

    private void deliver(Packet packet, boolean inOrder) {
      long arrival = world.nowNanos() + delay();
      boolean ordered = inOrder || loss == 0 || world.random.nextInt(10) > 0;
      if (ordered) {
        arrival = Math.max(arrival, lastArrival);
        lastArrival = arrival;
      }
      arriveAt(arrival, packet);
    }

    private void arriveAt(long nanos, Packet packet) {
      End target = other;
      if (target != null) {
        world.at(nanos, () -> target.arrive(packet));
      }
    }

    private void arrive(Packet packet) {
      if (!closed) {
        world.note(packet.header.length * 31L + packet.payload.length);
        arrived.addLast(packet);
        wake();
      }
    }

    private void wake() {
      CompletableFuture<Boolean> waiting = reader;
      reader = null;
      if (waiting != null) {
        waiting.complete(true);
      }
    }

    @Override
    public @Nullable Frame receive() throws IOException {
      while (arrived.isEmpty()) {
        if (closed) {
          throw new IOException("closed");
        }
        if (broken) {
          return null;
        }
        CompletableFuture<Boolean> waiting = new CompletableFuture<>();
        reader = waiting;
        waiting.join();
      }
      Packet packet = arrived.removeFirst();
      try {
        Header header = Header.parseFrom(packet.header);
        return Frame.of(header, ByteBuffer.wrap(packet.payload.clone()));
      } catch (InvalidProtocolBufferException e) {
        throw new IOException("malformed header", e);
      }
    }

    @Override
    public String remote() {
      return peer.name;
    }

    @Override
    public void markNode() {}

    @Override
    public void close() {
      if (closed) {
        return;
      }
      closed = true;
      connection.broken = true;
      wake();
      ends.remove(this);
      End target = other;
      if (target != null) {
        world.at(
            Math.max(world.nowNanos() + delay(), lastArrival), // never before what was sent
            () -> {
              target.broken = true;
              target.wake();
            });
      }
    }
  }
}
