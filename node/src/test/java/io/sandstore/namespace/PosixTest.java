package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Errno;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Link;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Symlink;
import io.sandstore.wire.Unlink;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Bounds and rules of feature level POSIX that random sequences do not come to. */
class PosixTest {

  private final Namespace namespace =
      new Namespace(
          new NamespaceModelTest.Memory(),
          new HolderMask(),
          FeatureLevel.newest(),
          FeatureLevel.newest(),
          Optional.empty());

  PosixTest() {
    namespace.configure(
        Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
  }

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private List<Outcome> apply(List<Command> commands) {
    return namespace.apply(1, Batch.newBuilder().setTimeMs(1000).addAllCommands(commands).build());
  }

  private Outcome apply(Command.Builder command) {
    return apply(List.of(command.build())).getFirst();
  }

  private Errno errno(Command.Builder command) {
    return apply(command).getFault().getErrno();
  }

  private Attributes create(String path) {
    return apply(Command.newBuilder().setCreate(Create.newBuilder().setLocation(at(path))))
        .getAttributes();
  }

  private static Command.Builder unlink(String path) {
    return Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at(path)));
  }

  private static Command.Builder link(long inode, String to) {
    return Command.newBuilder().setLink(Link.newBuilder().setInode(inode).setTo(at(to)));
  }

  private static Command.Builder xattr(String path, String name, int bytes) {
    return Command.newBuilder()
        .setSetXattr(
            SetXattr.newBuilder()
                .setLocation(at(path))
                .setNoFollow(true)
                .setName(name)
                .setValue(ByteString.copyFrom(new byte[bytes])));
  }

  private void reap() {
    ReapOrphans all = ReapOrphans.newBuilder().setUnusedSinceMs(namespace.ageMs() + 1).build();
    apply(Command.newBuilder().setReapOrphans(all));
  }

  @Test
  void aFileHasAtMostSoManyNames() {
    long file = create("/f").getInode();
    List<Command> links =
        IntStream.range(1, Names.LINKS_MAX).mapToObj(i -> link(file, "/l" + i).build()).toList();
    assertThat(apply(links)).noneMatch(Outcome::hasFault);
    assertThat(errno(link(file, "/one-too-many"))).isEqualTo(Errno.EMLINK);
    assertThat(errno(unlink("/f"))).isEqualTo(Errno.OK);
    assertThat(errno(link(file, "/again"))).isEqualTo(Errno.OK);
  }

  @Test
  void theLastOfSeveralNamesLeavesAnOrphanAndItsAttributesGoWithIt() {
    long file = create("/f").getInode();
    apply(xattr("/f", "user.a", 3));
    apply(link(file, "/g"));
    apply(unlink("/f"));
    reap();
    assertThat(namespace.attributesOf(file).getLinks()).isEqualTo(1);
    apply(unlink("/g"));
    assertThat(namespace.attributesOf(file).getLinks()).isZero();
    assertThat(namespace.xattrs.values.live).isNotEmpty();
    long full = namespace.heapBytes();
    reap();
    assertThat(namespace.attributesOf(file)).isEqualTo(Attributes.getDefaultInstance());
    assertThat(namespace.xattrs.values.live).isEmpty();
    assertThat(namespace.heapBytes()).isLessThan(full);
  }

  @Test
  void aFileWithoutANameGoesUnlessItIsRetainedOrNamed() {
    CreateUnnamed create = CreateUnnamed.newBuilder().setDirectory(at("/")).build();
    long gone = apply(Command.newBuilder().setCreateUnnamed(create)).getAttributes().getInode();
    long named = apply(Command.newBuilder().setCreateUnnamed(create)).getAttributes().getInode();
    assertThat(namespace.attributesOf(named).getLinks()).isZero();
    assertThat(namespace.orphansAmong(List.of(gone, named))).containsExactly(gone, named);
    assertThat(errno(link(named, "/named"))).isEqualTo(Errno.OK);
    RetainOrphans retain = RetainOrphans.newBuilder().addInodes(named).build();
    assertThat(errno(Command.newBuilder().setRetainOrphans(retain))).isEqualTo(Errno.OK);
    reap();
    assertThat(namespace.attributesOf(gone)).isEqualTo(Attributes.getDefaultInstance());
    assertThat(namespace.attributesOf(named).getLinks()).isEqualTo(1);
    assertThat(errno(link(gone, "/gone"))).isEqualTo(Errno.ESTALE);
  }

  @Test
  void extendedAttributesAreBounded() {
    create("/f");
    assertThat(errno(xattr("/f", "user.a", Xattrs.VALUE_BYTES_MAX + 1))).isEqualTo(Errno.E2BIG);
    assertThat(errno(xattr("/f", "user.a", Xattrs.VALUE_BYTES_MAX))).isEqualTo(Errno.OK);
    assertThat(errno(xattr("/f", "user.b", 255))).isEqualTo(Errno.ENOSPC);
    assertThat(errno(xattr("/f", "user.a", 5))).isEqualTo(Errno.OK);
    assertThat(errno(xattr("/f", "user.b", 255))).isEqualTo(Errno.OK);
    assertThat(errno(xattr("/f", "user." + "n".repeat(251), 1))).isEqualTo(Errno.ERANGE);
    assertThat(errno(xattr("/f", "user." + "n".repeat(250), 1))).isEqualTo(Errno.OK);
  }

  @Test
  void listsOfAccessAreKeptAsBytesWhereLinuxWouldTakeThem() {
    create("/f");
    apply(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/d"))));
    apply(
        Command.newBuilder().setSymlink(Symlink.newBuilder().setLocation(at("/l")).setTarget("f")));
    String access = "system.posix_acl_access";
    String inherited = "system.posix_acl_default";
    assertThat(errno(xattr("/f", access, 4))).isEqualTo(Errno.OK);
    assertThat(errno(xattr("/f", inherited, 4))).isEqualTo(Errno.EACCES);
    assertThat(errno(xattr("/d", inherited, 4))).isEqualTo(Errno.OK);
    assertThat(errno(xattr("/l", access, 4))).isEqualTo(Errno.EOPNOTSUPP);
    assertThat(errno(xattr("/f", "system.other", 4))).isEqualTo(Errno.EOPNOTSUPP);
    ListXattrs list = ListXattrs.newBuilder().setLocation(at("/d")).build();
    assertThat(namespace.ask(Query.newBuilder().setListXattrs(list).build()).getNamesList())
        .containsExactly(inherited);
  }

  @Test
  void capabilitiesOfAProgramAreGoneWhenItChanges() {
    long file = create("/f").getInode();
    apply(xattr("/f", Xattrs.CAPABILITY, 20));
    apply(
        Command.newBuilder()
            .setSetAttributes(SetAttributes.newBuilder().setInode(file).setSize(5)));
    GetXattr get = GetXattr.newBuilder().setInode(file).setName(Xattrs.CAPABILITY).build();
    assertThat(namespace.ask(Query.newBuilder().setGetXattr(get).build()).getFault().getErrno())
        .isEqualTo(Errno.ENODATA);
  }

  /** As an open directory is asked. */
  @Test
  void anEmptyPathIsTheBaseItself() {
    long directory =
        apply(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at("/d"))))
            .getAttributes()
            .getInode();
    Location base = Location.newBuilder().setBase(directory).build();
    Location child = base.toBuilder().setPath("f").build();
    apply(Command.newBuilder().setCreate(Create.newBuilder().setLocation(child)));
    Answer found =
        namespace.ask(Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(base)).build());
    assertThat(found.getAttributes().getInode()).isEqualTo(directory);
    SetAttributes mode = SetAttributes.newBuilder().setLocation(base).setMode(0700).build();
    assertThat(errno(Command.newBuilder().setSetAttributes(mode))).isEqualTo(Errno.OK);
    assertThat(namespace.attributesOf(directory).getMode()).isEqualTo(0700);
    SetXattr tag = SetXattr.newBuilder().setLocation(base).setName("user.a").build();
    assertThat(errno(Command.newBuilder().setSetXattr(tag))).isEqualTo(Errno.OK);
    CreateUnnamed unnamed = CreateUnnamed.newBuilder().setDirectory(base).build();
    assertThat(errno(Command.newBuilder().setCreateUnnamed(unnamed))).isEqualTo(Errno.OK);
    ReadDirectory read = ReadDirectory.newBuilder().setLocation(base).build();
    assertThat(namespace.ask(Query.newBuilder().setReadDirectory(read).build()).getEntriesList())
        .hasSize(1);
    assertThat(errno(Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(base))))
        .isEqualTo(Errno.EISDIR);
  }
}
