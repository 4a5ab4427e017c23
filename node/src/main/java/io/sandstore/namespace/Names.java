package io.sandstore.namespace;

import io.sandstore.wire.Create;
import io.sandstore.wire.CreateUnnamed;
import io.sandstore.wire.Errno;
import io.sandstore.wire.Exchange;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Link;
import io.sandstore.wire.Location;
import io.sandstore.wire.MakeNode;
import io.sandstore.wire.Mkdir;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Rename;
import io.sandstore.wire.Symlink;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Commands that change which names there are, and what they name. Where more than one rule refuses,
 * it is the one that Linux comes to first.
 */
final class Names {

  /** Names of one file, as on ext4. */
  static final int LINKS_MAX = 65_000;

  /** mkdir(2) takes no set-id bits. */
  private static final int MKDIR_MASK = 01777;

  private final Namespace namespace;
  private final Tree tree;
  private final Contents contents;

  Names(Namespace namespace, Contents contents) {
    this.namespace = namespace;
    this.tree = namespace.tree;
    this.contents = contents;
  }

  private long nowMs() {
    return namespace.time.dateMs();
  }

  private void link(Tree.Place place, Inode inode) {
    tree.link(place.key(), inode.id());
    added(place, inode);
  }

  private void unlink(Tree.Place place, Inode inode) {
    tree.dentries.remove(place.key());
    namespace.changes.removed(place.key(), inode);
  }

  private Inode added(Tree.Place place, Inode inode) {
    namespace.changes.added(place.key(), inode);
    return inode;
  }

  // --- Making ---

  Outcome create(Create op) {
    Tree.Place place = placeToOpen(op);
    if (place.inode().isPresent()) {
      if (op.getExclusive()) {
        throw new Refused(Errno.EEXIST, place.name() + " exists");
      }
      return Namespace.attributes(opened(op, place.name(), place.inode().get()));
    }
    Inode.Draft draft = new Inode.Draft(FileType.REGULAR, op.getMode(), op.getUid(), op.getGid());
    return Namespace.attributes(added(place, tree.create(place, draft, nowMs(), namespace.caller)));
  }

  /** Nothing is there only if something may be made there. */
  private Tree.Place placeToOpen(Create op) {
    boolean follow = !op.getExclusive() && !(op.getNoFollow() && namespace.isPosix());
    if (op.getNoCreate()) {
      Tree.Place place = tree.look(op.getLocation(), follow, namespace.caller);
      place.require();
      return place;
    }
    Tree.Place place = tree.resolveToMake(op.getLocation(), follow, namespace.caller);
    if (place.slash()) {
      throw new Refused(Errno.EISDIR, place.name() + "/ is no name of a file");
    }
    return place;
  }

  /** A file that is there, and is opened for its bytes. */
  private Inode opened(Create op, String name, Inode inode) {
    if (inode.isDirectory()) {
      throw new Refused(Errno.EISDIR, name + " is a directory");
    }
    if (inode.isSymlink()) {
      throw new Refused(Errno.ELOOP, name + " is a symbolic link");
    }
    int mask = op.getMask() & (Access.READ | Access.WRITE);
    namespace.caller.require(inode, op.getTruncate() ? mask | Access.WRITE : mask, name);
    if (inode.isSpecial()) {
      throw new Refused(Errno.ENXIO, name + " has no bytes here: it is a " + inode.type());
    }
    return op.getTruncate() ? contents.resize(inode, 0) : inode;
  }

  Outcome mkdir(Mkdir op) {
    int mode = namespace.isPosix() ? op.getMode() & MKDIR_MASK : op.getMode();
    return make(
        op.getLocation(), new Inode.Draft(FileType.DIRECTORY, mode, op.getUid(), op.getGid()));
  }

  Outcome symlink(Symlink op) {
    String target = op.getTarget();
    int size =
        namespace.isPosix() ? target.getBytes(StandardCharsets.UTF_8).length : target.length();
    return make(
        op.getLocation(),
        new Inode.Draft(FileType.SYMLINK, 0777, op.getUid(), op.getGid(), target, size, 0));
  }

  Outcome makeNode(MakeNode op) {
    boolean device =
        op.getType() == FileType.CHARACTER_DEVICE || op.getType() == FileType.BLOCK_DEVICE;
    return make(
        op.getLocation(),
        new Inode.Draft(
            op.getType(),
            op.getMode(),
            op.getUid(),
            op.getGid(),
            "",
            0,
            device ? op.getDevice() : 0));
  }

  private Outcome make(Location location, Inode.Draft draft) {
    Tree.Place place = free(location, draft.type() == FileType.DIRECTORY);
    return Namespace.attributes(added(place, tree.create(place, draft, nowMs(), namespace.caller)));
  }

