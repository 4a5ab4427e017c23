package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Location;
import io.sandstore.wire.Member;
import io.sandstore.wire.Merge;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.RaiseLevel;
import io.sandstore.wire.Write;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a log may hold at which feature level, and what ends a member that does not know it. */
class FeatureLevelTest {

  private static final Command CREATE =
      Command.newBuilder()
          .setCreate(Create.newBuilder().setLocation(Location.newBuilder().setPath("/f")))
          .build();
  private static final Command WRITE =
      Command.newBuilder()
          .setWrite(
              Write.newBuilder().setInode(2).setInlineData(ByteString.copyFromUtf8("some bytes")))
          .build();
  private static final Command MERGE =
      Command.newBuilder()
          .setMerge(
              Merge.newBuilder()
                  .setInode(2)
                  .setLength(10)
                  .setBlock(5)
                  .setWhere(1)
                  .addPieces(Extent.newBuilder().setLength(5).setBlock(1))
                  .addPieces(
                      Extent.newBuilder().setOffset(5).setLength(5).setBlock(1).setBlockOffset(5)))
          .build();

  private static Namespace namespace(FeatureLevel known, FeatureLevel founded) {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(), new HolderMask(), known, founded, Optional.empty());
    namespace.configure(
        Configuration.newBuilder()
            .addMembers(Member.newBuilder().setId(7).setName("n"))
            .addMembers(Member.newBuilder().setId(8).setName("m").setSlot(1))
            .build());
    assertThat(apply(namespace, CREATE, WRITE)).noneMatch(Outcome::hasFault);
    Command ids =
        Command.newBuilder()
            .setAllocateBlocks(io.sandstore.wire.AllocateBlocks.newBuilder().setCount(20))
            .build();
    assertThat(apply(namespace, ids)).noneMatch(Outcome::hasFault);
    return namespace;
  }

  private static List<Outcome> apply(Namespace namespace, Command... commands) {
    return namespace.apply(9, Batch.newBuilder().addAllCommands(Arrays.asList(commands)).build());
  }

  private static Command raise(int level, Long... members) {
    return Command.newBuilder()
        .setRaiseLevel(RaiseLevel.newBuilder().setLevel(level).addAllMembers(List.of(members)))
        .build();
  }

  private static Errno errno(Namespace namespace, Command command) {
    return apply(namespace, command).getFirst().getFault().getErrno();
  }

  @Test
  void aCommandAboveTheLevelIsRefusedWhereItIsProposedAndWhereItIsApplied() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.BASE);
    assertThat(namespace.tooEarly(MERGE).orElseThrow().getMessage())
        .isEqualTo("the cluster is at feature level 1, this needs 2");
    long before = namespace.digest();
    assertThat(errno(namespace, MERGE)).isEqualTo(Errno.EPROTO);
    assertThat(namespace.digest()).isEqualTo(before);
  }

  @Test
  void itIsCarriedOutFromItsLevelOn() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.BASE);
    assertThat(errno(namespace, raise(2, 7L, 8L))).isEqualTo(Errno.OK);
    assertThat(namespace.tooEarly(MERGE)).isEmpty();
    assertThat(errno(namespace, MERGE)).isEqualTo(Errno.OK);
  }

  /** Releases without levels asked each other, and may have proposed it. */
  @Test
  void inALogOfBeforeLevelsItIsCarriedOutButNotProposed() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.BEFORE_LEVELS);
    assertThat(namespace.tooEarly(MERGE)).isPresent();
    assertThat(errno(namespace, MERGE)).isEqualTo(Errno.OK);
  }

  @Test
  void theLevelNeverFalls() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.MERGE);
    assertThat(apply(namespace, raise(1, 7L, 8L)).getFirst().getValue()).isEqualTo(2);
    assertThat(namespace.level()).isEqualTo(FeatureLevel.MERGE);
  }

  @Test
  void theLevelDoesNotRiseOverAMemberThatWasNotAsked() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.BASE);
    assertThat(errno(namespace, raise(2, 7L))).isEqualTo(Errno.EAGAIN);
    assertThat(errno(namespace, raise(2, 7L, 8L, 9L))).isEqualTo(Errno.EAGAIN);
    assertThat(namespace.level()).isEqualTo(FeatureLevel.BASE);
  }

  @Test
  void aMemberThatDoesNotKnowTheLevelAppliesNothingOfTheEntryThatRaisesIt() {
    Namespace older = namespace(FeatureLevel.BASE, FeatureLevel.BASE);
    long before = older.digest();
    Command unlink =
        Command.newBuilder()
            .setUnlink(
                io.sandstore.wire.Unlink.newBuilder()
                    .setLocation(Location.newBuilder().setPath("/f")))
            .build();
    assertThatThrownBy(() -> apply(older, unlink, raise(2, 7L, 8L)))
        .isInstanceOf(LaterReleaseException.class)
        .hasMessage(
            "entry 9: this node knows feature levels up to 1, the cluster is at 2: it needs release"
                + " 0.2 or later");
    assertThat(older.digest()).isEqualTo(before);
  }

  @Test
  void aLevelThatNoReleaseHereKnowsIsNotProposedAndEndsWhoMeetsIt() {
    Namespace namespace = namespace(FeatureLevel.MERGE, FeatureLevel.MERGE);
    int later = FeatureLevel.newest().number() + 1;
    Command raise = raise(later, 7L, 8L);
    assertThat(namespace.tooEarly(raise)).isPresent();
    assertThatThrownBy(() -> apply(namespace, raise))
        .hasMessageEndingWith("the cluster is at " + later + ": it needs a later release");
    // All refuse this one, whatever they know: it is no reason to end.
    assertThat(errno(namespace, raise(later, 7L))).isEqualTo(Errno.EAGAIN);
  }

  @Test
  void aCommandOfALevelThatIsNotKnownEndsTheMember() {
    Namespace older = namespace(FeatureLevel.BASE, FeatureLevel.BASE);
    assertThatThrownBy(() -> apply(older, MERGE)).isInstanceOf(LaterReleaseException.class);
  }

  @Test
  void aCommandThatThisReleaseHasNoNameForEndsTheMember() {
    Command later =
        Command.newBuilder()
            .setUnknownFields(
                UnknownFieldSet.newBuilder()
                    .addField(
                        999,
                        UnknownFieldSet.Field.newBuilder()
                            .addLengthDelimited(ByteString.EMPTY)
                            .build())
                    .build())
            .build();
    assertThatThrownBy(() -> apply(namespace(FeatureLevel.MERGE, FeatureLevel.MERGE), later))
        .isInstanceOf(LaterReleaseException.class)
        .hasMessageContaining("field [999]");
    // At the door it is refused as ever, and so is one without anything, which no release knows.
    assertThat(CommandCheck.fault(later).orElseThrow().getErrno()).isEqualTo(Errno.EPROTO);
    assertThat(
            errno(namespace(FeatureLevel.MERGE, FeatureLevel.MERGE), Command.getDefaultInstance()))
        .isEqualTo(Errno.EPROTO);
  }
}
