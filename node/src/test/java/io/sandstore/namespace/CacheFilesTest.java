package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Evict;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.Rename;
import io.sandstore.wire.RetainOrphans;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Unlink;
import io.sandstore.wire.Write;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What may leave a cache, and that nothing else does. */
class CacheFilesTest {

  private final Namespace namespace = empty(FeatureLevel.CACHE);

  private static Namespace empty(FeatureLevel level) {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.newest(),
            level,
            Optional.empty());
    namespace.configure(
        Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
    namespace.apply(1, Batch.newBuilder().setTimeMs(1_000_000).build());
    return namespace;
  }

  private static Location at(String path) {
    return Location.newBuilder().setPath(path).build();
  }

  private Outcome apply(Command.Builder command) {
    return later(0, command);
  }

  private Outcome later(long ms, Command.Builder command) {
    Batch batch =
        Batch.newBuilder()
            .setTimeMs(namespace.dateMs() + ms)
            .setElapsedMs(ms)
            .addCommands(command)
            .build();
    return namespace.apply(2, batch).getFirst();
  }

  private long create(String path, int bytes) {
    long inode =
        apply(Command.newBuilder().setCreate(Create.newBuilder().setLocation(at(path))))
            .getAttributes()
            .getInode();
    apply(
        Command.newBuilder()
            .setWrite(
                Write.newBuilder()
                    .setInode(inode)
                    .setInlineData(ByteString.copyFrom(new byte[bytes]))));
    return inode;
  }

