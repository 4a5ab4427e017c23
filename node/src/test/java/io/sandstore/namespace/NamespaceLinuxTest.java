package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Attributes;
import io.sandstore.wire.Batch;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.DirectoryEntry;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.Extent;
import io.sandstore.wire.Fault;
import io.sandstore.wire.FileType;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Layout;
import io.sandstore.wire.Link;
import io.sandstore.wire.ListXattrs;
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
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Random sequences of system calls on a local ext4 and of the commands that stand for them on the
 * namespace must agree in every errno and in the tree at the end. What this machine cannot do is
 * left out, and the test says so; without ext4 or root's rights it is skipped.
 */
class NamespaceLinuxTest {

  private static final int SEEDS = Integer.getInteger("linux.seeds", 300);
  private static final int OPERATIONS = 80;

  /** More than symbolic links are followed: with one ".." in each, no path leads further up. */
  private static final int DEPTH = 45;

  /** Major numbers for local use, of which no driver knows: what is opened under it is ENXIO. */
  private static final long DEVICE = 120 << 8 | 7;

  private static final String TOO_LONG = "n".repeat(256);

  /** What a machine may lack. */
  private enum Feature {
    USER_XATTRS,
    TRUSTED_XATTRS,
    EXCHANGE,
    ALLOCATE,
    DEVICES,
    UNNAMED,
    SET_ID
  }

  // --- Operations ---

  private sealed interface Op {
    record Mk(String path, int mode) implements Op {}

    record New(String path, int mode, boolean exclusive, boolean truncate, boolean noFollow)
        implements Op {}

    record Open(String path, boolean truncate, boolean noFollow) implements Op {}

    record Sym(String target, String path) implements Op {}

    record Node(String path, FileType type, int mode) implements Op {}

    record Ln(String from, String to, boolean follow) implements Op {}

    record Unnamed(String directory, String to) implements Op {}

    record Rm(String path) implements Op {}

    record RmDir(String path) implements Op {}

    record Mv(String from, String to, int flags) implements Op {}

    record Put(String path, int offset, int length) implements Op {}

    record Cut(String path, int size) implements Op {}

    record Alloc(String path, Allocate.How how, boolean keep, int offset, int length)
        implements Op {}

    record Mode(String path, int mode) implements Op {}

    record Own(String path, int uid, int gid, boolean follow) implements Op {}

    record SetX(String path, String name, String value, int flags, boolean follow) implements Op {}

    record RmX(String path, String name, boolean follow) implements Op {}

    record GetX(String path, String name, boolean follow) implements Op {}

    record Stat(String path, boolean follow) implements Op {}

    record Target(String path) implements Op {}
  }

  private static final String[] NAMES = {"a", "b", "c"};
  private static final int[] MODES = {0644, 0755, 0600, 02755, 06755, 04711, 06711, 01700};
  private static final String[] XATTRS = {
    "user.a", "user.b", "trusted.a", "user.", "other.a", "user"
  };

  private static String path(Random r) {
    StringBuilder path = new StringBuilder(NAMES[r.nextInt(NAMES.length)]);
    while (r.nextInt(2) == 0) {
      path.append(r.nextInt(12) == 0 ? "//" : "/").append(NAMES[r.nextInt(NAMES.length)]);
    }
    return path.append(r.nextInt(6) == 0 ? "/" : "").toString();
  }

  private static String target(Random r) {
    return switch (r.nextInt(8)) {
      case 0 -> "../" + path(r);
      case 1 -> ".";
      case 2 -> "./" + path(r);
      case 3 -> path(r) + "/.";
      case 4 -> r.nextBoolean() ? TOO_LONG : "a/" + TOO_LONG;
      default -> path(r);
    };
  }

  private static int mode(Random r) {
    return MODES[r.nextInt(MODES.length)];
  }

  private static List<Op> generate(long seed, Set<Feature> features) {
    Random random = new Random(seed);
    return IntStream.range(0, OPERATIONS).mapToObj(i -> generate(random, features)).toList();
  }

