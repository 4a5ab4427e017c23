package io.sandstore.cli;

import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Completes commands and options in a shell. */
@Command(
    name = "completion",
    description = {
      "For bash: source <(sandstore completion bash), in ~/.bashrc for good.",
      "For zsh: source <(sandstore completion zsh), in ~/.zshrc for good."
    },
    mixinStandardHelpOptions = true)
final class CompletionCommand implements Callable<Integer> {

  /** Those we know. */
  enum Shell {
    BASH,
    ZSH;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}")
  Shell shell = Shell.BASH;

  @Override
  public Integer call() {
    // One script for both: it asks which shell reads it.
    System.out.print(AutoComplete.bash("sandstore", Main.commandLine()));
    return 0;
  }
}
