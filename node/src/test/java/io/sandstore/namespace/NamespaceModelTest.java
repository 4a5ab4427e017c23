package io.sandstore.namespace;

import static org.assertj.core.api.Assertions.fail;

import com.google.protobuf.ByteString;
import io.sandstore.block.HolderMask;
import io.sandstore.replication.BlockSink;
import io.sandstore.wire.Allocate;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Batch;
import io.sandstore.wire.CloseSession;
import io.sandstore.wire.Command;
import io.sandstore.wire.Configuration;
import io.sandstore.wire.CopyRange;
import io.sandstore.wire.Create;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.Extent;
import io.sandstore.wire.GetXattr;
import io.sandstore.wire.Layout;
import io.sandstore.wire.Link;
import io.sandstore.wire.ListXattrs;
import io.sandstore.wire.Location;
import io.sandstore.wire.Lookup;
import io.sandstore.wire.Member;
import io.sandstore.wire.Merge;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.OpenSession;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Query;
import io.sandstore.wire.ReadDirectory;
import io.sandstore.wire.ReapOrphans;
import io.sandstore.wire.Rename;
import io.sandstore.wire.Rmdir;
import io.sandstore.wire.SetAttributes;
import io.sandstore.wire.SetXattr;
import io.sandstore.wire.Unlink;
import io.sandstore.wire.Write;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random sequences of operations on the namespace and on a plain tree in memory must agree in every
 * outcome and in the end. A sequence that does not is shrunk to a short one before it is reported.
 */
class NamespaceModelTest {

  private static final int SEEDS = Integer.getInteger("model.seeds", 1500);
  private static final int OPERATIONS = 60;
  private static final long NOW_MS = 1_700_000_000_000L;
  private static final long YEAR_MS = 365L * 24 * 3_600_000;

  // --- Operations ---

  private sealed interface Op {
    record Mk(String path) implements Op {}

    record New(String path, boolean exclusive, boolean truncate) implements Op {}

    record Rm(String path) implements Op {}

    record RmDir(String path) implements Op {}

    record Mv(String from, String to, boolean noReplace) implements Op {}

    record Put(String path, int offset, String data, boolean append) implements Op {}

    record Cut(String path, int size) implements Op {}

    record Copy(String from, int offset, String to, int toOffset, int length) implements Op {}

    record Ls(String path) implements Op {}

    record Ln(String from, String to) implements Op {}

    record Swap(String first, String second) implements Op {}

    /** An empty value: it is removed. */
    record Tag(String path, String name, String value) implements Op {}

    record Alloc(String path, Allocate.How how, int offset, int length, boolean keepSize)
        implements Op {}

    /** Nothing that anybody can see changes, whether the pieces are still the file's or not. */
    record Melt(String path, boolean stale) implements Op {}

    /** The client goes and comes back under another session. */
    record Reopen() implements Op {}

    /** The primary's clock is so much off from now on, for less than it takes to be believed. */
    record Jump(long ms) implements Op {}

    /** Nobody has anything open: files without a name go, and their blocks. */
    record Reap() implements Op {}

    /** The whole state goes through a snapshot, which must change nothing. */
    record Reload() implements Op {}
  }

  private static final String[] PATHS = {
    "/a", "/b", "/c", "/a/a", "/a/b", "/b/a", "/a/a/a", "/a/a/b", "/b/c", "/a/../b", "/", "/a/b/c",
    "/c/a"
  };

  private static List<Op> generate(long seed, FeatureLevel level) {
    Random random = new Random(seed);
    boolean posix = level.includes(FeatureLevel.POSIX);
    return IntStream.range(0, OPERATIONS)
        .mapToObj(i -> posix && random.nextInt(3) == 0 ? generatePosix(random) : generate(random))
        .toList();
  }

