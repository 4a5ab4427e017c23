package io.sandstore.cli;

import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Copies of files and trees. */
final class CopyCommands {

  private CopyCommands() {}

  /** What all copies have. */
  abstract static class Copy extends FileCommand {
    private static final int PARALLEL_MAX = 256;

    @Option(
        names = "--parallel",
        paramLabel = "FILES",
        description = "files at a time, 1 to 256 (default: ${DEFAULT-VALUE})")
    int parallel = 8;

    @Option(
        names = {"-q", "--quiet"},
        description = "no progress bar")
    boolean quiet;

    @Option(names = "--json", description = "print bytes, files and seconds at the end")
    boolean json;

    void check() {
      if (parallel < 1 || parallel > PARALLEL_MAX) {
        throw new IllegalArgumentException("--parallel takes a number from 1 to " + PARALLEL_MAX);
      }
    }

    static List<String> sources(SandstoreClient client, List<String> paths) throws IOException {
      return Patterns.expand(client, paths.subList(0, paths.size() - 1));
    }

    /** Where one of several goes. */
    static PosixException noDirectory(String goal) {
      return new PosixException(
          Errno.ENOTDIR, goal + " is no directory, and several go only into one");
    }

    ProgressBar bar(String title, TreeCopy.Plan plan) {
      java.io.PrintStream out =
          quiet ? new java.io.PrintStream(java.io.OutputStream.nullOutputStream()) : System.err;
      return new ProgressBar(out, title, plan.bytes(), plan.files().size());
    }

    /** What cannot be copied is said, once everything else was. */
    static void requireAll(TreeCopy.Plan plan) throws NotCopiedException {
      if (!plan.skipped().isEmpty()) {
        throw new NotCopiedException(
            String.join(", ", plan.skipped()),
            "neither file, directory nor link: not copied, unlike everything else");
      }
    }

    void report(TreeCopy.Plan plan, ProgressBar bar) throws IOException {
      if (json) {
        print(
            Map.of("bytes", plan.bytes(), "files", plan.files().size(), "seconds", bar.seconds()));
      }
    }
  }

  /** Copies in or out. */
  abstract static class InOrOut extends Copy {
    @Option(
        names = "--resume",
        description =
            "go on with a copy begun with --resume that broke off: what is there is compared, and "
                + "only the rest copied")
    boolean resume;

    @Option(
        names = "--in-place",
        description = "write files themselves: one that broke off is neither old nor new")
    boolean inPlace;

    TreeCopy copy(SandstoreClient client) {
      check();
      if (resume && inPlace) {
        throw new IllegalArgumentException("--resume or --in-place, not both");
      }
      TreeCopy.Way way =
          resume ? TreeCopy.Way.RESUME : inPlace ? TreeCopy.Way.IN_PLACE : TreeCopy.Way.REPLACE;
      return new TreeCopy(client, parallel, way);
    }
  }

  @Command(
      name = "put",
      description = {
        "What was copied is durable.",
        "Like cp -r: an existing directory as target takes the source under its own name.",
        "A file is new or replaced as a whole: until then its content is beside it, in",
        ".sandstore-put-*, which a copy that was killed leaves there."
      },
      mixinStandardHelpOptions = true)
  static final class Put extends InOrOut {
    @Parameters(
        index = "0",
        paramLabel = "SOURCE",
        description = "local file or directory, or - for standard input")
    String source = "";

    @Parameters(index = "1", paramLabel = "TARGET", description = "path in the cluster")
    String to = "";

