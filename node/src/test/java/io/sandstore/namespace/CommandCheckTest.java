package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.AddHolder;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.AllocateBlocks;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Batch;
import io.sandstore.wire.CancelLock;
import io.sandstore.wire.CloseSession;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.CopyRange;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Evict;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.ExpireLocks;
import io.sandstore.wire.ExpireSessions;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Fault;
import io.sandstore.wire.FileType;
import io.sandstore.wire.KeepSession;
import io.sandstore.wire.Layout;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.LockFile;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Member;
import io.sandstore.wire.Merge;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.NewExtent;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.RaiseBlockFloor;
import io.sandstore.wire.RaiseLevel;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.Rename;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.Rmdir;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Symlink;
import io.sandstore.wire.Unlink;
import io.sandstore.wire.Write;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Every field of every command with everything that fits into it: taken or refused, never thrown;
 * refused alike where it enters and where it is applied; and whatever was taken, every block
 * belongs to a file and every file's bytes to blocks.
 */
class CommandCheckTest {

  private static final long FILE = 2;

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  /** A good one of each kind, against {@link #prepared}. */
  private static List<Command> examples() {
    NewExtent extent =
        NewExtent.newBuilder().setOffset(5).setLength(10).setBlock(3).setWhere(1).build();
    return List.of(
        Command.newBuilder()
            .setCreate(Create.newBuilder().setLocation(at("/d/new")).setTruncate(true))
            .build(),
        Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/d/e"))).build(),
        Command.newBuilder()
            .setSymlink(Symlink.newBuilder().setLocation(at("/link")).setTarget("/f"))
            .build(),
        Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at("/f"))).build(),
        Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(at("/d"))).build(),
        Command.newBuilder()
            .setRename(Rename.newBuilder().setFrom(at("/f")).setTo(at("/d/f")))
            .build(),
        Command.newBuilder()
            .setSetAttributes(
                SetAttributes.newBuilder().setInode(FILE).setSize(7).setMode(1).setMtimeMs(3))
            .build(),
        Command.newBuilder()
            .setWrite(
                Write.newBuilder()
                    .setInode(FILE)
                    .addExtents(extent)
                    .addExtents(extent.toBuilder().setBlock(4).setOffset(20))
                    .setInlineOffset(40)
                    .setInlineData(ByteString.copyFromUtf8("data")))
            .build(),
        Command.newBuilder()
            .setWrite(
                Write.newBuilder()
                    .setInode(FILE)
                    .setAppend(true)
                    .addExtents(extent)
                    .setInlineData(ByteString.copyFromUtf8("data")))
            .build(),
        Command.newBuilder()
            .setLink(Link.newBuilder().setFrom(at("/f")).setTo(at("/d/link")).setFollow(true))
            .build(),
        Command.newBuilder().setLink(Link.newBuilder().setInode(FILE).setTo(at("/d/link"))).build(),
        Command.newBuilder()
            .setMakeNode(
                MakeNode.newBuilder()
                    .setLocation(at("/d/null"))
                    .setType(FileType.CHARACTER_DEVICE)
                    .setMode(0666)
                    .setDevice(259))
            .build(),
        Command.newBuilder()
            .setSetXattr(
                SetXattr.newBuilder()
                    .setLocation(at("/f"))
                    .setName("user.a")
                    .setValue(ByteString.copyFromUtf8("value")))
            .build(),
        Command.newBuilder()
            .setExchange(Exchange.newBuilder().setFirst(at("/f")).setSecond(at("/d")))
            .build(),
        Command.newBuilder()
            .setAllocate(
                Allocate.newBuilder()
                    .setInode(FILE)
                    .setOffset(3)
                    .setLength(4)
                    .setHow(Allocate.How.ZERO))
            .build(),
        Command.newBuilder()
            .setCopyRange(
                CopyRange.newBuilder()
                    .setSource(FILE)
                    .setSourceOffset(1)
                    .setTarget(FILE)
                    .setTargetOffset(9)
                    .setLength(2))
            .build(),
        Command.newBuilder()
            .setCreateUnnamed(CreateUnnamed.newBuilder().setDirectory(at("/d")).setMode(0600))
            .build(),
        Command.newBuilder()
            .setSession(1)
            .setSequence(1)
            .setLockFile(
                LockFile.newBuilder()
                    .setInode(FILE)
                    .setOwner(3)
                    .setStart(5)
                    .setLength(10)
                    .setTicket(1))
            .build(),
        Command.newBuilder()
            .setSession(1)
            .setSequence(1)
            .setCancelLock(CancelLock.newBuilder().setInode(FILE).setTicket(1).setOwner(3))
            .build(),
        Command.newBuilder()
            .setSession(1)
            .setSequence(1)
            .setKeepSession(KeepSession.getDefaultInstance())
            .build(),
        Command.newBuilder().setExpireLocks(ExpireLocks.newBuilder().setUnusedSinceMs(5)).build(),
        Command.newBuilder()
            .setEvict(
                Evict.newBuilder()
                    .addEntries(Evict.Entry.newBuilder().setDirectory(1).setName("f").setInode(2)))
            .build(),
        Command.newBuilder()
            .setRetainOrphans(RetainOrphans.newBuilder().addInodes(FILE).setLowestBlock(1))
            .build(),
        Command.newBuilder().setOpenSession(OpenSession.newBuilder().setNonce(1)).build(),
        Command.newBuilder()
            .setCloseSession(CloseSession.newBuilder().setSession(1).setNonce(1))
            .build(),
        Command.newBuilder().setAllocateBlocks(AllocateBlocks.newBuilder().setCount(3)).build(),
        Command.newBuilder().setRaiseBlockFloor(RaiseBlockFloor.newBuilder().setFloor(2)).build(),
        Command.newBuilder()
            .setAddHolder(AddHolder.newBuilder().setSlot(0).setMember(7).addBlocks(1))
            .build(),
        Command.newBuilder()
            .setExpireSessions(ExpireSessions.newBuilder().setUnusedSinceMs(-5))
            .build(),
        Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(1)).build(),
        Command.newBuilder()
            .setRaiseLevel(RaiseLevel.newBuilder().setLevel(1).addMembers(7))
            .build(),
        Command.newBuilder()
            .setMerge(
                Merge.newBuilder()
                    .setInode(FILE)
                    .setLength(10)
                    .setBlock(5)
                    .setWhere(1)
                    .addPieces(Extent.newBuilder().setLength(5).setBlock(1))
                    .addPieces(
                        Extent.newBuilder()
                            .setOffset(5)
                            .setLength(5)
                            .setBlock(1)
                            .setBlockOffset(5)))
            .build());
  }

  /** A file of some bytes in a block, a directory, and ids that may be named. */
  private static Namespace prepared() {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.newest(),
            FeatureLevel.newest(),
            Optional.empty());
    namespace.configure(
        Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
    Batch batch =
        Batch.newBuilder()
            .setTimeMs(1000)
            .addCommands(Command.newBuilder().setCreate(Create.newBuilder().setLocation(at("/f"))))
            .addCommands(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/d"))))
            .addCommands(
                Command.newBuilder()
                    .setWrite(
                        Write.newBuilder()
                            .setInode(FILE)
                            .setInlineData(ByteString.copyFromUtf8("some bytes"))))
            .addCommands(
                Command.newBuilder().setAllocateBlocks(AllocateBlocks.newBuilder().setCount(20)))
            .addCommands(Command.newBuilder().setOpenSession(OpenSession.newBuilder().setNonce(1)))
            .build();
    assertThat(namespace.apply(1, batch)).noneMatch(Outcome::hasFault);
    return namespace;
  }

  private static Outcome apply(Namespace namespace, Command command) {
    return namespace
        .apply(2, Batch.newBuilder().setTimeMs(1000).addCommands(command).build())
        .getFirst();
  }

  @Test
  void thereIsAnExampleOfEveryCommandAndEachIsTaken() {
    List<Command.OpCase> known =
        Arrays.stream(Command.OpCase.values()).filter(c -> c != Command.OpCase.OP_NOT_SET).toList();
    assertThat(examples().stream().map(Command::getOpCase).distinct())
        .containsExactlyInAnyOrderElementsOf(known);
    for (Command command : examples()) {
      assertThat(CommandCheck.fault(command)).as("%s", command).isEmpty();
      assertThat(apply(prepared(), command).getFault().getErrno())
          .as("%s", command)
          .isEqualTo(Errno.OK);
    }
  }

  /** A later release would carry out what it knows of the two, and this one the other. */
  @Test
  void aCommandWithAFieldOfAnotherReleaseIsRefusedBeforeTheLog() throws Exception {
    UnknownFieldSet later =
        UnknownFieldSet.newBuilder()
            .addField(
                1000,
                UnknownFieldSet.Field.newBuilder().addLengthDelimited(ByteString.EMPTY).build())
            .build();
    for (Command known : examples()) {
      Command both =
          Command.parseFrom(known.toBuilder().setUnknownFields(later).build().toByteString());
      assertThat(both.getOpCase()).isEqualTo(known.getOpCase());
      assertThat(CommandCheck.fault(both).map(Fault::getErrno)).contains(Errno.EPROTO);
    }
  }

  @Test
  void everyFieldOfEveryCommandMayHoldAnything() {
    int refused = 0;
    for (Command example : examples()) {
      List<Command> odd = new ArrayList<>();
      variants(example).forEach(variant -> odd.add((Command) variant));
      assertThat(odd).as("variants of %s", example.getOpCase()).isNotEmpty();
      odd.removeIf(CommandCheckTest::isOfALaterRelease);
      for (Command command : odd) {
        refused += judge(command) ? 0 : 1;
      }
    }
    assertThat(refused).isGreaterThan(100);
  }

  /** Applies it to a new namespace; true if it may enter a node. */
  private static boolean judge(Command command) {
    Namespace namespace = prepared();
    final long before = namespace.digest();
    Optional<Fault> atTheDoor = CommandCheck.fault(command);
    Outcome outcome = apply(namespace, command);
    String what = text(command);
    atTheDoor.ifPresent(
        fault -> {
          assertThat(outcome.getFault()).as(what).isEqualTo(fault);
          if (command.getSession() == 0) { // else the answer is remembered
            assertThat(namespace.digest()).as(what).isEqualTo(before);
          }
        });
    if (outcome.hasFault() && command.getSession() == 0) {
      assertThat(namespace.digest()).as("unchanged by refused " + what).isEqualTo(before);
    }
    assertWhole(namespace, what);
    return atTheDoor.isEmpty();
  }

  /** What ends a member rather than being refused ({@link FeatureLevelTest}). */
  private static boolean isOfALaterRelease(Command command) {
    return command.getRaiseLevel().getLevel() > FeatureLevel.newest().number()
        && CommandCheck.fault(command).isEmpty();
  }

  private static String text(Command command) {
    String text = command.toString();
    return text.substring(0, Math.min(500, text.length()));
  }

  @Test
  void longSequencesOfOddCommandsLeaveEveryReplicaTheSameAndWhole() {
    List<Message> all = new ArrayList<>();
    examples().forEach(example -> all.addAll(variants(example)));
    all.addAll(examples());
    all.removeIf(command -> isOfALaterRelease((Command) command));
    for (long seed = 1; seed <= 300; seed++) {
      Random random = new Random(seed);
      Namespace one = prepared();
      Namespace other = prepared();
      for (int i = 0; i < 60; i++) {
        Command command = (Command) all.get(random.nextInt(all.size()));
        assertThat(apply(one, command)).as("seed " + seed).isEqualTo(apply(other, command));
        assertWhole(one, "seed " + seed + " after " + text(command));
      }
      assertThat(one.digest()).isEqualTo(other.digest());
    }
  }

  @Test
  void aNegativeInlineOffsetIsRefusedAndLeaksNoBlock() {
    Command write =
        Command.newBuilder()
            .setWrite(
                Write.newBuilder()
                    .setInode(FILE)
                    .setInlineOffset(-4)
                    .setInlineData(ByteString.copyFromUtf8("data")))
            .build();
    assertThat(CommandCheck.fault(write).orElseThrow().getErrno()).isEqualTo(Errno.EINVAL);
    assertThat(judge(write)).isFalse();
  }

  @Test
  void aBlockThatNoMemberHoldsDoesNotBecomePartOfAFile() {
    Command write =
        Command.newBuilder()
            .setWrite(
                Write.newBuilder()
                    .setInode(FILE)
                    .addExtents(NewExtent.newBuilder().setLength(10).setBlock(3).setWhere(1 << 5)))
            .build();
    assertThat(CommandCheck.fault(write)).isEmpty();
    assertThat(apply(prepared(), write).getFault().getErrno()).isEqualTo(Errno.ESTALE);
  }

  // --- Every block belongs to a file, and the other way round ---

  private static void assertWhole(Namespace namespace, String after) {
    TreeSet<Long> referenced = new TreeSet<>();
    collect(namespace, "/", referenced, after);
    for (long inode = 1; inode < 10; inode++) { // files without a name
      collect(namespace, inode, referenced, after);
    }
    assertThat(namespace.blocksAfter(0, Integer.MAX_VALUE))
        .as("blocks of files, after " + after)
        .containsExactlyElementsOf(referenced);
  }

  private static void collect(
      Namespace namespace, String path, TreeSet<Long> referenced, String after) {
    Answer page =
        namespace.ask(
            Query.newBuilder()
                .setReadDirectory(ReadDirectory.newBuilder().setLocation(at(path)).setLimit(1000))
                .build());
    for (DirectoryEntry entry : page.getEntriesList()) {
      switch (entry.getAttributes().getType()) {
        case DIRECTORY -> collect(namespace, path + entry.getName() + "/", referenced, after);
        case REGULAR -> collect(namespace, entry.getAttributes().getInode(), referenced, after);
        default -> {}
      }
    }
  }

  private static void collect(
      Namespace namespace, long inode, TreeSet<Long> referenced, String after) {
    Answer layout =
        namespace.ask(
            Query.newBuilder()
                .setLayout(Layout.newBuilder().setInode(inode).setLength(Long.MAX_VALUE))
                .build());
    long end = 0;
    for (Extent extent : layout.getExtentsList()) {
      assertThat(extent.getOffset()).as(after).isGreaterThanOrEqualTo(end);
      assertThat(extent.getLength()).as(after).isPositive();
      end = extent.getOffset() + extent.getLength();
      referenced.add(extent.getBlock());
    }
    assertThat(layout.getAttributes().getSize()).as(after).isGreaterThanOrEqualTo(end);
    assertThat(layout.getAttributes().getSize()).isLessThanOrEqualTo(Namespace.FILE_BYTES_MAX);
  }

  // --- Everything that fits into a field ---

  /** Messages that differ from this one in one field, at any depth. */
  private static List<Message> variants(Message message) {
    List<Message> all = new ArrayList<>();
    for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
      boolean unset =
          field.getContainingOneof() != null
              && field.getRealContainingOneof() != null
              && !message.hasField(field);
      if (unset) {
        continue; // another command
      }
      if (field.isRepeated()) {
        List<Object> present = new ArrayList<>();
        for (int i = 0; i < message.getRepeatedFieldCount(field); i++) {
          present.add(message.getRepeatedField(field, i));
        }
        for (Object value : present.isEmpty() ? List.of() : values(field, present.getFirst())) {
          List<Object> changed = new ArrayList<>(present);
          changed.set(0, value);
          all.add(message.toBuilder().setField(field, changed).build());
        }
        for (int copies : new int[] {0, 2, 9000}) {
          List<Object> many = new ArrayList<>();
          for (int i = 0; i < copies && !present.isEmpty(); i++) {
            many.add(present.getFirst());
          }
          all.add(message.toBuilder().setField(field, many).build());
        }
      } else {
        for (Object value : values(field, message.getField(field))) {
          all.add(message.toBuilder().setField(field, value).build());
        }
      }
    }
    return all;
  }

  private static List<?> values(FieldDescriptor field, Object present) {
    return switch (field.getJavaType()) {
      case MESSAGE -> variants((Message) present);
      case LONG ->
          List.of(
              Long.MIN_VALUE,
              -(1L << 60),
              -1L,
              0L,
              1L,
              3L,
              19L,
              1L << 32,
              (1L << 60) - 1,
              1L << 60,
              Long.MAX_VALUE - 5,
              Long.MAX_VALUE);
      case INT -> List.of(Integer.MIN_VALUE, -1, 0, 1, 63, 64, 4 << 20, 1 << 30, Integer.MAX_VALUE);
      case BOOLEAN -> List.of(true, false);
      case STRING ->
          List.of(
              "",
              "/",
              "//f//",
              ".",
              "..",
              "/d/../f",
              "\0",
              "/a\0b",
              "\ud800",
              "/f/x",
              "/missing/x",
              "/f",
              "/d",
              "n".repeat(256),
              "/" + "\u00e4".repeat(128),
              "/x".repeat(2100));
      case ENUM -> {
        List<Object> all = new ArrayList<>(field.getEnumType().getValues());
        all.add(field.getEnumType().findValueByNumberCreatingIfUnknown(999));
        yield all;
      }
      case BYTE_STRING ->
          List.of(
              ByteString.EMPTY,
              ByteString.copyFrom(new byte[1]),
              ByteString.copyFrom(new byte[64 << 10]),
              ByteString.copyFrom(new byte[(64 << 10) + 1]));
      default -> throw new IllegalStateException("no values for " + field);
    };
  }
}
