package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Link;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Member;
import io.sandstore.wire.Merge;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.RaiseLevel;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.Symlink;
import io.sandstore.wire.Write;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
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

  // --- Below the level of POSIX everything is as the release before had it ---

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private static Command create(String path) {
    return Command.newBuilder().setCreate(Create.newBuilder().setLocation(at(path))).build();
  }

  private static Answer lookup(Namespace namespace, String path) {
    return namespace.ask(
        Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(path))).build());
  }

  private static List<String> names(Namespace namespace, String after, int limit) {
    ReadDirectory read = ReadDirectory.newBuilder().setAfter(after).setLimit(limit).build();
    return namespace
        .ask(Query.newBuilder().setReadDirectory(read).build())
        .getEntriesList()
        .stream()
        .map(DirectoryEntry::getName)
        .toList();
  }

  private static byte[] snapshot(Namespace namespace) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var frozen = namespace.freeze()) {
      frozen.writeTo(out);
    }
    return out.toByteArray();
  }

  /** At the level before, raised to this one by some tests. */
  private static Namespace before() {
    return namespace(FeatureLevel.POSIX, FeatureLevel.MERGE);
  }

  @Test
  void belowPosixASlashAtTheEndMeansNothing() {
    Namespace namespace = before();
    assertThat(lookup(namespace, "/f/").hasFault()).isFalse();
    assertThat(errno(namespace, create("/new/"))).isEqualTo(Errno.OK);
    apply(namespace, raise(3, 7L, 8L));
    assertThat(lookup(namespace, "/f/").getFault().getErrno()).isEqualTo(Errno.ENOTDIR);
    assertThat(errno(namespace, create("/newer/"))).isEqualTo(Errno.EISDIR);
  }

  @Test
  void belowPosixALinkMayNameWhatNoDirectoryCanHold() {
    String longName = "n".repeat(256);
    Command symlink =
        Command.newBuilder()
            .setSymlink(Symlink.newBuilder().setLocation(at("/link")).setTarget(longName))
            .build();
    Namespace namespace = before();
    assertThat(errno(namespace, symlink)).isEqualTo(Errno.OK);
    assertThat(errno(namespace, create("/link"))).isEqualTo(Errno.OK);
    namespace = namespace(FeatureLevel.POSIX, FeatureLevel.POSIX);
    assertThat(errno(namespace, symlink)).isEqualTo(Errno.OK);
    assertThat(errno(namespace, create("/link"))).isEqualTo(Errno.ENAMETOOLONG);
  }

  @Test
  void belowPosixSetIdBitsAreKeptAndNotHandedOn() {
    for (FeatureLevel level : List.of(FeatureLevel.MERGE, FeatureLevel.POSIX)) {
      boolean posix = level == FeatureLevel.POSIX;
      Namespace namespace = namespace(FeatureLevel.POSIX, level);
      Command setId =
          Command.newBuilder()
              .setSetAttributes(SetAttributes.newBuilder().setInode(2).setMode(06777))
              .build();
      Command owner =
          Command.newBuilder()
              .setSetAttributes(SetAttributes.newBuilder().setInode(2).setUid(5))
              .build();
      for (Command command : List.of(owner, WRITE)) {
        apply(namespace, setId, command);
        assertThat(namespace.attributesOf(2).getMode()).isEqualTo(posix ? 0777 : 06777);
      }
      Command directory =
          Command.newBuilder()
              .setMkdir(Mkdir.newBuilder().setLocation(at("/d")).setMode(06755))
              .build();
      apply(namespace, directory);
      assertThat(lookup(namespace, "/d").getAttributes().getMode()).isEqualTo(posix ? 0755 : 06755);
      Command group =
          Command.newBuilder()
              .setSetAttributes(
                  SetAttributes.newBuilder().setLocation(at("/d")).setMode(02755).setGid(9))
              .build();
      assertThat(apply(namespace, group, create("/d/f"))).noneMatch(Outcome::hasFault);
      assertThat(lookup(namespace, "/d/f").getAttributes().getGid()).isEqualTo(posix ? 9 : 0);
    }
  }

  @Test
  void belowPosixTimesEndAtTheMillisecond() {
    Command times =
        Command.newBuilder()
            .setSetAttributes(
                SetAttributes.newBuilder().setInode(2).setMtimeMs(-7).setMtimeNs(999_999))
            .build();
    Namespace namespace = before();
    apply(namespace, times);
    assertThat(namespace.attributesOf(2).getMtimeNs()).isZero();
    apply(namespace, raise(3, 7L, 8L), times);
    assertThat(namespace.attributesOf(2).getMtimeMs()).isEqualTo(-7);
    assertThat(namespace.attributesOf(2).getMtimeNs()).isEqualTo(999_999);
    apply(namespace, WRITE);
    assertThat(namespace.attributesOf(2).getMtimeNs()).isZero();
  }

  @Test
  void belowPosixALinkIsFollowedWhateverTheFieldSays() {
    Command symlink =
        Command.newBuilder()
            .setSymlink(Symlink.newBuilder().setLocation(at("/link")).setTarget("größe"))
            .build();
    Command open =
        Command.newBuilder()
            .setCreate(Create.newBuilder().setLocation(at("/link")).setNoFollow(true))
            .build();
    Namespace namespace = before();
    assertThat(apply(namespace, symlink).getFirst().getAttributes().getSize()).isEqualTo(5);
    assertThat(errno(namespace, open)).isEqualTo(Errno.OK);
    namespace = namespace(FeatureLevel.POSIX, FeatureLevel.POSIX);
    assertThat(apply(namespace, symlink).getFirst().getAttributes().getSize()).isEqualTo(7);
    assertThat(errno(namespace, open)).isEqualTo(Errno.ELOOP);
  }

  @Test
  void belowPosixItsCommandsAndQueriesAreRefused() {
    Namespace namespace = before();
    Command link =
        Command.newBuilder().setLink(Link.newBuilder().setInode(2).setTo(at("/other"))).build();
    assertThat(namespace.tooEarly(link)).isPresent();
    assertThat(errno(namespace, link)).isEqualTo(Errno.EPROTO);
    ListXattrs list = ListXattrs.newBuilder().setInode(2).build();
    assertThat(namespace.ask(Query.newBuilder().setListXattrs(list).build()).getFault().getErrno())
        .isEqualTo(Errno.EPROTO);
    apply(namespace, raise(3, 7L, 8L));
    assertThat(namespace.tooEarly(link)).isEmpty();
    assertThat(errno(namespace, link)).isEqualTo(Errno.OK);
    assertThat(namespace.attributesOf(2).getLinks()).isEqualTo(2);
  }

  private static final String BELOW = "\uff5a";
  private static final String ABOVE =
      "\ud835\udcb3"; // U+1D4B3, of two surrogates that are less than U+FF5A

  /**
   * The names of a directory are in the order of UTF-16 before, and in that of their bytes then.
   */
  @Test
  void atPosixTheOrderOfNamesBecomesThatOfTheirBytes() throws IOException {
    Namespace namespace = before();
    apply(namespace, create("/" + ABOVE), create("/" + BELOW));
    assertThat(names(namespace, "", 9)).containsExactly("f", ABOVE, BELOW);
    byte[] older = snapshot(namespace);
    assertThat(older).startsWith(0, 3);
    var frozen = namespace.freeze();
    apply(namespace, raise(3, 7L, 8L));
    assertThat(names(namespace, "", 9)).containsExactly("f", BELOW, ABOVE);
    assertThat(names(namespace, "f", 1)).containsExactly(BELOW);
    assertThat(names(namespace, BELOW, 9)).containsExactly(ABOVE);
    apply(namespace, create("/a"));
    // What was being written when the level rose is the state of before.
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (frozen) {
      frozen.writeTo(out);
    }
    assertThat(out.toByteArray()).isEqualTo(older);

    byte[] newer = snapshot(namespace);
    assertThat(newer).startsWith(0, 4);
    Namespace restored = before();
    restored.restore(new ByteArrayInputStream(newer));
    assertThat(restored.digest()).isEqualTo(namespace.digest());
    assertThat(names(restored, "a", 9)).containsExactly("f", BELOW, ABOVE);
    restored.restore(new ByteArrayInputStream(older));
    assertThat(names(restored, "", 9)).containsExactly("f", ABOVE, BELOW);
    assertThat(snapshot(restored)).isEqualTo(older);
  }
}
