package io.sandstore.cli;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.FileStat;
import io.sandstore.client.SandstoreClient;
import java.io.IOException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Modes and owners. */
final class AttributeCommands {

  private AttributeCommands() {}

  /** Changes what is named, or with -R whole trees. */
  abstract static class Change extends FileCommand {
    @Parameters(
        index = "1..*",
        arity = "1..*",
        paramLabel = "PATH",
        description = "paths or patterns")
    List<String> paths = List.of();

    @Option(names = "-R", description = "directories with all that is in them")
    boolean recursive;

    /** Looks at the words before anything is changed. */
    abstract void check();

    abstract void change(SandstoreClient client, String path, FileStat stat, boolean below)
        throws IOException;

    @Override
    void run(SandstoreClient client) throws IOException {
      check();
      for (String path : Patterns.expand(client, paths)) {
        // Contents first: whoever takes away his own way into a directory is through with it.
        Walk.below(
            client,
            path,
            recursive ? Integer.MAX_VALUE : 0,
            true,
            found -> change(client, found.path(), found.stat(), found.depth() > 0));
      }
    }
  }

  @Command(
      name = "chmod",
      description = {
        "MODE is octal, set-id and sticky bits included, or like u+rwx,go-w: [ugoa][-+=][rwxXst].",
        "Where it names nobody (+w), the group's and others' right to write stay as they are.",
        "A link stands for what it names; with -R, links in the tree are left out."
      },
      mixinStandardHelpOptions = true)
  static final class Chmod extends Change {
    @Parameters(index = "0", paramLabel = "MODE", description = "0 to 7777, or like u+rwx,go-w")
    String mode = "";

    @Override
    void check() {
      Modes.change(mode, 0, false);
    }

    @Override
    void change(SandstoreClient client, String path, FileStat stat, boolean below)
        throws IOException {
      if (stat.isSymlink() && below) {
        return;
      }
      FileStat named = stat.isSymlink() ? client.stat(path) : stat;
      int changed = Modes.change(mode, named.mode(), named.isDirectory());
      client.setattr(path, AttributeChange.NONE.withMode(changed));
    }
  }

  @Command(
      name = "chown",
      description = {
        "Owners are numbers: UID, UID:GID or :GID.",
        "A link stands for what it names; with -R, links in the tree are left out."
      },
      mixinStandardHelpOptions = true)
  static final class Chown extends Change {
    private static final Pattern OWNER = Pattern.compile("(\\d{1,9})?(?::(\\d{1,9}))?");

    @Parameters(index = "0", paramLabel = "OWNER", description = "UID, UID:GID or :GID")
    String owner = "";

    @Option(names = "--no-dereference", description = "of a symbolic link: the link itself")
    boolean link;

    @Override
    void check() {
      parts();
    }

    private Matcher parts() {
      Matcher matcher = OWNER.matcher(owner);
      if (!matcher.matches() || (matcher.group(1) == null && matcher.group(2) == null)) {
        throw new IllegalArgumentException(
            "owner '" + owner + "' is none: UID, UID:GID or :GID, as numbers");
      }
      return matcher;
    }

    @Override
    void change(SandstoreClient client, String path, FileStat stat, boolean below)
        throws IOException {
      if (stat.isSymlink() && below && !link) {
        return;
      }
      FileStat named = stat.isSymlink() && !link ? client.stat(path) : stat;
      Matcher parts = parts();
      int uid = parts.group(1) == null ? named.uid() : Integer.parseInt(parts.group(1));
      int gid = parts.group(2) == null ? named.gid() : Integer.parseInt(parts.group(2));
      AttributeChange change = AttributeChange.NONE.withOwner(uid, gid);
      if (link) {
        client.lsetattr(path, change);
      } else {
        client.setattr(path, change);
      }
    }
  }
}
