package io.sandstore.cli;

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
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The commands that everybody knows. */
final class FileCommands {

  private FileCommands() {}

  @Command(name = "ls", mixinStandardHelpOptions = true)
  static final class Ls extends FileCommand {
    private static final DateTimeFormatter TIME =
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm").withZone(ZoneId.systemDefault());

    @Parameters(
        arity = "0..*",
        paramLabel = "PATH",
        description = "directories, files or patterns (default: /)")
    List<String> paths = List.of("/");

    @Option(names = "-l", description = "with mode, size and time")
    boolean longer;

    @Option(names = "--json", description = "one JSON object a line")
    boolean json;

    @Override
    void run(SandstoreClient client) throws IOException {
      List<String> all = Patterns.expand(client, paths);
      for (String path : all) {
        FileStat stat = client.stat(path);
        if (!stat.isDirectory()) {
          list(all.size() > 1 ? path : name(path), path, stat);
          continue;
        }
        if (all.size() > 1 && !json) {
          System.out.println(path + ":");
        }
        list(client, path);
      }
    }

    private void list(SandstoreClient client, String directory) throws IOException {
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

  @Command(name = "stat", mixinStandardHelpOptions = true)
  static final class Stat extends FileCommand {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
    List<String> paths = List.of();

    @Option(names = "--json", description = "one JSON object a line")
    boolean json;

    @Override
    void run(SandstoreClient client) throws IOException {
      for (String path : Patterns.expand(client, paths)) {
        FileStat stat = client.lstat(path);
        if (json) {
          print(json(path, stat));
        } else {
          json(path, stat).forEach((k, v) -> System.out.printf("%-9s %s%n", k, v));
        }
      }
    }
  }

  @Command(name = "cat", mixinStandardHelpOptions = true)
  static final class Cat extends FileCommand {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
    List<String> paths = List.of();

    @Override
    void run(SandstoreClient client) throws IOException {
      byte[] bytes = new byte[1 << 20];
      for (String path : Patterns.expand(client, paths)) {
        try (SandFile file = client.open(path, EnumSet.of(OpenFlag.O_RDONLY), 0)) {
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

  @Command(name = "mkdir", mixinStandardHelpOptions = true)
  static final class Mkdir extends FileCommand {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
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
      description = "A file that exists at the new path is replaced; a directory takes it inside.",
      mixinStandardHelpOptions = true)
  static final class Mv extends FileCommand {
    @Parameters(arity = "2..*", paramLabel = "PATH", description = "paths, the last: where to")
    List<String> paths = List.of();

    @Option(names = "-n", description = "do not replace an existing file")
    boolean noReplace;

    @Override
    void run(SandstoreClient client) throws IOException {
      String goal = absolute(paths.getLast());
      List<String> sources = Patterns.expand(client, paths.subList(0, paths.size() - 1));
      boolean into = isDirectory(client, goal);
      if (sources.size() > 1 && !into) {
        throw new PosixException(Errno.ENOTDIR, goal + " is no directory; several go into one");
      }
      for (String source : sources) {
        client.rename(source, into ? TreeCopy.join(goal, name(source)) : goal, noReplace);
      }
    }
  }

  @Command(
      name = "rm",
      description = "What has the very name is meant, else those that a pattern fits.",
      mixinStandardHelpOptions = true)
  static final class Rm extends FileCommand {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
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
          String named = absolute(path);
          List<String> all = Patterns.expand(client, List.of(path));
          boolean literal = all.equals(List.of(named));
          if (recursive && !noPreserveRoot && !literal && Patterns.fitsAllOfTheRoot(named)) {
            throw preserved();
          }
          for (String one : all) {
            remove(client, one);
          }
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
        throw preserved();
      }
      TreeRemoval.remove(client, path);
    }

    private static PosixException preserved() {
      return new PosixException(
          Errno.EINVAL, "this would remove everything; if you mean it, --no-preserve-root");
    }
  }

  @Command(name = "truncate", mixinStandardHelpOptions = true)
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

  @Command(name = "df", mixinStandardHelpOptions = true)
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