  private static Op generate(Random r, Set<Feature> features) {
    while (true) {
      Op op = generate(r);
      boolean lacking =
          switch (op) {
            case Op.Node n -> isDevice(n.type) && !features.contains(Feature.DEVICES);
            case Op.Mv m ->
                m.flags == Linux.RENAME_EXCHANGE && !features.contains(Feature.EXCHANGE);
            case Op.Alloc a -> !features.contains(Feature.ALLOCATE);
            case Op.Unnamed u -> !features.contains(Feature.UNNAMED);
            case Op.SetX x -> lacksXattr(x.name, features);
            case Op.RmX x -> lacksXattr(x.name, features);
            case Op.GetX x -> lacksXattr(x.name, features);
            default -> false;
          };
      if (!lacking) {
        return op;
      }
    }
  }

  private static boolean lacksXattr(String name, Set<Feature> features) {
    return !features.contains(
        name.startsWith("trusted.") ? Feature.TRUSTED_XATTRS : Feature.USER_XATTRS);
  }

  private static boolean isDevice(FileType type) {
    return type == FileType.CHARACTER_DEVICE || type == FileType.BLOCK_DEVICE;
  }

  private static Op generate(Random r) {
    String path = path(r);
    return switch (r.nextInt(32)) {
      case 0, 1, 2, 3, 4 -> new Op.Mk(path, mode(r));
      case 5, 6, 7 ->
          new Op.New(path, mode(r), r.nextInt(4) == 0, r.nextInt(3) == 0, r.nextInt(4) == 0);
      case 8 -> new Op.Open(path, r.nextBoolean(), r.nextBoolean());
      case 9, 10 -> new Op.Sym(target(r), path);
      case 11 ->
          new Op.Node(
              path,
              List.of(
                      FileType.REGULAR,
                      FileType.FIFO,
                      FileType.SOCKET,
                      FileType.CHARACTER_DEVICE,
                      FileType.BLOCK_DEVICE)
                  .get(r.nextInt(5)),
              mode(r));
      case 12, 13 -> new Op.Ln(path, path(r), r.nextBoolean());
      case 14 -> new Op.Unnamed(path, path(r));
      case 15 -> new Op.Rm(path);
      case 16 -> new Op.RmDir(path);
      case 17, 18 -> new Op.Mv(path, path(r), r.nextInt(4) == 0 ? Linux.RENAME_NOREPLACE : 0);
      case 19, 20 -> new Op.Mv(path, path(r), Linux.RENAME_EXCHANGE);
      case 21, 22 -> new Op.Put(path, r.nextInt(5000), 1 + r.nextInt(3000));
      case 23 -> new Op.Cut(path, r.nextInt(9000));
      case 24 ->
          new Op.Alloc(
              path,
              List.of(Allocate.How.EXTEND, Allocate.How.PUNCH, Allocate.How.ZERO).get(r.nextInt(3)),
              r.nextBoolean(),
              r.nextInt(6000),
              r.nextInt(5000));
      case 25 -> new Op.Mode(path, mode(r));
      case 26 -> new Op.Own(path, r.nextInt(3) - 1, r.nextInt(3) - 1, r.nextBoolean());
      case 27, 28 -> new Op.SetX(path, xattr(r), "v" + r.nextInt(9), r.nextInt(4), r.nextBoolean());
      case 29 ->
          r.nextBoolean()
              ? new Op.RmX(path, xattr(r), r.nextBoolean())
              : new Op.GetX(path, xattr(r), r.nextBoolean());
      case 30 -> new Op.Target(path);
      default -> new Op.Stat(r.nextInt(20) == 0 ? TOO_LONG : path, r.nextBoolean());
    };
  }

  private static String xattr(Random r) {
    return XATTRS[Math.min(r.nextInt(9), XATTRS.length - 1)];
  }

  // --- The comparison ---

  @Test
  void everyErrnoAndTheTreeAreThoseOfLinux() throws IOException {
    Linux linux = Linux.orSkip();
    assumeTrue(linux.userId() == 0, "without root's rights much is refused for other reasons");
    Path top = ext4Directory();
    try {
      assumePlain(linux, top);
      Set<Feature> features = features(linux, top);
      if (features.size() < Feature.values().length) {
        System.err.println("left out here: " + EnumSet.complementOf(EnumSet.copyOf(features)));
      }
      for (long seed = 1; seed <= SEEDS; seed++) {
        List<Op> ops = generate(seed, features);
        String problem = run(linux, top, ops, features);
        if (!problem.isEmpty()) {
          List<Op> small = shrink(linux, top, ops, features);
          fail("seed %d: %s%nshortest sequence: %s", seed, run(linux, top, small, features), small);
        }
      }
    } finally {
      delete(top);
    }
  }