  private void mkdir(String path) {
    apply(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at(path))));
  }

  private void mark(String path, String value) {
    SetXattr.Builder op =
        SetXattr.newBuilder()
            .setLocation(at(path))
            .setName(CacheFiles.MARK)
            .setValue(ByteString.copyFromUtf8(value));
    assertThat(apply(Command.newBuilder().setSetXattr(op)).hasFault()).isFalse();
  }

  private Outcome as(int uid, Command.Builder command) {
    return apply(command.setCredentials(Credentials.newBuilder().setUid(uid).setGid(uid)));
  }

  private void mkdirAs(int uid, String path) {
    Mkdir.Builder op = Mkdir.newBuilder().setLocation(at(path)).setMode(0777);
    assertThat(as(uid, Command.newBuilder().setMkdir(op)).hasFault()).isFalse();
  }

  private Outcome markAs(int uid, String path) {
    return as(
        uid,
        Command.newBuilder()
            .setSetXattr(SetXattr.newBuilder().setLocation(at(path)).setName(CacheFiles.MARK)));
  }

  private List<CacheFiles.CacheFile> files(int look) {
    List<CacheFiles.CacheFile> files = new ArrayList<>();
    Optional<CacheFiles.Position> next = Optional.of(CacheFiles.Position.BEGIN);
    while (next.isPresent()) {
      CacheFiles.Page page = namespace.cacheFiles(next.get(), look);
      files.addAll(page.files());
      next = page.next();
    }
    return files;
  }

  private List<String> names() {
    return files(1000).stream().map(CacheFiles.CacheFile::name).toList();
  }

  private CacheFiles.CacheFile file(String name) {
    return files(1000).stream().filter(f -> f.name().equals(name)).findFirst().orElseThrow();
  }

  private static Command.Builder evict(boolean expired, Evict.Entry entry) {
    return Command.newBuilder().setEvict(Evict.newBuilder().addEntries(entry).setExpired(expired));
  }

  private boolean isThere(String path) {
    return !namespace
        .ask(Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(path))).build())
        .hasFault();
  }

  @Test
  void theNearestMarkCounts() {
    mkdir("/c");
    mkdir("/c/d");
    mkdir("/c/kept");
    create("/plain", 1);
    create("/c/d/below", 1);
    create("/c/kept/not", 1);
    create("/c/pinned", 1);
    create("/c/timed", 1);
    create("/own", 1);
    mark("/c", "");
    mark("/c/kept", "off");
    mark("/c/pinned", "pin");
    mark("/c/timed", "ttl=60");
    mark("/own", "ttl=5");
    assertThat(names()).containsExactlyInAnyOrder("below", "timed", "own");
    assertThat(files(1)).isEqualTo(files(1000));
    assertThat(file("timed").ttlMs()).isEqualTo(60_000);
    apply(
        Command.newBuilder()
            .setRename(Rename.newBuilder().setFrom(at("/plain")).setTo(at("/c/plain"))));
    assertThat(names()).as("what moves there is of it").contains("plain");
  }

  @ParameterizedTest
  @ValueSource(strings = {"pin", "off", "ttl=", "ttl=-1", "ttl=0", "ttl=9999999999999999", "pni"})
  void whatIsNotUnderstoodKeepsAFile(String value) {
    create("/f", 1);
    mark("/f", value);
    assertThat(names()).isEmpty();
  }

  @Test
  void whatWasChosenGoesAndSaysHowMuchThatWas() {
    long inode = create("/f", 100);
    mark("/f", "");
    Outcome outcome = apply(evict(false, file("f").entry(false)));
    assertThat(outcome.getValue()).isEqualTo(1);
    assertThat(outcome.getEvictedBytes()).isEqualTo(100);
    assertThat(isThere("/f")).isFalse();
    apply(Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(1)));
    assertThat(namespace.attributesOf(inode).getInode()).as("at once").isZero();
    assertThat(namespace.hasCache()).as("its mark went with it").isFalse();
  }

  @Test
  void whatIsOpenGoesAsUnlinkedFilesDo() {
    long inode = create("/f", 100);
    mark("/f", "");
    apply(evict(false, file("f").entry(true)));
    assertThat(isThere("/f")).isFalse();
    apply(Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(1)));
    assertThat(namespace.attributesOf(inode).getSize()).isEqualTo(100);
  }

  /** Somebody says so between the command and the one that reaps. */
  @Test
  void whoeverSaysInTimeThatItIsOpenKeepsIt() {
    long inode = create("/f", 100);
    mark("/f", "");
    apply(evict(false, file("f").entry(false)));
    apply(Command.newBuilder().setRetainOrphans(RetainOrphans.newBuilder().addInodes(inode)));
    apply(Command.newBuilder().setReapOrphans(ReapOrphans.newBuilder().setUnusedSinceMs(1)));
    assertThat(namespace.attributesOf(inode).getSize()).isEqualTo(100);
  }

  /** Each of these happened after the choice and before the command. */
  @Test
  void whatIsNotAsItWasChosenStays() {
    long inode = create("/f", 100);
    mark("/f", "");
    Evict.Entry chosen = file("f").entry(false);
    mark("/f", "pin");
    stays(chosen.toBuilder().setCtimeMs(namespace.attributesOf(inode).getCtimeMs()).build());
    SetXattr.Builder unmark =
        SetXattr.newBuilder().setLocation(at("/f")).setName(CacheFiles.MARK).setRemove(true);
    apply(Command.newBuilder().setSetXattr(unmark));
    stays(chosen);
    mark("/f", "");
    stays(chosen.toBuilder().setSize(99).build());
    stays(chosen.toBuilder().setCtimeMs(chosen.getCtimeMs() - 1).build());
    apply(Command.newBuilder().setLink(Link.newBuilder().setFrom(at("/f")).setTo(at("/second"))));
    stays(chosen);
    apply(Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at("/f"))));
    create("/f", 100);
    mark("/f", "");
    stays(chosen); // another file under that name
  }

  private void stays(Evict.Entry chosen) {
    assertThat(apply(evict(false, chosen)).getValue()).isZero();
    assertThat(isThere("/f")).isTrue();
  }

  @Test
  void aTimeIsOverWhenTheClusterSaysSo() {
    create("/f", 1);
    mark("/f", "ttl=60");
    Evict.Entry chosen = file("f").entry(false);
    assertThat(later(59_999, evict(true, chosen)).getValue()).isZero();
    assertThat(later(1, evict(true, chosen)).getValue()).isEqualTo(1);
  }

  @Test
  void marksComeBackWithASnapshot() throws Exception {
    mkdir("/c");
    create("/c/f", 1);
    mark("/c", "ttl=60");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    namespace.freeze().writeTo(out);
    Namespace other = empty(FeatureLevel.CACHE);
    other.restore(new ByteArrayInputStream(out.toByteArray()));
    assertThat(other.hasCache()).isTrue();
    assertThat(other.cacheFiles(CacheFiles.Position.BEGIN, 10).files()).isEqualTo(files(10));
    assertThat(other.heapBytes()).isEqualTo(namespace.heapBytes());
  }

  @Test
  void belowTheLevelNothingIsEvicted() {
    Namespace older = empty(FeatureLevel.LOCKS);
    Evict.Entry entry = Evict.Entry.newBuilder().setDirectory(1).setName("f").setInode(2).build();
    Command command = evict(false, entry).build();
    assertThat(older.tooEarly(command)).isPresent();
    assertThat(
            older
                .apply(2, Batch.newBuilder().addCommands(command).build())
                .getFirst()
                .getFault()
                .getErrno())
        .isEqualTo(Errno.EPROTO);
  }

  /** Who may write in a directory must not decide over the files of all others there. */
  @Test
  void onlyItsOwnerMarksADirectory() {
    mkdirAs(0, "/d");
    apply(setMode("/d", 0777));
    create("/d/f", 10);
    assertThat(markAs(5, "/d").getFault().getErrno()).isEqualTo(Errno.EPERM);
    assertThat(names()).isEmpty();
    assertThat(markAs(0, "/d").hasFault()).isFalse();
    assertThat(names()).containsExactly("f");
  }

  /** They could not remove what is in there either. */
  @Test
  void aMarkReachesNoDirectoriesOfOthersUnlessItIsRoots() {
    mkdirAs(0, "/d");
    apply(setMode("/d", 0777));
    mkdirAs(5, "/d/mine");
    mkdirAs(5, "/d/mine/too");
    apply(setMode("/d/mine", 0777));
    mkdirAs(6, "/d/mine/theirs");
    create("/d/mine/too/a", 10);
    create("/d/mine/theirs/b", 10);
    assertThat(markAs(5, "/d/mine").hasFault()).isFalse();
    assertThat(names()).containsExactly("a");
    assertThat(markAs(0, "/d").hasFault()).isFalse();
    assertThat(names()).containsExactlyInAnyOrder("a", "b");
  }

  private static Command.Builder setMode(String path, int mode) {
    return Command.newBuilder()
        .setSetAttributes(SetAttributes.newBuilder().setLocation(at(path)).setMode(mode));
  }
}
