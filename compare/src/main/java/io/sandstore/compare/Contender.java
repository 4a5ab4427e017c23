package io.sandstore.compare;

import io.sandstore.bench.Bench;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;

/** A store of three nodes on this machine. */
interface Contender extends AutoCloseable {

  /** What an acknowledgement of this peer, set up like this, means. */
  String guarantees();

  /** What it can be asked to do. */
  Set<Bench.Phase> phases();

  /** Starts it with empty disks, and waits until it serves. */
  void start(Path directory) throws IOException, InterruptedException;

  /** A client of it. */
  Bench.Subject connect(int blockBytes) throws IOException;

  @Override
  void close() throws IOException;
}
