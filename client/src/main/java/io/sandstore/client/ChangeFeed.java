package io.sandstore.client;

import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Answer;
import io.sandstore.wire.Change;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Location;
import io.sandstore.wire.LogPosition;
import io.sandstore.wire.Query;
import io.sandstore.wire.Watch;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What changes in a directory, or anywhere below it, in the order in which it happened, without
 * gaps: over restarts of nodes, and from a position that was kept, also in another process. The
 * directory stays the same one wherever it is moved.
 *
 * <p>Nodes remember the latest 16,384 changes, of all files together, since they started. One who
 * comes too late for some of them is told so (ESTALE). Several writes to a file in a row may be one
 * change. While nothing happens a feed costs a request each second and a half. Not thread-safe.
 */
public final class ChangeFeed {

  private static final Pattern POSITION = Pattern.compile("(\\d{1,19})\\.(\\d{1,9})");
  private static final Duration ASK_LIMIT = Duration.ofMillis(1500);

  private final SandstoreClient client;
  private final long directory;
  private final boolean recursive;
  private LogPosition after;

  /** From now on, or from a position. */
  ChangeFeed(SandstoreClient client, long directory, boolean recursive, Optional<String> from)
      throws IOException {
    this.client = client;
    this.directory = directory;
    this.recursive = recursive;
    this.after = from.isPresent() ? parse(from.get()) : now();
  }

  private static LogPosition parse(String text) throws PosixException {
    Matcher matcher = POSITION.matcher(text);
    if (!matcher.matches()) {
      throw new PosixException(Errno.EINVAL, "'" + text + "' is no position of a change feed");
    }
    try {
      return LogPosition.newBuilder()
          .setIndex(Long.parseLong(matcher.group(1)))
          .setCommand(Integer.parseInt(matcher.group(2)))
          .build();
    } catch (NumberFormatException e) {
      throw new PosixException(Errno.EINVAL, "'" + text + "' is no position of a change feed");
    }
  }

  private static String text(LogPosition position) {
    return position.getIndex() + "." + position.getCommand();
  }

  private LogPosition now() throws IOException {
    return ask(Watch.newBuilder()).getPosition();
  }

  /**
   * The next changes, 1,000 or somewhat more at most.
   *
   * @param wait how long to wait for the first; empty after that time
   * @throws PosixException ESTALE if changes were missed: look at everything anew; the feed goes on
   *     from now. ENOTDIR or ESTALE as well if the directory is gone: then {@link #isGone}
   */
  public List<FileChange> next(Duration wait) throws IOException {
    long end = client.clock().nanos() + wait.toNanos();
    while (true) {
      long leftMs = Math.max(0, (end - client.clock().nanos()) / 1_000_000);
      Answer answer;
      try {
        answer =
            ask(
                Watch.newBuilder()
                    .setAfter(after)
                    .setWaitMs((int) Math.min(leftMs, ASK_LIMIT.toMillis())));
      } catch (PosixException e) {
        if (e.errno() == Errno.ESTALE && !isGone()) {
          after = now();
        }
        throw e;
      }
      after = answer.getPosition();
      if (answer.getChangesCount() > 0 || leftMs == 0) {
        return answer.getChangesList().stream().map(ChangeFeed::change).toList();
      }
    }
  }

  /** True if the directory was removed: nothing will change in it any more. */
  public boolean isGone() throws IOException {
    try {
      client.lookup(io.sandstore.wire.Lookup.newBuilder().setInode(directory));
      return false;
    } catch (PosixException e) {
      if (e.errno() == Errno.ESTALE) {
        return true;
      }
      throw e;
    }
  }

  /** Behind the last change that was returned; another feed of the cluster goes on from there. */
  public String position() {
    return text(after);
  }

  private Answer ask(Watch.Builder watch) throws IOException {
    Location root = Location.newBuilder().setBase(directory).build();
    return client.ask(Query.newBuilder().setWatch(watch.setLocation(root).setRecursive(recursive)));
  }

  private static FileChange change(Change change) {
    String directory = change.getDirectory();
    String separator = directory.isEmpty() || change.getName().isEmpty() ? "" : "/";
    FileChange.Kind kind =
        switch (change.getKind()) {
          case ADDED -> FileChange.Kind.ADDED;
          case REMOVED -> FileChange.Kind.REMOVED;
          case CONTENT -> FileChange.Kind.CONTENT;
          case ATTRIBUTES, KIND_UNKNOWN, UNRECOGNIZED -> FileChange.Kind.ATTRIBUTES;
        };
    return new FileChange(
        kind,
        directory + separator + change.getName(),
        change.getInode(),
        change.getType(),
        text(change.getAt()));
  }
}