  private static Path ext4Directory() throws IOException {
    List<String> found = new ArrayList<>();
    for (Path parent :
        List.of(
            Path.of("target").toAbsolutePath(), Path.of(System.getProperty("java.io.tmpdir")))) {
      if (!Files.isDirectory(parent)) {
        continue;
      }
      String type = Files.getFileStore(parent).type();
      if (type.equals("ext4")) {
        return Files.createTempDirectory(parent, "linux");
      }
      found.add(parent + " is on " + type);
    }
    return abort("it compares with ext4: " + found);
  }

  /** No set-group-id bit, default access list or mount option has a say in what is made there. */
  private static void assumePlain(Linux linux, Path top) throws IOException {
    linux.chmod(top.toString(), 0700);
    linux.chown(top.toString(), 0, 0, true);
    Path made = top.resolve("made");
    linux.mkdir(made.toString(), 0755);
    int umask = Linux.umask();
    Map<String, Object> stat = Linux.stat(made);
    assumeTrue(
        ((int) stat.get("mode") & 07777) == (0755 & ~umask)
            && stat.get("uid").equals(0)
            && stat.get("gid").equals(0)
            && stat.get("nlink").equals(2),
        "a directory is made as it was not asked for: " + stat);
    assumeTrue(
        linux.chown(made.toString(), 1, 1, true) == 0, "files cannot be given to others here");
    assumeTrue(Linux.stat(made).get("uid").equals(1), "owners are others here");
  }

  /** Each is tried once. */
  private static Set<Feature> features(Linux linux, Path top) throws IOException {
    EnumSet<Feature> features = EnumSet.noneOf(Feature.class);
    String file = top.resolve("file").toString();
    String other = top.resolve("other").toString();
    linux.touch(other, Linux.O_CREAT | Linux.O_RDWR, 0644);
    int fd = linux.open(file, Linux.O_CREAT | Linux.O_RDWR, 0644);
    byte[] value = {1};
    try {
      add(features, Feature.USER_XATTRS, linux.setXattr(file, "user.a", value, 0, true));
      add(features, Feature.TRUSTED_XATTRS, linux.setXattr(file, "trusted.a", value, 0, true));
      add(features, Feature.EXCHANGE, linux.rename(file, other, Linux.RENAME_EXCHANGE));
      int punch = Linux.FALLOC_PUNCH_HOLE | Linux.FALLOC_KEEP_SIZE;
      add(
          features,
          Feature.ALLOCATE,
          linux.allocate(fd, 0, 0, 10)
              | linux.allocate(fd, punch, 0, 10)
              | linux.allocate(fd, Linux.FALLOC_ZERO_RANGE, 0, 10));
      String device = top.resolve("device").toString();
      boolean nodes =
          linux.mknod(device, Linux.S_IFCHR | 0600, DEVICE) == 0
              && linux.touch(device, Linux.O_WRONLY, 0) == -6
              && linux.unlink(device) == 0
              && linux.mknod(device, Linux.S_IFBLK | 0600, DEVICE) == 0
              && linux.touch(device, Linux.O_WRONLY, 0) == -6;
      add(features, Feature.DEVICES, nodes ? 0 : -1);
      add(features, Feature.UNNAMED, unnamed(linux, top.toString(), top.resolve("u").toString()));
      String program = top.resolve("program").toString();
      boolean loses =
          losesSetId(linux, program, f -> linux.write(f, value, 0))
              && losesSetId(linux, program, f -> linux.truncate(program, 3))
              && losesSetId(linux, program, f -> Math.max(0, linux.allocate(f, 0, 0, 9)));
      add(features, Feature.SET_ID, loses ? 0 : -1);
    } finally {
      linux.close(fd);
    }
    return features;
  }

