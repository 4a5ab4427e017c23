package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Write;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A long file without a name goes in several steps, and is gone with the first. */
class ReapTest {

  private static final int PIECES = 10_000;

  private final Namespace namespace =
      new Namespace(
          new NamespaceModelTest.Memory(),
          new HolderMask(),
          FeatureLevel.newest(),
          FeatureLevel.newest(),
          Optional.empty());
  private long index;

  private Outcome apply(Command.Builder command) {
    return namespace
        .apply(
            ++index,
            Batch.newBuilder()
                .setTimeMs(1_700_000_000_000L + index)
                .setElapsedMs(1)
                .addCommands(command)
                .build())
        .getFirst();
  }

  private static Location location(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private long unnamed() {
    CreateUnnamed op = CreateUnnamed.newBuilder().setDirectory(location("/")).build();
    return apply(Command.newBuilder().setCreateUnnamed(op)).getAttributes().getInode();
  }

  private void fill(long inode) {
    Write.Builder piece =
        Write.newBuilder().setInode(inode).setInlineData(ByteString.copyFromUtf8("x"));
    for (int i = 0; i < PIECES; i++) {
      apply(Command.newBuilder().setWrite(piece.setInlineOffset(i)));
    }
  }

  private long reap() {
    ReapOrphans op = ReapOrphans.newBuilder().setUnusedSinceMs(Long.MAX_VALUE - 1).build();
    return apply(Command.newBuilder().setReapOrphans(op)).getValue();
  }

  @Test
  void nobodyGetsAFileBackOfWhichAPartIsGone() {
    long inode = unnamed();
    fill(inode);
    assertThat(reap()).isZero();
    apply(Command.newBuilder().setRetainOrphans(RetainOrphans.newBuilder().addInodes(inode)));
    Outcome linked =
        apply(
            Command.newBuilder()
                .setLink(Link.newBuilder().setInode(inode).setTo(location("/back"))));
    assertThat(linked.getFault().getErrno()).isEqualTo(Errno.ESTALE);
    Create create = Create.newBuilder().setLocation(location("/back")).build();
    apply(Command.newBuilder().setCreate(create));
    while (namespace.anyOrphanUnusedSince(Long.MAX_VALUE)) {
      reap();
    }
    assertThat(namespace.piecesFrom(0, 0, 1)).isEmpty();
  }

  @Test
  void aFileThatSomebodyHasOpenGetsItsNameWhole() {
    long inode = unnamed();
    fill(inode);
    Outcome linked =
        apply(
            Command.newBuilder()
                .setLink(Link.newBuilder().setInode(inode).setTo(location("/kept"))));
    assertThat(linked.hasFault()).isFalse();
    assertThat(reap()).isZero();
    assertThat(namespace.piecesFrom(0, 0, PIECES + 1)).hasSize(PIECES);
  }
}
