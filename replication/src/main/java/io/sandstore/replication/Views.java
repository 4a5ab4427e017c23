package io.sandstore.replication;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * Records on which all nodes agree without a log, changed by compare-and-set: which cluster was
 * founded, and what a profile's log needs agreed before it can agree on anything itself (a chain's
 * members, say). A few small ones that seldom change; nothing that data waits for.
 */
public interface Views {

  /**
   * A record at one moment.
   *
   * @param version differs from that of every other value that the record ever had; 0: there is
   *     none
   * @param fields in words, by name; at least one
   */
  record View(long version, Map<String, String> fields) {

    public static final View NONE = new View(0, Map.of());

    public View {
      fields = Map.copyOf(fields);
    }
  }

  /**
   * A record as nobody has changed it since before the call.
   *
   * @throws IOException if it cannot be known now
   */
  View read(String name) throws IOException;

  /**
   * Replaces a record if its version is still that; {@code 0}: if there is none.
   *
   * @return the record now: with these fields, or what somebody else made of it
   * @throws IOException if it is not known whether it was replaced: read it again
   */
  View compareAndSet(String name, long version, Map<String, String> fields) throws IOException;

  /** Where a record is, in words for an operator who may have to remove it. */
  String place(String name);

  /** Why nothing can be agreed on here, and what to set; empty: it can. */
  Optional<String> lacks();

  /** Of nodes that have nothing to agree by. */
  static Views none() {
    return new Views() {
      private static final String LACKS = "records need an etcd: set SANDSTORE_ETCD";

      @Override
      public View read(String name) throws IOException {
        throw new IOException(LACKS);
      }

      @Override
      public View compareAndSet(String name, long version, Map<String, String> fields)
          throws IOException {
        throw new IOException(LACKS);
      }

      @Override
      public String place(String name) {
        return "nowhere";
      }

      @Override
      public Optional<String> lacks() {
        return Optional.of(LACKS);
      }
    };
  }
}