  private static Op generatePosix(Random r) {
    String path = PATHS[r.nextInt(PATHS.length)];
    return switch (r.nextInt(6)) {
      case 4 ->
          new Op.Copy(path, r.nextInt(30), PATHS[r.nextInt(6)], r.nextInt(30), 1 + r.nextInt(30));
      case 0, 1 -> new Op.Ln(path, PATHS[r.nextInt(PATHS.length)]);
      case 2 -> new Op.Swap(path, PATHS[r.nextInt(PATHS.length)]);
      case 3 -> new Op.Tag(path, r.nextBoolean() ? "user.a" : "user.b", "v".repeat(r.nextInt(3)));
      default ->
          new Op.Alloc(
              path,
              List.of(Allocate.How.EXTEND, Allocate.How.PUNCH, Allocate.How.ZERO).get(r.nextInt(3)),
              r.nextInt(40),
              1 + r.nextInt(40),
              r.nextBoolean());
    };
  }

  private static Op generate(Random r) {
    String path = PATHS[r.nextInt(PATHS.length)];
    return switch (r.nextInt(16)) {
      case 0, 1, 2 -> new Op.Mk(path);
      case 3, 4 -> new Op.New(path, r.nextInt(3) == 0, r.nextInt(3) == 0);
      case 5 -> new Op.Rm(path);
      case 6 -> new Op.RmDir(path);
      case 7 -> new Op.Mv(path, PATHS[r.nextInt(PATHS.length)], r.nextInt(4) == 0);
      case 8, 9 -> new Op.Put(path, r.nextInt(30), "x" + r.nextInt(1000), r.nextBoolean());
      case 12 -> new Op.Melt(path, r.nextInt(4) == 0);
      case 10 -> r.nextBoolean() ? new Op.Cut(path, r.nextInt(40)) : new Op.Reload();
      case 11 -> new Op.Reopen();
      case 14 -> new Op.Jump(r.nextBoolean() ? 0 : r.nextLong(-YEAR_MS, YEAR_MS));
      case 13 -> new Op.Reap();
      default -> new Op.Ls(path);
    };
  }

  @ParameterizedTest
  @EnumSource(
      value = FeatureLevel.class,
      names = {"BEFORE_LEVELS", "POSIX"})
  void agreesWithAPlainTree(FeatureLevel level) {
    for (long seed = 1; seed <= SEEDS; seed++) {
      List<Op> ops = generate(seed, level);
      String problem = run(ops, level);
      if (!problem.isEmpty()) {
        List<Op> small = shrink(ops, fewer -> run(fewer, level));
        fail("seed %d: %s%nshortest sequence: %s", seed, run(small, level), small);
      }
    }
  }

  @Test
  void shrinkingFindsAShortSequence() {
    List<Op> ops = new ArrayList<>(generate(1, FeatureLevel.newest()));
    ops.addFirst(new Op.New("/z", true, false));
    ops.add(new Op.New("/z", true, false));
    List<Op> small =
        shrink(
            ops,
            o ->
                o.stream().filter(op -> op.equals(new Op.New("/z", true, false))).count() == 2
                    ? "twice"
                    : "");
    if (small.size() != 2) {
      fail("not shrunk: " + small);
    }
  }

  /** Leaves out runs of operations, ever shorter ones, as long as the problem stays. */
  private static List<Op> shrink(List<Op> ops, java.util.function.Function<List<Op>, String> run) {
    List<Op> best = ops;
    for (int size = ops.size() / 2; size >= 1; size = size == 1 ? 0 : size / 2) {
      for (int at = 0; at + size <= best.size(); ) {
        List<Op> fewer = new ArrayList<>(best);
        fewer.subList(at, at + size).clear();
        if (!run.apply(fewer).isEmpty()) {
          best = fewer;
        } else {
          at++;
        }
      }
    }
    return best;
  }

  // --- The comparison ---

