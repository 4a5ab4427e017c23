package io.sandstore.cli;

import io.sandstore.node.Node;
import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.util.List;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * {@code sandstore}: a node, and the commands that talk to a cluster. {@link Commands} lists them,
 * {@link ExitCode} how they end.
 */
@Command(
    name = "sandstore",
    description = "A distributed file store.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class)
public final class Main {

  /** Those that log what they do. */
  private static final Set<String> LOGGING = Set.of("node", "cluster", "mount");

  /** Those that have something to tidy up when they end. */
  private static final Set<String> TIDYING = Set.of("node", "cluster", "demo", "mount");

  private Main() {}

  public static void main(String[] args) {
    String name = args.length == 0 ? "" : args[0];
    if (!LOGGING.contains(name)) {
      // Read by logback.xml, if anything is logged at all: most commands end before.
      System.setProperty("sandstore.log", "ERROR");
    }
    StandardOutput output = StandardOutput.install();
    int code = asksForOverview(args) ? overview() : commandLine(args).execute(args);
    int status = output.failure().map(Main::reportOutput).orElse(code);
    if (TIDYING.contains(name)) {
      System.exit(status);
    }
    // Nothing is left to be done at the end, and looking for it takes a command some 20 ms.
    System.err.flush();
    Runtime.getRuntime().halt(status);
  }

  private static boolean asksForOverview(String[] args) {
    return args.length == 1 && (args[0].equals("--help") || args[0].equals("-h"));
  }

  private static int overview() {
    System.out.print(Overview.text());
    return ExitCode.DONE.number();
  }

  /** What was not written was not said: no success, however well the rest went. */
  private static int reportOutput(IOException failure) {
    if (String.valueOf(failure.getMessage()).contains("Broken pipe")) {
      return ExitCode.OUTPUT_CLOSED.number();
    }
    System.err.println("sandstore: standard output: " + failure.getMessage());
    return ExitCode.IO.number();
  }

  /** With as much of the commands as these words need. */
  static CommandLine commandLine(String[] args) {
    CommandLine line = root();
    Commands.addCalled(line, args);
    return configured(line);
  }

  /** With all commands. */
  static CommandLine commandLine() {
    CommandLine line = root();
    Commands.addAll(line);
    return configured(line);
  }

  static CommandLine root() {
    CommandLine line = new CommandLine(new Main());
    line.setHelpSectionKeys(List.of("overview"));
    line.getHelpSectionMap().put("overview", help -> Overview.text());
    return line;
  }

  private static CommandLine configured(CommandLine line) {
    return line.setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((e, args) -> reportUsage(e))
        .setExecutionExceptionHandler((e, command, parsed) -> report(e, command));
  }

  /** What is wrong with the words, what was perhaps meant, and where all of it is told. */
  private static int reportUsage(ParameterException e) {
    CommandLine line = e.getCommandLine();
    line.getErr().println("sandstore: " + e.getMessage());
    UnmatchedArgumentException.printSuggestions(e, line.getErr());
    line.getErr().println("see: " + line.getCommandSpec().qualifiedName() + " --help");
    return ExitCode.USAGE.number();
  }

  /** One line that says what is wrong; all of it only where this program is. */
  private static int report(Exception e, CommandLine line) {
    ExitCode code = ExitCode.of(e);
    if (code == ExitCode.INTERNAL) {
      e.printStackTrace(line.getErr());
    }
    line.getErr().println("sandstore: " + describe(e));
    return code.number();
  }

  static String describe(Exception e) {
    return switch (e) {
      case PosixException posix -> posix.errno() + ": " + posix.getMessage();
      case FileSystemException local ->
          local.getFile()
              + ": "
              + (local.getReason() == null ? local.getClass().getSimpleName() : local.getReason());
      default -> String.valueOf(e.getMessage());
    };
  }

  /** The version of every part. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"sandstore " + Node.VERSION};
    }
  }
}
