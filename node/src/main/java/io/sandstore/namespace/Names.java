package io.sandstore.namespace;

import io.sandstore.wire.Create;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Location;
import io.sandstore.wire.Outcome;
import io.sandstore.wire.Rename;

/** Commands that change which names there are, and what they name. */
final class Names {

  private final Namespace namespace;
  private final Contents contents;

  Names(Namespace namespace, Contents contents) {
    this.namespace = namespace;
    this.contents = contents;
  }

  Outcome create(Create op) {
    Tree.Place place = namespace.tree.resolve(op.getLocation(), !op.getExclusive());
    if (place.inode().isPresent()) {
      Inode inode = place.inode().get();
      if (op.getExclusive()) {
        throw new Refused(Errno.EEXIST, place.name() + " exists");
      }
      if (inode.isDirectory()) {
        throw new Refused(Errno.EISDIR, place.name() + " is a directory");
      }
      return Namespace.attributes(op.getTruncate() ? contents.resize(inode, 0) : inode);
    }
    if (op.getNoCreate()) {
      throw new Refused(Errno.ENOENT, "no such file: " + place.name());
    }
    return Namespace.attributes(
        namespace.tree.create(
            place, FileType.REGULAR, op.getMode(), op.getUid(), op.getGid(), "", namespace.time.dateMs()));
  }

  Outcome make(
      Location location, FileType type, int mode, int uid, int gid, String target) {
    Tree.Place place = namespace.tree.resolve(location, false);
    if (place.inode().isPresent()) {
      throw new Refused(Errno.EEXIST, (place.isBase() ? "/" : place.name()) + " exists");
    }
    return Namespace.attributes(namespace.tree.create(place, type, mode, uid, gid, target, namespace.time.dateMs()));
  }

  Outcome unlink(Location location) {
    Tree.Place place = namespace.tree.resolve(location, false);
    Inode inode = place.require();
    if (inode.isDirectory()) {
      throw new Refused(Errno.EISDIR, place.name() + " is a directory");
    }
    namespace.tree.dentries.remove(place.key());
    namespace.tree.touch(place.directory().id(), 0, namespace.time.dateMs());
    drop(inode);
    return Outcome.getDefaultInstance();
  }

  /** Takes a name from a file; without names it stays for those that have it open. */
  private void drop(Inode inode) {
    if (inode.links() > 1) {
      namespace.tree.inodes.put(inode.id(), inode.withLinks(inode.links() - 1, namespace.time.dateMs()));
    } else if (inode.isRegular()) {
      namespace.tree.inodes.put(inode.id(), inode.withLinks(0, namespace.time.dateMs()));
      namespace.orphans.put(inode.id(), namespace.time.ageMs());
    } else {
      namespace.tree.inodes.remove(inode.id());
    }
  }

  Outcome rmdir(Location location) {
    Tree.Place place = namespace.tree.resolve(location, false);
    if (place.isBase()) {
      throw new Refused(Errno.EINVAL, "this directory cannot be removed");
    }
    Inode inode = place.require();
    if (!inode.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, place.name() + " is not a directory");
    }
    removeDirectory(place, inode);
    return Outcome.getDefaultInstance();
  }

  private void removeDirectory(Tree.Place place, Inode inode) {
    if (!namespace.tree.isEmpty(inode)) {
      throw new Refused(Errno.ENOTEMPTY, place.name() + " is not empty");
    }
    namespace.tree.dentries.remove(place.key());
    namespace.tree.inodes.remove(inode.id());
    namespace.tree.touch(place.directory().id(), -1, namespace.time.dateMs());
    namespace.tree.directories--;
  }

  Outcome rename(Rename op) {
    Tree.Place from = namespace.tree.resolve(op.getFrom(), false);
    Inode moved = from.require();
    Tree.Place to = namespace.tree.resolve(op.getTo(), false);
    if (from.isBase() || to.isBase()) {
      throw new Refused(Errno.EINVAL, "this directory cannot be moved or replaced");
    }
    if (moved.isDirectory() && namespace.tree.isAbove(moved, to.directory())) {
      throw new Refused(Errno.EINVAL, "a directory cannot be moved into itself");
    }
    if (to.inode().isPresent()) {
      Inode replaced = to.inode().get();
      if (op.getNoReplace()) {
        throw new Refused(Errno.EEXIST, to.name() + " exists");
      }
      if (replaced.id() == moved.id()) {
        return Namespace.attributes(moved);
      }
      replace(moved, to, replaced);
    }
    namespace.tree.dentries.remove(from.key());
    namespace.tree.link(to.key(), moved.id());
    Inode result = moved.movedTo(to.directory().id(), namespace.time.dateMs());
    namespace.tree.inodes.put(moved.id(), result);
    int directory = moved.isDirectory() ? 1 : 0;
    boolean elsewhere = from.directory().id() != to.directory().id();
    namespace.tree.touch(from.directory().id(), elsewhere ? -directory : 0, namespace.time.dateMs());
    namespace.tree.touch(to.directory().id(), elsewhere ? directory : 0, namespace.time.dateMs());
    return Namespace.attributes(result);
  }

  private void replace(Inode moved, Tree.Place to, Inode replaced) {
    if (replaced.isDirectory() && !moved.isDirectory()) {
      throw new Refused(Errno.EISDIR, to.name() + " is a directory");
    }
    if (!replaced.isDirectory() && moved.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, to.name() + " is not a directory");
    }
    if (replaced.isDirectory()) {
      removeDirectory(to, replaced);
    } else {
      namespace.tree.dentries.remove(to.key());
      drop(replaced);
    }
  }
}
