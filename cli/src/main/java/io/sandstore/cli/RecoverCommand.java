package io.sandstore.cli;

import io.sandstore.host.Disk;
import io.sandstore.host.jvm.FileDisk;
import io.sandstore.node.Identities;
import io.sandstore.replication.Profile;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What is left when more nodes lost their disks than a cluster survives. */
@Command(
    name = "recover",
    description = {
      "Shows what the data directories of stopped nodes hold, and changes nothing.",
      "With --alone one of them becomes the only member of its cluster and goes on with what it has:"
          + " whatever was acknowledged without it is lost. The others, whose logs are lost, join it"
          + " when they start; one that has its log must be emptied first, or there are two clusters."
    },
    mixinStandardHelpOptions = true)
final class RecoverCommand implements Callable<Integer> {

  @Parameters(arity = "1..*", paramLabel = "DIR", description = "data directories of stopped nodes")
  List<Path> directories = List.of();

  @Option(names = "--alone", description = "make the one directory that is named the only member")
  boolean alone;

  @Option(names = "--yes", description = "do it; without this, only say what would be done")
  boolean yes;

  @Option(names = "--profile", description = "of the nodes (default: ${DEFAULT-VALUE})")
  String profileName = "raft";

  @Override
  public Integer call() throws IOException {
    Profile profile = Profile.named(profileName);
    if (alone && directories.size() != 1) {
      throw new IllegalArgumentException("--alone takes one directory");
    }
    for (Path directory : directories) {
      show(profile, directory);
    }
    if (alone) {
      standAlone(profile, directories.getFirst());
    }
    return 0;
  }

  private static void show(Profile profile, Path directory) throws IOException {
    Disk disk = stopped(directory);
    Optional<Identity> identity = Identities.read(disk);
    System.out.println(directory);
    System.out.printf(
        "  node          %s%n", identity.map(Identity::getName).orElse("no identity"));
    identity.ifPresent(
        id -> {
          System.out.printf("  member        %016x%n", id.getMemberId());
          System.out.printf("  cluster       %s%n", orNone(id.getClusterId()));
          if (!id.getFormerCluster().isEmpty()) {
            System.out.printf("  belonged to   %s, and lost its log%n", id.getFormerCluster());
          }
        });
    System.out.printf("  log           %s%n", profile.holdings(disk).orElse("none"));
    Optional<String> aside = profile.holdingsAside(disk);
    aside.ifPresent(text -> System.out.printf("  log set aside %s%n", text));
    System.out.printf("  blocks        %d%n", blocks(directory));
  }

  private static String orNone(String text) {
    return text.isEmpty() ? "none" : text;
  }

  private static long blocks(Path directory) throws IOException {
    Path blocks = directory.resolve("blocks");
    if (!Files.isDirectory(blocks)) {
      return 0;
    }
    try (Stream<Path> all = Files.walk(blocks)) {
      return all.filter(Files::isRegularFile).count();
    }
  }

  private static Disk stopped(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new FileSystemException(directory.toString(), null, "no directory");
    }
    if (NodeCommand.isInUse(directory)) {
      throw new FileSystemException(directory.toString(), null, "a node runs on it: stop it first");
    }
    return new FileDisk(directory);
  }

  private void standAlone(Profile profile, Path directory) throws IOException {
    Disk disk = stopped(directory);
    Identity identity =
        Identities.read(disk)
            .filter(id -> !id.getClusterId().isEmpty())
            .orElseThrow(
                () ->
                    new FileSystemException(
                        directory.toString(),
                        null,
                        "belongs to no cluster: nothing to go on with"));
    if (!yes) {
      System.out.printf(
          "%s would become the only member of cluster %s; nothing was changed: say --yes to do it%n",
          identity.getName(), identity.getClusterId());
      return;
    }
    profile.standAlone(disk, new SecureRandom(), identity);
    System.out.printf(
        "%s is the only member of cluster %s now: start it, then the others%n",
        identity.getName(), identity.getClusterId());
  }
}
