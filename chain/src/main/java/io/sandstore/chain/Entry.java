package io.sandstore.chain;

import com.google.protobuf.ByteString;

/**
 * An entry of the log. Its index says which one it is: histories of members are prefixes of each
 * other.
 *
 * @param epoch of the head that took it
 */
public record Entry(long index, long epoch, Kind kind, ByteString data) {

  /** What an entry is for. The codes are on the wire. */
  public enum Kind {
    /** Commands of the state machine. */
    COMMANDS(1),
    /** A {@link io.sandstore.wire.Configuration}: the members from here on. */
    CONFIGURATION(2);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }

    static Kind of(int code) {
      return switch (code) {
        case 1 -> COMMANDS;
        case 2 -> CONFIGURATION;
        default -> throw new IllegalArgumentException("unknown kind of log entry: " + code);
      };
    }
  }

  /** Rough memory use. */
  int bytes() {
    return data.size() + 64;
  }

  @Override
  public String toString() {
    return index + "." + epoch;
  }
}