  /** Kernels did not always take set-id bits from what is allocated. */
  private static boolean losesSetId(Linux linux, String path, IntUnaryOperator change)
      throws IOException {
    int fd = linux.open(path, Linux.O_CREAT | Linux.O_RDWR, 0600);
    linux.chmod(path, 06777);
    int dropped = linux.keepSetId(false);
    try {
      return dropped == 0
          && change.applyAsInt(fd) >= 0
          && ((int) Linux.stat(Path.of(path)).get("mode") & 07777) == 0777;
    } finally {
      linux.keepSetId(true);
      linux.close(fd);
    }
  }

  private static void add(Set<Feature> features, Feature feature, int result) {
    if (result == 0) {
      features.add(feature);
    }
  }

  private static int unnamed(Linux linux, String directory, String to) {
    int fd = linux.open(directory, Linux.O_TMPFILE | Linux.O_RDWR, 0640);
    if (fd < 0) {
      return fd;
    }
    int linked = linux.link(fd, to);
    linux.close(fd);
    return linked;
  }

  private static List<Op> shrink(Linux linux, Path top, List<Op> ops, Set<Feature> features)
      throws IOException {
    List<Op> best = ops;
    for (int size = ops.size() / 2; size >= 1; size = size == 1 ? 0 : size / 2) {
      for (int at = 0; at + size <= best.size(); ) {
        List<Op> fewer = new ArrayList<>(best);
        fewer.subList(at, at + size).clear();
        if (!run(linux, top, fewer, features).isEmpty()) {
          best = fewer;
        } else {
          at++;
        }
      }
    }
    return best;
  }

  private static String run(Linux linux, Path top, List<Op> ops, Set<Feature> features)
      throws IOException {
    Path base = Files.createTempDirectory(top, "run");
    try {
      Path deep = base;
      for (int i = 0; i < DEPTH; i++) {
        deep = deep.resolve("e");
      }
      Files.createDirectories(deep);
      Real real = new Real(linux, deep + "/");
      Subject subject = new Subject(Linux.umask());
      for (Op op : ops) {
        String wanted = real.apply(op);
        String got = subject.apply(op);
        if (!wanted.equals(got)) {
          return "%s gives %s, should give %s".formatted(op, got, wanted);
        }
      }
      boolean setId = features.contains(Feature.SET_ID);
      String wanted = real.dump(base, setId);
      String got = subject.dump(setId);
      return wanted.equals(got)
          ? ""
          : "in the end%n%s%nshould be%n%s".formatted(without(got, wanted), without(wanted, got));
    } finally {
      delete(base);
    }
  }

  /** The lines that the other does not have. */
  private static String without(String dump, String other) {
    Set<String> known = Set.copyOf(other.lines().toList());
    return dump.lines()
        .filter(line -> !known.contains(line))
        .map(line -> line.replace("/e".repeat(DEPTH), ""))
        .collect(Collectors.joining("\n"));
  }

