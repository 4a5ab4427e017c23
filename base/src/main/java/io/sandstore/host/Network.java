package io.sandstore.host;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;

/** Links between processes. */
public interface Network {

  /** Takes links until it is closed. */
  @FunctionalInterface
  interface Listener extends Closeable {

    /** Why no links are taken at the moment; empty while they are. */
    default String trouble() {
      return "";
    }
  }

  /** How many accepted links there can be at a time. */
  default int capacity() {
    return 1024;
  }

  /** Accepts links at an address; each is handed to {@code accept} on a thread of its own. */
  Listener listen(String address, Consumer<Link> accept) throws IOException;

  /** Opens a link to {@code host:port}; resolves the name anew every time. */
  Link dial(String address, Duration limit) throws IOException;
}
