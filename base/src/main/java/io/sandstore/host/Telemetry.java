package io.sandstore.host;

import java.util.List;
import java.util.function.IntSupplier;

/**
 * Where the figures of a process go. Calls are quick, do not fail, and come from any thread; times
 * are nanoseconds.
 */
public interface Telemetry {

  /** What clients experience at this process, over the last seconds. */
  record Rates(double operationsPerSecond, double p50Millis, double p99Millis) {}

  /** A change of state, as it was logged. */
  record Event(long timeMs, String text) {}

  /**
   * A request was answered.
   *
   * @param client true if a client asked, false if another node did
   * @param outcome {@code ok} or the name of the refusal
   */
  void request(String operation, boolean client, String outcome, long nanos);

  /** Bytes went over a link. */
  void network(long sent, long received);

  /** A checksum was computed over this many bytes of a block or a payload: one pass. */
  void summed(int bytes);

  /** Entries were appended to the log and forced. */
  void logged(int entries, long bytes, long nanos);

  /**
   * Commands of one entry were answered by the primary.
   *
   * @param queued until they were proposed together
   * @param replicated until a majority had forced them
   * @param applied until their outcomes were known
   */
  void committed(int commands, long queued, long replicated, long applied);

  /**
   * A new block was stored for a client.
   *
   * @param named until it had an id
   * @param copied until its holders had made it durable
   */
  void blockWritten(long named, long copied);

  /**
   * Bytes of a block were read for a client.
   *
   * @param source where they were: {@code memory}, {@code disk}, or {@code node} for another one
   */
  void blockRead(String source, long nanos);

  /** The member took a role in the log. */
  void role(String role);

  /** There is a queue (or a pool) by this name; in the place of an earlier one. */
  void queue(String name, IntSupplier depth);

  /** Something was dropped or refused because a queue was full. */
  void rejected(String queue);

  Rates rates();

  /** The latest changes of state, oldest first. */
  List<Event> events();

  Telemetry NONE = new None();

  /** Keeps nothing. */
  class None implements Telemetry {
    @Override
    public void request(String operation, boolean client, String outcome, long nanos) {}

    @Override
    public void network(long sent, long received) {}

    @Override
    public void summed(int bytes) {}

    @Override
    public void logged(int entries, long bytes, long nanos) {}

    @Override
    public void committed(int commands, long queued, long replicated, long applied) {}

    @Override
    public void blockWritten(long named, long copied) {}

    @Override
    public void blockRead(String source, long nanos) {}

    @Override
    public void role(String role) {}

    @Override
    public void queue(String name, IntSupplier depth) {}

    @Override
    public void rejected(String queue) {}

    @Override
    public Rates rates() {
      return new Rates(0, 0, 0);
    }

    @Override
    public List<Event> events() {
      return List.of();
    }
  }
}