  private static void delete(Path tree) throws IOException {
    try (Stream<Path> all = Files.walk(tree)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private static String result(int code) {
    return code < 0 ? "errno " + -code : "OK";
  }

  private static byte[] data(int length, int seed) {
    byte[] data = new byte[length];
    Arrays.fill(data, (byte) (1 + seed % 100));
    return data;
  }

  /** One line a file; those that are one inode name the first of their names. */
  private static String line(
      String path,
      Object type,
      int mode,
      int links,
      long uid,
      long gid,
      long size,
      long device,
      String first,
      String more) {
    return "%s %s %o links %d of %d:%d size %d device %x is %s%s%n"
        .formatted(path, type, mode, links, uid, gid, size, device, first, more);
  }

  private static int shown(int mode, boolean setId) {
    return mode & (setId ? 07777 : 01777);
  }

  /** The machine's file system. */
  private static final class Real {
    private final Linux linux;
    private final String root;

    Real(Linux linux, String root) {
      this.linux = linux;
      this.root = root;
    }

    String apply(Op op) {
      return switch (op) {
        case Op.Mk o -> result(linux.mkdir(root + o.path, o.mode));
        case Op.New o ->
            withoutSetId(
                () ->
                    linux.touch(
                        root + o.path,
                        Linux.O_CREAT
                            | Linux.O_WRONLY
                            | Linux.O_NONBLOCK
                            | (o.exclusive ? Linux.O_EXCL : 0)
                            | (o.truncate ? Linux.O_TRUNC : 0)
                            | (o.noFollow ? Linux.O_NOFOLLOW : 0),
                        o.mode & 0777));
        case Op.Open o ->
            withoutSetId(
                () ->
                    linux.touch(
                        root + o.path,
                        Linux.O_WRONLY
                            | Linux.O_NONBLOCK
                            | (o.truncate ? Linux.O_TRUNC : 0)
                            | (o.noFollow ? Linux.O_NOFOLLOW : 0),
                        0));
        case Op.Sym o -> result(linux.symlink(o.target, root + o.path));
        case Op.Node o -> result(linux.mknod(root + o.path, o.mode | format(o.type), device(o)));
        case Op.Ln o -> result(linux.link(root + o.from, root + o.to, o.follow));
        case Op.Unnamed o -> result(unnamed(linux, root + o.directory, root + o.to));
        case Op.Rm o -> result(linux.unlink(root + o.path));
        case Op.RmDir o -> result(linux.rmdir(root + o.path));
        case Op.Mv o -> result(linux.rename(root + o.from, root + o.to, o.flags));
        case Op.Put o ->
            withOpen(o.path, fd -> linux.write(fd, data(o.length, o.offset), o.offset));
        case Op.Cut o -> withoutSetId(() -> linux.truncate(root + o.path, o.size));
        case Op.Alloc o -> withOpen(o.path, fd -> linux.allocate(fd, flags(o), o.offset, o.length));
        case Op.Mode o -> result(linux.chmod(root + o.path, o.mode));
        case Op.Own o -> result(linux.chown(root + o.path, o.uid, o.gid, o.follow));
        case Op.SetX o ->
            result(
                linux.setXattr(
                    root + o.path,
                    o.name,
                    o.value.getBytes(StandardCharsets.UTF_8),
                    o.flags,
                    o.follow));
        case Op.RmX o -> result(linux.removeXattr(root + o.path, o.name, o.follow));
        case Op.GetX o -> linux.getXattr(root + o.path, o.name, o.follow).replace("-", "errno ");
        case Op.Stat o -> stat(o);
        case Op.Target o -> target(o);
      };
    }

    private interface Call {
      int run();
    }

    private interface OnFile {
      int run(int fd);
    }

    /** As somebody who may not keep set-id bits: that is how the namespace sees whoever writes. */
    private String withoutSetId(Call call) {
      linux.keepSetId(false);
      try {
        return result(call.run());
      } finally {
        linux.keepSetId(true);
      }
    }

    private String withOpen(String path, OnFile action) {
      return withoutSetId(
          () -> {
            int fd = linux.open(root + path, Linux.O_WRONLY | Linux.O_NONBLOCK, 0);
            if (fd < 0) {
              return fd;
            }
            int result = action.run(fd);
            linux.close(fd);
            return result;
          });
    }

    private static int flags(Op.Alloc o) {
      return switch (o.how) {
        case PUNCH -> Linux.FALLOC_PUNCH_HOLE | Linux.FALLOC_KEEP_SIZE;
        case ZERO -> Linux.FALLOC_ZERO_RANGE | (o.keep ? Linux.FALLOC_KEEP_SIZE : 0);
        default -> o.keep ? Linux.FALLOC_KEEP_SIZE : 0;
      };
    }

    private static int format(FileType type) {
      return switch (type) {
        case FIFO -> Linux.S_IFIFO;
        case SOCKET -> Linux.S_IFSOCK;
        case CHARACTER_DEVICE -> Linux.S_IFCHR;
        case BLOCK_DEVICE -> Linux.S_IFBLK;
        default -> Linux.S_IFREG;
      };
    }

    /** A path with a slash at its end would lose it in a {@link Path}. */
    private String stat(Op.Stat o) {
      // An attribute of no kind: EOPNOTSUPP (95) or what the path leads to otherwise.
      String found = linux.getXattr(root + o.path, "other.a", o.follow);
      return found.equals("-95") ? "OK" : found.replace("-", "errno ");
    }

    private String target(Op.Target o) {
      return linux.readLink(root + o.path);
    }

    String dump(Path base, boolean setId) throws IOException {
      StringBuilder text = new StringBuilder();
      dump(base, "", setId, text, new HashMap<>());
      return text.toString();
    }

    private void dump(
        Path directory, String name, boolean setId, StringBuilder text, Map<Object, String> firsts)
        throws IOException {
      List<Path> children;
      try (Stream<Path> listed = Files.list(directory)) {
        children = listed.sorted(Comparator.comparing(p -> p.getFileName().toString())).toList();
      }
      for (Path child : children) {
        String path = name + "/" + child.getFileName();
        Map<String, Object> stat = Linux.stat(child);
        int mode = (int) stat.get("mode");
        FileType type = type(mode);
        boolean directoryHere = type == FileType.DIRECTORY;
        firsts.putIfAbsent(stat.get("ino"), path);
        text.append(
            line(
                path,
                type,
                shown(mode, setId),
                (int) stat.get("nlink"),
                (int) stat.get("uid"),
                (int) stat.get("gid"),
                directoryHere ? 0 : (long) stat.get("size"),
                isDevice(type) ? (long) stat.get("rdev") : 0,
                firsts.get(stat.get("ino")),
                more(child, type)));
        if (directoryHere) {
          dump(child, path, setId, text, firsts);
        }
      }
    }

    private String more(Path path, FileType type) throws IOException {
      String more =
          switch (type) {
            case SYMLINK -> " to " + Files.readSymbolicLink(path);
            case REGULAR -> " holds " + Arrays.hashCode(Files.readAllBytes(path));
            default -> "";
          };
      StringBuilder attributes = new StringBuilder();
      for (String name : linux.listXattrs(path.toString())) {
        String value = linux.getXattr(path.toString(), name, false);
        attributes.append(' ').append(name).append('=').append(value);
      }
      return more + attributes;
    }

    private static FileType type(int mode) {
      return switch (mode & 0170000) {
        case 0040000 -> FileType.DIRECTORY;
        case 0120000 -> FileType.SYMLINK;
        case Linux.S_IFIFO -> FileType.FIFO;
        case Linux.S_IFSOCK -> FileType.SOCKET;
        case Linux.S_IFCHR -> FileType.CHARACTER_DEVICE;
        case Linux.S_IFBLK -> FileType.BLOCK_DEVICE;
        default -> FileType.REGULAR;
      };
    }
  }

  private static long device(Op.Node op) {
    return isDevice(op.type) ? DEVICE : 0;
  }

  /** The namespace, under the same directories, so that ".." leads to the same. */
  private static final class Subject {
    private final int umask;
    private final NamespaceModelTest.Memory memory = new NamespaceModelTest.Memory();
    private final Namespace namespace =
        new Namespace(
            memory,
            new HolderMask(),
            FeatureLevel.newest(),
            FeatureLevel.newest(),
            Optional.empty());
    private long base = Inode.ROOT;
    private long index;

    Subject(int umask) {
      this.umask = umask;
      namespace.configure(
          Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
      for (int i = 0; i < DEPTH; i++) {
        base =
            apply(
                    Command.newBuilder()
                        .setMkdir(Mkdir.newBuilder().setLocation(at("e")).setMode(0777 & ~umask)))
                .getAttributes()
                .getInode();
      }
    }

    private Location at(String path) {
      return Location.newBuilder().setBase(base).setPath(path).build();
    }

    private Outcome apply(Command.Builder command) {
      Batch batch = Batch.newBuilder().setTimeMs(++index).addCommands(command).build();
      return namespace.apply(index, batch).getFirst();
    }

    private Answer ask(Query.Builder query) {
      return namespace.ask(query.build());
    }

    private static String result(Fault fault) {
      return fault.getErrnoValue() == 0 ? "OK" : "errno " + fault.getErrnoValue();
    }

    private String run(Command.Builder command) {
      return result(apply(command).getFault());
    }

    String apply(Op op) {
      return switch (op) {
        case Op.Mk o ->
            run(
                Command.newBuilder()
                    .setMkdir(Mkdir.newBuilder().setLocation(at(o.path)).setMode(o.mode & ~umask)));
        case Op.New o ->
            run(
                Command.newBuilder()
                    .setCreate(
                        Create.newBuilder()
                            .setLocation(at(o.path))
                            .setMode(o.mode & 0777 & ~umask)
                            .setExclusive(o.exclusive)
                            .setTruncate(o.truncate)
                            .setNoFollow(o.noFollow)));
        case Op.Open o -> result(open(o.path, o.truncate, o.noFollow).getFault());
        case Op.Sym o ->
            run(
                Command.newBuilder()
                    .setSymlink(Symlink.newBuilder().setLocation(at(o.path)).setTarget(o.target)));
        case Op.Node o ->
            run(
                Command.newBuilder()
                    .setMakeNode(
                        MakeNode.newBuilder()
                            .setLocation(at(o.path))
                            .setType(o.type)
                            .setMode(o.mode & ~umask)
                            .setDevice(device(o))));
        case Op.Ln o ->
            run(
                Command.newBuilder()
                    .setLink(
                        Link.newBuilder().setFrom(at(o.from)).setTo(at(o.to)).setFollow(o.follow)));
        case Op.Unnamed o -> unnamed(o);
        case Op.Rm o ->
            run(Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at(o.path))));
        case Op.RmDir o ->
            run(Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(at(o.path))));
        case Op.Mv o when o.flags == Linux.RENAME_EXCHANGE ->
            run(
                Command.newBuilder()
                    .setExchange(Exchange.newBuilder().setFirst(at(o.from)).setSecond(at(o.to))));
        case Op.Mv o ->
            run(
                Command.newBuilder()
                    .setRename(
                        Rename.newBuilder()
                            .setFrom(at(o.from))
                            .setTo(at(o.to))
                            .setNoReplace(o.flags == Linux.RENAME_NOREPLACE)));
        case Op.Put o ->
            withOpen(
                o.path,
                inode ->
                    Command.newBuilder()
                        .setWrite(
                            Write.newBuilder()
                                .setInode(inode)
                                .setInlineOffset(o.offset)
                                .setInlineData(ByteString.copyFrom(data(o.length, o.offset)))));
        case Op.Cut o ->
            run(
                Command.newBuilder()
                    .setSetAttributes(
                        SetAttributes.newBuilder().setLocation(at(o.path)).setSize(o.size)));
        case Op.Alloc o ->
            withOpen(
                o.path,
                inode ->
                    Command.newBuilder()
                        .setAllocate(
                            Allocate.newBuilder()
                                .setInode(inode)
                                .setHow(o.how)
                                .setKeepSize(o.keep)
                                .setOffset(o.offset)
                                .setLength(o.length)));
        case Op.Mode o ->
            run(
                Command.newBuilder()
                    .setSetAttributes(
                        SetAttributes.newBuilder().setLocation(at(o.path)).setMode(o.mode)));
        case Op.Own o -> own(o);
        case Op.SetX o ->
            run(
                Command.newBuilder()
                    .setSetXattr(
                        SetXattr.newBuilder()
                            .setLocation(at(o.path))
                            .setNoFollow(!o.follow)
                            .setName(o.name)
                            .setValue(ByteString.copyFromUtf8(o.value))
                            .setCreate((o.flags & 1) != 0)
                            .setReplace((o.flags & 2) != 0)));
        case Op.RmX o ->
            run(
                Command.newBuilder()
                    .setSetXattr(
                        SetXattr.newBuilder()
                            .setLocation(at(o.path))
                            .setNoFollow(!o.follow)
                            .setName(o.name)
                            .setRemove(true)));
        case Op.GetX o -> {
          Answer answer =
              ask(
                  Query.newBuilder()
                      .setGetXattr(
                          GetXattr.newBuilder()
                              .setLocation(at(o.path))
                              .setNoFollow(!o.follow)
                              .setName(o.name)));
          yield answer.hasFault() ? result(answer.getFault()) : answer.getValue().toStringUtf8();
        }
        case Op.Stat o ->
            result(
                ask(Query.newBuilder()
                        .setLookup(
                            Lookup.newBuilder().setLocation(at(o.path)).setNoFollow(!o.follow)))
                    .getFault());
        case Op.Target o -> {
          Answer answer =
              ask(Query.newBuilder().setReadLink(ReadLink.newBuilder().setLocation(at(o.path))));
          yield answer.hasFault() ? result(answer.getFault()) : answer.getTarget();
        }
      };
    }

    private Outcome open(String path, boolean truncate, boolean noFollow) {
      return apply(
          Command.newBuilder()
              .setCreate(
                  Create.newBuilder()
                      .setLocation(at(path))
                      .setNoCreate(true)
                      .setTruncate(truncate)
                      .setNoFollow(noFollow)));
    }

    private interface OnFile {
      Command.Builder command(long inode);
    }

    private String withOpen(String path, OnFile action) {
      Outcome opened = open(path, false, false);
      return opened.hasFault()
          ? result(opened.getFault())
          : run(action.command(opened.getAttributes().getInode()));
    }

    private String unnamed(Op.Unnamed o) {
      Outcome made =
          apply(
              Command.newBuilder()
                  .setCreateUnnamed(
                      CreateUnnamed.newBuilder()
                          .setDirectory(at(o.directory))
                          .setMode(0640 & ~umask)));
      return made.hasFault()
          ? result(made.getFault())
          : run(
              Command.newBuilder()
                  .setLink(
                      Link.newBuilder().setInode(made.getAttributes().getInode()).setTo(at(o.to))));
    }

    private String own(Op.Own o) {
      Attributes now =
          ask(Query.newBuilder()
                  .setLookup(Lookup.newBuilder().setLocation(at(o.path)).setNoFollow(!o.follow)))
              .getAttributes();
      return run(
          Command.newBuilder()
              .setSetAttributes(
                  SetAttributes.newBuilder()
                      .setLocation(at(o.path))
                      .setNoFollow(!o.follow)
                      .setUid(o.uid < 0 ? now.getUid() : o.uid)
                      .setGid(o.gid < 0 ? now.getGid() : o.gid)));
    }

    String dump(boolean setId) {
      StringBuilder text = new StringBuilder();
      dump(0, "", setId, text, new HashMap<>());
      return text.toString();
    }

    private void dump(
        long directory, String name, boolean setId, StringBuilder text, Map<Long, String> firsts) {
      Answer page =
          ask(
              Query.newBuilder()
                  .setReadDirectory(
                      ReadDirectory.newBuilder()
                          .setLocation(Location.newBuilder().setBase(directory))));
      for (DirectoryEntry entry : page.getEntriesList()) {
        Attributes a = entry.getAttributes();
        String path = name + "/" + entry.getName();
        firsts.putIfAbsent(a.getInode(), path);
        text.append(
            line(
                path,
                a.getType(),
                shown(a.getMode(), setId),
                a.getLinks(),
                a.getUid(),
                a.getGid(),
                a.getSize(),
                a.getDevice(),
                firsts.get(a.getInode()),
                more(directory, entry)));
        if (a.getType() == FileType.DIRECTORY) {
          dump(a.getInode(), path, setId, text, firsts);
        }
      }
    }

    private String more(long directory, DirectoryEntry entry) {
      Location here = Location.newBuilder().setBase(directory).setPath(entry.getName()).build();
      String more =
          switch (entry.getAttributes().getType()) {
            case SYMLINK ->
                " to "
                    + ask(Query.newBuilder().setReadLink(ReadLink.newBuilder().setLocation(here)))
                        .getTarget();
            case REGULAR -> " holds " + Arrays.hashCode(content(entry.getAttributes()));
            default -> "";
          };
      StringBuilder attributes = new StringBuilder();
      long inode = entry.getAttributes().getInode();
      for (String name :
          ask(Query.newBuilder().setListXattrs(ListXattrs.newBuilder().setInode(inode)))
              .getNamesList()) {
        String value =
            ask(Query.newBuilder().setGetXattr(GetXattr.newBuilder().setInode(inode).setName(name)))
                .getValue()
                .toStringUtf8();
        attributes.append(' ').append(name).append('=').append(value);
      }
      return more + attributes;
    }

    private byte[] content(Attributes file) {
      byte[] bytes = new byte[(int) file.getSize()];
      Layout.Builder layout =
          Layout.newBuilder().setInode(file.getInode()).setLength(Long.MAX_VALUE);
      for (Extent e : ask(Query.newBuilder().setLayout(layout)).getExtentsList()) {
        byte[] block = memory.blocks.get(e.getBlock());
        System.arraycopy(block, e.getBlockOffset(), bytes, (int) e.getOffset(), e.getLength());
      }
      return bytes;
    }
  }
}
