package io.sandstore.host;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;

/** Links between processes. */
public interface Network {

  /** Accepts links at an address; each is handed to {@code accept} on a thread of its own. */
  Closeable listen(String address, Consumer<Link> accept) throws IOException;

  /** Opens a link to {@code host:port}; resolves the name anew every time. */
  Link dial(String address, Duration limit) throws IOException;
}