  private static String run(List<Op> ops, FeatureLevel level) {
    Subject subject = new Subject(level);
    Model model = new Model(level.includes(FeatureLevel.POSIX));
    for (Op op : ops) {
      String wanted = model.apply(op);
      String got = subject.apply(op);
      if (!wanted.equals(got)) {
        return "%s gives %s, should give %s".formatted(op, got, wanted);
      }
    }
    String wanted = model.dump();
    String got = subject.dump();
    return wanted.equals(got) ? "" : "in the end%n%s%nshould be%n%s".formatted(got, wanted);
  }

  /** Blocks in memory. */
  static final class Memory implements BlockSink {
    final Map<Long, byte[]> blocks = new HashMap<>();

    @Override
    public void stage(long block, byte[] data) {
      blocks.put(block, data);
    }

    @Override
    public void writeStaged() {}

    @Override
    public void release(List<Long> garbage) {
      blocks.keySet().removeAll(garbage);
    }

    @Override
    public void force() {}

    @Override
    public void restored() {}
  }

  /** The namespace, driven as the log drives it: every command twice, as a retry would. */
  private static final class Subject {
    private final Memory memory = new Memory();
    private Namespace namespace;
    private long session;
    private long nonce;
    private long sequence;
    private long index;
    private long clockOffMs;

    Subject(FeatureLevel level) {
      namespace =
          new Namespace(memory, new HolderMask(), FeatureLevel.newest(), level, Optional.empty());
      namespace.configure(
          Configuration.newBuilder().addMembers(Member.newBuilder().setId(7).setName("n")).build());
      open();
    }

    private void open() {
      OpenSession open = OpenSession.newBuilder().setNonce(++nonce).build();
      session = apply(Command.newBuilder().setOpenSession(open)).getValue();
      sequence = 0;
    }

    private String reopen() {
      CloseSession close = CloseSession.newBuilder().setSession(session).setNonce(nonce).build();
      apply(Command.newBuilder().setCloseSession(close));
      if (namespace.sessionCount() != 0) {
        return "still there";
      }
      open();
      return "OK";
    }

    private String jump(long ms) {
      clockOffMs = ms;
      return "OK";
    }

    private String reap() {
      ReapOrphans all = ReapOrphans.newBuilder().setUnusedSinceMs(namespace.ageMs() + 5).build();
      apply(Command.newBuilder().setReapOrphans(all));
      Set<Long> referenced = Set.copyOf(namespace.blocksAfter(0, Integer.MAX_VALUE));
      boolean attributesOfNothing =
          namespace.xattrs.values.live.keySet().stream()
              .anyMatch(key -> namespace.tree.inodes.get(key.inode()) == null);
      return memory.blocks.keySet().equals(referenced) && !attributesOfNothing ? "OK" : "garbage";
    }

    private Outcome apply(Command.Builder command) {
      boolean unnumbered = command.hasOpenSession() || command.hasCloseSession();
      Command numbered =
          unnumbered
              ? command.build()
              : command
                  .setSession(session)
                  .setSequence(++sequence)
                  .setAcknowledgedBelow(sequence)
                  .build();
      Batch batch =
          Batch.newBuilder()
              .setTimeMs(NOW_MS + ++index + (index > 2 ? clockOffMs : 0))
              .setElapsedMs(1)
              .addCommands(numbered)
              .build();
      Outcome first = namespace.apply(index, batch).getFirst();
      Outcome second = namespace.apply(++index, batch).getFirst();
      if (!first.equals(second)) {
        throw new AssertionError(
            "a retry of " + numbered + " answers " + second + " after " + first);
      }
      if (Math.abs(first.getAttributes().getCtimeMs() - NOW_MS) > 20_000 && first.hasAttributes()) {
        throw new AssertionError("dated by a clock that jumped: " + first.getAttributes());
      }
      return first;
    }

    private static Location at(String path) {
      return Location.newBuilder().setPath(path).build();
    }

