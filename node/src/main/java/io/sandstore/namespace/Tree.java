package io.sandstore.namespace;

import io.sandstore.wire.Errno;
import io.sandstore.wire.FileType;
import io.sandstore.wire.Location;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Inodes, directory entries, and how a path leads to them. */
final class Tree {

  static final int NAME_BYTES_MAX = 255;
  static final int PATH_BYTES_MAX = 4096;
  private static final int SYMLINKS_MAX = 40;

  final FrozenMap<Long, Inode> inodes = new FrozenMap<>(Weights::inode);
  FrozenMap<Keys.Dentry, Long> dentries = new FrozenMap<>(Weights::dentry);
  long nextInode = Inode.ROOT + 1;
  long directories = 1;

  /** What came with {@link FeatureLevel#POSIX} is in force. */
  private boolean posix;

  /**
   * Where a path leads: a place in a directory, and what is there.
   *
   * @param slash a slash at the end of the path asks for a directory
   */
  record Place(Inode directory, String name, Optional<Inode> inode, boolean slash) {

    Inode require() {
      return inode.orElseThrow(() -> new Refused(Errno.ENOENT, "no such file: " + name));
    }

    Refused notADirectory() {
      return new Refused(Errno.ENOTDIR, name + " is not a directory");
    }

    /**
     * The root, or another directory named as the base itself, is in no place that could change.
     */
    boolean isBase() {
      return name.isEmpty();
    }

    Keys.Dentry key() {
      return new Keys.Dentry(directory.id(), name);
    }
  }

  void format() {
    inodes.put(
        Inode.ROOT,
        Inode.create(Inode.ROOT, new Inode.Draft(FileType.DIRECTORY, 0755, 0, 0), Inode.ROOT, 0));
  }

  /**
   * Whether paths are followed as Linux does, and names are in the order of their bytes. With the
   * order the map of names is another one; a snapshot that is being written goes on with the
   * former, which nobody changes any more.
   */
  void setPosix(boolean now) {
    if (posix != now) {
      posix = now;
      dentries = dentries.ordered(now ? Keys.Dentry.BY_BYTES : Comparator.naturalOrder());
    }
  }

  void clear() {
    inodes.clear();
    dentries.clear();
    directories = 0;
  }

  /** True if a path has a slash at its end, and that means something at this feature level. */
  boolean asksForDirectory(Location location) {
    return posix && location.getPath().endsWith("/");
  }

  /** What a path leads to, for those that change nothing about its name. */
  Inode find(Location location, boolean follow) {
    return look(location, follow).require();
  }

  /** Where that is; refused if nothing is there. */
  Place look(Location location, boolean follow) {
    Place place = resolve(location, follow || asksForDirectory(location));
    if (place.slash() && !place.require().isDirectory()) {
      throw place.notADirectory();
    }
    return place;
  }

  /** What an id names, or else what a path leads to. */
  Inode find(long id, Location location, boolean follow) {
    return id != 0 ? open(id) : find(location, follow);
  }

  /** Follows a path. ENOENT only for what is missing before its last component. */
  Place resolve(Location location, boolean followLast) {
    return resolve(location, followLast, false);
  }

  /** Where a file is to be made: a link is not followed behind which a directory is asked for. */
  Place resolveToMake(Location location, boolean followLast) {
    return resolve(location, followLast, true);
  }

  private Place resolve(Location location, boolean followLast, boolean toMake) {
    String path = location.getPath();
    checkPath(path);
    Inode at = directory(location.getBase() == 0 ? Inode.ROOT : location.getBase());
    ArrayDeque<String> rest = new ArrayDeque<>();
    for (String component : path.split("/", -1)) {
      if (!component.isEmpty()) {
        rest.addLast(component);
      }
    }
    boolean slash = asksForDirectory(location);
    int symlinks = 0;
    Place place = new Place(at, "", Optional.of(at), false);
    while (!rest.isEmpty()) {
      String name = rest.pollFirst();
      if (name.equals(".") || name.equals("..")) { // from a symbolic link only
        at = name.equals(".") ? at : directory(at.parent());
        place = new Place(at, "", Optional.of(at), false);
        continue;
      }
      if (posix) {
        checkLength(name); // that of a target was not looked at before
      }
      Long child = dentries.get(new Keys.Dentry(at.id(), name));
      Optional<Inode> inode = Optional.ofNullable(child).map(this::inode);
      boolean last = rest.isEmpty();
      place = new Place(at, name, inode, last && slash);
      if (inode.isPresent()
          && inode.get().isSymlink()
          && (!last || (followLast && !(slash && toMake)))) {
        if (++symlinks > SYMLINKS_MAX) {
          throw new Refused(Errno.ELOOP, "too many symbolic links at " + name);
        }
        String target = inode.get().target();
        prepend(target, rest);
        slash |= posix && last && target.endsWith("/");
        at = target.startsWith("/") ? inode(Inode.ROOT) : at;
        place = new Place(at, "", Optional.of(at), false);
      } else if (!last) {
        at = place.require();
        if (!at.isDirectory()) {
          throw place.notADirectory();
        }
      }
    }
    return place;
  }

