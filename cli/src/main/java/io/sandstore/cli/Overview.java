package io.sandstore.cli;

/**
 * What {@code sandstore --help} says: the table of commands and that of exit codes. Made without
 * picocli, which takes more time to start than all the rest.
 */
final class Overview {

  private Overview() {}

  static String text() {
    StringBuilder text =
        new StringBuilder(
            """
            Usage: sandstore [-hV] [COMMAND]
            A distributed file store.
              -h, --help      Show this help message and exit.
              -V, --version   Print version information and exit.

            Commands:
            """);
    for (Commands.Entry entry : Commands.ALL) {
      line(text, entry.name(), 12, entry.summary());
    }
    text.append("\nExit codes:\n");
    for (ExitCode code : ExitCode.values()) {
      line(text, Integer.toString(code.number()), 5, code.meaning());
    }
    return text.append(
            """

            Each command has --help. Paths in the cluster begin with /. In them, *, ? and [a-z]
            stand for names that fit, unless something has that very name; quote them lest the
            shell takes them.
            """)
        .toString();
  }

  private static void line(StringBuilder text, String name, int width, String meaning) {
    text.append("  ").append(name).repeat(" ", width - name.length()).append(meaning).append('\n');
  }
}
