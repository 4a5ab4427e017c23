package io.sandstore.cli;

import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes a tree like another. */
@Command(
    name = "sync",
    description = {
      "What is in directory FROM is afterwards in directory TO as well, with mode and time. One of",
      "both is in the cluster and written sand:/path, the other is on this machine.",
      "A file that has the same size and time is taken for the same, with --checksum one that has",
      "the same bytes. What only TO has stays, unless --delete is given."
    },
    mixinStandardHelpOptions = true)
final class SyncCommand extends CopyCommands.Copy {

  private static final String CLUSTER = "sand:";

  @Parameters(index = "0", paramLabel = "FROM", description = "directory, or sand:/directory")
  String from = "";

  @Parameters(index = "1", paramLabel = "TO", description = "directory, or sand:/directory")
  String to = "";

  @Option(
      names = {"-c", "--checksum"},
      description = "compare what files of the same size contain, not their times")
  boolean checksum;

  @Option(names = "--delete", description = "remove what only TO has")
  boolean delete;

  @Option(
      names = {"-n", "--dry-run"},
      description = "only print what would be done")
  boolean dryRun;

  @Option(
      names = {"-v", "--verbose"},
      description = "print what is done")
  boolean verbose;

  /** One end of it. */
  private interface End {
    /** What is there; nothing if there is no such directory. */
    TreeCopy.@Nullable Plan plan() throws IOException;

    void remove(TreeCopy.Item item, boolean directory) throws IOException;

    void setAttributes(TreeCopy.Item item) throws IOException;
  }

  /** A directory of the cluster. */
  private record Remote(SandstoreClient client, TreeCopy copy, String root) implements End {
    @Override
    public TreeCopy.@Nullable Plan plan() throws IOException {
      try {
        client.stat(root);
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          return null;
        }
        throw e;
      }
      return copy.plan(root);
    }

    @Override
    public void remove(TreeCopy.Item item, boolean directory) throws IOException {
      if (directory) {
        client.rmdir(TreeCopy.join(root, item.path()));
      } else {
        client.unlink(TreeCopy.join(root, item.path()));
      }
    }

