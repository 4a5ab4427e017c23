package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Ask;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Credentials;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.FileType;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReadLink;
import io.sandstore.wire.Rename;
import io.sandstore.wire.Rmdir;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Symlink;
import io.sandstore.wire.Unlink;
import io.sandstore.wire.Write;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Who may do what, and with which errno not, as this machine's kernel has it. */
class AccessLinuxTest {

  private static final int SEQUENCES = Integer.getInteger("linux.owners", 60);
  private static final int STEPS = 150;

  /** A device that nobody has: to open it is ENXIO, once one may. */
  private static final long DEVICE = 120 << 8 | 7;

  /** {@code user.} and other attributes, devices: not every machine has them for a test. */
  private boolean xattrs;

  private boolean devices;

  private static final List<String> NAMES = List.of("a", "b", "c");
  private static final int[] MODES = {
    0, 0777, 0777, 0755, 0700, 0644, 0666, 0444, 0111, 0555, 0333, 0750, 0770, 0640, 01777, 01777,
    02755, 02777, 02770, 04755, 06777, 03777, 02644, 06644
  };

  private static final List<Credentials> PEOPLE =
      List.of(who(0, 0), who(1001, 100), who(1002, 200), who(1003, 100, 300, 200));

  private static Credentials who(int uid, int gid, Integer... groups) {
    return Credentials.newBuilder().setUid(uid).setGid(gid).addAllGroups(List.of(groups)).build();
  }

  /** What one of the four does; each side says how it went. */
  private record Step(String what, Call linux, Call store) {}

  private interface Call {
    Errno run();
  }

  private final List<LinuxPerson> linux = new ArrayList<>();
  private Namespace namespace = empty();
  private long index;