  private void prepend(String target, ArrayDeque<String> rest) {
    String[] components = target.split("/", -1);
    for (int i = components.length - 1; i >= 0; i--) {
      boolean nothing = components[i].isEmpty() || (!posix && components[i].equals("."));
      if (!nothing) {
        rest.addFirst(components[i]);
      }
    }
  }

  /** Refuses what no path may contain. */
  static void checkPath(String path) {
    if (path.length() > PATH_BYTES_MAX
        || path.getBytes(StandardCharsets.UTF_8).length > PATH_BYTES_MAX) {
      throw new Refused(Errno.ENAMETOOLONG, "path over " + PATH_BYTES_MAX + " bytes");
    }
    for (String component : path.split("/", -1)) {
      checkName(component);
    }
  }

  private static void checkName(String name) {
    if (name.equals(".") || name.equals("..")) {
      throw new Refused(Errno.EINVAL, "'" + name + "' is not allowed in a path");
    }
    if (name.indexOf('\0') >= 0) {
      throw new Refused(Errno.EINVAL, "NUL in a name");
    }
    checkLength(name);
  }

  private static void checkLength(String name) {
    boolean maybeLong = name.length() > NAME_BYTES_MAX / 3;
    if (maybeLong && name.getBytes(StandardCharsets.UTF_8).length > NAME_BYTES_MAX) {
      throw new Refused(Errno.ENAMETOOLONG, "name over " + NAME_BYTES_MAX + " bytes");
    }
  }

  private Inode directory(long id) {
    Inode inode = inodes.get(id);
    if (inode == null) {
      throw new Refused(Errno.ESTALE, "directory " + id + " is gone");
    }
    if (!inode.isDirectory()) {
      throw new Refused(Errno.ENOTDIR, "inode " + id + " is not a directory");
    }
    return inode;
  }

  /** An inode that must be there, because something refers to it. */
  Inode inode(long id) {
    Inode inode = inodes.get(id);
    if (inode == null) {
      throw new IllegalStateException("dangling reference to inode " + id);
    }
    return inode;
  }

  /** An inode that a client has open. */
  Inode open(long id) {
    Inode inode = inodes.get(id);
    if (inode == null) {
      throw new Refused(Errno.ESTALE, "the file was removed");
    }
    return inode;
  }

  /** Makes and names what is drafted. */
  Inode create(Place place, Inode.Draft draft, long nowMs) {
    if (inodes.get(place.directory().id()) == null) {
      throw new Refused(Errno.ENOENT, "the directory is gone");
    }
    Inode inode = createUnnamed(place.directory(), draft, nowMs);
    link(place.key(), inode.id());
    touch(place.directory().id(), inode.isDirectory() ? 1 : 0, nowMs);
    directories += inode.isDirectory() ? 1 : 0;
    return inode;
  }

  /** Makes what is drafted as if it were in a directory, without a name there. */
  Inode createUnnamed(Inode directory, Inode.Draft draft, long nowMs) {
    boolean inherits = posix && directory.handsOnItsGroup();
    Inode.Draft draftHere = inherits ? draft.ofGroup(directory.gid()) : draft;
    Inode inode = Inode.create(nextInode++, draftHere, directory.id(), nowMs);
    inodes.put(inode.id(), inode);
    return inode;
  }

  /** Names an inode that is there. Its own key is the value: with a million files that is 16 MB. */
  void link(Keys.Dentry name, long inode) {
    Long key = inodes.live.floorKey(inode);
    dentries.put(name, key != null && key == inode ? key : Long.valueOf(inode));
  }

  void touch(long directory, int linkChange, long nowMs) {
    inodes.put(directory, inode(directory).touched(linkChange, nowMs));
  }

  boolean isEmpty(Inode directory) {
    Map.Entry<Keys.Dentry, Long> first =
        dentries.live.ceilingEntry(new Keys.Dentry(directory.id(), ""));
    return first == null || first.getKey().parent() != directory.id();
  }

  /** True if {@code ancestor} is {@code directory} or above it. */
  boolean isAbove(Inode ancestor, Inode directory) {
    @Nullable Inode at = directory;
    while (at.id() != ancestor.id()) {
      if (at.id() == Inode.ROOT) {
        return false;
      }
      at = inode(at.parent());
    }
    return true;
  }
}