    @Override
    public void setAttributes(TreeCopy.Item item) throws IOException {
      client.setattr(TreeCopy.join(root, item.path()), TreeCopy.attributes(item));
    }
  }

  /** A directory of this machine. */
  private record Local(Path root) implements End {
    @Override
    public TreeCopy.@Nullable Plan plan() throws IOException {
      return Files.exists(root) ? TreeCopy.plan(root.toRealPath()) : null;
    }

    @Override
    public void remove(TreeCopy.Item item, boolean directory) throws IOException {
      Files.delete(TreeCopy.local(root, item));
    }

    @Override
    public void setAttributes(TreeCopy.Item item) throws IOException {
      TreeCopy.keepAttributes(item, TreeCopy.local(root, item));
    }
  }

  /** A file, link or directory of a tree. */
  private record Node(TreeCopy.Item item, boolean directory) {
    boolean isKindOf(Node other) {
      return directory == other.directory && item.isLink() == other.item.isLink();
    }
  }

  /** What is to be done, in this order. */
  private static final class Work {
    final List<Node> inTheWay = new ArrayList<>();
    final List<TreeCopy.Item> directories = new ArrayList<>();
    final List<TreeCopy.Item> files = new ArrayList<>();
    final List<TreeCopy.Item> attributes = new ArrayList<>();
    final List<Node> surplus = new ArrayList<>();
  }

  @Override
  void run(SandstoreClient client) throws IOException, InterruptedException {
    check();
    boolean up = to.startsWith(CLUSTER);
    if (up == from.startsWith(CLUSTER)) {
      throw new IllegalArgumentException(
          "one of both is in the cluster and begins with sand:, as sand:/pictures; "
              + "within the cluster, see cp");
    }
    TreeCopy copy = new TreeCopy(client, parallel);
    String remote = absolute((up ? to : from).substring(CLUSTER.length()));
    Path local = Path.of(up ? from : to);
    End inside = new Remote(client, copy, remote);
    End outside = new Local(local);
    TreeCopy.Plan source = directory(up ? outside.plan() : inside.plan(), from);
    TreeCopy.Plan target = up ? inside.plan() : outside.plan();
    End end = up ? inside : outside;
    Work work =
        compare(
            source,
            target == null ? Map.of() : nodes(directory(target, to)),
            item ->
                copy.same(
                    TreeCopy.local(local, item), TreeCopy.join(remote, item.path()), item.size()));
    print(work);
    if (!dryRun) {
      for (Node node : work.inTheWay) {
        end.remove(node.item, node.directory);
      }
      long bytes = work.files.stream().mapToLong(TreeCopy.Item::size).sum();
      TreeCopy.Plan rest = new TreeCopy.Plan(work.directories, work.files, List.of(), bytes);
      try (ProgressBar bar = bar("sync", rest)) {
        if (up) {
          copy.put(rest, local.toRealPath(), remote, bar);
        } else {
          copy.get(rest, remote, local, bar);
        }
        report(rest, bar);
      }
      for (Node node : work.surplus) {
        end.remove(node.item, node.directory);
      }
      for (TreeCopy.Item item : work.attributes) {
        end.setAttributes(item);
      }
    }
    if (!source.skipped().isEmpty()) {
      throw new NotCopiedException(
          String.join(", ", source.skipped()),
          "neither file, directory nor link: not copied, unlike everything else");
    }
  }

  private static TreeCopy.Plan directory(TreeCopy.@Nullable Plan plan, String name)
      throws IOException {
    if (plan == null) {
      throw new NoSuchFileException(name);
    }
    if (plan.directories().isEmpty()) {
      throw new NotDirectoryException(name);
    }
    return plan;
  }

  private static Map<String, Node> nodes(TreeCopy.Plan plan) {
    Map<String, Node> nodes = new TreeMap<>();
    plan.directories().forEach(item -> nodes.put(item.path(), new Node(item, true)));
    plan.files().forEach(item -> nodes.put(item.path(), new Node(item, false)));
    return nodes;
  }

  private interface Comparison {
    boolean same(TreeCopy.Item item) throws IOException;
  }

  private Work compare(TreeCopy.Plan source, Map<String, Node> target, Comparison bytes)
      throws IOException {
    Work work = new Work();
    Map<String, Node> wanted = nodes(source);
    Set<String> kept = new HashSet<>(source.skipped());
    Set<String> changed = new HashSet<>(); // directories whose times change by what is done
    String blocked = null;
    for (Map.Entry<String, Node> there : target.entrySet()) {
      Node want = wanted.get(there.getKey());
      boolean wrongKind = want != null && !want.isKindOf(there.getValue());
      boolean belowWrong = blocked != null && there.getKey().startsWith(blocked);
      if (wrongKind && there.getValue().directory) {
        blocked = there.getKey() + "/";
      }
      if (wrongKind || belowWrong) {
        work.inTheWay.add(there.getValue());
      } else if (want == null && delete && !kept.contains(there.getKey())) {
        work.surplus.add(there.getValue());
        changed.add(parent(there.getKey()));
      }
    }
    if (!work.inTheWay.isEmpty() && !delete) {
      throw new PosixException(
          Errno.EEXIST,
          to
              + ": "
              + work.inTheWay.getFirst().item.path()
              + " is of another kind there; --delete lets it be replaced");
    }
    Collections.reverse(work.inTheWay); // contents first
    Collections.reverse(work.surplus);
    for (TreeCopy.Item item : source.files()) {
      Node there = target.get(item.path());
      if (there == null
          || !there.isKindOf(new Node(item, false))
          || !isSame(item, there.item, bytes)) {
        work.files.add(item);
        changed.add(parent(item.path()));
      } else if (!item.isLink() && differ(item, there.item)) {
        work.attributes.add(item);
      }
    }
    for (TreeCopy.Item item : source.directories()) {
      Node there = target.get(item.path());
      if (there == null || !there.directory) {
        work.directories.add(item);
        changed.add(parent(item.path()));
      }
    }
    for (TreeCopy.Item item : source.directories()) {
      Node there = target.get(item.path());
      if (there != null
          && there.directory
          && (changed.contains(item.path()) || differ(item, there.item))) {
        work.attributes.add(item);
      }
    }
    return work;
  }

  private static String parent(String path) {
    return path.substring(0, Math.max(0, path.lastIndexOf('/')));
  }

  private boolean isSame(TreeCopy.Item item, TreeCopy.Item there, Comparison bytes)
      throws IOException {
    if (item.isLink()) {
      return item.linkTarget().equals(there.linkTarget());
    }
    return item.size() == there.size()
        && (checksum ? bytes.same(item) : item.mtimeMs() == there.mtimeMs());
  }

  private static boolean differ(TreeCopy.Item item, TreeCopy.Item there) {
    return item.mode() != there.mode() || item.mtimeMs() != there.mtimeMs();
  }

  private void print(Work work) {
    if (dryRun || verbose) {
      work.inTheWay.forEach(node -> System.out.println("delete " + node.item.path()));
      work.directories.forEach(item -> System.out.println("mkdir  " + item.path()));
      work.files.forEach(item -> System.out.println("copy   " + item.path()));
      work.surplus.forEach(node -> System.out.println("delete " + node.item.path()));
    }
  }
}
