package io.sandstore.sim;

import io.sandstore.client.DirectoryPage;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Requests that do not wait for each other, as of many clients at once: they make the long tails of
 * a primary that is alone. Every name is made once, so that what was acknowledged is easy to check.
 */
final class OpenLoop {

  private static final String DIR = "/open-loop";
  private static final String TARGET = "x".repeat(40);

  /** In all: replicas are compared whole after every entry. */
  private static final int NAMES_MAX = 150;

  private final Simulation simulation;
  private final SimProcess process;
  private final Map<String, SandstoreClient> clients;
  private final SandstoreClient anyNode;
  private final Set<String> acknowledged = new TreeSet<>();
  private int made;

  /**
   * @param clients by node: each knows nobody else
   */
  OpenLoop(
      Simulation simulation,
      SimProcess process,
      Map<String, SandstoreClient> clients,
      SandstoreClient anyNode) {
    this.simulation = simulation;
    this.process = process;
    this.clients = clients;
    this.anyNode = anyNode;
  }

  /** Makes the directory, however long that takes. */
  void begin() {
    process.host.threads().start("open loop", this::makeDirectory);
  }

  private void makeDirectory() {
    while (true) {
      try {
        anyNode.mkdir(DIR, 0755);
        return;
      } catch (PosixException e) {
        if (e.errno() == Errno.EEXIST || e.errno() == Errno.EBADF) {
          return; // it is there, or the client has ended
        }
      } catch (IOException e) {
        // Again.
      }
    }
  }

  /** So many requests to one node, now. */
  void burst(String node, int count) {
    SandstoreClient client = clients.get(node);
    for (int i = 0; i < count && made < NAMES_MAX && client != null; i++) {
      String name = "n" + made++;
      process
          .host
          .threads()
          .start(
              name,
              () -> {
                try {
                  client.symlink(TARGET, DIR + "/" + name);
                  acknowledged.add(name);
                } catch (IOException e) {
                  // It may have happened or not.
                }
              });
    }
  }

  /** After everything healed: what was acknowledged is there. The clients end. */
  void verify() throws IOException {
    if (!acknowledged.isEmpty()) {
      verifyNames();
    }
    anyNode.close();
    for (SandstoreClient client : clients.values()) {
      client.close();
    }
  }

  private void verifyNames() throws IOException {
    Set<String> missing = new TreeSet<>(acknowledged); // before the look: some are still under way
    Set<String> found =
        anyNode.readdir(DIR).stream()
            .map(DirectoryPage.Entry::name)
            .collect(Collectors.toCollection(TreeSet::new));
    missing.removeAll(found);
    if (!missing.isEmpty()) {
      throw simulation.violation("acknowledged, but not in " + DIR + ": " + missing);
    }
  }
}
