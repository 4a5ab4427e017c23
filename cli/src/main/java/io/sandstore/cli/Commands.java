package io.sandstore.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * All commands: the line that the list shows, and an example. What a command is made of is loaded
 * when it is called, not for the list.
 */
final class Commands {

  /**
   * @param summary one line
   * @param examples at least one; each is a whole command line
   */
  record Entry(String name, String summary, List<String> examples) {
    Entry(String name, String summary, String... examples) {
      this(name, summary, List.of(examples));
    }
  }

  private Commands() {}

  static final List<Entry> ALL =
      List.of(
          new Entry(
              "ls",
              "Lists directories.",
              "sandstore ls -l /pictures",
              "sandstore ls '/pictures/2024-*/*.jpg'"),
          new Entry("stat", "Shows the attributes of files.", "sandstore stat --json /pictures"),
          new Entry("cat", "Writes files to standard output.", "sandstore cat /notes | less"),
          new Entry("head", "Shows the beginning of files.", "sandstore head -n 3 /log"),
          new Entry(
              "tail",
              "Shows the end of files, and with -f what is added.",
              "sandstore tail -n 100 /log",
              "sandstore tail -f /log"),
          new Entry(
              "put",
              "Copies files and trees into the cluster.",
              "sandstore put ~/Pictures /pictures",
              "tar c . | sandstore put - /backup.tar"),
          new Entry(
              "get",
              "Copies files and trees out of the cluster.",
              "sandstore get /pictures /tmp/back",
              "sandstore get --resume /backup.tar ."),
          new Entry(
              "sync",
              "Makes one tree like another, one way.",
              "sandstore sync ~/Pictures sand:/pictures",
              "sandstore sync --delete --dry-run sand:/pictures /tmp/back"),
          new Entry("cp", "Copies within the cluster.", "sandstore cp -r -p /pictures /copy"),
          new Entry("mv", "Moves or renames, atomically.", "sandstore mv /draft /final"),
          new Entry(
              "rm",
              "Removes files, and with -r directories.",
              "sandstore rm -r /pictures/old",
              "sandstore rm '/logs/*.gz'"),
          new Entry("mkdir", "Makes directories.", "sandstore mkdir -p /a/b/c"),
          new Entry(
              "mktemp",
              "Makes a file or directory of a new name.",
              "sandstore mktemp -d /tmp/job.XXXXXX"),
          new Entry("ln", "Makes links.", "sandstore ln -s ../shared/config /app/config"),
          new Entry("touch", "Sets times; makes files.", "sandstore touch -d 2024-05-01 /stamp"),
          new Entry(
              "chmod",
              "Changes modes.",
              "sandstore chmod -R u=rwX,go=rX /site",
              "sandstore chmod 2775 /team"),
          new Entry("chown", "Changes owners, by number.", "sandstore chown -R 1000:100 /home/ann"),
          new Entry(
              "truncate", "Cuts a file or extends it with zeros.", "sandstore truncate -s 0 /log"),
          new Entry(
              "find",
              "Finds files by name, type, size and time.",
              "sandstore find /logs -name '*.gz' -mtime +30 -delete",
              "sandstore find / -type f -size +1G"),
          new Entry("du", "Sums the sizes below directories.", "sandstore du -h -d 1 /"),
          new Entry(
              "watch",
              "Shows what changes in a directory.",
              "sandstore watch -r /inbox",
              "sandstore watch --json --after 4711.1 /inbox"),
          new Entry(
              "mount",
              "Makes the cluster a directory of this machine (Linux).",
              "sandstore mount /mnt/sand --target host:9070",
              "sandstore mount --cache --allow-other /mnt/sand"),
          new Entry("umount", "Takes that away again.", "sandstore umount /mnt/sand"),
          new Entry("df", "Shows space and counts.", "sandstore df"),
          new Entry("status", "Shows the nodes.", "sandstore status --watch"),
          new Entry("smoke", "Tries what a file store must do.", "sandstore smoke -t host:9070"),
          new Entry("bench", "Measures a cluster from here.", "sandstore bench --duration 10"),
          new Entry(
              "ratios",
              "Compares two labels of what bench wrote.",
              "sandstore ratios bench.csv --of new --over old"),
          new Entry("machine", "Measures this machine itself.", "sandstore machine --dir /data"),
          new Entry("demo", "Shows it all: three nodes, copies, a kill.", "sandstore demo"),
          new Entry(
              "cluster", "Starts and stops three nodes on this machine.", "sandstore cluster up"),
          new Entry(
              "node",
              "Runs a node, configured by environment variables.",
              "sandstore node --variables"),
          new Entry(
              "profile",
              "Shows profiles: what each is made of and promises.",
              "sandstore profile explain raft ../mine.conf",
              "sandstore profile check mine.conf"),
          new Entry(
              "recover",
              "Shows what the disks of stopped nodes hold.",
              "sandstore recover .cluster/sandstore-*/data"),
          new Entry(
              "completion",
              "Prints what completes commands and options in a shell.",
              "source <(sandstore completion bash)"));