    String apply(Op op) {
      return switch (op) {
        case Op.Mk o ->
            code(apply(Command.newBuilder().setMkdir(Mkdir.newBuilder().setLocation(at(o.path)))));
        case Op.New o ->
            code(
                apply(
                    Command.newBuilder()
                        .setCreate(
                            Create.newBuilder()
                                .setLocation(at(o.path))
                                .setExclusive(o.exclusive)
                                .setTruncate(o.truncate))));
        case Op.Rm o ->
            code(
                apply(Command.newBuilder().setUnlink(Unlink.newBuilder().setLocation(at(o.path)))));
        case Op.RmDir o ->
            code(apply(Command.newBuilder().setRmdir(Rmdir.newBuilder().setLocation(at(o.path)))));
        case Op.Mv o ->
            code(
                apply(
                    Command.newBuilder()
                        .setRename(
                            Rename.newBuilder()
                                .setFrom(at(o.from))
                                .setTo(at(o.to))
                                .setNoReplace(o.noReplace))));
        case Op.Put o -> put(o);
        case Op.Cut o ->
            code(
                apply(
                    Command.newBuilder()
                        .setSetAttributes(
                            SetAttributes.newBuilder().setLocation(at(o.path)).setSize(o.size))));
        case Op.Copy o -> copy(o);
        case Op.Ls o -> ls(o.path);
        case Op.Ln o ->
            code(
                apply(
                    Command.newBuilder()
                        .setLink(Link.newBuilder().setFrom(at(o.from)).setTo(at(o.to)))));
        case Op.Swap o ->
            code(
                apply(
                    Command.newBuilder()
                        .setExchange(
                            Exchange.newBuilder().setFirst(at(o.first)).setSecond(at(o.second)))));
        case Op.Tag o ->
            code(
                apply(
                    Command.newBuilder()
                        .setSetXattr(
                            SetXattr.newBuilder()
                                .setLocation(at(o.path))
                                .setName(o.name)
                                .setValue(ByteString.copyFromUtf8(o.value))
                                .setRemove(o.value.isEmpty()))));
        case Op.Alloc o -> allocate(o);
        case Op.Reopen o -> reopen();
        case Op.Jump o -> jump(o.ms);
        case Op.Reap o -> reap();
        case Op.Reload o -> reload();
        case Op.Melt o -> melt(o);
      };
    }

    /** Puts one block in the place of pieces that lie side by side, as the merger does. */
    private String melt(Op.Melt o) {
      Answer found = lookup(o.path);
      if (found.hasFault()) {
        return found.getFault().getErrno().name();
      }
      long inode = found.getAttributes().getInode();
      List<Extent> pieces = pieces(inode);
      if (pieces.size() < 2) {
        return "OK";
      }
      long start = pieces.getFirst().getOffset();
      Extent last = pieces.getLast();
      byte[] whole = new byte[(int) (last.getOffset() + last.getLength() - start)];
      for (Extent e : pieces) {
        System.arraycopy(
            memory.blocks.get(e.getBlock()),
            e.getBlockOffset(),
            whole,
            (int) (e.getOffset() - start),
            e.getLength());
      }
      long block =
          apply(
                  Command.newBuilder()
                      .setAllocateBlocks(io.sandstore.wire.AllocateBlocks.newBuilder().setCount(1)))
              .getValue();
      memory.stage(block, whole);
      Merge.Builder merge =
          Merge.newBuilder()
              .setInode(inode)
              .setOffset(start)
              .setLength(whole.length)
              .setBlock(block)
              .setWhere(1);
      pieces.forEach(e -> merge.addPieces(e.toBuilder().clearHolders().clearBlockLength()));
      if (o.stale) {
        // As if it had been written over meanwhile: what the block has there must not be seen.
        Extent first = pieces.getFirst();
        Arrays.fill(whole, 0, first.getLength(), (byte) '!');
        merge.setPieces(0, first.toBuilder().setBlock(block));
      }
      String outcome = code(apply(Command.newBuilder().setMerge(merge)));
      if (!outcome.equals("OK")) {
        return outcome;
      }
      if (!namespace.attributesOf(inode).equals(found.getAttributes())) {
        return "other attributes: " + namespace.attributesOf(inode);
      }
      if (!o.stale && pieces(inode).size() >= pieces.size()) {
        return "not merged";
      }
      return "OK";
    }

