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
import io.sandstore.wire.Credentials;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Member;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReadLink;
import io.sandstore.wire.Rename;
import io.sandstore.wire.Rmdir;
import io.sandstore.wire.SetAttributes;
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

  private static final int O_WRONLY = 01;
  private static final int O_RDWR = 02;
  private static final int O_CREAT = 0100;
  private static final int O_EXCL = 0200;
  private static final int O_TRUNC = 01000;
  private static final int O_APPEND = 02000;
  private static final int O_DIRECTORY_READ = 0; // open(2) of a directory is what opendir(3) needs

  private static final int SEQUENCES = 80;
  private static final int STEPS = 150;

  private static final List<String> NAMES = List.of("a", "b", "c");
  private static final int[] MODES = {
    0, 0777, 0777, 0755, 0700, 0644, 0666, 0444, 0111, 0555, 0333, 0750, 0770, 0640, 01777, 01777,
    02755, 02777, 02770, 04755, 06777, 03777, 02644, 06644
  };

  private static final List<Credentials> PEOPLE =
      List.of(who(0, 0), who(1001, 100), who(1002, 200), who(1003, 100, 300, 200));

  private static Credentials who(int uid, int gid, Integer... groups) {
    return Credentials.newBuilder()
        .setUid(uid)
        .setGid(gid)
        .addAllGroups(List.of(groups))
        .build();
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

  private Errno open(Credentials who, String path, int mask, boolean write) {
    Answer found =
        ask(
            who,
            Query.newBuilder()
                .setLookup(Lookup.newBuilder().setLocation(at(path)).setMask(mask)));
    if (found.hasFault()) {
      return found.getFault().getErrno();
    }
    if (found.getAttributes().getType() == FileType.DIRECTORY) {
      return (mask & Access.WRITE) != 0 ? Errno.EISDIR : Errno.OK;
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
    return switch (random.nextInt(15)) {
      case 0, 1 ->
          new Step(
              by + "mkdir %s %o".formatted(path, mode),
              () -> caller.call("mkdir", path, mode),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setMkdir(Mkdir.newBuilder().setLocation(at(path)).setMode(mode))));
      case 2, 3 -> create(random, who, caller, path, mode);
      case 4 -> {
        int mask = 2 + 2 * random.nextInt(3); // 2, 4 or 6
        int flags = mask == 2 ? O_WRONLY : mask == 4 ? O_DIRECTORY_READ : O_RDWR;
        boolean write = mask != 4 && random.nextBoolean();
        yield new Step(
            by + "open %s for %d%s".formatted(path, mask, write ? " and write" : ""),
            () -> caller.open(path, flags | O_APPEND, 0, write),
            () -> open(who, path, mask, write));
      }
      case 5 -> {
        String target = random.nextInt(3) == 0 ? "a/b" : NAMES.get(random.nextInt(3));
        yield new Step(
            by + "symlink %s -> %s".formatted(path, target),
            () -> caller.call("symlink", target, path),
            () ->
                store(
                    who,
                    Command.newBuilder()
                        .setSymlink(
                            Symlink.newBuilder().setLocation(at(path)).setTarget(target))));
      }
      case 6 ->
          new Step(
              by + "unlink " + path,
              () -> caller.call("unlink", path),
              () ->
                  store(
                      who,
                      Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at(path)))));
      case 7 ->
          new Step(
              by + "rmdir " + path,
              () -> caller.call("rmdir", path),
              () ->
                  store(
                      who,
                      Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(at(path)))));
      case 8 ->
          new Step(
              by + "rename %s to %s".formatted(path, other),
              () -> caller.call("rename", path, other),
              () ->
                  store(
                      who,
                      Command.newBuilder()
                          .setRename(Rename.newBuilder().setFrom(at(path)).setTo(at(other)))));
      case 9 ->
          new Step(
              by + "chmod %s %o".formatted(path, mode),
              () -> caller.call("chmod", path, mode),
              () -> set(who, SetAttributes.newBuilder().setLocation(at(path)).setMode(mode)));
      case 10 -> chown(random, who, caller, path);
      case 11 ->
          new Step(
              by + "truncate " + path,
              () -> caller.call("truncate", path, 1L),
              () -> set(who, SetAttributes.newBuilder().setLocation(at(path)).setSize(1)));
      case 12 -> {
        boolean now = random.nextBoolean();
        SetAttributes.Builder op = SetAttributes.newBuilder().setLocation(at(path));
        yield new Step(
            by + "utime %s %s".formatted(path, now ? "now" : "then"),
            () ->
                now
                    ? caller.call("utimes", path, 0L)
                    : caller.call("utimensat", AT_FDCWD, path, then.address(), 0),
            () ->
                set(
                    who,
                    now
                        ? op.setNowAtime(true).setNowMtime(true)
                        : op.setAtimeMs(0).setMtimeMs(0)));
      }
      case 13 -> {
        int mask = random.nextInt(8);
        yield new Step(
            by + "access %s %d".formatted(path, mask),
            () -> caller.call("access", path, mask),
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
      default -> list(who, caller, path, by);
    };
  }

  private static final int AT_FDCWD = -100;

  /** Two struct timespec of zeros. */
  private static final java.lang.foreign.MemorySegment then =
      java.lang.foreign.Arena.global().allocate(32);

  private Errno set(Credentials who, SetAttributes.Builder op) {
    return store(who, Command.newBuilder().setSetAttributes(op));
  }

  private Step create(Random random, Credentials who, LinuxPerson caller, String path, int mode) {
    int mask = 2 + 2 * random.nextInt(3);
    boolean exclusive = random.nextInt(4) == 0;
    boolean truncate = mask != 4 && random.nextBoolean();
    int flags =
        O_CREAT
            | (mask == 2 ? O_WRONLY : mask == 4 ? 0 : O_RDWR)
            | (exclusive ? O_EXCL : 0)
            | (truncate ? O_TRUNC : 0);
    return new Step(
        "by %d: create %s %o for %d%s%s"
            .formatted(
                who.getUid(),
                path,
                mode,
                mask,
                exclusive ? ", exclusive" : "",
                truncate ? ", truncate" : ""),
        () -> caller.open(path, flags, mode, false),
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
    int gid = List.of(-1, 0, 100, 200, 300).get(uid == -1 ? 1 + random.nextInt(4) : random.nextInt(5));
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
        () -> caller.call(follow ? "chown" : "lchown", path, uid, gid),
        () -> set(who, op));
  }

  private Step list(Credentials who, LinuxPerson caller, String path, String by) {
    return new Step(
        by + "list " + path,
        () -> caller.call("open", path, O_DIRECTORY, 0),
        () ->
            ask(
                    who,
                    Query.newBuilder()
                        .setReadDirectory(ReadDirectory.newBuilder().setLocation(at(path))))
                .getFault()
                .getErrno());
  }

  private static final int O_DIRECTORY =
      System.getProperty("os.arch").equals("aarch64") ? 040000 : 0200000;

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
        namespace.ask(Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(""))).build());
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
    assumeThat(System.getProperty("os.name")).as("the oracle is Linux").isEqualTo("Linux");
    Path root = Files.createTempDirectory("owners");
    try {
      for (int seed = 1; seed <= SEQUENCES; seed++) {
        Path directory = Files.createDirectory(root.resolve("" + seed));
        try {
          people(directory);
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
  private void people(Path directory) throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    try {
      for (Credentials who : PEOPLE) {
        linux.add(new LinuxPerson(who.getUid(), who.getGid(), who.getGroupsList(), directory));
      }
    } catch (IllegalStateException e) {
      assumeThat(e.getMessage()).as("a machine that lets a test be somebody else").isEmpty();
    }
    // Not everybody who is user 0 may do what root may.
    String probe = "probe";
    assertThat(linux.get(1).call("mkdir", probe, 0)).isEqualTo(Errno.OK);
    List<Errno> said =
        List.of(
            linux.get(0).call("access", probe, 7),
            linux.get(0).call("chown", probe, 1002, 200),
            linux.get(1).call("chmod", probe, 0777),
            linux.get(0).call("rmdir", probe));
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
      assertThat(ours).as("seed %d: %s", seed, String.join("\n", done)).isEqualTo(theirs);
      assertThat(tree()).as("seed %d: %s", seed, String.join("\n", done)).isEqualTo(tree(directory));
    }
  }
}
