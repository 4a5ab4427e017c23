package io.sandstore.chaos;

import io.sandstore.wire.Errno;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A small tree, as POSIX has it, with Linux's choice where several refusals would do. Each file and
 * directory is told apart by the mode it was made with, which stays with it when it is renamed, and
 * under all its names.
 */
final class TreeModel implements Model<Map<String, TreeModel.Node>> {

  /**
   * What has a name.
   *
   * @param attribute its extended one; 0 if it has none
   */
  record Node(boolean directory, int mode, int attribute) {
    boolean is(Node other) {
      return directory == other.directory && mode == other.mode;
    }
  }

  /** What is seen of a node; of a file, how many names it has. */
  static String text(boolean directory, int mode, int links) {
    return directory ? "d" + mode : "f" + mode + "*" + links;
  }

  private static String text(Map<String, Node> tree, Node node) {
    int links = (int) tree.values().stream().filter(node::is).count();
    return text(node.directory, node.mode, links);
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
        tree.put(path, new Node(op.kind() == Operation.Kind.MKDIR, op.value(), 0));
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
      case RENAME -> rename(tree, path, node, op.other());
      case LINK -> {
        Node linked = require(node);
        refuseIf(find(tree, op.other()).isPresent(), Errno.EEXIST);
        refuseIf(linked.directory, Errno.EPERM);
        tree.put(op.other(), linked);
      }
      case EXCHANGE -> exchange(tree, path, node, op.other());
      case SET_ATTRIBUTE -> {
        Node old = require(node);
        Node changed = new Node(old.directory, old.mode, op.value());
        tree.replaceAll((name, each) -> each.is(old) ? changed : each);
      }
      case GET_ATTRIBUTE -> {
        refuseIf(require(node).attribute == 0, Errno.ENODATA);
        return Operation.saw(node.get().attribute);
      }
      case STAT -> {
        return Operation.saw(text(tree, require(node)));
      }
      case LIST -> {
        refuseIf(!path.isEmpty() && !require(node).directory, Errno.ENOTDIR);
        StringBuilder names = new StringBuilder();
        for (Map.Entry<String, Node> entry : below(tree, path).entrySet()) {
          String name = entry.getKey().substring(path.isEmpty() ? 0 : path.length() + 1);
          if (!name.contains("/")) {
            names.append(name).append('=').append(text(tree, entry.getValue())).append(' ');
          }
        }
        return Operation.saw(names);
      }
      case SET, PUNCH, APPEND, GET -> throw new IllegalArgumentException("not for a tree: " + op);
    }
    return Operation.OK;
  }

  private static void rename(
      NavigableMap<String, Node> tree, String from, Optional<Node> node, String to) throws Refusal {
    Optional<Node> replaced = find(tree, to);
    Node moved = require(node);
    refuseIf(moved.directory && to.startsWith(from + "/"), Errno.EINVAL);
    refuseIf(from.startsWith(to + "/"), Errno.ENOTEMPTY);
    if (replaced.isPresent()) {
      if (replaced.get().is(moved)) {
        return;
      }
      refuseIf(replaced.get().directory && !moved.directory, Errno.EISDIR);
      refuseIf(!replaced.get().directory && moved.directory, Errno.ENOTDIR);
      refuseIf(!below(tree, to).isEmpty(), Errno.ENOTEMPTY);
    }
    NavigableMap<String, Node> whole = take(tree, from);
    tree.remove(to);
    put(tree, whole, from, to);
  }

  private static void exchange(
      NavigableMap<String, Node> tree, String first, Optional<Node> node, String second)
      throws Refusal {
    Optional<Node> other = find(tree, second);
    require(node);
    require(other);
    refuseIf(second.startsWith(first + "/") || first.startsWith(second + "/"), Errno.EINVAL);
    if (!first.equals(second)) {
      NavigableMap<String, Node> one = take(tree, first);
      put(tree, take(tree, second), second, first);
      put(tree, one, first, second);
    }
  }

  /** Takes out what is at a path and below it. */
  private static NavigableMap<String, Node> take(NavigableMap<String, Node> tree, String path)
      throws Refusal {
    NavigableMap<String, Node> whole = new TreeMap<>(below(tree, path));
    whole.put(path, require(Optional.ofNullable(tree.get(path))));
    whole.keySet().forEach(tree::remove);
    return whole;
  }

  private static void put(
      NavigableMap<String, Node> tree, Map<String, Node> whole, String from, String to) {
    whole.forEach((path, node) -> tree.put(to + path.substring(from.length()), node));
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
