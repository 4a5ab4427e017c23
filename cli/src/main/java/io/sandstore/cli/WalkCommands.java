package io.sandstore.cli;

import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What goes through trees. */
final class WalkCommands {

  private WalkCommands() {}

  @Command(
      name = "find",
      description = {
        "Prints the paths for which all conditions hold, each directory before what is in it, in",
        "the order of names. Numbers: N is exactly, +N more than, -N less than."
      },
      mixinStandardHelpOptions = true)
  static final class Find extends FileCommand {
    private static final Pattern NUMBER = Pattern.compile("([-+]?)(\\d{1,18})([ckMG]?)");

    @Parameters(
        arity = "0..*",
        paramLabel = "PATH",
        description = "where to begin: paths or patterns (default: /, but not with -delete)")
    List<String> paths = List.of();

    @Option(
        names = {"-name", "--name"},
        paramLabel = "PATTERN",
        description = "the name fits this: *, ?, [a-z], [!a-z]")
    @Nullable String name;

    @Option(
        names = {"-type", "--type"},
        paramLabel = "TYPE",
        description = "f: file, d: directory, l: link, p: FIFO, s: socket, c, b: devices")
    @Nullable String type;

    @Option(
        names = {"-size", "--size"},
        paramLabel = "N[ckMG]",
        description = "bytes, or KiB, MiB, GiB, rounded up, of a file")
    @Nullable String size;

    @Option(
        names = {"-mtime", "--mtime"},
        paramLabel = "N",
        description = "whole days since it was changed, by this machine's clock")
    @Nullable String mtime;

    @Option(
        names = {"-newer", "--newer"},
        paramLabel = "PATH",
        description = "changed after this one")
    @Nullable String newer;

    @Option(
        names = {"-empty", "--empty"},
        description = "a file without bytes, or a directory without names")
    boolean empty;

    @Option(
        names = {"-mindepth", "--mindepth"},
        paramLabel = "LEVELS",
        description = "not those less than so many levels below")
    int minDepth;

    @Option(
        names = {"-maxdepth", "--maxdepth"},
        paramLabel = "LEVELS",
        description = "not those more than so many levels below")
    int maxDepth = Integer.MAX_VALUE;

    @Option(
        names = {"-print0", "--print0"},
        description = "a zero byte behind each path, for xargs -0")
    boolean print0;

    @Option(
        names = {"-delete", "--delete"},
        description =
            "remove instead of print; what is in a directory first, and it only if it is empty")
    boolean delete;

    @Override
    void run(SandstoreClient client) throws IOException {
      if (minDepth < 0 || maxDepth < 0) {
        throw new IllegalArgumentException("levels are numbers of 0 or more");
      }
      if (delete && paths.isEmpty()) {
        throw new IllegalArgumentException("-delete wants to be told where: find PATH... -delete");
      }
      List<Predicate<Walk.Found>> conditions = conditions(client);
      List<String> all = Patterns.expand(client, paths.isEmpty() ? List.of("/") : paths);
      if (delete && conditions.isEmpty() && !empty && minDepth < 2 && all.contains("/")) {
        throw new PosixException(
            Errno.EINVAL,
            "this would remove everything; if you mean it, rm -r --no-preserve-root /");
      }
      for (String path : all) {
        Walk.below(
            client,
            path,
            maxDepth,
            delete,
            found -> {
              if (found.depth() >= minDepth
                  && conditions.stream().allMatch(c -> c.test(found))
                  && (!empty || isEmpty(client, found))) {
                found(client, found);
              }
            });
      }
    }

    private void found(SandstoreClient client, Walk.Found found) throws IOException {
      if (!delete) {
        System.out.print(found.path() + (print0 ? "\0" : System.lineSeparator()));
      } else if (!found.stat().isDirectory()) {
        client.unlink(found.path());
      } else if (!found.path().equals("/")) {
        client.rmdir(found.path());
      }
    }

    private static boolean isEmpty(SandstoreClient client, Walk.Found found) throws IOException {
      return switch (found.stat().type()) {
        case FILE -> found.stat().size() == 0;
        case DIRECTORY -> client.readdir(found.path(), "", 1).entries().isEmpty();
        default -> false;
      };
    }

