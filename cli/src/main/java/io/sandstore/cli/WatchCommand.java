package io.sandstore.cli;

import io.sandstore.client.ChangeFeed;
import io.sandstore.client.FileChange;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "watch",
    description = {
      "A line for each change, until interrupted: what happened (added, removed, content, attributes)",
      "and to which path. A move is removed and added. With --position each line begins with where",
      "--after goes on, also after this command or a node has ended; the nodes remember the latest",
      "16,384 changes. What was missed is said, and ends the command."
    },
    mixinStandardHelpOptions = true)
final class WatchCommand extends FileCommand {

  private static final Duration WAIT = Duration.ofSeconds(1);

  @Parameters(paramLabel = "DIRECTORY", description = "what to watch")
  String directory = "";

  @Option(
      names = {"-r", "--recursive"},
      description = "also everything below it")
  boolean recursive;

  @Option(names = "--after", paramLabel = "POSITION", description = "begin with what came after it")
  String after = "";

  @Option(names = "--position", description = "show the position of each change")
  boolean position;

  @Option(names = "--json", description = "a JSON object for each change")
  boolean json;

  @Option(
      names = {"-n", "--count"},
      paramLabel = "N",
      description = "end after so many changes")
  long count = Long.MAX_VALUE;

  @Override
  void run(SandstoreClient client) throws IOException, InterruptedException {
    String path = absolute(directory);
    ChangeFeed feed =
        after.isEmpty() ? client.watch(path, recursive) : client.watch(path, recursive, after);
    System.err.println("sandstore: watching " + path + " from " + feed.position() + " on");
    long shown = 0;
    while (shown < count && !System.out.checkError()) {
      for (FileChange change : next(feed, path)) {
        if (shown++ < count) {
          show(path, change);
        }
      }
      System.out.flush();
    }
  }

  private static Iterable<FileChange> next(ChangeFeed feed, String path) throws IOException {
    try {
      return feed.next(WAIT);
    } catch (PosixException e) {
      if (e.errno() == Errno.ESTALE && feed.isGone()) {
        throw new PosixException(Errno.ENOENT, path + " was removed");
      }
      throw e;
    }
  }

  private void show(String root, FileChange change) throws IOException {
    String path = change.path().isEmpty() ? "" : TreeCopy.join(root, change.path());
    String kind = change.kind().name().toLowerCase(Locale.ROOT);
    if (json) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("position", change.position());
      fields.put("change", kind);
      fields.put("path", path);
      fields.put("inode", change.inode());
      fields.put("type", change.type());
      print(fields);
    } else {
      String shown = path.isEmpty() ? "inode " + change.inode() : path;
      System.out.println((position ? change.position() + " " : "") + kind + " " + shown);
    }
  }
}