    private List<Extent> pieces(long inode) {
      return namespace
          .ask(
              Query.newBuilder()
                  .setLayout(Layout.newBuilder().setInode(inode).setLength(Long.MAX_VALUE))
                  .build())
          .getExtentsList();
    }

    private String copy(Op.Copy o) {
      Answer from = lookup(o.from);
      Answer to = lookup(o.to);
      if (from.hasFault() || to.hasFault()) {
        return (from.hasFault() ? from : to).getFault().getErrno().name();
      }
      return code(
          apply(
              Command.newBuilder()
                  .setCopyRange(
                      CopyRange.newBuilder()
                          .setSource(from.getAttributes().getInode())
                          .setSourceOffset(o.offset)
                          .setTarget(to.getAttributes().getInode())
                          .setTargetOffset(o.toOffset)
                          .setLength(o.length))));
    }

    private Answer lookup(String path) {
      return namespace.ask(
          Query.newBuilder().setLookup(Lookup.newBuilder().setLocation(at(path))).build());
    }

    private String put(Op.Put o) {
      Answer found = lookup(o.path);
      if (found.hasFault()) {
        return found.getFault().getErrno().name();
      }
      return code(
          apply(
              Command.newBuilder()
                  .setWrite(
                      Write.newBuilder()
                          .setInode(found.getAttributes().getInode())
                          .setAppend(o.append)
                          .setInlineOffset(o.append ? 0 : o.offset)
                          .setInlineData(ByteString.copyFromUtf8(o.data)))));
    }

    private String allocate(Op.Alloc o) {
      Answer found = lookup(o.path);
      if (found.hasFault()) {
        return found.getFault().getErrno().name();
      }
      return code(
          apply(
              Command.newBuilder()
                  .setAllocate(
                      Allocate.newBuilder()
                          .setInode(found.getAttributes().getInode())
                          .setHow(o.how)
                          .setOffset(o.offset)
                          .setLength(o.length)
                          .setKeepSize(o.keepSize))));
    }

    private static String code(Outcome outcome) {
      return outcome.hasFault() ? outcome.getFault().getErrno().name() : "OK";
    }

    private String ls(String path) {
      List<String> names = new ArrayList<>();
      String after = "";
      Answer page;
      do {
        page =
            namespace.ask(
                Query.newBuilder()
                    .setReadDirectory(
                        ReadDirectory.newBuilder()
                            .setLocation(at(path))
                            .setAfter(after)
                            .setLimit(2))
                    .build());
        if (page.hasFault()) {
          return page.getFault().getErrno().name();
        }
        page.getEntriesList().forEach(e -> names.add(e.getName()));
        after = names.isEmpty() ? "" : names.getLast();
      } while (page.getMore());
      return names.toString();
    }

    private String reload() {
      try {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (var frozen = namespace.freeze()) {
          frozen.writeTo(out);
        }
        Namespace next = new Namespace(memory, new HolderMask());
        next.configure(namespace.configuration());
        next.restore(new ByteArrayInputStream(out.toByteArray()));
        ByteArrayOutputStream again = new ByteArrayOutputStream();
        try (var frozen = next.freeze()) {
          frozen.writeTo(again);
        }
        if (next.heapBytes() != namespace.heapBytes()) {
          return "%d bytes were %d".formatted(next.heapBytes(), namespace.heapBytes());
        }
        namespace = next;
        return Arrays.equals(out.toByteArray(), again.toByteArray()) ? "OK" : "another snapshot";
      } catch (java.io.IOException e) {
        return e.toString();
      }
    }

    String dump() {
      StringBuilder text = new StringBuilder();
      dump("", text);
      return text.toString();
    }

