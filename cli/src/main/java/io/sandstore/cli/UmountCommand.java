package io.sandstore.cli;

import io.sandstore.mount.MountPoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "umount",
    description = {
      "Takes a mounted cluster away from a directory. What programs wrote and closed is in the cluster.",
      "Does not wait for the cluster; takes away also what a killed process left behind."
    },
    mixinStandardHelpOptions = true)
final class UmountCommand implements Callable<Integer> {

  @Parameters(paramLabel = "DIR", description = "where it is mounted")
  String directory = "";

  @Option(
      names = {"-l", "--lazy"},
      description = "also while programs use it; they can go on")
  boolean lazy;

  @Option(
      names = {"-f", "--force"},
      description = "also while programs use it; what they wait for fails with EIO")
  boolean force;

  @Override
  public Integer call() throws IOException {
    MountPoint.of(Path.of(directory)).unmount(lazy || force, force);
    return 0;
  }
}
