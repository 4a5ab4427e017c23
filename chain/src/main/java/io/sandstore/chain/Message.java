package io.sandstore.chain;

import java.util.List;

/** What members say to each other. One of another epoch than the receiver's has no effect. */
public sealed interface Message {

  long from();

  long to();

  long epoch();

  /**
   * To the successor, or from the tail to one that joins.
   *
   * @param last of the sender when it was sent
   * @param entries with consecutive indices
   */
  record Forward(long from, long to, long epoch, long last, List<Entry> entries)
      implements Message {

    public Forward {
      entries = List.copyOf(entries);
    }
  }

  /** From the tail to all: everything up to this index is committed. */
  record Ack(long from, long to, long epoch, long index) implements Message {}

  /** To the predecessor: send what comes after this index. */
  record Hello(long from, long to, long epoch, long last) implements Message {}

  /** From one that joins to the tail: send what comes after this index, or a copy. */
  record Join(long from, long to, long epoch, long last) implements Message {}

  /**
   * A heartbeat.
   *
   * @param beat its number
   * @param echo number of the last one that was heard from the receiver; 0: none
   * @param grant the echo is a lease
   */
  record Beat(
      long from, long to, long epoch, long beat, long echo, boolean grant, long last, long commit)
      implements Message {}

  /** To the tail: what is committed? */
  record Ask(long from, long to, long epoch, long round) implements Message {}

  /** What was committed when the question was answered. */
  record Answer(long from, long to, long epoch, long round, long commit) implements Message {}

  /** The sender leaves, and reads nothing any more. */
  record Bye(long from, long to, long epoch) implements Message {}
}