    private void dump(String path, StringBuilder text) {
      Answer answer =
          namespace.ask(
              Query.newBuilder()
                  .setReadDirectory(ReadDirectory.newBuilder().setLocation(at(path)))
                  .build());
      answer
          .getEntriesList()
          .forEach(
              entry -> {
                String child = path + "/" + entry.getName();
                switch (entry.getAttributes().getType()) {
                  case DIRECTORY -> {
                    text.append(child)
                        .append("/ links ")
                        .append(entry.getAttributes().getLinks())
                        .append(xattrs(entry.getAttributes().getInode()))
                        .append('\n');
                    dump(child, text);
                  }
                  default ->
                      text.append(child)
                          .append(' ')
                          .append(content(entry.getAttributes().getInode()))
                          .append(" links ")
                          .append(entry.getAttributes().getLinks())
                          .append(xattrs(entry.getAttributes().getInode()))
                          .append('\n');
                }
              });
    }

    private Map<String, String> xattrs(long inode) {
      TreeMap<String, String> found = new TreeMap<>();
      ListXattrs list = ListXattrs.newBuilder().setInode(inode).build();
      for (String name :
          namespace.ask(Query.newBuilder().setListXattrs(list).build()).getNamesList()) {
        GetXattr get = GetXattr.newBuilder().setInode(inode).setName(name).build();
        found.put(
            name,
            namespace.ask(Query.newBuilder().setGetXattr(get).build()).getValue().toStringUtf8());
      }
      return found;
    }

    private String content(long inode) {
      Answer layout =
          namespace.ask(
              Query.newBuilder()
                  .setLayout(Layout.newBuilder().setInode(inode).setLength(Long.MAX_VALUE))
                  .build());
      byte[] bytes = new byte[(int) layout.getAttributes().getSize()];
      layout
          .getExtentsList()
          .forEach(
              e ->
                  System.arraycopy(
                      memory.blocks.get(e.getBlock()),
                      e.getBlockOffset(),
                      bytes,
                      (int) e.getOffset(),
                      e.getLength()));
      return Arrays.toString(bytes);
    }
  }

  /** A tree as one would write it without thinking of logs. */
  private static final class Model {
    private static final class Node {
      final TreeMap<String, Node> children;
      final TreeMap<String, String> xattrs = new TreeMap<>();
      byte[] content = {};
      int links = 1;

      Node(boolean directory) {
        children = directory ? new TreeMap<>() : null;
      }

      boolean isDirectory() {
        return children != null;
      }
    }

    private static final class Error extends RuntimeException {
      private static final long serialVersionUID = 1;
      final Errno errno;

      Error(Errno errno) {
        this.errno = errno;
      }
    }

    private final Node root = new Node(true);
    private final boolean posix;

    Model(boolean posix) {
      this.posix = posix;
    }

    String apply(Op op) {
      try {
        return switch (op) {
          case Op.Mk o -> make(o.path);
          case Op.New o -> create(o);
          case Op.Rm o -> remove(o.path);
          case Op.RmDir o -> removeDirectory(o.path);
          case Op.Mv o -> move(o);
          case Op.Put o -> write(o);
          case Op.Cut o -> cut(o);
          case Op.Copy o -> copy(o);
          case Op.Ls o -> list(o.path);
          case Op.Ln o -> link(o);
          case Op.Swap o -> swap(o);
          case Op.Tag o -> tag(o);
          case Op.Alloc o -> allocate(o);
          case Op.Reopen o -> "OK";
          case Op.Jump o -> "OK";
          case Op.Reap o -> "OK";
          case Op.Reload o -> "OK";
          case Op.Melt o -> {
            require(o.path);
            yield "OK";
          }
        };
      } catch (Error e) {
        return e.errno.name();
      }
    }

    private static List<String> names(String path) {
      List<String> names = Arrays.stream(path.split("/")).filter(n -> !n.isEmpty()).toList();
      if (names.contains("..")) {
        throw new Error(Errno.EINVAL);
      }
      return names;
    }