  /** A place where nothing is. */
  private Tree.Place free(Location location, boolean forDirectory) {
    Tree.Place place = tree.resolve(location, false, namespace.caller);
    if (place.inode().isPresent()) {
      throw new Refused(Errno.EEXIST, (place.isBase() ? "/" : place.name()) + " exists");
    }
    if (place.slash() && !forDirectory) {
      throw new Refused(Errno.ENOENT, "no such directory: " + place.name());
    }
    return place;
  }

  /** A file without a name goes as orphans go, unless somebody says that it is open. */
  Outcome createUnnamed(CreateUnnamed op) {
    Inode directory = tree.find(op.getDirectory(), true, namespace.caller);
    if (!directory.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, "not a directory");
    }
    Inode.Draft draft = new Inode.Draft(FileType.REGULAR, op.getMode(), op.getUid(), op.getGid());
    Inode inode =
        tree.createUnnamed(directory, draft, nowMs(), namespace.caller).withLinks(0, nowMs());
    tree.inodes.put(inode.id(), inode);
    namespace.orphans.put(inode.id(), namespace.time.ageMs());
    return Namespace.attributes(inode);
  }

  /** One more name. A file that lost its last one gets one again, if it is still there. */
  Outcome link(Link op) {
    Inode inode = tree.find(op.getInode(), op.getFrom(), op.getFollow(), namespace.caller);
    Tree.Place place = free(op.getTo(), false);
    namespace.caller.requireAdd(place.directory());
    if (inode.isDirectory()) {
      throw new Refused(Errno.EPERM, "a directory has one name");
    }
    if (inode.links() >= LINKS_MAX) {
      throw new Refused(Errno.EMLINK, "a file has at most " + LINKS_MAX + " names");
    }
    Inode linked = inode.withLinks(inode.links() + 1, nowMs());
    tree.inodes.put(inode.id(), linked);
    namespace.orphans.remove(inode.id());
    link(place, linked);
    tree.touch(place.directory().id(), 0, nowMs());
    return Namespace.attributes(linked);
  }

  // --- Removing ---

  Outcome unlink(Location location) {
    Tree.Place place = tree.resolve(location, false, namespace.caller);
    Inode inode = place.require();
    requireRemove(place, inode);
    if (inode.isDirectory()) {
      throw new Refused(Errno.EISDIR, place.name() + " is a directory");
    }
    if (place.slash()) {
      throw place.notADirectory();
    }
    unlink(place, inode);
    tree.touch(place.directory().id(), 0, nowMs());
    drop(inode);
    return Outcome.getDefaultInstance();
  }

  /** A directory that is named as the base itself is refused for that, by all alike. */
  private void requireRemove(Tree.Place place, Inode inode) {
    if (!place.isBase()) {
      namespace.caller.requireRemove(place.directory(), inode, place.name());
    }
  }

  /** Takes a name from a file; without names it stays for those that have it open. */
  private void drop(Inode inode) {
    drop(inode, namespace.time.ageMs());
  }

  private void drop(Inode inode, long usedMs) {
    if (inode.links() > 1) {
      tree.inodes.put(inode.id(), inode.withLinks(inode.links() - 1, nowMs()));
    } else if (inode.isRegular()) {
      tree.inodes.put(inode.id(), inode.withLinks(0, nowMs()));
      namespace.orphans.put(inode.id(), usedMs);
    } else {
      namespace.remove(inode.id());
    }
  }

  /**
   * Takes a file out of a cache.
   *
   * @param open it may be read by somebody, who says so; else it is unused since ever
   */
  void evict(Keys.Dentry name, Inode directory, Inode inode, boolean open) {
    unlink(new Tree.Place(directory, name.name(), Optional.of(inode), false), inode);
    tree.touch(directory.id(), 0, nowMs());
    drop(inode, open ? namespace.time.ageMs() : 0);
  }

  Outcome rmdir(Location location) {
    Tree.Place place = tree.resolve(location, false, namespace.caller);
    if (place.isBase()) {
      throw new Refused(Errno.EINVAL, "this directory cannot be removed");
    }
    Inode inode = place.require();
    requireRemove(place, inode);
    if (!inode.isDirectory()) {
      throw place.notADirectory();
    }
    removeDirectory(place, inode);
    return Outcome.getDefaultInstance();
  }

  private void removeDirectory(Tree.Place place, Inode inode) {
    if (!tree.isEmpty(inode)) {
      throw notEmpty(place);
    }
    unlink(place, inode);
    namespace.remove(inode.id());
    tree.touch(place.directory().id(), -1, nowMs());
    tree.directories--;
  }

  private static Refused notEmpty(Tree.Place place) {
    return new Refused(Errno.ENOTEMPTY, place.name() + " is not empty");
  }

  // --- Moving ---

  Outcome rename(Rename op) {
    Tree.Place from = tree.resolve(op.getFrom(), false, namespace.caller);
    if (!namespace.isPosix()) {
      from.require();
    }
    Tree.Place to = tree.resolve(op.getTo(), false, namespace.caller);
    requireNamed(from, to);
    Inode moved = from.require();
    if (namespace.isPosix()) {
      checkRename(op, from, moved, to);
    } else {
      checkNotInto(moved, to);
      checkNoReplace(op, to);
    }
    if (to.inode().isPresent()) {
      Inode replaced = to.inode().get();
      if (replaced.id() == moved.id()) {
        return Namespace.attributes(moved);
      }
      requireRemove(from, moved);
      replace(from, moved, to, replaced);
    } else {
      requireRemove(from, moved);
      namespace.caller.requireAdd(to.directory());
      requireOtherParent(from, moved, to);
    }
    unlink(from, moved);
    link(to, moved);
    Inode result = moved.movedTo(to.directory().id(), nowMs());
    tree.inodes.put(moved.id(), result);
    int directory = moved.isDirectory() ? 1 : 0;
    boolean elsewhere = from.directory().id() != to.directory().id();
    tree.touch(from.directory().id(), elsewhere ? -directory : 0, nowMs());
    tree.touch(to.directory().id(), elsewhere ? directory : 0, nowMs());
    return Namespace.attributes(result);
  }

  private static void requireNamed(Tree.Place from, Tree.Place to) {
    if (from.isBase() || to.isBase()) {
      throw new Refused(Errno.EINVAL, "this directory cannot be moved or replaced");
    }
  }

  private void checkRename(Rename op, Tree.Place from, Inode moved, Tree.Place to) {
    checkNoReplace(op, to);
    if (!moved.isDirectory() && (from.slash() || to.slash())) {
      throw from.notADirectory();
    }
    checkNotInto(moved, to);
    if (to.inode().isPresent() && isInside(from.directory(), to.inode().get())) {
      throw notEmpty(to);
    }
  }

  private static void checkNoReplace(Rename op, Tree.Place to) {
    if (op.getNoReplace() && to.inode().isPresent()) {
      throw new Refused(Errno.EEXIST, to.name() + " exists");
    }
  }

  private void checkNotInto(Inode moved, Tree.Place to) {
    if (isInside(to.directory(), moved)) {
      throw new Refused(Errno.EINVAL, "a directory cannot be moved into itself");
    }
  }

  private boolean isInside(Inode directory, Inode above) {
    return above.isDirectory() && tree.isAbove(above, directory);
  }

  /** A directory that moves elsewhere gets another parent, which is a change of it, too. */
  private void requireOtherParent(Tree.Place from, Inode moved, Tree.Place to) {
    if (moved.isDirectory() && from.directory().id() != to.directory().id()) {
      namespace.caller.require(moved, Access.WRITE, from.name());
    }
  }

  private void replace(Tree.Place from, Inode moved, Tree.Place to, Inode replaced) {
    requireRemove(to, replaced);
    if (replaced.isDirectory() && !moved.isDirectory()) {
      throw new Refused(Errno.EISDIR, to.name() + " is a directory");
    }
    if (!replaced.isDirectory() && moved.isDirectory()) {
      throw to.notADirectory();
    }
    requireOtherParent(from, moved, to);
    if (replaced.isDirectory()) {
      removeDirectory(to, replaced);
    } else {
      unlink(to, replaced);
      drop(replaced);
    }
  }

  Outcome exchange(Exchange op) {
    Tree.Place first = tree.resolve(op.getFirst(), false, namespace.caller);
    Tree.Place second = tree.resolve(op.getSecond(), false, namespace.caller);
    requireNamed(first, second);
    Inode one = first.require();
    Inode other = second.require();
    if (second.slash() && !other.isDirectory()) {
      throw second.notADirectory();
    }
    if (first.slash() && !one.isDirectory()) {
      throw first.notADirectory();
    }
    checkNotInto(one, second);
    checkNotInto(other, first);
    if (one.id() == other.id()) {
      return Namespace.attributes(one);
    }
    requireRemove(first, one);
    requireRemove(second, other);
    requireOtherParent(first, one, second);
    requireOtherParent(second, other, first);
    unlink(first, one);
    unlink(second, other);
    link(first, other);
    link(second, one);
    Inode moved = one.movedTo(second.directory().id(), nowMs());
    tree.inodes.put(one.id(), moved);
    tree.inodes.put(other.id(), other.movedTo(first.directory().id(), nowMs()));
    boolean elsewhere = first.directory().id() != second.directory().id();
    int gained = (other.isDirectory() ? 1 : 0) - (one.isDirectory() ? 1 : 0);
    tree.touch(first.directory().id(), elsewhere ? gained : 0, nowMs());
    tree.touch(second.directory().id(), elsewhere ? -gained : 0, nowMs());
    return Namespace.attributes(moved);
  }
}
