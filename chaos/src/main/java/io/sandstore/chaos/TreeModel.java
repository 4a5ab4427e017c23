package io.sandstore.chaos;

import io.sandstore.wire.Errno;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A small tree, as POSIX has it. Each file and directory is told apart by the mode it was made
 * with, which stays with it when it is renamed.
 */
final class TreeModel implements Model<Map<String, TreeModel.Node>> {

  /** What has a name. */
  record Node(boolean directory, int mode) {
    @Override
    public String toString() {
      return (directory ? "d" : "f") + mode;
    }
  }

  private static final class Refusal extends Exception {
    private static final long serialVersionUID = 1;
    final Errno errno;

    Refusal(Errno errno) {
      super(errno.name(), null, false, false);
      this.errno = errno;
    }
  }

  @Override
  public Map<String, Node> initial() {
    return Map.of();
  }

  @Override
  public Step<Map<String, Node>> apply(Map<String, Node> state, Operation op) {
    NavigableMap<String, Node> after = new TreeMap<>(state);
    try {
      return new Step<>(change(after, op), after);
    } catch (Refusal e) {
      return new Step<>(e.errno.name(), state);
    }
  }

  private static String change(NavigableMap<String, Node> tree, Operation op) throws Refusal {
    String path = op.path();
    Optional<Node> node = find(tree, path);
    switch (op.kind()) {
      case CREATE, MKDIR -> {
        refuseIf(node.isPresent(), Errno.EEXIST);
        tree.put(path, new Node(op.kind() == Operation.Kind.MKDIR, op.value()));
      }
      case UNLINK -> {
        refuseIf(require(node).directory, Errno.EISDIR);
        tree.remove(path);
      }
      case RMDIR -> {
        refuseIf(!require(node).directory, Errno.ENOTDIR);
        refuseIf(!below(tree, path).isEmpty(), Errno.ENOTEMPTY);
        tree.remove(path);
      }
      case RENAME -> rename(tree, path, require(node), op.other());
      case STAT -> {
        return Operation.saw(require(node));
      }
      case LIST -> {
        refuseIf(!path.isEmpty() && !require(node).directory, Errno.ENOTDIR);
        StringBuilder names = new StringBuilder();
        for (Map.Entry<String, Node> entry : below(tree, path).entrySet()) {
          String name = entry.getKey().substring(path.isEmpty() ? 0 : path.length() + 1);
          if (!name.contains("/")) {
            names.append(name).append('=').append(entry.getValue()).append(' ');
          }
        }
        return Operation.saw(names);
      }
      case SET, APPEND, GET -> throw new IllegalArgumentException("not for a tree: " + op);
    }
    return Operation.OK;
  }

  private static void rename(NavigableMap<String, Node> tree, String from, Node moved, String to)
      throws Refusal {
    Optional<Node> replaced = find(tree, to);
    refuseIf(moved.directory && to.startsWith(from + "/"), Errno.EINVAL);
    if (from.equals(to)) {
      return;
    }
    if (replaced.isPresent()) {
      refuseIf(replaced.get().directory && !moved.directory, Errno.EISDIR);
      refuseIf(!replaced.get().directory && moved.directory, Errno.ENOTDIR);
      refuseIf(!below(tree, to).isEmpty(), Errno.ENOTEMPTY);
    }
    NavigableMap<String, Node> inside = new TreeMap<>(below(tree, from));
    inside.keySet().forEach(tree::remove);
    tree.remove(from);
    tree.put(to, moved);
    inside.forEach((path, node) -> tree.put(to + path.substring(from.length()), node));
  }

  /** What is at a path, if what should be above it is a directory. */
  private static Optional<Node> find(NavigableMap<String, Node> tree, String path) throws Refusal {
    int slash = path.indexOf('/');
    if (slash > 0) {
      refuseIf(!require(find(tree, path.substring(0, slash))).directory, Errno.ENOTDIR);
    }
    return Optional.ofNullable(tree.get(path));
  }

  private static Node require(Optional<Node> node) throws Refusal {
    refuseIf(node.isEmpty(), Errno.ENOENT);
    return node.get();
  }

  private static NavigableMap<String, Node> below(NavigableMap<String, Node> tree, String path) {
    return path.isEmpty()
        ? tree
        : tree.subMap(path + "/", true, path + "0", false); // '0' comes after '/'
  }

  private static void refuseIf(boolean condition, Errno errno) throws Refusal {
    if (condition) {
      throw new Refusal(errno);
    }
  }
}