    private Node parent(List<String> names) {
      Node at = root;
      for (String name : names.subList(0, Math.max(0, names.size() - 1))) {
        at = at.children.get(name);
        if (at == null) {
          throw new Error(Errno.ENOENT);
        }
        if (!at.isDirectory()) {
          throw new Error(Errno.ENOTDIR);
        }
      }
      return at;
    }

    private Node find(String path) {
      List<String> names = names(path);
      return names.isEmpty() ? root : parent(names).children.get(names.getLast());
    }

    private Node require(String path) {
      Node found = find(path);
      if (found == null) {
        throw new Error(Errno.ENOENT);
      }
      return found;
    }

    private String make(String path) {
      if (find(path) != null) {
        throw new Error(Errno.EEXIST);
      }
      parent(names(path)).children.put(names(path).getLast(), new Node(true));
      return "OK";
    }

    private String create(Op.New o) {
      Node found = find(o.path);
      if (found == null) {
        parent(names(o.path)).children.put(names(o.path).getLast(), new Node(false));
      } else if (o.exclusive) {
        throw new Error(Errno.EEXIST);
      } else if (found.isDirectory()) {
        throw new Error(Errno.EISDIR);
      } else if (o.truncate) {
        found.content = new byte[0];
      }
      return "OK";
    }

    private String remove(String path) {
      if (require(path).isDirectory()) {
        throw new Error(Errno.EISDIR);
      }
      require(path).links--;
      parent(names(path)).children.remove(names(path).getLast());
      return "OK";
    }

    private String removeDirectory(String path) {
      if (names(path).isEmpty()) {
        throw new Error(Errno.EINVAL);
      }
      Node found = require(path);
      if (!found.isDirectory()) {
        throw new Error(Errno.ENOTDIR);
      }
      if (!found.children.isEmpty()) {
        throw new Error(Errno.ENOTEMPTY);
      }
      parent(names(path)).children.remove(names(path).getLast());
      return "OK";
    }

    private String move(Op.Mv o) {
      List<String> from = names(o.from);
      List<String> to = names(o.to);
      if (posix) {
        parent(from);
      } else {
        require(o.from);
      }
      Node target = parent(to);
      if (from.isEmpty() || to.isEmpty()) {
        throw new Error(Errno.EINVAL);
      }
      Node moved = require(o.from);
      Node replaced = target.children.get(to.getLast());
      if (posix && replaced != null && o.noReplace) {
        throw new Error(Errno.EEXIST);
      }
      boolean inside = to.size() > from.size() && to.subList(0, from.size()).equals(from);
      if (moved.isDirectory() && inside) {
        throw new Error(Errno.EINVAL);
      }
      boolean around = from.size() > to.size() && from.subList(0, to.size()).equals(to);
      if (posix && around) {
        throw new Error(Errno.ENOTEMPTY);
      }
      if (replaced != null) {
        if (o.noReplace) {
          throw new Error(Errno.EEXIST);
        }
        if (replaced == moved) {
          return "OK";
        }
        if (replaced.isDirectory() && !moved.isDirectory()) {
          throw new Error(Errno.EISDIR);
        }
        if (!replaced.isDirectory() && moved.isDirectory()) {
          throw new Error(Errno.ENOTDIR);
        }
        if (replaced.isDirectory() && !replaced.children.isEmpty()) {
          throw new Error(Errno.ENOTEMPTY);
        }
        replaced.links--;
      }
      parent(from).children.remove(from.getLast());
      target.children.put(to.getLast(), moved);
      return "OK";
    }

    private String link(Op.Ln o) {
      List<String> to = names(o.to);
      Node linked = require(o.from);
      Node directory = parent(to);
      if (to.isEmpty() || directory.children.containsKey(to.getLast())) {
        throw new Error(Errno.EEXIST);
      }
      if (linked.isDirectory()) {
        throw new Error(Errno.EPERM);
      }
      linked.links++;
      directory.children.put(to.getLast(), linked);
      return "OK";
    }

