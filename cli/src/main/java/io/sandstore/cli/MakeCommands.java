package io.sandstore.cli;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What makes files and names. */
final class MakeCommands {

  private MakeCommands() {}

  @Command(
      name = "ln",
      description = {
        "One more name of a file, or with -s a link to a path, which is kept as it is written,",
        "whether there is such a file or not."
      },
      mixinStandardHelpOptions = true)
  static final class Ln extends FileCommand {
    @Option(
        names = {"-s", "--symbolic"},
        description = "make a symbolic link")
    boolean symbolic;

    @Option(
        names = {"-f", "--force"},
        description = "replace a file or link that has the name")
    boolean force;

    @Option(
        names = {"-n", "--no-dereference"},
        description = "a link to a directory is a name to take, not a directory to go into")
    boolean noDereference;

    @Parameters(index = "0", paramLabel = "TARGET", description = "what the link names")
    String to = "";

    @Parameters(
        index = "1",
        paramLabel = "LINK",
        description = "the link; a directory takes it inside, under the target's name")
    String link = "";

    @Override
    void run(SandstoreClient client) throws IOException {
      if (to.isEmpty()) {
        throw new IllegalArgumentException("an empty target; what shall the link name?");
      }
      String path = absolute(link);
      if (isDirectory(client, path) && !(noDereference && client.lstat(path).isSymlink())) {
        path = TreeCopy.join(path, name(absolute(to)));
      }
      make(client, path);
    }

    private void make(SandstoreClient client, String path) throws IOException {
      if (!force) {
        name(client, path);
        return;
      }
      // Beside, then renamed: at every moment there is the old one or the new.
      String beside =
          TreeCopy.join(
              path.substring(0, path.lastIndexOf('/') + 1),
              ".sandstore-ln-%016x".formatted(ThreadLocalRandom.current().nextLong()));
      name(client, beside);
      try {
        client.rename(beside, path);
      } finally {
        removeIfThere(client, beside); // also where both are names of one file: nothing was moved
      }
    }

    private void name(SandstoreClient client, String path) throws IOException {
      if (symbolic) {
        client.symlink(to, path);
      } else {
        client.link(absolute(to), path);
      }
    }

    private static void removeIfThere(SandstoreClient client, String path) throws IOException {
      try {
        client.unlink(path);
      } catch (PosixException e) {
        if (e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
    }
  }

  @Command(
      name = "touch",
      description = {
        "A file that is not there is made, unless -c. Without -d and -r it is now, by this",
        "machine's clock."
      },
      mixinStandardHelpOptions = true)
  static final class Touch extends FileCommand {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "paths or patterns")
    List<String> paths = List.of();

    @Option(names = "-a", description = "the time of access only")
    boolean accessOnly;

    @Option(names = "-m", description = "the time of modification only")
    boolean modificationOnly;

    @Option(
        names = {"-c", "--no-create"},
        description = "make nothing")
    boolean noCreate;

    @Option(
        names = {"-d", "--date"},
        paramLabel = "TIME",
        description =
            "2024-05-01, 2024-05-01T12:30[:15[.5]] (both local), with Z or +02:00, or @SECONDS")
    @Nullable String date;

    @Option(
        names = {"-r", "--reference"},
        paramLabel = "PATH",
        description = "the times of this file")
    @Nullable String reference;

    @Override
    void run(SandstoreClient client) throws IOException {
      if (date != null && reference != null) {
        throw new IllegalArgumentException("-d or -r, not both");
      }
      long atime = Clock.systemUTC().millis();
      long mtime = atime;
      if (date != null) {
        atime = millis(date, ZoneId.systemDefault());
        mtime = atime;
      } else if (reference != null) {
        FileStat stat = client.stat(absolute(reference));
        atime = stat.atimeMs();
        mtime = stat.mtimeMs();
      }
      AttributeChange change = AttributeChange.NONE;
      change = modificationOnly && !accessOnly ? change : change.withAtime(atime);
      change = accessOnly && !modificationOnly ? change : change.withMtime(mtime);
      for (String path : paths) {
        for (String one : named(client, path)) {
          client.setattr(one, change);
        }
      }
    }

    /** What a path means; what is not there is made, or left out. */
    private List<String> named(SandstoreClient client, String path) throws IOException {
      try {
        List<String> all = Patterns.expand(client, List.of(path));
        for (String one : all) {
          client.stat(one); // also what a link names must be there
        }
        return all;
      } catch (PosixException e) {
        if (e.errno() != Errno.ENOENT) {
          throw e;
        }
      }
      String absolute = absolute(path);
      if (noCreate) {
        return List.of();
      }
      if (Patterns.isPattern(absolute)) {
        throw new PosixException(Errno.ENOENT, "nothing fits " + absolute);
      }
      client.open(absolute, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT), 0644).close();
      return List.of(absolute);
    }

    /** Milliseconds since 1970. */
    static long millis(String text, ZoneId zone) {
      try {
        if (text.startsWith("@")) {
          return Math.multiplyExact(Long.parseLong(text.substring(1)), 1000L);
        }
        String iso = text.replace(' ', 'T');
        if (!iso.contains("T")) {
          return LocalDate.parse(iso).atStartOfDay(zone).toInstant().toEpochMilli();
        }
        return iso.matches(".*(Z|[-+]\\d\\d:?\\d\\d)")
            ? instant(iso).toEpochMilli()
            : LocalDateTime.parse(iso).atZone(zone).toInstant().toEpochMilli();
      } catch (DateTimeException | ArithmeticException | NumberFormatException e) {
        throw new IllegalArgumentException(
            "time '" + text + "' is none: 2024-05-01, 2024-05-01T12:30, with Z or +02:00, or @0",
            e);
      }
    }

    private static Instant instant(String iso) {
      return OffsetDateTime.parse(iso).toInstant();
    }
  }

  @Command(
      name = "mktemp",
      description = {
        "The last run of at least three X in the template's last name is replaced. A file is",
        "for its owner only (0600), a directory too (0700)."
      },
      mixinStandardHelpOptions = true)
  static final class Mktemp extends FileCommand {
    private static final Pattern PLACE = Pattern.compile("(.*?)(X{3,})([^X/]*)");
    private static final String LETTERS =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    private static final int TRIES = 100;

    @Option(names = "-d", description = "a directory")
    boolean directory;

    @Parameters(
        arity = "0..1",
        paramLabel = "TEMPLATE",
        description = "default: ${DEFAULT-VALUE}; its directory must be there")
    String template = "/tmp.XXXXXXXXXX";

    @Override
    void run(SandstoreClient client) throws IOException {
      Matcher place = PLACE.matcher(absolute(template));
      if (!place.matches()) {
        throw new IllegalArgumentException("the last name of " + template + " has no XXX");
      }
      for (int i = 0; i < TRIES; i++) {
        String path = place.group(1) + letters(place.group(2).length()) + place.group(3);
        try {
          if (directory) {
            client.mkdir(path, 0700);
          } else {
            client
                .open(path, EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL), 0600)
                .close();
          }
          System.out.println(path);
          return;
        } catch (PosixException e) {
          if (e.errno() != Errno.EEXIST) {
            throw e;
          }
        }
      }
      throw new PosixException(
          Errno.EEXIST, "all names of " + template + " that were tried are taken; use more X");
    }

    private static String letters(int count) {
      StringBuilder letters = new StringBuilder();
      ThreadLocalRandom.current()
          .ints(count, 0, LETTERS.length())
          .forEach(i -> letters.append(LETTERS.charAt(i)));
      return letters.toString();
    }
  }
}
