package io.sandstore.cli;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Patterns of a shell in paths of the cluster: {@code *}, {@code ?}, {@code [a-z]} and {@code
 * [!a-z]} stand for letters of one name, a backslash takes the meaning from the letter behind it. A
 * name that begins with a dot is fitted only by a pattern that does.
 */
final class Patterns {

  private static final int PAGE = 1000;

  private Patterns() {}

  /**
   * The paths that are meant, absolute: what has the very name, else all that a pattern fits, in
   * the order of their names.
   *
   * @throws PosixException ENOENT if a pattern fits nothing
   */
  static List<String> expand(SandstoreClient client, List<String> paths) throws IOException {
    List<String> all = new ArrayList<>();
    for (String path : paths) {
      String absolute = FileCommand.absolute(path);
      if (!isPattern(absolute) || exists(client, absolute)) {
        all.add(absolute);
        continue;
      }
      List<String> fitting = List.of("/");
      String[] names = absolute.substring(1).split("/", -1);
      for (int i = 0; i < names.length && !fitting.isEmpty(); i++) {
        fitting = step(client, fitting, names[i], i < names.length - 1);
      }
      if (fitting.isEmpty()) {
        throw new PosixException(Errno.ENOENT, "nothing fits " + absolute);
      }
      all.addAll(fitting);
    }
    return all;
  }

  private static List<String> step(
      SandstoreClient client, List<String> directories, String name, boolean more)
      throws IOException {
    List<String> fitting = new ArrayList<>();
    for (String directory : directories) {
      if (isPattern(name)) {
        Pattern pattern = compile(name);
        String after = "";
        DirectoryPage page;
        do {
          page = client.readdir(directory, after, PAGE);
          for (DirectoryPage.Entry entry : page.entries()) {
            after = entry.name();
            String path = TreeCopy.join(directory, after);
            if (pattern.matcher(after).matches()
                && (after.charAt(0) != '.' || name.startsWith("."))
                && (!more || FileCommand.isDirectory(client, path))) {
              fitting.add(path);
            }
          }
        } while (page.more());
      } else {
        String path = TreeCopy.join(directory, plain(name));
        if (more ? FileCommand.isDirectory(client, path) : exists(client, path)) {
          fitting.add(path);
        }
      }
    }
    return fitting;
  }

  private static boolean exists(SandstoreClient client, String path) throws IOException {
    try {
      client.lstat(path);
      return true;
    } catch (PosixException e) {
      if (e.errno() == Errno.ENOENT
          || e.errno() == Errno.ENOTDIR
          || e.errno() == Errno.ENAMETOOLONG) {
        return false;
      }
      throw e;
    }
  }

  /** True if a pattern such as {@code /*} fits whatever is in the root, without naming any. */
  static boolean fitsAllOfTheRoot(String absolute) {
    return absolute.matches("/[*?]*\\*[*?]*");
  }

  static boolean isPattern(String text) {
    return text.indexOf('*') >= 0 || text.indexOf('?') >= 0 || text.indexOf('[') >= 0;
  }

  private static String plain(String name) {
    return name.replaceAll("\\\\(.)", "$1");
  }

  /**
   * A pattern for one name.
   *
   * @throws IllegalArgumentException if a set of letters is none, as {@code [z-a]}
   */
  static Pattern compile(String pattern) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      int end = c == '[' ? endOfSet(pattern, i) : -1;
      if (end > 0) {
        regex.append(set(pattern.substring(i + 1, end)));
        i = end;
      } else if (c == '*') {
        regex.append(".*");
      } else if (c == '?') {
        regex.append('.');
      } else {
        boolean escaped = c == '\\' && i + 1 < pattern.length();
        int letter = pattern.codePointAt(escaped ? ++i : i);
        regex.append(Pattern.quote(Character.toString(letter)));
        i += Character.charCount(letter) - 1;
      }
    }
    try {
      return Pattern.compile(regex.toString(), Pattern.DOTALL);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("no pattern: " + pattern, e);
    }
  }

  /** Where the set that begins at {@code begin} ends; -1 if it does not: then [ is a letter. */
  private static int endOfSet(String pattern, int begin) {
    int first = begin + 1;
    if (first < pattern.length()
        && (pattern.charAt(first) == '!' || pattern.charAt(first) == '^')) {
      first++;
    }
    return pattern.indexOf(']', first + 1); // one that comes first is a letter of the set
  }

  private static String set(String letters) {
    boolean not = letters.startsWith("!") || letters.startsWith("^");
    String inner = not ? letters.substring(1) : letters;
    return (not ? "[^" : "[") + inner.replaceAll("[\\[\\]\\\\^&]", "\\\\$0") + "]";
  }
}
