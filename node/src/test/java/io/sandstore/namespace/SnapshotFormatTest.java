package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The namespace in a snapshot: every version is read, by one thread and by two. */
class SnapshotFormatTest {

  /** In front of the first frame. */
  private static final int HEAD = 2;

  private static Namespace empty(boolean two) {
    NamespaceModelTest.Memory blocks = new NamespaceModelTest.Memory();
    Namespace namespace =
        two
            ? new Namespace(
                blocks,
                new HolderMask(),
                FeatureLevel.newest(),
                FeatureLevel.BEFORE_LEVELS,
                Optional.of(task -> new Thread(task).start()))
            : new Namespace(blocks, new HolderMask());
    namespace.configure(
        Configuration.newBuilder()
            .addMembers(Member.newBuilder().setId(7).setName("n"))
            .addMembers(Member.newBuilder().setId(8).setName("m").setSlot(1))
            .build());
    return namespace;
  }

  private static byte[] fixture(int version) throws IOException {
    return fixture("namespace-v" + version);
  }

  private static byte[] fixture(String name) throws IOException {
    try (InputStream in = SnapshotFormatTest.class.getResourceAsStream("/formats/" + name)) {
      return in.readAllBytes();
    }
  }

  private static byte[] written(Namespace namespace) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (var frozen = namespace.freeze()) {
      frozen.writeTo(out);
    }
    return out.toByteArray();
  }

  private static Namespace read(byte[] bytes, boolean two) throws IOException {
    Namespace namespace = empty(two);
    namespace.restore(new ByteArrayInputStream(bytes));
    return namespace;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void everyVersionIsRead(int version) throws IOException {
    Namespace namespace = read(fixture(version), false);
    assertThat(namespace.tree.dentries.live.keySet())
        .containsExactly(
            new Keys.Dentry(1, "d"),
            new Keys.Dentry(1, "link"),
            new Keys.Dentry(2, "file-1"),
            new Keys.Dentry(2, "größe-日本"));
    assertThat(namespace.tree.inodes.get(2L))
        .isEqualTo(
            new Inode(
                2,
                FileType.DIRECTORY,
                0755,
                1000,
                100,
                0,
                2,
                1_700_000_000_000L,
                1_700_000_005_000L,
                1_700_000_005_000L,
                1,
                "",
                0,
                0,
                0));
    assertThat(namespace.tree.inodes.get(4L).mtimeMs()).isEqualTo(-1);
    assertThat(namespace.tree.inodes.get(4L).uid()).isEqualTo(-1);
    assertThat(namespace.tree.inodes.get(6L).target()).isEqualTo("d/file-1");
    assertThat(namespace.extents.runs.live.keySet())
        .containsExactly(
            new Keys.Offset(4, 0),
            new Keys.Offset(4, 1000),
            new Keys.Offset(4, 1006),
            new Keys.Offset(4, 1 << 20));
    assertThat(namespace.blocks.blocks.get(3L)).isEqualTo(new Keys.Block(4096, 2, 3));
    assertThat(namespace.underReplicatedCount()).isEqualTo(1);
    assertThat(namespace.orphans.live.keySet()).containsExactly(5L);
    assertThat(namespace.sessions.sessions.live.keySet()).containsExactly(1L);
    assertThat(namespace.sessions.outcomes.live.keySet()).containsExactly(new Keys.Request(1, 1));
    assertThat(namespace.tree.directories).isEqualTo(2);
    assertThat(namespace.blocks.floor).isEqualTo(6);
  }

  @Test
  void whatIsReadOfAnEarlierVersionIsWrittenAsThisOne() throws IOException {
    assertThat(written(read(fixture(2), false))).isEqualTo(fixture(3));
    assertThat(read(fixture(2), false).digest()).isEqualTo(read(fixture(3), true).digest());
  }

  /** Written at level 2; else as version 3. */
  @Test
  void theFeatureLevelIsReadAndWritten() throws IOException {
    byte[] fixture = fixture("namespace-v3-level");
    Namespace namespace = read(fixture, false);
    assertThat(namespace.level()).isEqualTo(FeatureLevel.MERGE);
    assertThat(written(namespace)).isEqualTo(fixture);
    assertThat(namespace.digest()).isNotEqualTo(read(fixture(3), false).digest());
  }

  /** What {@code formats/namespace-v4} holds: something of everything that came with POSIX. */
  private static Namespace ofPosix() {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.POSIX,
            FeatureLevel.POSIX,
            Optional.empty());
    namespace.configure(empty(false).configuration());
    ByteString value = ByteString.copyFromUtf8("value");
    Batch batch =
        Batch.newBuilder()
            .setTimeMs(1_700_000_000_000L)
            .addCommands(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("d"))))
            .addCommands(
                Command.newBuilder().setCreate(Create.newBuilder().setLocation(at("\uff5a"))))
            .addCommands(
                Command.newBuilder().setCreate(Create.newBuilder().setLocation(at("\ud835\udcb3"))))
            .addCommands(
                Command.newBuilder()
                    .setMakeNode(
                        MakeNode.newBuilder()
                            .setLocation(at("null"))
                            .setType(FileType.CHARACTER_DEVICE)
                            .setDevice(259)))
            .addCommands(
                Command.newBuilder()
                    .setMakeNode(
                        MakeNode.newBuilder().setLocation(at("pipe")).setType(FileType.FIFO)))
            .addCommands(
                Command.newBuilder()
                    .setCreateUnnamed(CreateUnnamed.newBuilder().setDirectory(at("d"))))
            .addCommands(
                Command.newBuilder().setLink(Link.newBuilder().setInode(3).setTo(at("d/same"))))
            .addCommands(
                Command.newBuilder()
                    .setSetXattr(
                        SetXattr.newBuilder().setInode(2).setName("trusted.t").setValue(value)))
            .addCommands(
                Command.newBuilder()
                    .setSetXattr(
                        SetXattr.newBuilder().setInode(3).setName("user.größe").setValue(value)))
            .addCommands(
                Command.newBuilder()
                    .setSetAttributes(
                        SetAttributes.newBuilder()
                            .setInode(3)
                            .setAtimeMs(-5)
                            .setAtimeNs(1)
                            .setMtimeMs(1_600_000_000_000L)
                            .setMtimeNs(999_999)))
            .build();
    assertThat(namespace.apply(1, batch)).noneMatch(Outcome::hasFault);
    return namespace;
  }

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  @Test
  void whatCameWithPosixIsWrittenAsVersionFour() throws IOException {
    assertThat(written(ofPosix())).isEqualTo(fixture(4));
  }

  /** Written at the level of POSIX: version 3 of that release knows nothing of what is in it. */
  @Test
  void whatCameWithPosixIsReadAndWritten() throws IOException {
    for (boolean two : new boolean[] {false, true}) {
      Namespace namespace = read(fixture(4), two);
      assertThat(namespace.level()).isEqualTo(FeatureLevel.POSIX);
      assertThat(namespace.tree.dentries.live.keySet())
          .containsExactly(
              new Keys.Dentry(1, "d"),
              new Keys.Dentry(1, "null"),
              new Keys.Dentry(1, "pipe"),
              new Keys.Dentry(1, "\uff5a"),
              new Keys.Dentry(1, "\ud835\udcb3"),
              new Keys.Dentry(2, "same"));
      assertThat(namespace.tree.dentries.get(new Keys.Dentry(2, "same"))).isEqualTo(3L);
      Inode file = namespace.tree.inodes.get(3L);
      assertThat(file.links()).isEqualTo(2);
      assertThat(file.atimeMs()).isEqualTo(-5);
      assertThat(file.atimeNs()).isEqualTo(1);
      assertThat(file.mtimeNs()).isEqualTo(999_999);
      assertThat(namespace.tree.inodes.get(5L).type()).isEqualTo(FileType.CHARACTER_DEVICE);
      assertThat(namespace.tree.inodes.get(5L).device()).isEqualTo(259);
      assertThat(namespace.xattrs.values.live.keySet())
          .containsExactly(new Keys.Xattr(2, "trusted.t"), new Keys.Xattr(3, "user.größe"));
      assertThat(namespace.xattrs.get(file, "user.größe", Access.unchecked()).toStringUtf8())
          .isEqualTo("value");
      assertThat(namespace.orphans.live.keySet()).containsExactly(7L);
      assertThat(written(namespace)).isEqualTo(fixture(4));
    }
  }

  @Test
  void aSnapshotOfBeforeLevelsHasNone() throws IOException {
    Namespace namespace = read(fixture("namespace-v3-level"), false);
    namespace.restore(new ByteArrayInputStream(fixture(3)));
    assertThat(namespace.level()).isEqualTo(FeatureLevel.BEFORE_LEVELS);
  }

  @Test
  void aSnapshotOfAHigherLevelThanIsKnownIsRefusedWithWhatIsNeeded() throws IOException {
    byte[] fixture = fixture("namespace-v3-level");
    Namespace older =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.BASE,
            FeatureLevel.BASE,
            Optional.empty());
    assertThatThrownBy(() -> older.restore(new ByteArrayInputStream(fixture)))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "the snapshot: this node knows feature levels up to 1, the cluster is at 2: it needs"
                + " release 0.2 or later");
  }

  @Test
  void aLaterVersionIsRefused() throws IOException {
    byte[] later = fixture(3);
    later[1] = 5;
    assertThatThrownBy(() -> read(later, false)).hasMessageContaining("version 5");
  }

  private static Batch creates(int files) {
    Batch.Builder batch = Batch.newBuilder().setTimeMs(5);
    for (int i = 0; i < files; i++) {
      batch.addCommands(
          Command.newBuilder()
              .setCreate(Create.newBuilder().setLocation(Location.newBuilder().setPath("f" + i))));
    }
    return batch.build();
  }

  /** Many frames, a name in them that shares its inode's key, and the same weight as before. */
  @Test
  void aLargeNamespaceComesBackAsItWas() throws IOException {
    Namespace namespace = empty(false);
    namespace.apply(1, creates(10_000));
    byte[] bytes = written(namespace);
    for (boolean two : new boolean[] {false, true}) {
      Namespace again = read(bytes, two);
      assertThat(again.digest()).isEqualTo(namespace.digest());
      assertThat(again.heapBytes()).isEqualTo(namespace.heapBytes());
      Long key = again.tree.inodes.live.lastKey();
      assertThat(again.tree.dentries.live.values()).anyMatch(value -> value == key);
    }
  }

  /** The file around it has checksums; what gets through them must still not be believed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsCutShortIsRefused(boolean two) throws IOException {
    Namespace namespace = empty(false);
    namespace.apply(1, creates(10));
    byte[] whole = written(namespace); // there are no records behind the names
    for (int length = 1; length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      if (length > HEAD) {
        assertThatThrownBy(() -> read(part, two)).as("%d", length).isInstanceOf(IOException.class);
      }
    }
  }

  @Test
  void entriesThatAreMissingOrTooManyAreRefused() throws IOException {
    byte[] whole = fixture(3);
    int inodes = HEAD + 9 + whole[HEAD + 3]; // behind the header's frame
    assertThat(whole[inodes + 4]).isEqualTo((byte) NamespaceFrame.INODES);
    for (int change : new int[] {-1, 1}) {
      byte[] other = whole.clone();
      other[inodes + 8] += (byte) change;
      assertThatThrownBy(() -> read(other, false)).isInstanceOf(IOException.class);
    }
  }
}