  /** A new object of a command; its class is loaded here. */
  private static Object make(String name) {
    return switch (name) {
      case "ls" -> new FileCommands.Ls();
      case "stat" -> new FileCommands.Stat();
      case "cat" -> new FileCommands.Cat();
      case "head" -> new ReadCommands.Head();
      case "tail" -> new ReadCommands.Tail();
      case "put" -> new CopyCommands.Put();
      case "get" -> new CopyCommands.Get();
      case "sync" -> new SyncCommand();
      case "cp" -> new CopyCommands.Cp();
      case "mv" -> new FileCommands.Mv();
      case "rm" -> new FileCommands.Rm();
      case "mkdir" -> new FileCommands.Mkdir();
      case "mktemp" -> new MakeCommands.Mktemp();
      case "ln" -> new MakeCommands.Ln();
      case "touch" -> new MakeCommands.Touch();
      case "chmod" -> new AttributeCommands.Chmod();
      case "chown" -> new AttributeCommands.Chown();
      case "truncate" -> new FileCommands.Truncate();
      case "find" -> new WalkCommands.Find();
      case "du" -> new WalkCommands.Du();
      case "watch" -> new WatchCommand();
      case "mount" -> new MountCommand();
      case "umount" -> new UmountCommand();
      case "df" -> new FileCommands.Df();
      case "status" -> new StatusCommand();
      case "smoke" -> new SmokeCommand();
      case "bench" -> new BenchCommand();
      case "ratios" -> new RatiosCommand();
      case "machine" -> new MachineCommand();
      case "demo" -> new DemoCommand();
      case "cluster" -> new ClusterCommand();
      case "node" -> new NodeCommand();
      case "profile" -> new ProfileCommand();
      case "recover" -> new RecoverCommand();
      case "completion" -> new CompletionCommand();
      default -> throw new IllegalArgumentException("no class for " + name);
    };
  }

  /** Adds every command. */
  static void addAll(CommandLine root) {
    for (Entry entry : ALL) {
      add(root, entry);
    }
  }

  /**
   * Adds the command that is called; where none is, all as the list shows them, without their
   * options.
   */
  static void addCalled(CommandLine root, String[] args) {
    String first = args.length == 0 ? "" : args[0];
    for (Entry entry : ALL) {
      if (entry.name.equals(first)) {
        add(root, entry);
        return;
      }
    }
    for (Entry entry : ALL) {
      CommandSpec listed = CommandSpec.create().name(entry.name);
      listed.usageMessage().header(entry.summary);
      root.addSubcommand(entry.name, listed);
    }
  }

  private static void add(CommandLine root, Entry entry) {
    CommandLine line = new CommandLine(make(entry.name));
    UsageMessageSpec usage = line.getCommandSpec().usageMessage();
    usage.header(entry.summary);
    usage.adjustLineBreaksForWideCJKCharacters(false); // tables of all letters, for none of ours
    usage.description(String.join(" ", usage.description())); // wrapped to the terminal as a whole
    List<String> footer = new ArrayList<>();
    footer.add(entry.examples.size() == 1 ? "%nExample:" : "%nExamples:");
    entry.examples.forEach(example -> footer.add("  " + example.replace("%", "%%")));
    footer.addAll(List.of(usage.footer()));
    usage.footer(footer.toArray(String[]::new));
    root.addSubcommand(entry.name, line);
  }
}