    private static boolean isAbove(List<String> path, List<String> other) {
      return path.size() < other.size() && other.subList(0, path.size()).equals(path);
    }

    private String swap(Op.Swap o) {
      List<String> first = names(o.first);
      List<String> second = names(o.second);
      Node one = parent(first);
      Node other = parent(second);
      if (first.isEmpty() || second.isEmpty()) {
        throw new Error(Errno.EINVAL);
      }
      Node moved = require(o.first);
      Node back = require(o.second);
      if (isAbove(first, second) || isAbove(second, first)) {
        throw new Error(Errno.EINVAL);
      }
      one.children.put(first.getLast(), back);
      other.children.put(second.getLast(), moved);
      return "OK";
    }

    private String tag(Op.Tag o) {
      Node found = require(o.path);
      if (!o.value.isEmpty()) {
        found.xattrs.put(o.name, o.value);
      } else if (found.xattrs.remove(o.name) == null) {
        throw new Error(Errno.ENODATA);
      }
      return "OK";
    }

    private String allocate(Op.Alloc o) {
      Node found = require(o.path);
      if (found.isDirectory()) {
        throw new Error(Errno.EISDIR);
      }
      int end = o.offset + o.length;
      if (o.how != Allocate.How.PUNCH && !o.keepSize) {
        found.content = Arrays.copyOf(found.content, Math.max(found.content.length, end));
      }
      if (o.how != Allocate.How.EXTEND) {
        int size = found.content.length;
        Arrays.fill(found.content, Math.min(size, o.offset), Math.min(size, end), (byte) 0);
      }
      return "OK";
    }

    private String write(Op.Put o) {
      Node found = require(o.path);
      if (found.isDirectory()) {
        throw new Error(Errno.EINVAL);
      }
      byte[] data = o.data.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      int at = o.append ? found.content.length : o.offset;
      found.content =
          Arrays.copyOf(found.content, Math.max(found.content.length, at + data.length));
      System.arraycopy(data, 0, found.content, at, data.length);
      return "OK";
    }

    private String copy(Op.Copy o) {
      Node from = require(o.from);
      Node to = require(o.to);
      if (from.isDirectory() || to.isDirectory()) {
        throw new Error(Errno.EINVAL);
      }
      int length = Math.min(o.length, from.content.length - o.offset);
      if (from == to && Math.abs(o.offset - o.toOffset) < length) {
        throw new Error(Errno.EINVAL);
      }
      if (length > 0) {
        byte[] source = from.content;
        int size = Math.max(to.content.length, o.toOffset + length);
        to.content = Arrays.copyOf(to.content, size);
        System.arraycopy(source, o.offset, to.content, o.toOffset, length);
      }
      return "OK";
    }

    private String cut(Op.Cut o) {
      Node found = require(o.path);
      if (found.isDirectory()) {
        throw new Error(Errno.EISDIR);
      }
      found.content = Arrays.copyOf(found.content, o.size);
      return "OK";
    }

    private String list(String path) {
      Node found = require(path);
      if (!found.isDirectory()) {
        throw new Error(Errno.ENOTDIR);
      }
      return found.children.keySet().toString();
    }

    String dump() {
      StringBuilder text = new StringBuilder();
      dump("", root, text);
      return text.toString();
    }

    private void dump(String path, Node node, StringBuilder text) {
      node.children.forEach(
          (name, child) -> {
            String at = path + "/" + name;
            if (child.isDirectory()) {
              long links = 2 + child.children.values().stream().filter(Node::isDirectory).count();
              text.append(at).append("/ links ").append(links).append(child.xattrs).append('\n');
              dump(at, child, text);
            } else {
              text.append(at)
                  .append(' ')
                  .append(Arrays.toString(child.content))
                  .append(" links ")
                  .append(child.links)
                  .append(child.xattrs)
                  .append('\n');
            }
          });
    }
  }
}
