package io.sandstore.namespace;

import io.sandstore.wire.Answer;
import io.sandstore.wire.Change;
import io.sandstore.wire.Errno;
import io.sandstore.wire.LogPosition;
import io.sandstore.wire.Watch;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What of the latest changes concerns one who watches a directory, and by which names. */
final class WatchQuery {

  /** Changes in one answer. */
  static final int CHANGES_MAX = 1000;

  /** Entries of directories that one answer looks through for names. */
  private static final int SCANNED_MAX = 10_000;

  private final Tree tree;
  private final Changes changes;
  private final Inode root;
  private final boolean recursive;
  private final Access caller;

  /** Names that were found; of what has moved since the event, those of now. */
  private final Map<Long, Optional<String>> names = new HashMap<>();

  private int scanned;

  WatchQuery(Tree tree, Changes changes, Inode root, boolean recursive, Access caller) {
    this.tree = tree;
    this.changes = changes;
    this.root = root;
    this.recursive = recursive;
    this.caller = caller;
  }

  /**
   * @throws Refused ENOTDIR, EACCES to whoever could not list it, EAGAIN if nothing was applied
   *     yet, ESTALE if what happened since is not remembered any more
   */
  static Answer answer(Tree tree, Changes changes, Watch op, Access caller) {
    Tree.Place place = tree.look(op.getLocation(), true, caller);
    Inode root = place.require();
    if (!root.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, "only directories are watched");
    }
    caller.require(root, Access.READ, place.name());
    if (!changes.hasBegun()) {
      throw new Refused(Errno.EAGAIN, "no command was applied yet");
    }
    if (!op.hasAfter()) {
      return Answer.newBuilder().setPosition(wire(changes.now())).build();
    }
    Changes.Position after =
        new Changes.Position(op.getAfter().getIndex(), op.getAfter().getCommand());
    if (!changes.knowsAllAfter(after)) {
      throw new Refused(
          Errno.ESTALE, "changes since then are not remembered any more: look at everything anew");
    }
    int limit = op.getLimit() <= 0 ? CHANGES_MAX : Math.min(op.getLimit(), CHANGES_MAX);
    return new WatchQuery(tree, changes, root, op.getRecursive(), caller).after(after, limit);
  }

  /** Ends between two commands: what one did is not torn, even if it is more than the limit. */
  private Answer after(Changes.Position after, int limit) {
    Answer.Builder answer = Answer.newBuilder().setPosition(wire(changes.now()));
    changes.forEachAfter(
        after,
        event -> {
          int count = answer.getChangesCount();
          if (count >= limit && !answer.getChanges(count - 1).getAt().equals(wire(event.at()))) {
            answer.setPosition(answer.getChanges(count - 1).getAt()).setMore(true);
            return false;
          }
          seen(event).ifPresent(answer::addChanges);
          return true;
        });
    return answer.build();
  }

  static LogPosition wire(Changes.Position position) {
    return LogPosition.newBuilder()
        .setIndex(position.index())
        .setCommand(position.command())
        .build();
  }

  /** Of content and attributes: by where the file is now. Of one that is gone nothing is told. */
  private Optional<Change> seen(Changes.Event event) {
    if (!event.name().isEmpty()) {
      return below(event.directory()).map(path -> change(event, path, event.name()));
    }
    Inode inode = tree.inodes.get(event.inode());
    if (inode == null || inode.links() == 0 || inode.id() == Inode.ROOT) {
      return Optional.empty();
    }
    Optional<String> directory = below(inode.parent());
    Optional<String> name = directory.flatMap(path -> name(inode.parent(), inode.id()));
    if (name.isPresent()) {
      return Optional.of(change(event, directory.get(), name.get()));
    }
    // That a file changed, of which the caller may be able to see no name, is for root.
    boolean elsewhere = !inode.isDirectory() && inode.links() > 1 && caller.isRoot();
    boolean perhaps = directory.isPresent() && scanned > SCANNED_MAX;
    return elsewhere || perhaps ? Optional.of(change(event, "", "")) : Optional.empty();
  }

  private static Change change(Changes.Event event, String directory, String name) {
    return Change.newBuilder()
        .setAt(wire(event.at()))
        .setKind(event.kind())
        .setInode(event.inode())
        .setType(event.type())
        .setDirectory(directory)
        .setName(name)
        .build();
  }

  /** The path of a directory below the one that is watched; empty if it is not, or is gone. */
  private Optional<String> below(long directory) {
    StringBuilder path = new StringBuilder();
    for (long at = directory; at != root.id(); ) {
      Inode inode = tree.inodes.get(at);
      if (inode == null || !recursive || at == Inode.ROOT) {
        return Optional.empty();
      }
      if (!caller.may(inode, Access.READ | Access.EXECUTE)) {
        return Optional.empty(); // what it could not list it is not told of
      }
      Optional<String> name = name(inode.parent(), at);
      path.insert(0, name.orElse("?")).insert(0, '/');
      at = inode.parent();
    }
    return Optional.of(path.isEmpty() ? "" : path.substring(1));
  }

  /** Looks through a directory for one of an inode's names, as far as that does not take long. */
  private Optional<String> name(long directory, long inode) {
    return names.computeIfAbsent(inode, any -> search(directory, inode));
  }

  private Optional<String> search(long directory, long inode) {
    for (Map.Entry<Keys.Dentry, Long> entry :
        tree.dentries.live.tailMap(new Keys.Dentry(directory, ""), true).entrySet()) {
      if (entry.getKey().parent() != directory || ++scanned > SCANNED_MAX) {
        break;
      }
      if (entry.getValue() == inode) {
        return Optional.of(entry.getKey().name());
      }
    }
    return Optional.empty();
  }
}
