package io.sandstore.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sandstore.bench.MachineCeilings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures the machine itself. */
@Command(
    name = "machine",
    description =
        "Measures what this machine can do by itself, for some seconds: durable writes, disk, "
            + "loopback. 'bench' does the same first and shows its figures as shares of these.",
    mixinStandardHelpOptions = true)
final class MachineCommand implements Callable<Integer> {

  @Option(
      names = "--dir",
      description = "where to write 512 MiB for a moment (default: ${DEFAULT-VALUE})")
  Path directory = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(names = "--json", description = "for programs")
  boolean json;

  @Override
  public Integer call() throws IOException {
    MachineCeilings machine = MachineCeilings.measure(directory);
    System.out.println(
        json ? new ObjectMapper().writeValueAsString(machine) : describe(machine).stripTrailing());
    return 0;
  }

  static String describe(MachineCeilings m) {
    return String.format(
        java.util.Locale.ROOT,
        """
        machine       %s, %d cores, %s, %s
        4 KiB + force %.0f/s, p50 %.3f ms (%s)
        disk write    %.0f MB/s
        loopback      %.0f MB/s, of a cached file %.0f MB/s; %.0f round trips/s, p50 %.3f ms
        """,
        m.cpu(),
        m.cores(),
        m.kernel(),
        m.java(),
        m.forces(),
        m.forceMillis(),
        m.fileSystem(),
        m.diskMegabytes(),
        m.loopbackMegabytes(),
        m.cachedMegabytes(),
        m.roundTrips(),
        m.roundTripMillis());
  }
}
