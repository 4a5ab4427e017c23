package io.sandstore.raft;

import com.google.protobuf.InvalidProtocolBufferException;
import io.sandstore.wire.Configuration;
import org.jspecify.annotations.Nullable;

/**
 * A log entry.
 *
 * @param data owned by the entry: never changed after construction
 */
@SuppressWarnings("ArrayRecordComponent") // compared by (term, index), which determine the data
public record Entry(long term, long index, Kind kind, byte[] data) {

  /** What an entry is for. The codes are on disk and on the wire. */
  public enum Kind {
    /** A leader's first entry, by which it learns what is committed (3.6.2). */
    NOOP(0),
    /** Commands of the state machine. */
    COMMANDS(1),
    /** A {@link io.sandstore.wire.Configuration}; in force from the moment it is appended (4.1). */
    CONFIGURATION(2);

    private final int code;

    Kind(int code) {
      this.code = code;
    }

    public int code() {
      return code;
    }

    static Kind of(int code) {
      return switch (code) {
        case 0 -> NOOP;
        case 1 -> COMMANDS;
        case 2 -> CONFIGURATION;
        default -> throw new IllegalArgumentException("unknown kind of log entry: " + code);
      };
    }
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Entry e && e.term == term && e.index == index;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(31 * term + index);
  }

  /** Rough memory and disk use. */
  int bytes() {
    return data.length + 32;
  }

  @Override
  public String toString() {
    return "%d:%d %s[%d]".formatted(term, index, kind, data.length);
  }

  /** The members that this entry of kind CONFIGURATION puts in force. */
  Configuration configuration() {
    try {
      return Configuration.parseFrom(data);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("malformed configuration in entry " + this, e);
    }
  }
}