  private static Namespace empty() {
    Namespace namespace =
        new Namespace(
            new NamespaceModelTest.Memory(),
            new HolderMask(),
            FeatureLevel.newest(),
            FeatureLevel.newest(),
            Optional.empty());
    namespace.configure(
        Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
    return namespace;
  }

  // --- The store's side ---

  private static Location at(String path) {
    return Location.newBuilder().setPath("/" + path).build();
  }

  private Outcome apply(Credentials who, Command.Builder command) {
    return namespace
        .apply(
            ++index,
            Batch.newBuilder()
                .setTimeMs(1000 + index)
                .addCommands(command.setCredentials(who))
                .build())
        .getFirst();
  }

  private Errno store(Credentials who, Command.Builder command) {
    return apply(who, command).getFault().getErrno();
  }

  private Answer ask(Credentials who, Query.Builder query) {
    return namespace.ask(Ask.newBuilder().setQuery(query).setCredentials(who).build());
  }

  private static int open(Linux linux, String path, int flags, boolean write) {
    int fd = linux.open(path, flags, 0);
    if (fd < 0) {
      return fd;
    }
    int written = write ? linux.write(fd, new byte[] {'x'}, 0) : 0;
    linux.close(fd);
    return written;
  }

  private Errno open(Credentials who, String path, int mask, boolean write) {
    Answer found =
        ask(
            who,
            Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(path)).setMask(mask)));
    if (found.hasFault()) {
      return found.getFault().getErrno();
    }
    if (found.getAttributes().getType() == FileType.DIRECTORY) {
      return (mask & Access.WRITE) != 0 ? Errno.EISDIR : Errno.OK;
    }
    if (found.getAttributes().getType() != FileType.REGULAR) {
      return Errno.ENXIO;
    }
    return write
        ? store(
            who,
            Command.newBuilder()
                .setWrite(
                    Write.newBuilder()
                        .setInode(found.getAttributes().getInode())
                        .setAppend(true)
                        .setInlineData(ByteString.copyFromUtf8("x"))))
        : Errno.OK;
  }

  // --- Steps ---

  private String path(Random random) {
    List<String> there = tree().keySet().stream().filter(path -> !path.isEmpty()).toList();
    if (!there.isEmpty() && random.nextInt(3) > 0) {
      return there.get(random.nextInt(there.size()));
    }
    StringBuilder path = new StringBuilder();
    int depth = 1 + Math.min(random.nextInt(4), 2);
    for (int i = 0; i < depth; i++) {
      path.append(i == 0 ? "" : "/").append(NAMES.get(random.nextInt(NAMES.size())));
    }
    return path.toString();
  }

  private static int mode(Random random) {
    int mode = MODES[random.nextInt(MODES.length)];
    // What Linux may be told to forbid beyond POSIX in others' sticky directories is not asked for.
    boolean sticky = (mode & Access.STICKY) != 0;
    return sticky ? mode & ~stickyWithout() : mode;
  }

  private static int stickyWithout() {
    if (protection("regular") >= 2 || protection("fifos") >= 2) {
      return 0022;
    }
    boolean any =
        protection("regular") > 0 || protection("fifos") > 0 || protection("symlinks") > 0;
    return any ? 0002 : 0;
  }

  private static int protection(String of) {
    try {
      return Integer.parseInt(Files.readString(Path.of("/proc/sys/fs/protected_" + of)).strip());
    } catch (IOException e) {
      return 2; // nobody can say: the strictest
    }
  }

  private Step step(Random random) {
    int person = random.nextInt(PEOPLE.size());
    Credentials who = PEOPLE.get(person);
    LinuxPerson caller = linux.get(person);
    String path = path(random);
    String other = path(random);
    int mode = mode(random);
    String by = "by %d: ".formatted(who.getUid());
    return switch (random.nextInt(20)) {
      case 0, 1 ->
          new Step(
              by + "mkdir %s %o".formatted(path, mode),
              () -> caller.call(l -> l.mkdir(path, mode)),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setMkdir(Mkdir.newBuilder().setLocation(at(path)).setMode(mode))));
      case 2, 3 -> create(random, who, caller, path, mode);
      case 4 -> {
        int mask = 2 + 2 * random.nextInt(3); // 2, 4 or 6
        int flags = mask == 2 ? Linux.O_WRONLY : mask == 4 ? 0 : Linux.O_RDWR;
        boolean write = mask != 4 && random.nextBoolean();
        yield new Step(
            by + "open %s for %d%s".formatted(path, mask, write ? " and write" : ""),
            () -> caller.call(l -> open(l, path, flags | Linux.O_APPEND, write)),
            () -> open(who, path, mask, write));
      }
      case 5 -> {
        String target = random.nextInt(3) == 0 ? "a/b" : NAMES.get(random.nextInt(3));
        yield new Step(
            by + "symlink %s -> %s".formatted(path, target),
            () -> caller.call(l -> l.symlink(target, path)),
            () ->
                store(
                    who,
                    Command.newBuilder()
                        .setSymlink(Symlink.newBuilder().setLocation(at(path)).setTarget(target))));
      }
      case 6 ->
          new Step(
              by + "unlink " + path,
              () -> caller.call(l -> l.unlink(path)),
              () ->
                  store(
                      who,
                      Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at(path)))));
      case 7 ->
          new Step(
              by + "rmdir " + path,
              () -> caller.call(l -> l.rmdir(path)),
              () ->
                  store(
                      who,
                      Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(at(path)))));
      case 8 ->
          new Step(
              by + "rename %s to %s".formatted(path, other),
              () -> caller.call(l -> l.rename(path, other, 0)),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setRename(Rename.newBuilder().setFrom(at(path)).setTo(at(other)))));
      case 9 ->
          new Step(
              by + "chmod %s %o".formatted(path, mode),
              () -> caller.call(l -> l.chmod(path, mode)),
              () -> set(who, SetAttributes.newBuilder().setLocation(at(path)).setMode(mode)));
      case 10 -> chown(random, who, caller, path);
      case 11 ->
          new Step(
              by + "truncate " + path,
              () -> caller.call(l -> l.truncate(path, 1)),
              () -> set(who, SetAttributes.newBuilder().setLocation(at(path)).setSize(1)));
      case 12 -> {
        boolean now = random.nextBoolean();
        SetAttributes.Builder op = SetAttributes.newBuilder().setLocation(at(path));
        yield new Step(
            by + "utime %s %s".formatted(path, now ? "now" : "then"),
            () -> caller.call(l -> l.setTimes(path, now)),
            () ->
                set(
                    who,
                    now ? op.setNowAtime(true).setNowMtime(true) : op.setAtimeMs(0).setMtimeMs(0)));
      }
      case 13 -> {
        int mask = random.nextInt(8);
        yield new Step(
            by + "access %s %d".formatted(path, mask),
            () -> caller.call(l -> l.access(path, mask)),
            () ->
                ask(
                        who,
                        Query.newBuilder()
                            .setAccess(
                                io.sandstore.wire.Access.newBuilder()
                                    .setLocation(at(path))
                                    .setMask(mask)))
                    .getFault()
                    .getErrno());
      }
      case 14 -> list(who, caller, path, by);
      case 15 -> link(random, who, caller, path, other);
      case 16 -> {
        boolean device = devices && random.nextBoolean();
        int type = device ? Linux.S_IFCHR : Linux.S_IFSOCK;
        yield new Step(
            by + "mknod %s %o %s".formatted(path, mode, device ? "device" : "socket"),
            () -> caller.call(l -> l.mknod(path, type | mode, device ? DEVICE : 0)),
            () ->
                store(
                    who,
                    Command.newBuilder()
                        .setMakeNode(
                            MakeNode.newBuilder()
                                .setLocation(at(path))
                                .setType(device ? FileType.CHARACTER_DEVICE : FileType.SOCKET)
                                .setMode(mode)
                                .setDevice(device ? DEVICE : 0))));
      }
      case 17 ->
          new Step(
              by + "exchange %s and %s".formatted(path, other),
              () -> caller.call(l -> l.rename(path, other, Linux.RENAME_EXCHANGE)),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setExchange(
                              Exchange.newBuilder().setFirst(at(path)).setSecond(at(other)))));
      case 18 ->
          new Step(
              by + "unnamed in %s %o".formatted(path, mode),
              () -> caller.call(l -> l.touch(path, Linux.O_TMPFILE | Linux.O_RDWR, mode)),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setCreateUnnamed(
                              CreateUnnamed.newBuilder().setDirectory(at(path)).setMode(mode))));
      default -> xattrs ? xattr(random, who, caller, path) : list(who, caller, path, by);
    };
  }

  private Step link(Random random, Credentials who, LinuxPerson caller, String path, String other) {
    boolean follow = random.nextBoolean();
    boolean stranger = who.getUid() != 0 && who.getUid() != seen(path, follow).getUid();
    if (stranger && protection("hardlinks") > 0) {
      // It is more than POSIX asks for: this machine is told so, and the store is not.
      return list(who, caller, path, "by %d: instead of link: ".formatted(who.getUid()));
    }
    return new Step(
        "by %d: link %s%s to %s".formatted(who.getUid(), path, follow ? ", followed," : "", other),
        () -> caller.call(l -> l.link(path, other, follow)),
        () ->
            store(
                who,
                Command.newBuilder()
                    .setLink(
                        Link.newBuilder().setFrom(at(path)).setTo(at(other)).setFollow(follow))));
  }

  private Step xattr(Random random, Credentials who, LinuxPerson caller, String path) {
    String name =
        List.of("user.a", "user.a", "user.b", "trusted.a", "security.a", "other.a")
            .get(random.nextInt(6));
    boolean follow = random.nextInt(4) > 0;
    String by =
        "by %d: %%s %s of %s%s".formatted(who.getUid(), name, path, follow ? "" : " itself");
    SetXattr.Builder op =
        SetXattr.newBuilder().setLocation(at(path)).setName(name).setNoFollow(!follow);
    return switch (random.nextInt(4)) {
      case 0, 1 ->
          new Step(
              by.formatted("set"),
              () -> caller.call(l -> l.setXattr(path, name, new byte[] {'v'}, 0, follow)),
              () ->
                  store(
                      who,
                      Command.newBuilder().setSetXattr(op.setValue(ByteString.copyFromUtf8("v")))));
      case 2 ->
          new Step(
              by.formatted("remove"),
              () -> caller.call(l -> l.removeXattr(path, name, follow)),
              () -> store(who, Command.newBuilder().setSetXattr(op.setRemove(true))));
      default ->
          new Step(
              by.formatted("get"),
              () ->
                  caller.call(
                      l -> {
                        String value = l.getXattr(path, name, follow);
                        return value.startsWith("-") ? Integer.parseInt(value) : 0;
                      }),
              () ->
                  ask(
                          who,
                          Query.newBuilder()
                              .setGetXattr(
                                  GetXattr.newBuilder()
                                      .setLocation(at(path))
                                      .setName(name)
                                      .setNoFollow(!follow)))
                      .getFault()
                      .getErrno());
    };
  }

  private Errno set(Credentials who, SetAttributes.Builder op) {
    return store(who, Command.newBuilder().setSetAttributes(op));
  }

  /** What a path leads to. */
  private Attributes seen(String path, boolean follow) {
    Lookup.Builder lookup = Lookup.newBuilder().setLocation(at(path)).setNoFollow(!follow);
    return ask(PEOPLE.getFirst(), Query.newBuilder().setLookup(lookup)).getAttributes();
  }

  private Step create(Random random, Credentials who, LinuxPerson caller, String path, int mode) {
    FileType type = seen(path, true).getType();
    if (type == FileType.SOCKET || type == FileType.CHARACTER_DEVICE) {
      // Linux refuses O_CREAT for others' special files in sticky directories, whatever it is told.
      return list(who, caller, path, "by %d: instead of create: ".formatted(who.getUid()));
    }
    int mask = 2 + 2 * random.nextInt(3);
    boolean exclusive = random.nextInt(4) == 0;
    boolean truncate = mask != 4 && random.nextBoolean();
    int flags =
        Linux.O_CREAT
            | (mask == 2 ? Linux.O_WRONLY : mask == 4 ? 0 : Linux.O_RDWR)
            | (exclusive ? Linux.O_EXCL : 0)
            | (truncate ? Linux.O_TRUNC : 0);
    return new Step(
        "by %d: create %s %o for %d%s%s"
            .formatted(
                who.getUid(),
                path,
                mode,
                mask,
                exclusive ? ", exclusive" : "",
                truncate ? ", truncate" : ""),
        () -> caller.call(l -> l.touch(path, flags, mode)),
        () ->
            store(
                who,
                Command.newBuilder()
                    .setCreate(
                        Create.newBuilder()
                            .setLocation(at(path))
                            .setMode(mode)
                            .setMask(mask)
                            .setExclusive(exclusive)
                            .setTruncate(truncate))));
  }

  private Step chown(Random random, Credentials who, LinuxPerson caller, String path) {
    int uid = List.of(-1, 0, 1001, 1002, 1003, who.getUid()).get(random.nextInt(6));
    int gid =
        List.of(-1, 0, 100, 200, 300).get(uid == -1 ? 1 + random.nextInt(4) : random.nextInt(5));
    boolean follow = random.nextBoolean();
    SetAttributes.Builder op =
        SetAttributes.newBuilder().setLocation(at(path)).setNoFollow(!follow);
    if (uid != -1) {
      op.setUid(uid);
    }
    if (gid != -1) {
      op.setGid(gid);
    }
    return new Step(
        "by %d: %s %s %d %d".formatted(who.getUid(), follow ? "chown" : "lchown", path, uid, gid),
        () -> caller.call(l -> l.chown(path, uid, gid, follow)),
        () -> set(who, op));
  }

  private Step list(Credentials who, LinuxPerson caller, String path, String by) {
    return new Step(
        by + "list " + path,
        () -> caller.call(l -> l.touch(path, Linux.O_DIRECTORY, 0)),
        () ->
            ask(
                    who,
                    Query.newBuilder()
                        .setReadDirectory(ReadDirectory.newBuilder().setLocation(at(path))))
                .getFault()
                .getErrno());
  }

  // --- What there is afterwards ---

  private static Map<String, String> tree(Path root) throws IOException {
    Map<String, String> tree = new TreeMap<>();
    try (Stream<Path> all = Files.walk(root)) {
      for (Path path : all.toList()) {
        Map<String, Object> is =
            Files.readAttributes(path, "unix:mode,uid,gid,nlink", LinkOption.NOFOLLOW_LINKS);
        int mode = (int) is.get("mode");
        String type =
            switch (mode >> 12) {
              case 4 -> "directory";
              case 8 -> "file";
              case 10 -> "link to " + Files.readSymbolicLink(path);
              case 12 -> "SOCKET";
              case 2 -> "CHARACTER_DEVICE";
              default -> "type " + (mode >> 12);
            };
        tree.put(
            root.relativize(path).toString(),
            "%s %o %s %s links %s"
                .formatted(type, mode & 07777, is.get("uid"), is.get("gid"), is.get("nlink")));
      }
    }
    return tree;
  }

  private Map<String, String> tree() {
    Map<String, String> tree = new TreeMap<>();
    Answer root =
        namespace.ask(
            Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(""))).build());
    collect("", root.getAttributes(), tree);
    return tree;
  }

  private void collect(String path, Attributes is, Map<String, String> tree) {
    String type =
        switch (is.getType()) {
          case DIRECTORY -> "directory";
          case REGULAR -> "file";
          case SYMLINK ->
              "link to "
                  + namespace
                      .ask(
                          Query.newBuilder()
                              .setReadLink(ReadLink.newBuilder().setLocation(at(path)))
                              .build())
                      .getTarget();
          default -> is.getType().toString();
        };
    tree.put(
        path,
        "%s %o %d %d links %d"
            .formatted(type, is.getMode(), is.getUid(), is.getGid(), is.getLinks()));
    if (is.getType() == FileType.DIRECTORY) {
      Query.Builder list =
          Query.newBuilder().setReadDirectory(ReadDirectory.newBuilder().setLocation(at(path)));
      for (DirectoryEntry entry : namespace.ask(list.build()).getEntriesList()) {
        String below = path.isEmpty() ? entry.getName() : path + "/" + entry.getName();
        collect(below, entry.getAttributes(), tree);
      }
    }
  }

  // --- The test ---

  @Test
  void agreesWithLinuxAboutWhoMayDoWhat() throws Exception {
    Linux calls = Linux.orSkip();
    Path root = Files.createTempDirectory("owners");
    try {
      for (int seed = 1; seed <= SEQUENCES; seed++) {
        Path directory = Files.createDirectory(root.resolve("" + seed));
        try {
          people(calls, directory);
          run(new Random(seed), seed, directory);
        } finally {
          linux.forEach(LinuxPerson::close);
          linux.clear();
        }
      }
    } finally {
      try (Stream<Path> all = Files.walk(root)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  /** Somebody may be the one that a test wants only on some machines, and in some containers. */
  private void people(Linux calls, Path directory) throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    try {
      for (Credentials who : PEOPLE) {
        linux.add(
            new LinuxPerson(calls, who.getUid(), who.getGid(), who.getGroupsList(), directory));
      }
    } catch (IllegalStateException e) {
      assumeThat(e.getMessage()).as("a machine that lets a test be somebody else").isEmpty();
    }
    // Not everybody who is user 0 may do what root may.
    String probe = "probe";
    assertThat(linux.get(1).call(l -> l.mkdir(probe, 0))).isEqualTo(Errno.OK);
    LinuxPerson first = linux.getFirst();
    List<Errno> said =
        List.of(
            first.call(l -> l.access(probe, 7)),
            first.call(l -> l.chown(probe, 1002, 200, true)),
            linux.get(1).call(l -> l.chmod(probe, 0777)),
            first.call(l -> l.chmod(probe, 0777)));
    xattrs =
        Stream.of("user.a", "trusted.a", "security.a")
            .allMatch(
                name -> first.call(l -> l.setXattr(probe, name, new byte[1], 0, true)) == Errno.OK);
    devices =
        first.call(l -> l.mknod(probe + "/device", Linux.S_IFCHR | 0600, DEVICE)) == Errno.OK
            && first.call(l -> l.touch(probe + "/device", Linux.O_RDWR, 0)) == Errno.ENXIO
            && first.call(l -> l.unlink(probe + "/device")) == Errno.OK;
    assertThat(first.call(l -> l.rmdir(probe))).isEqualTo(Errno.OK);
    assumeThat(said)
        .as("root is all-powerful here, and others are not")
        .containsExactly(Errno.OK, Errno.OK, Errno.EPERM, Errno.OK);
  }

  private void run(Random random, int seed, Path directory) throws IOException {
    namespace = empty();
    apply(
        PEOPLE.getFirst(),
        Command.newBuilder()
            .setSetAttributes(SetAttributes.newBuilder().setLocation(at("")).setMode(0777)));
    List<String> done = new ArrayList<>();
    for (int i = 0; i < STEPS; i++) {
      Step step = step(random);
      Errno theirs = step.linux.run();
      Errno ours = step.store.run();
      done.add(step.what + " -> " + theirs);
      assertThat(ours)
          .as(() -> "seed %d: %s%nin %s".formatted(seed, String.join("\n", done), tree()))
          .isEqualTo(theirs);
      if (theirs == Errno.OK || i == STEPS - 1) {
        assertThat(tree())
            .as(() -> "seed %d: %s".formatted(seed, String.join("\n", done)))
            .isEqualTo(tree(directory));
      }
    }
  }
}