    @Override
    void run(SandstoreClient client) throws IOException, InterruptedException {
      TreeCopy copy = copy(client);
      String goal = absolute(to);
      if (source.equals("-")) {
        copy.put(System.in, goal);
        return;
      }
      Path root = Path.of(source);
      if (!Files.exists(root)) {
        throw new NoSuchFileException(source);
      }
      Path name = root.toAbsolutePath().normalize().getFileName();
      if (name != null && isDirectory(client, goal)) {
        goal = TreeCopy.join(goal, name.toString());
      }
      if (!Files.isDirectory(root) && !Files.isRegularFile(root)) {
        try (InputStream pipe = Files.newInputStream(root)) {
          copy.put(pipe, goal);
        }
        return;
      }
      root = root.toRealPath(); // a link that was named itself stands for what it names
      TreeCopy.Plan plan = TreeCopy.plan(root);
      try (ProgressBar bar = bar("put", plan)) {
        copy.put(plan, root, goal, bar);
        report(plan, bar);
      }
      requireAll(plan);
    }
  }

  @Command(
      name = "get",
      description = {
        "Like cp -r: an existing directory as target takes the source under its own name."
      },
      mixinStandardHelpOptions = true)
  static final class Get extends InOrOut {
    @Parameters(
        arity = "2..*",
        paramLabel = "PATH",
        description = "paths or patterns in the cluster, then a local path")
    List<String> paths = List.of();

    @Override
    void run(SandstoreClient client) throws IOException, InterruptedException {
      TreeCopy copy = copy(client);
      List<String> sources = sources(client, paths);
      Path to = Path.of(paths.getLast());
      if (sources.size() > 1 && !Files.isDirectory(to)) {
        throw noDirectory(to.toString());
      }
      for (String root : sources) {
        TreeCopy.Plan plan = copy.plan(root);
        boolean into = Files.isDirectory(to) && !name(root).isEmpty();
        Path goal = into ? to.resolve(name(root)) : to;
        try (ProgressBar bar = bar("get", plan)) {
          copy.get(plan, root, goal, bar);
          report(plan, bar);
        }
        requireAll(plan);
      }
    }
  }

  @Command(
      name = "cp",
      description = {
        "Like cp: an existing directory as target takes the sources under their own names.",
        "A file that exists is replaced as a whole. Copies share their blocks: no byte travels."
      },
      mixinStandardHelpOptions = true)
  static final class Cp extends Copy {
    @Parameters(arity = "2..*", paramLabel = "PATH", description = "paths, the last: where to")
    List<String> paths = List.of();

    @Option(
        names = {"-r", "-R"},
        description = "directories with all that is in them; links in them stay links")
    boolean recursive;

    @Option(names = "-p", description = "keep owner, mode and times")
    boolean keep;

    @Option(names = "-n", description = "leave out what exists")
    boolean noReplace;

    @Override
    void run(SandstoreClient client) throws IOException, InterruptedException {
      check();
      TreeCopy copy = new TreeCopy(client, parallel);
      String goal = absolute(paths.getLast());
      List<String> sources = sources(client, paths);
      boolean into = isDirectory(client, goal);
      if (sources.size() > 1 && !into) {
        throw noDirectory(goal);
      }
      for (String source : sources) {
        copy(client, copy, source, into ? TreeCopy.join(goal, name(source)) : goal);
      }
    }

    private void copy(SandstoreClient client, TreeCopy copy, String source, String goal)
        throws IOException, InterruptedException {
      FileStat stat = client.stat(source);
      if (stat.isDirectory() && !recursive) {
        throw new PosixException(Errno.EISDIR, source + " is a directory; use -r");
      }
      if (goal.equals(source) || isSame(client, stat, goal)) {
        throw new PosixException(Errno.EINVAL, source + " and " + goal + " are the same");
      }
      if (stat.isDirectory() && (goal + "/").startsWith(source.equals("/") ? "/" : source + "/")) {
        throw new PosixException(Errno.EINVAL, "cannot copy " + source + " into itself");
      }
      TreeCopy.Plan plan = copy.plan(source);
      try (ProgressBar bar = bar("cp", plan)) {
        copy.copy(plan, source, goal, keep, noReplace, bar);
        report(plan, bar);
      }
      requireAll(plan);
    }

    private static boolean isSame(SandstoreClient client, FileStat stat, String goal)
        throws IOException {
      try {
        return client.stat(goal).inode() == stat.inode();
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          return false;
        }
        throw e;
      }
    }
  }
}
