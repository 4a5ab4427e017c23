package io.sandstore.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.Identity;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.host.Frame;
import io.sandstore.host.Host;
import io.sandstore.namespace.FeatureLevel;
import io.sandstore.node.Build;
import io.sandstore.rpc.PosixException;
import io.sandstore.rpc.RpcClient;
import io.sandstore.wire.Command;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Header;
import io.sandstore.wire.Hello;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Mutate;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Several people use one cluster: who makes something owns it, and the others may what it lets. */
class OwnersTest {

  private static final Identity ROOT = Identity.of(0, 0);
  private static final Identity ANNE = Identity.of(1001, 100);
  private static final Identity BERT = Identity.of(1002, 200, 300);

  private static final Set<OpenFlag> MAKE = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT);
  private static final Set<OpenFlag> WRITE = EnumSet.of(OpenFlag.O_WRONLY);
  private static final Set<OpenFlag> READ = EnumSet.of(OpenFlag.O_RDONLY);

  private interface Call {
    void run() throws IOException;
  }

  private static void assertRefused(Errno errno, Call call) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            PosixException.class, e -> assertThat(e.errno()).as(e.getMessage()).isEqualTo(errno));
  }

  private static void make(SandstoreClient client, String path, int mode) throws IOException {
    try (SandFile file = client.open(path, MAKE, mode)) {
      file.write(ByteBuffer.wrap("content".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    }
  }

  /** A place where everybody may make something, and everybody's clients. */
  private record People(
      SandstoreClient tool, SandstoreClient root, SandstoreClient anne, SandstoreClient bert) {

    static People of(Host host) throws IOException {
      SandstoreClient tool = CalmCluster.client(host);
      tool.mkdir("/shared", 0777);
      return new People(tool, tool.as(ROOT), tool.as(ANNE), tool.as(BERT));
    }
  }

  private interface Task {
    void run(CalmCluster cluster, Host host, People people) throws Exception;
  }

  private static void together(Map<String, String> settings, Task task) throws Exception {
    CalmCluster cluster = new CalmCluster(settings);
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          People people = People.of(host);
          task.run(cluster, host, people);
          people.tool.close();
        });
  }

  private static List<Long> digests(CalmCluster cluster, Host host) throws InterruptedException {
    host.clock().sleep(Duration.ofSeconds(3));
    List<Long> digests = cluster.inspections().stream().map(i -> i.namespace().digest()).toList();
    assertThat(digests).hasSize(3);
    return digests.stream().distinct().toList();
  }

  @Test
  void whoMakesSomethingOwnsItAlsoAfterAllNodesStartedAgain() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0666);
          people.bert.mkdir("/shared/directory", 0777);
          people.anne.symlink("file", "/shared/link");
          cluster.restartAll();
          cluster.awaitAll(host);
          FileStat file = people.tool.stat("/shared/file");
          assertThat(file.uid()).isEqualTo(1001);
          assertThat(file.gid()).isEqualTo(100);
          assertThat(file.mode()).isEqualTo(0644);
          FileStat directory = people.tool.stat("/shared/directory");
          assertThat(directory.uid()).isEqualTo(1002);
          assertThat(directory.gid()).isEqualTo(200);
          assertThat(directory.mode()).isEqualTo(0755);
          assertThat(people.tool.lstat("/shared/link").uid()).isEqualTo(1001);
          assertThat(digests(cluster, host)).hasSize(1);
        });
  }

  @Test
  void onlyWhoMayReadOrWriteAFileOpensItForThat() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0640);
          assertRefused(Errno.EACCES, () -> people.bert.open("/shared/file", READ, 0));
          assertRefused(Errno.EACCES, () -> people.bert.open("/shared/file", MAKE, 0666));
          people.anne.open("/shared/file", READ, 0).close();
          people.root.open("/shared/file", WRITE, 0).close();
          people.tool.open("/shared/file", WRITE, 0).close();
          people.root.setattr("/shared/file", AttributeChange.NONE.withOwner(1001, 300));
          people.bert.open("/shared/file", READ, 0).close();
          assertRefused(Errno.EACCES, () -> people.bert.open("/shared/file", WRITE, 0));
          assertRefused(
              Errno.EACCES,
              () ->
                  people.bert.open(
                      "/shared/file", EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_TRUNC), 0));
          assertRefused(Errno.EACCES, () -> people.bert.truncate("/shared/file", 0));
          assertThat(people.bert.stat("/shared/file").size()).isEqualTo(7);
          people.anne.truncate("/shared/file", 3);
          assertThat(people.bert.stat("/shared/file").size()).isEqualTo(3);
        });
  }

  /** As Linux has it: what was opened stays open, whatever the file's bits are later. */
  @Test
  void anOpenFileIsNotCheckedAgain() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0600);
          try (SandFile open = people.anne.open("/shared/file", WRITE, 0)) {
            people.root.setattr("/shared/file", AttributeChange.NONE.withMode(0).withOwner(0, 0));
            open.write(ByteBuffer.allocate(100));
            open.fsync();
            open.truncate(50);
            assertRefused(Errno.EPERM, () -> open.setattr(AttributeChange.NONE.withMode(0777)));
          }
          assertThat(people.tool.stat("/shared/file").size()).isEqualTo(50);
        });
  }

  @Test
  void noPathLeadsThroughADirectoryThatOneMayNotSearch() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.anne.mkdir("/shared/private", 0700);
          make(people.anne, "/shared/private/file", 0666);
          people.anne.symlink("private/file", "/shared/link");
          for (String path : List.of("/shared/private/file", "/shared/link")) {
            assertThatThrownBy(() -> people.bert.stat(path))
                .isInstanceOf(PosixException.class)
                .hasMessageContaining("no permission to search private");
          }
          assertRefused(Errno.EACCES, () -> people.bert.stat("/shared/private/missing"));
          assertRefused(Errno.EACCES, () -> people.bert.unlink("/shared/private/file"));
          assertRefused(Errno.EACCES, () -> people.bert.mkdir("/shared/private/new", 0777));
          assertRefused(Errno.EACCES, () -> people.bert.readdir("/shared/private"));
          assertThat(people.bert.lstat("/shared/link").isSymlink()).isTrue();
          assertThat(people.bert.readlink("/shared/link")).isEqualTo("private/file");
          people.root.stat("/shared/link");
        });
  }

  @Test
  void aDirectoryThatMayBeListedAndNotSearchedTellsNamesAndKindsOnly() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.anne.mkdir("/shared/shop", 0744);
          make(people.anne, "/shared/shop/file", 0666);
          List<DirectoryPage.Entry> seen = people.bert.readdir("/shared/shop");
          assertThat(seen).hasSize(1);
          assertThat(seen.getFirst().name()).isEqualTo("file");
          assertThat(seen.getFirst().stat().isFile()).isTrue();
          assertThat(seen.getFirst().stat().size()).isZero();
          assertThat(seen.getFirst().stat().mode()).isZero();
          assertThat(people.anne.readdir("/shared/shop").getFirst().stat().size()).isEqualTo(7);
        });
  }

  @Test
  void namesAreMadeAndRemovedByThoseWhoMayChangeTheDirectory() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.anne.mkdir("/shared/anne", 0755);
          people.anne.mkdir("/shared/anne/inside", 0777);
          make(people.anne, "/shared/anne/file", 0666);
          make(people.bert, "/shared/bert", 0666);
          assertRefused(Errno.EACCES, () -> make(people.bert, "/shared/anne/new", 0666));
          assertRefused(Errno.EACCES, () -> people.bert.mkdir("/shared/anne/new", 0777));
          assertRefused(Errno.EACCES, () -> people.bert.symlink("x", "/shared/anne/new"));
          assertRefused(Errno.EACCES, () -> people.bert.unlink("/shared/anne/file"));
          assertRefused(Errno.EACCES, () -> people.bert.rmdir("/shared/anne/inside"));
          assertRefused(
              Errno.EACCES, () -> people.bert.rename("/shared/anne/file", "/shared/taken"));
          assertRefused(Errno.EACCES, () -> people.bert.rename("/shared/bert", "/shared/anne/b"));
          // It may be taken out of its directory, but gets another one above it.
          people.tool.setattr("/shared/anne", AttributeChange.NONE.withMode(0777));
          assertRefused(
              Errno.EACCES, () -> people.bert.rename("/shared/anne/inside", "/shared/taken"));
          people.bert.rename("/shared/anne/inside", "/shared/anne/renamed");
        });
  }

  @Test
  void inAStickyDirectoryEverybodyRemovesOnlyTheirOwn() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.root.as(ROOT.withUmask(0)).mkdir("/shared/tmp", 01777);
          make(people.anne, "/shared/tmp/anne", 0666);
          make(people.bert, "/shared/tmp/bert", 0666);
          assertRefused(Errno.EPERM, () -> people.bert.unlink("/shared/tmp/anne"));
          assertRefused(
              Errno.EPERM, () -> people.bert.rename("/shared/tmp/anne", "/shared/tmp/mine"));
          assertRefused(
              Errno.EPERM, () -> people.bert.rename("/shared/tmp/bert", "/shared/tmp/anne"));
          people.bert.rename("/shared/tmp/bert", "/shared/tmp/mine");
          people.anne.unlink("/shared/tmp/anne");
          people.root.unlink("/shared/tmp/mine");
        });
  }

  @Test
  void bitsOwnersAndTimesAreTheOwnersToChangeAndGivingAwayIsRoots() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0666);
          String file = "/shared/file";
          AttributeChange mode = AttributeChange.NONE.withMode(06755);
          assertRefused(Errno.EPERM, () -> people.bert.setattr(file, mode));
          assertRefused(
              Errno.EPERM, () -> people.bert.setattr(file, AttributeChange.NONE.withMtime(5)));
          assertRefused(
              Errno.EPERM,
              () -> people.anne.setattr(file, AttributeChange.NONE.withOwner(1002, 100)));
          assertRefused(
              Errno.EPERM,
              () -> people.anne.setattr(file, AttributeChange.NONE.withOwner(1001, 300)));
          assertThat(people.anne.setattr(file, mode).mode()).isEqualTo(06755);
          people.anne.setattr(file, AttributeChange.NONE.withMtime(5));
          // What runs as its owner does not when it is somebody else's.
          assertThat(people.root.setattr(file, AttributeChange.NONE.withOwner(1002, 100)).mode())
              .isEqualTo(0755);
          // The owner is not in the file's group.
          assertThat(people.bert.setattr(file, mode).mode()).isEqualTo(04755);
          people.bert.setattr(file, AttributeChange.NONE.withOwner(1002, 300));
          assertThat(people.bert.setattr(file, mode).mode()).isEqualTo(06755);
          make(people.bert, file, 0);
          assertThat(people.bert.stat(file).mode()).isEqualTo(0755);
        });
  }

  @Test
  void whoMayWriteAFileMaySayThatItIsOfNow() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0666);
          people.root.setattr("/shared/file", AttributeChange.NONE.withMode(0666).withMtime(5));
          AttributeChange now = AttributeChange.NONE.withTimesNow();
          assertThat(people.bert.setattr("/shared/file", now).mtimeMs()).isGreaterThan(5);
          people.anne.setattr("/shared/file", AttributeChange.NONE.withMode(0644));
          assertRefused(Errno.EACCES, () -> people.bert.setattr("/shared/file", now));
        });
  }

  @Test
  void aFileThatIsOpenedByItsInodeIsChecked() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0640);
          long inode = people.anne.stat("/shared/file").inode();
          assertRefused(Errno.EACCES, () -> people.bert.open(inode, READ));
          assertRefused(
              Errno.EACCES,
              () -> people.bert.open(inode, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_TRUNC)));
          people.anne.open(inode, WRITE).close();
        });
  }

  @Test
  void linksNodesAndExtendedAttributesFollowTheSameRules() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0640);
          people.anne.mkdir("/shared/anne", 0755);
          assertRefused(Errno.EACCES, () -> people.bert.link("/shared/file", "/shared/anne/x"));
          people.bert.link("/shared/file", "/shared/other"); // POSIX lets a stranger
          assertRefused(
              Errno.EPERM,
              () -> people.bert.makeNode("/shared/dev", FileStat.Type.CHARACTER_DEVICE, 0600, 5));
          people.bert.makeNode("/shared/fifo", FileStat.Type.FIFO, 0666, 0);
          assertThat(people.bert.stat("/shared/fifo").mode()).isEqualTo(0644);
          people.anne.xattrs("/shared/file").set("user.a", new byte[] {1});
          people.root.xattrs("/shared/file").set("trusted.a", new byte[] {1});
          assertRefused(
              Errno.EACCES, () -> people.bert.xattrs("/shared/file").set("user.a", new byte[] {2}));
          assertRefused(Errno.EACCES, () -> people.bert.xattrs("/shared/file").get("user.a"));
          assertThat(people.bert.xattrs("/shared/file").list()).containsExactly("user.a");
          assertThat(people.root.xattrs("/shared/file").list())
              .containsExactly("trusted.a", "user.a");
        });
  }

  @Test
  void accessSaysWhatOneMayDo() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          make(people.anne, "/shared/file", 0640);
          people.anne.access("/shared/file", SandstoreClient.READ | SandstoreClient.WRITE);
          people.bert.access("/shared/file", 0);
          assertThatThrownBy(() -> people.bert.access("/shared/file", SandstoreClient.READ))
              .hasMessageContaining("no permission to read file");
          assertRefused(
              Errno.EACCES, () -> people.root.access("/shared/file", SandstoreClient.EXECUTE));
          people.tool.access("/shared/file", 7);
          assertRefused(Errno.ENOENT, () -> people.bert.access("/shared/missing", 0));
          assertRefused(Errno.EINVAL, () -> people.bert.access("/shared/file", 8));
        });
  }

  @Test
  void whereRootIsSquashedItOwnsNothingAndNobodyIsUnknown() throws Exception {
    CalmCluster cluster = new CalmCluster(Map.of());
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          try (SandstoreClient tool = CalmCluster.client(host)) {
            tool.mkdir("/shared", 0777);
          }
          for (String name : cluster.names()) {
            cluster.kill(name);
            cluster.start(name, Map.of("SANDSTORE_SQUASH", "root"));
          }
          cluster.awaitAll(host);
          SandstoreClient tool = CalmCluster.client(host);
          for (SandstoreClient client : List.of(tool, tool.as(ROOT))) {
            assertRefused(Errno.EACCES, () -> client.mkdir("/mine", 0755));
            client.mkdir("/shared/nobodys", 0755);
            assertThat(client.stat("/shared/nobodys").uid()).isEqualTo(65534);
            assertThat(client.stat("/shared/nobodys").gid()).isEqualTo(65534);
            client.rmdir("/shared/nobodys");
          }
          tool.as(ANNE).mkdir("/shared/annes", 0755);
          assertThat(tool.stat("/shared/annes").uid()).isEqualTo(1001);
          assertRefused(Errno.EACCES, () -> tool.mkdir("/shared/annes/mine", 0755));
          tool.close();
        });
  }

  /** A log is applied again from its begin, to the same end on every node. */
  @Test
  void nothingIsLetThroughWhileALogIsAppliedAgain() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.anne.mkdir("/shared/anne", 0700);
          make(people.anne, "/shared/anne/file", 0600);
          for (int i = 0; i < 20; i++) {
            String path = "/shared/anne/" + i;
            assertRefused(Errno.EACCES, () -> people.bert.mkdir(path, 0755));
            assertRefused(Errno.EACCES, () -> people.bert.unlink("/shared/anne/file"));
          }
          List<Long> before = digests(cluster, host);
          cluster.restartAll();
          cluster.awaitAll(host);
          assertThat(digests(cluster, host)).isEqualTo(before).hasSize(1);
          assertThat(people.anne.readdir("/shared/anne")).hasSize(1);
        });
  }

  @Test
  void belowTheFeatureLevelItDoesNotMatterWhoAsks() throws Exception {
    CalmCluster cluster =
        new CalmCluster(Map.of(), new Build(FeatureLevel.MERGE, Duration.ofHours(1)));
    cluster.run(
        host -> {
          cluster.awaitAll(host);
          SandstoreClient tool = CalmCluster.client(host);
          SandstoreClient anne = tool.as(ANNE);
          anne.mkdir("/directory", 0700);
          assertThat(tool.stat("/directory").uid()).isZero();
          make(tool.as(BERT), "/directory/file", 0600);
          tool.as(BERT).open("/directory/file", WRITE, 0).close();
          anne.setattr("/directory/file", AttributeChange.NONE.withOwner(7, 8));
          assertThat(anne.stat("/directory/file").uid()).isEqualTo(7);
          tool.close();
        });
  }

  // --- On the wire ---

  private static Outcome ask(Host host, RpcClient peer, Mutate.Builder request)
      throws IOException, InterruptedException {
    try (Frame answer =
        peer.call(
            RpcClient.CONTROL,
            Header.newBuilder().setMutate(request),
            Frame.NO_PAYLOAD,
            host.clock().deadline(Duration.ofSeconds(5)))) {
      return answer.header().getOutcome();
    }
  }

  private static Command.Builder mkdir(String path) {
    Mkdir.Builder mkdir = Mkdir.newBuilder().setMode(0755);
    mkdir.getLocationBuilder().setPath(path);
    return Command.newBuilder().setMkdir(mkdir);
  }

  @Test
  void whoAsksIsSaidBesideACommandAndWithinBounds() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          Credentials anne = Credentials.newBuilder().setUid(1001).setGid(100).build();
          Credentials crowd = anne.toBuilder().addAllGroups(Collections.nCopies(1025, 5)).build();
          for (String from : List.of("", "sandstore-1")) {
            RpcClient peer =
                new RpcClient(
                    host, "sandstore-0:9070", () -> Hello.newBuilder().setFrom(from).build());
            Mutate.Builder inside =
                Mutate.newBuilder().setCommand(mkdir("/shared/x").setCredentials(anne));
            assertThatThrownBy(() -> ask(host, peer, inside))
                .isInstanceOfSatisfying(
                    PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPROTO));
            Mutate.Builder many =
                Mutate.newBuilder().setCommand(mkdir("/shared/x")).setCredentials(crowd);
            assertThatThrownBy(() -> ask(host, peer, many))
                .isInstanceOfSatisfying(
                    PosixException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
            peer.close();
          }
          assertRefused(Errno.ENOENT, () -> people.tool.stat("/shared/x"));
        });
  }

  /** Whatever the second one says: it is the same request. */
  @Test
  void aRequestThatComesAgainGetsTheSameAnswer() throws Exception {
    together(
        Map.of(),
        (cluster, host, people) -> {
          people.anne.mkdir("/shared/anne", 0755);
          RpcClient peer =
              new RpcClient(host, cluster.primary(host) + ":9070", Hello::getDefaultInstance);
          OpenSession open = OpenSession.newBuilder().setNonce(99).build();
          long session =
              ask(
                      host,
                      peer,
                      Mutate.newBuilder().setCommand(Command.newBuilder().setOpenSession(open)))
                  .getValue();
          Command.Builder command =
              mkdir("/shared/anne/x").setSession(session).setSequence(1).setAcknowledgedBelow(1);
          Credentials bert = Credentials.newBuilder().setUid(1002).setGid(200).build();
          Outcome first =
              ask(host, peer, Mutate.newBuilder().setCommand(command).setCredentials(bert));
          assertThat(first.getFault().getErrno()).isEqualTo(Errno.EACCES);
          assertThat(ask(host, peer, Mutate.newBuilder().setCommand(command))).isEqualTo(first);
          peer.close();
        });
  }
}
