package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.client.DirectoryPage;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.client.TreeRemoval;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileSystemStats;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands on files. Paths in the cluster are absolute; a missing '/' in front is added. */
final class FileCommands {

  private FileCommands() {}

  /** What all of them have. */
  abstract static class FileCommand implements Callable<Integer> {

    @Mixin final Target target = new Target();

    abstract void run(SandstoreClient client) throws IOException, InterruptedException;

    @Override
    public Integer call() throws IOException, InterruptedException {
      try (SandstoreClient client = target.connect()) {
        run(client);
      }
      return 0;
    }

    /**
     * A path as the cluster knows it: absolute, with single slashes and none at its end.
     *
     * @throws IllegalArgumentException if nothing is named: never the root by mistake
     */
    static String absolute(String path) {
      if (path.isEmpty()) {
        throw new IllegalArgumentException("empty path; the root is /");
      }
      String names = path.replaceAll("/+", "/").replaceAll("^/|/$", "");
      return "/" + names;
    }

    static String name(String path) {
      return path.substring(path.lastIndexOf('/') + 1);
    }

    static Map<String, Object> json(String path, FileStat stat) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("path", path);
      fields.put("type", stat.type());
      fields.put("size", stat.size());
      fields.put("mode", "%04o".formatted(stat.mode()));
      fields.put("uid", stat.uid());
      fields.put("gid", stat.gid());
      fields.put("links", stat.links());
      fields.put("inode", stat.inode());
      fields.put("mtime_ms", stat.mtimeMs());
      fields.put("ctime_ms", stat.ctimeMs());
      fields.put("atime_ms", stat.atimeMs());
      return fields;
    }