    private List<Predicate<Walk.Found>> conditions(SandstoreClient client) throws IOException {
      List<Predicate<Walk.Found>> all = new ArrayList<>();
      if (name != null) {
        Pattern pattern = Patterns.compile(name);
        all.add(f -> pattern.matcher(name(f.path())).matches());
      }
      if (type != null) {
        FileStat.Type wanted =
            switch (type) {
              case "f" -> FileStat.Type.FILE;
              case "d" -> FileStat.Type.DIRECTORY;
              case "l" -> FileStat.Type.SYMLINK;
              case "p" -> FileStat.Type.FIFO;
              case "s" -> FileStat.Type.SOCKET;
              case "c" -> FileStat.Type.CHARACTER_DEVICE;
              case "b" -> FileStat.Type.BLOCK_DEVICE;
              default -> throw new IllegalArgumentException("-type takes f, d, l, p, s, c or b");
            };
        all.add(f -> f.stat().type() == wanted);
      }
      if (size != null) {
        Matcher number = number("-size", size, true);
        long unit =
            switch (number.group(3)) {
              case "k" -> 1L << 10;
              case "M" -> 1L << 20;
              case "G" -> 1L << 30;
              default -> 1;
            };
        all.add(f -> f.stat().isFile() && holds(number, Math.ceilDiv(f.stat().size(), unit)));
      }
      if (mtime != null) {
        Matcher number = number("-mtime", mtime, false);
        long now = System.currentTimeMillis();
        all.add(
            f -> holds(number, Math.floorDiv(now - f.stat().mtimeMs(), TimeUnit.DAYS.toMillis(1))));
      }
      if (newer != null) {
        long than = client.stat(absolute(newer)).mtimeMs();
        all.add(f -> f.stat().mtimeMs() > than);
      }
      return all;
    }

    private static Matcher number(String option, String text, boolean units) {
      Matcher matcher = NUMBER.matcher(text);
      if (!matcher.matches() || (!units && !matcher.group(3).isEmpty())) {
        throw new IllegalArgumentException(
            option + " takes N, +N or -N" + (units ? ", with k, M or G" : "") + ", not " + text);
      }
      return matcher;
    }

    private static boolean holds(Matcher number, long value) {
      long than = Long.parseLong(number.group(2));
      return switch (number.group(1)) {
        case "+" -> value > than;
        case "-" -> value < than;
        default -> value == than;
      };
    }
  }

  @Command(
      name = "du",
      description = {
        "Bytes of the files below each directory, as long as they are (not what three copies take),",
        "a file of several names once."
      })
  static final class Du extends FileCommand {
    @Parameters(arity = "0..*", paramLabel = "PATH", description = "paths or patterns (default: /)")
    List<String> paths = List.of("/");

    @Option(names = "-s", description = "only a sum for each path")
    boolean sumOnly;

    @Option(
        names = {"-d", "--max-depth"},
        paramLabel = "LEVELS",
        description = "sums of directories no more than so many levels below")
    int maxDepth = Integer.MAX_VALUE;

    @Option(names = "-h", description = "in KiB, MiB, GiB...")
    boolean human;

    @Option(names = "--help", usageHelp = true, description = "Show this help message and exit.")
    boolean help;

    /** Inodes of several names that were counted. */
    private final Set<Long> counted = new HashSet<>();

    /** Sums of the directory that is walked and those above it, by depth. */
    private final List<Long> sums = new ArrayList<>();

    @Override
    void run(SandstoreClient client) throws IOException {
      if (maxDepth < 0 || (sumOnly && maxDepth != Integer.MAX_VALUE)) {
        throw new IllegalArgumentException("-s or -d, one of them, and not less than 0");
      }
      for (String path : Patterns.expand(client, paths)) {
        sums.clear();
        Walk.below(client, path, Integer.MAX_VALUE, true, this::add);
      }
    }

    private void add(Walk.Found found) {
      int depth = found.depth();
      while (sums.size() <= depth + 1) {
        sums.add(0L);
      }
      FileStat stat = found.stat();
      long bytes = 0;
      if (stat.isDirectory()) {
        bytes = sums.set(depth + 1, 0L); // contents came first
      } else if (stat.links() < 2 || counted.add(stat.inode())) {
        bytes = stat.size();
      }
      sums.set(depth, sums.get(depth) + bytes);
      if (depth == 0 || (stat.isDirectory() && !sumOnly && depth <= maxDepth)) {
        System.out.printf("%-10s %s%n", human ? Text.bytes(bytes) : bytes, found.path());
      }
    }
  }
}
