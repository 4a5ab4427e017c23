package io.sandstore.profile;

import io.sandstore.block.BlockStore;
import io.sandstore.config.NodeConfig;
import io.sandstore.host.Disk;
import io.sandstore.host.Host;
import io.sandstore.namespace.Namespace;
import io.sandstore.raft.CorruptLogException;
import io.sandstore.raft.Message;
import io.sandstore.raft.MessageCodec;
import io.sandstore.raft.RaftDriver;
import io.sandstore.raft.Salvage;
import io.sandstore.raft.Timing;
import io.sandstore.raft.Transport;
import io.sandstore.wire.Header;
import io.sandstore.wire.Identity;
import io.sandstore.wire.RaftMessage;
import io.sandstore.wire.SnapshotChunk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * {@code raft}: a Raft log on disk orders the metadata, blocks lie on the same disk, three copies
 * each. For clusters that must keep what they acknowledged.
 */
final class RaftProfile implements Profile {

  @Override
  public Planes wire(Host host, Disk disk, NodeConfig config, Identity identity, Traffic traffic)
      throws IOException {
    if (identity.getLogBegun() && !RaftDriver.hasLog(disk)) {
      throw new CorruptLogException("the log is gone");
    }
    BlockStore store = new BlockStore(host, disk, config.reserveBytes());
    Namespace namespace =
        host.threads().runAtOnce()
            ? new Namespace(store, task -> host.threads().startDedicated("snapshot ahead", task))
            : new Namespace(store);
    RaftDriver log =
        new RaftDriver(
            host,
            disk,
            new Timing(config.heartbeat(), config.election(), 10),
            new RaftDriver.Sizes(config.segmentBytes(), config.snapshotBytes()),
            identity.getMemberId(),
            identity.getFounders(),
            namespace,
            new RaftTransport(config.name(), traffic));
    return new Planes(log, new RaftReceiver(log, traffic), log::start, log, namespace, store);
  }

  @Override
  public Optional<String> holdings(Disk disk, String directory) throws IOException {
    return Salvage.look(disk, directory)
        .map(
            h ->
                "%s, snapshot at %d, entries %d to %d, term %d"
                    .formatted(
                        h.damage().isEmpty() ? "whole" : "not whole (" + h.damage() + ")",
                        h.snapshot(),
                        h.first(),
                        h.last(),
                        Math.max(h.term(), h.lastTerm())));
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    Salvage.standAlone(
        disk,
        random,
        RaftDriver.Sizes.standard().segmentBytes(),
        identity.getMemberId(),
        identity.getFounders());
  }

  private record RaftTransport(String self, Traffic traffic) implements Transport {
    @Override
    public void send(String toName, Message message) {
      RaftMessage wire = MessageCodec.encode(message).toBuilder().setFromName(self).build();
      traffic.cast(toName, Header.newBuilder().setRaft(wire).build());
    }

    @Override
    public long sendChunk(String toName, SnapshotChunk chunk, ByteBuffer bytes)
        throws IOException, InterruptedException {
      int length = bytes.remaining();
      Header answer = traffic.call(toName, Header.newBuilder().setSnapshotChunk(chunk), bytes);
      return answer.hasSnapshotChunk()
          ? answer.getSnapshotChunk().getOffset()
          : chunk.getOffset() + length; // a release that does not say
    }
  }

  private record RaftReceiver(RaftDriver log, Traffic traffic) implements Receiver {
    @Override
    public void receive(Header message) {
      if (message.hasRaft()) {
        traffic.heard(message.getRaft().getFromName());
        log.receive(MessageCodec.decode(message.getRaft()), message.getRaft().getFromName());
      }
    }

    @Override
    public Header.Builder handle(Header request, ByteBuffer payload)
        throws IOException, InterruptedException {
      long next = log.receiveChunk(request.getSnapshotChunk(), payload);
      return Header.newBuilder().setSnapshotChunk(SnapshotChunk.newBuilder().setOffset(next));
    }
  }
}
