package io.sandstore.namespace;

import com.google.protobuf.ByteString;
import io.sandstore.wire.Errno;
import io.sandstore.wire.SetXattr;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Extended attributes: bytes under a name. Those that a kernel would act upon (access control
 * lists, capabilities, labels) are kept like the others and mean nothing here.
 */
final class Xattrs {

  /** Of one value, in bytes. */
  static final int VALUE_BYTES_MAX = 64 << 10;

  static final int NAME_BYTES_MAX = 255;

  /** Of all names and values of one file: as much as one attribute can take. */
  static final int TOTAL_BYTES_MAX = VALUE_BYTES_MAX + NAME_BYTES_MAX;

  /** Privileges that a program gets; they are gone when it changes. */
  static final String CAPABILITY = "security.capability";

  private static final String ACCESS_LIST = "system.posix_acl_access";
  private static final String DEFAULT_LIST = "system.posix_acl_default";

  final FrozenMap<Keys.Xattr, ByteString> values = new FrozenMap<>(Weights::xattr);
  private final Tree tree;

  /** Files and directories that have a mark of a cache. */
  final Set<Long> marked = new HashSet<>();

  Xattrs(Tree tree) {
    this.tree = tree;
  }

  /** A name of 1 to 255 bytes without NUL. */
  static void checkName(String name) {
    if (name.indexOf('\0') >= 0) {
      throw new Refused(Errno.EINVAL, "NUL in a name");
    }
    int bytes = bytes(name);
    if (bytes == 0 || bytes > NAME_BYTES_MAX) {
      throw new Refused(Errno.ERANGE, "a name of %d bytes".formatted(bytes));
    }
  }

  private static int bytes(String name) {
    return name.getBytes(StandardCharsets.UTF_8).length;
  }

  /**
   * The file as it is afterwards.
   *
   * @param hasCaches it means something that a file is marked as one, so that its owner decides
   */
  Inode set(SetXattr op, long nowMs, Access caller, boolean hasCaches) {
    Inode inode = tree.find(op.getInode(), op.getLocation(), !op.getNoFollow(), caller);
    permit(inode, op.getName(), true, caller);
    if (hasCaches && op.getName().equals(CacheFiles.MARK)) {
      caller.requireOwner(inode, "");
    }
    Keys.Xattr key = new Keys.Xattr(inode.id(), op.getName());
    @Nullable ByteString old = values.get(key);
    if (old == null && (op.getReplace() || op.getRemove())) {
      throw missing(op.getName());
    }
    if (old != null && op.getCreate() && !op.getRemove()) {
      throw new Refused(Errno.EEXIST, op.getName() + " exists");
    }
    if (op.getRemove()) {
      drop(key);
    } else {
      put(inode, key, op.getValue());
    }
    Inode changed = inode.withLinks(inode.links(), nowMs);
    tree.inodes.put(inode.id(), changed);
    return changed;
  }

  private void put(Inode inode, Keys.Xattr key, ByteString value) {
    if (key.name().equals(DEFAULT_LIST) && !inode.isDirectory()) {
      throw new Refused(Errno.EACCES, "only a directory has " + DEFAULT_LIST);
    }
    long others =
        of(inode.id()).entrySet().stream()
            .filter(entry -> !entry.getKey().equals(key))
            .mapToLong(entry -> bytes(entry.getKey().name()) + entry.getValue().size())
            .sum();
    if (others + bytes(key.name()) + value.size() > TOTAL_BYTES_MAX) {
      throw new Refused(
          Errno.ENOSPC, "extended attributes of over " + TOTAL_BYTES_MAX + " bytes together");
    }
    keep(key, value);
  }

  /** Notes beside it that a file has a mark of a cache. */
  void keep(Keys.Xattr key, ByteString value) {
    values.put(key, value);
    if (key.name().equals(CacheFiles.MARK)) {
      marked.add(key.inode());
    }
  }

  private void drop(Keys.Xattr key) {
    values.remove(key);
    if (key.name().equals(CacheFiles.MARK)) {
      marked.remove(key.inode());
    }
  }

  void clear() {
    values.clear();
    marked.clear();
  }

  /** Which names a kind of file may have, and who may use them, as on Linux. */
  private static void permit(Inode inode, String name, boolean write, Access caller) {
    if (name.startsWith("user.") && !inode.isRegular() && !inode.isDirectory()) {
      throw new Refused(
          write ? Errno.EPERM : Errno.ENODATA,
          "only files and directories have attributes of users");
    }
    caller.requireXattr(inode, name, write);
    boolean list = name.equals(ACCESS_LIST) || name.equals(DEFAULT_LIST);
    boolean prefixed =
        name.startsWith("user.") || name.startsWith("trusted.") || name.startsWith("security.");
    if (list ? inode.isSymlink() : !prefixed) {
      throw new Refused(Errno.EOPNOTSUPP, "no such kind of attribute: " + name);
    }
    if (prefixed && name.endsWith(".") && name.indexOf('.') == name.length() - 1) {
      throw new Refused(Errno.EINVAL, "a prefix without a name");
    }
  }

  private static Refused missing(String name) {
    return new Refused(Errno.ENODATA, "no attribute " + name);
  }

  ByteString get(Inode inode, String name, Access caller) {
    checkName(name);
    permit(inode, name, false, caller);
    @Nullable ByteString value = values.get(new Keys.Xattr(inode.id(), name));
    if (value == null) {
      throw missing(name);
    }
    return value;
  }

  /** In the order of their bytes, without those that this caller may not know of. */
  List<String> names(long inode, Access caller) {
    return of(inode).keySet().stream()
        .map(Keys.Xattr::name)
        .filter(name -> caller.isRoot() || !name.startsWith(Access.TRUSTED))
        .toList();
  }

  void removeAll(long inode) {
    List.copyOf(of(inode).keySet()).forEach(this::drop);
  }

  private Map<Keys.Xattr, ByteString> of(long inode) {
    return values.live.subMap(new Keys.Xattr(inode, ""), new Keys.Xattr(inode + 1, ""));
  }
}
