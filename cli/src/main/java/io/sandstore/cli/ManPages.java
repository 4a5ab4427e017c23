package io.sandstore.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Writes man pages of what {@code --help} is made of: a page for the whole, one a command. */
final class ManPages {

  /** Wide enough that nothing is wrapped: roff does that. */
  private static final int WIDTH = 2_000;

  private ManPages() {}

  public static void main(String[] args) throws IOException {
    write(Path.of(args[0]));
  }

  /** Writes them into {@code man1} of a directory. */
  static void write(Path directory) throws IOException {
    Path section = Files.createDirectories(directory.resolve("man1"));
    CommandLine root = Main.commandLine();
    Files.writeString(section.resolve("sandstore.1"), page(root, List.of()));
    for (Commands.Entry entry : Commands.ALL) {
      CommandLine line = Objects.requireNonNull(root.getSubcommands().get(entry.name()));
      Files.writeString(
          section.resolve("sandstore-" + entry.name() + ".1"), page(line, entry.examples()));
    }
  }

  private static String page(CommandLine line, List<String> examples) {
    CommandSpec spec = line.getCommandSpec();
    String name = spec.qualifiedName("-");
    boolean whole = spec.parent() == null;
    List<String> roff = new ArrayList<>();
    roff.add(".TH " + name.toUpperCase(Locale.ROOT) + " 1");
    roff.add(".SH NAME");
    String[] summary = whole ? spec.usageMessage().description() : spec.usageMessage().header();
    roff.add(text(name + " - " + plain(String.join(" ", summary))));
    roff.add(".SH SYNOPSIS");
    spec.usageMessage().width(WIDTH);
    roff.add(text(line.getHelp().synopsis(0).strip().replaceAll("\\s+", " ")));
    if (!whole && spec.usageMessage().description().length > 0) {
      roff.add(".SH DESCRIPTION");
      roff.add(text(plain(String.join(" ", spec.usageMessage().description()))));
    }
    roff.add(".SH OPTIONS");
    for (PositionalParamSpec operand : spec.positionalParameters()) {
      item(roff, operand.paramLabel(), operand.description());
    }
    for (OptionSpec option : spec.options()) {
      String label = option.arity().max() == 0 ? "" : " " + option.paramLabel();
      item(roff, String.join(", ", option.names()) + label, option.description());
    }
    if (!line.getSubcommands().isEmpty()) {
      roff.add(".SH COMMANDS");
      line.getSubcommands()
          .forEach(
              (command, its) ->
                  item(
                      roff,
                      command,
                      whole ? header(its) : its.getCommandSpec().usageMessage().description()));
    }
    if (!examples.isEmpty()) {
      roff.add(".SH EXAMPLES");
      for (String example : examples) {
        roff.add(".PP");
        roff.add(text(example));
      }
    }
    String[] footer = spec.usageMessage().footer();
    int own = examples.isEmpty() ? 0 : examples.size() + 1; // the examples came first
    if (own < footer.length) {
      roff.add(".SH NOTES");
      roff.add(".nf");
      Arrays.stream(footer).skip(own).map(note -> text(plain(note))).forEach(roff::add);
      roff.add(".fi");
    }
    roff.add(".SH EXIT STATUS");
    for (ExitCode code : ExitCode.values()) {
      item(roff, Integer.toString(code.number()), new String[] {code.meaning()});
    }
    roff.add(".SH SEE ALSO");
    roff.add(whole ? text("sandstore COMMAND --help") : ".BR sandstore (1)");
    return String.join("\n", roff) + "\n";
  }

  private static String[] header(CommandLine line) {
    return line.getCommandSpec().usageMessage().header();
  }

  private static void item(List<String> roff, String label, String[] description) {
    roff.add(".TP");
    roff.add(".B " + text(label));
    roff.add(text(plain(String.join(" ", description))));
  }

  /** Markup and variables as they are printed. */
  private static String plain(String text) {
    return Ansi.OFF.string(text.replace("%n", " "));
  }

  /** So that nothing in it is a request of roff, and each - is one that can be copied. */
  private static String text(String text) {
    String escaped = text.replace("\\", "\\e").replace("-", "\\-");
    return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
  }
}
