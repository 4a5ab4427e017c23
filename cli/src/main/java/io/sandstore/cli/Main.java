package io.sandstore.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.sandstore.node.Node;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.nio.file.FileSystemException;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/**
 * {@code sandstore}: a node, and the commands that talk to a cluster.
 *
 * <p>Exit codes: 0 done; 1 refused (no such file, not empty...); 2 wrong usage; 3 the cluster could
 * not be reached or did not answer in time; 4 a check found a difference; 141 the reader of
 * standard output went away, as for other programs in a pipe.
 */
@Command(
    name = "sandstore",
    description = "A distributed file store.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:refused; the message says why",
      "2:wrong usage",
      "3:the cluster could not be reached or did not answer in time",
      "4:a check found a difference",
      "141:the reader of standard output went away"
    },
    subcommands = {
      NodeCommand.class,
      ClusterCommand.class,
      RecoverCommand.class,
      StatusCommand.class,
      SmokeCommand.class,
      DemoCommand.class,
      BenchCommand.class,
      MachineCommand.class,
      RatiosCommand.class,
      FileCommands.Ls.class,
      FileCommands.Stat.class,
      FileCommands.Cat.class,
      FileCommands.Put.class,
      FileCommands.Get.class,
      FileCommands.Mkdir.class,
      FileCommands.Mv.class,
      FileCommands.Rm.class,
      FileCommands.Truncate.class,
      FileCommands.Df.class,
    })
public final class Main {

  static final int REFUSED = 1;
  static final int USAGE = 2;
  static final int UNREACHABLE = 3;
  static final int DIFFERENT = 4;
  static final int OUTPUT_CLOSED = 141;

  private Main() {}

  public static void main(String[] args) {
    if (args.length == 0 || !(args[0].equals("node") || args[0].equals("cluster"))) {
      ((Logger) LoggerFactory.getLogger("io.sandstore")).setLevel(Level.ERROR);
    }
    StandardOutput output = StandardOutput.install();
    int code = commandLine().execute(args);
    System.exit(output.failure().map(Main::reportOutput).orElse(code));
  }

  /** What was not written was not said: no success, however well the rest went. */
  private static int reportOutput(IOException failure) {
    if (String.valueOf(failure.getMessage()).contains("Broken pipe")) {
      return OUTPUT_CLOSED;
    }
    System.err.println("sandstore: standard output: " + failure.getMessage());
    return REFUSED;
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler((e, line, parsed) -> report(e, line));
  }

  /** One line that says what is wrong. */
  private static int report(Exception e, CommandLine line) throws Exception {
    int code =
        switch (e) {
          case PosixException posix ->
              posix.errno() == Errno.ETIMEDOUT || posix.errno() == Errno.EAGAIN
                  ? UNREACHABLE
                  : REFUSED;
          case FileSystemException local -> REFUSED;
          case IOException io -> UNREACHABLE;
          case IllegalArgumentException usage -> USAGE;
          default -> throw e;
        };
    line.getErr().println("sandstore: " + describe(e));
    return code;
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