    static void print(Object json) throws IOException {
      System.out.println(new ObjectMapper().writeValueAsString(json));
    }
  }

  @Command(name = "ls", description = "Lists a directory.", mixinStandardHelpOptions = true)
  static final class Ls extends FileCommand {
    private static final DateTimeFormatter TIME =
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm").withZone(ZoneId.systemDefault());

    @Parameters(arity = "0..1", defaultValue = "/", description = "directory or file (default: /)")
    String path = "/";

    @Option(names = "-l", description = "with mode, size and time")
    boolean longer;

    @Option(names = "--json", description = "one JSON object a line")
    boolean json;

    @Override
    void run(SandstoreClient client) throws IOException {
      String directory = absolute(path);
      FileStat stat = client.stat(directory);
      if (!stat.isDirectory()) {
        list(name(directory), directory, stat);
        return;
      }
      String after = "";
      DirectoryPage page;
      do {
        page = client.readdir(directory, after, 1000);
        for (DirectoryPage.Entry entry : page.entries()) {
          list(entry.name(), TreeCopy.join(directory, entry.name()), entry.stat());
          after = entry.name();
        }
      } while (page.more() && !System.out.checkError());
    }

    private void list(String name, String whole, FileStat stat) throws IOException {
      if (json) {
        print(json(whole, stat));
      } else if (longer) {
        char type =
            switch (stat.type()) {
              case FILE -> '-';
              case DIRECTORY -> 'd';
              case SYMLINK -> 'l';
              case FIFO -> 'p';
              case SOCKET -> 's';
              case CHARACTER_DEVICE -> 'c';
              case BLOCK_DEVICE -> 'b';
            };
        System.out.printf(
            "%s %3d %5d %5d %12d %s %s%n",
            Text.mode(type, stat.mode()),
            stat.links(),
            stat.uid(),
            stat.gid(),
            stat.size(),
            TIME.format(Instant.ofEpochMilli(stat.mtimeMs())),
            name);
      } else {
        System.out.println(name);
      }
    }
  }

  @Command(
      name = "stat",
      description = "Shows the attributes of files.",
      mixinStandardHelpOptions = true)
  static final class Stat extends FileCommand {
    @Parameters(arity = "1..*", description = "paths")
    List<String> paths = List.of();

    @Option(names = "--json", description = "one JSON object a line")
    boolean json;

    @Override
    void run(SandstoreClient client) throws IOException {
      for (String path : paths) {
        FileStat stat = client.lstat(absolute(path));
        if (json) {
          print(json(absolute(path), stat));
        } else {
          json(absolute(path), stat).forEach((k, v) -> System.out.printf("%-9s %s%n", k, v));
        }
      }
    }
  }

  @Command(
      name = "cat",
      description = "Writes files to standard output.",
      mixinStandardHelpOptions = true)
  static final class Cat extends FileCommand {
    @Parameters(arity = "1..*", description = "paths")
    List<String> paths = List.of();

    @Override
    void run(SandstoreClient client) throws IOException {
      byte[] bytes = new byte[1 << 20];
      for (String path : paths) {
        try (SandFile file = client.open(absolute(path), EnumSet.of(OpenFlag.O_RDONLY), 0)) {
          int count;
          while ((count = file.read(ByteBuffer.wrap(bytes))) >= 0) {
            System.out.write(bytes, 0, count);
            if (System.out.checkError()) {
              return; // whose exit code that is: Main
            }
          }
        }
      }
    }
  }

  /** Copies in or out. */
  abstract static class Copy extends FileCommand {
    private static final int PARALLEL_MAX = 256;

    @Option(
        names = "--parallel",
        description = "files at a time, 1 to 256 (default: ${DEFAULT-VALUE})")
    int parallel = 8;

    @Option(
        names = {"-q", "--quiet"},
        description = "no progress bar")
    boolean quiet;

    @Option(names = "--json", description = "print bytes, files and seconds at the end")
    boolean json;

    TreeCopy copy(SandstoreClient client) {
      if (parallel < 1 || parallel > PARALLEL_MAX) {
        throw new IllegalArgumentException("--parallel takes a number from 1 to " + PARALLEL_MAX);
      }
      return new TreeCopy(client, parallel);
    }

    ProgressBar bar(String title, TreeCopy.Plan plan) {
      java.io.PrintStream out =
          quiet ? new java.io.PrintStream(java.io.OutputStream.nullOutputStream()) : System.err;
      return new ProgressBar(out, title, plan.bytes(), plan.files().size());
    }

    void report(TreeCopy.Plan plan, ProgressBar bar) throws IOException {
      if (json) {
        print(
            Map.of("bytes", plan.bytes(), "files", plan.files().size(), "seconds", bar.seconds()));
      }
    }
  }

  @Command(
      name = "put",
      description = {
        "Copies a file or a directory tree into the cluster. What was copied is durable.",
        "Like cp -r: an existing directory as target takes the source under its own name.",
        "A file that exists is replaced as a whole: until then its new content is beside it, in",
        ".sandstore-put-*, which a copy that was killed leaves there."
      },
      mixinStandardHelpOptions = true)
  static final class Put extends Copy {
    @Parameters(index = "0", description = "local file or directory, or - for standard input")
    String source = "";

    @Parameters(index = "1", description = "path in the cluster")
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
      goal = inside(client, goal, name == null ? "" : name.toString());
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
      if (!plan.skipped().isEmpty()) {
        throw new FileSystemException(
            String.join(", ", plan.skipped()),
            null,
            "neither file, directory nor link: not copied, unlike everything else");
      }
    }

    private static String inside(SandstoreClient client, String goal, String name)
        throws IOException {
      try {
        boolean into = client.stat(goal).isDirectory();
        return into ? TreeCopy.join(goal, name) : goal;
      } catch (PosixException e) {
        if (e.errno() == Errno.ENOENT) {
          return goal;
        }
        throw e;
      }
    }
  }

  @Command(
      name = "get",
      description = {
        "Copies a file or a directory tree out of the cluster.",
        "Like cp -r: an existing directory as target takes the source under its own name."
      },
      mixinStandardHelpOptions = true)
  static final class Get extends Copy {
    @Parameters(index = "0", description = "path in the cluster")
    String source = "";

    @Parameters(index = "1", description = "local path")
    Path to = Path.of(".");

    @Override
    void run(SandstoreClient client) throws IOException, InterruptedException {
      String root = absolute(source);
      TreeCopy copy = copy(client);
      TreeCopy.Plan plan = copy.plan(root);
      boolean into = Files.isDirectory(to) && !name(root).isEmpty();
      Path goal = into ? to.resolve(name(root)) : to;
      try (ProgressBar bar = bar("get", plan)) {
        copy.get(plan, root, goal, bar);
        report(plan, bar);
      }
    }
  }

  @Command(name = "mkdir", description = "Makes directories.", mixinStandardHelpOptions = true)
  static final class Mkdir extends FileCommand {
    @Parameters(arity = "1..*", description = "paths")
    List<String> paths = List.of();

    @Option(names = "-p", description = "with those above; existing ones are fine")
    boolean parents;

    @Override
    void run(SandstoreClient client) throws IOException {
      for (String path : paths) {
        if (parents) {
          client.mkdirs(absolute(path));
        } else {
          client.mkdir(absolute(path), 0755);
        }
      }
    }
  }

  @Command(
      name = "mv",
      description = "Moves or renames a file or directory, atomically.",
      mixinStandardHelpOptions = true)
  static final class Mv extends FileCommand {
    @Parameters(index = "0", description = "path")
    String from = "";

    @Parameters(index = "1", description = "new path; an existing directory takes it inside")
    String to = "";

    @Option(names = "-n", description = "do not replace an existing file")
    boolean noReplace;

    @Override
    void run(SandstoreClient client) throws IOException {
      String goal = absolute(to);
      try {
        if (client.stat(goal).isDirectory()) {
          goal = TreeCopy.join(goal, name(absolute(from)));
        }
      } catch (PosixException e) {
        if (e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
      client.rename(absolute(from), goal, noReplace);
    }
  }

  @Command(
      name = "rm",
      description = "Removes files, and with -r directories.",
      mixinStandardHelpOptions = true)
  static final class Rm extends FileCommand {
    @Parameters(arity = "1..*", description = "paths")
    List<String> paths = List.of();

    @Option(names = "-r", description = "directories with all that is in them")
    boolean recursive;

    @Option(names = "-f", description = "missing ones are fine")
    boolean force;

    @Option(names = "--no-preserve-root", description = "with -r, empty the root if it is named")
    boolean noPreserveRoot;

    @Override
    void run(SandstoreClient client) throws IOException {
      for (String path : paths) {
        try {
          remove(client, absolute(path));
        } catch (PosixException e) {
          if (!force || e.errno() != Errno.ENOENT) {
            throw e;
          }
        }
      }
    }

    private void remove(SandstoreClient client, String path) throws IOException {
      if (!client.lstat(path).isDirectory()) {
        client.unlink(path);
        return;
      }
      if (!recursive) {
        throw new PosixException(Errno.EISDIR, path + " is a directory; use -r");
      }
      if (path.equals("/") && !noPreserveRoot) {
        throw new PosixException(
            Errno.EINVAL, "this would remove everything; if you mean it, --no-preserve-root");
      }
      TreeRemoval.remove(client, path);
    }
  }

  @Command(
      name = "truncate",
      description = "Cuts a file or extends it with zeros.",
      mixinStandardHelpOptions = true)
  static final class Truncate extends FileCommand {
    @Option(
        names = {"-s", "--size"},
        required = true,
        description = "new size in bytes")
    long size;

    @Parameters(description = "path")
    String path = "";

    @Override
    void run(SandstoreClient client) throws IOException {
      client.truncate(absolute(path), size);
    }
  }

  @Command(name = "df", description = "Shows space and counts.", mixinStandardHelpOptions = true)
  static final class Df extends FileCommand {
    @Option(names = "--json", description = "for programs")
    boolean json;

    @Override
    void run(SandstoreClient client) throws IOException {
      FileSystemStats s = client.statfs();
      if (json) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("capacity_bytes", s.getCapacityBytes());
        fields.put("available_bytes", s.getAvailableBytes());
        fields.put("files", s.getFiles());
        fields.put("directories", s.getDirectories());
        fields.put("blocks", s.getBlocks());
        fields.put("under_replicated_blocks", s.getUnderReplicatedBlocks());
        print(fields);
      } else {
        System.out.printf(
            "%10s %10s %10s %12s %10s %16s%n",
            "SIZE", "AVAIL", "FILES", "DIRECTORIES", "BLOCKS", "UNDER-REPLICATED");
        System.out.printf(
            "%10s %10s %10d %12d %10d %16d%n",
            Text.bytes(s.getCapacityBytes()),
            Text.bytes(s.getAvailableBytes()),
            s.getFiles(),
            s.getDirectories(),
            s.getBlocks(),
            s.getUnderReplicatedBlocks());
      }
    }
  }
}
