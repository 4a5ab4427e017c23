package io.sandstore.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.sandstore.host.Host;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.host.jvm.JvmHost;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.SnapshotMeta;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Entries and snapshots in every order in which the log's thread can give them. */
class ApplierTest {

  @TempDir Path directory;
  private final Host host = JvmHost.create(2);
  private final Counter counter = new Counter();
  private SnapshotStore snapshots;
  private Applier applier;

  @BeforeEach
  void start() throws IOException {
    snapshots = new SnapshotStore(new FileDisk(directory));
    applier =
        new Applier(
            host,
            counter,
            snapshots,
            new SnapshotTurns(Long.MAX_VALUE, 1),
            SnapshotMeta.getDefaultInstance(),
            new ConcurrentHashMap<>(),
            index -> {},
            () -> {});
  }

  /** Every entry adds one, so that the sum says which of them were applied, and how often. */
  private static Entry entry(long index) {
    Batch batch =
        Batch.newBuilder()
            .addCommands(
                Command.newBuilder().setAllocateBlocks(AllocateBlocks.newBuilder().setCount(1)))
            .build();
    return new Entry(1, index, Entry.Kind.COMMANDS, batch.toByteArray());
  }

  private SnapshotMeta publish(long index) throws IOException {
    SnapshotMeta meta = SnapshotMeta.newBuilder().setIndex(index).setTerm(1).build();
    String temporary = SnapshotStore.temporary("test");
    try (SnapshotStore.Writer writer = snapshots.write(temporary, meta)) {
      DataOutputStream data = new DataOutputStream(writer);
      data.writeLong(index);
      data.writeLong(index);
      writer.finish();
    }
    snapshots.publish(temporary, index);
    return meta;
  }

  private void applied(long index) throws Exception {
    applier.await(index, host.clock().deadline(Duration.ofSeconds(20)));
    applier.close();
    assertThat(applier.applied()).isEqualTo(index);
    assertThat(counter.sum()).isEqualTo(index);
  }

  /** The second came while the first waited, and took its file away. */
  @Test
  void aSnapshotThatANewerOneReplacedIsNotMistakenForIt() throws Exception {
    SnapshotMeta first = publish(10);
    applier.restore(first);
    applier.apply(List.of(entry(11), entry(12)));
    SnapshotMeta second = publish(20);
    applier.restore(second);
    applier.apply(List.of(entry(21)));
    applier.start();
    applied(21);
  }

  @Test
  void whatANewerSnapshotDoesNotHaveIsAppliedToIt() throws Exception {
    applier.restore(publish(10));
    publish(20);
    applier.apply(List.of(entry(11), entry(12)));
    for (long index = 13; index <= 25; index++) {
      applier.apply(List.of(entry(index)));
    }
    applier.start();
    applied(25);
  }

  /** A restart hands out 64 MiB of log; what waits must not fill the heap beside the state. */
  @Test
  void whatWaitsIsBoundedByItsBytes() throws Exception {
    Entry large = new Entry(1, 1, Entry.Kind.NOOP, new byte[4 << 20]);
    assertThat(applier.hasRoom()).isTrue();
    applier.apply(List.of(large));
    assertThat(applier.hasRoom()).isFalse();
    applier.start();
    applier.await(1, host.clock().deadline(Duration.ofSeconds(20)));
    applier.close();
    assertThat(applier.hasRoom()).isTrue();
  }
}
