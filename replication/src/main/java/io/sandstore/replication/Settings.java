package io.sandstore.replication;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What an operator tells a profile.
 *
 * @param values of all its keys, by name: bytes, nanoseconds or a count
 */
public record Settings(Map<String, Long> values) {

  private static final long NUMBER_MAX = (1 << 20) - 1;

  /** What a number in the environment counts. */
  public enum Unit {
    MEGABYTES(1 << 20),
    MILLISECONDS(1_000_000),
    SECONDS(1_000_000_000);

    private final long factor;

    Unit(long factor) {
      this.factor = factor;
    }
  }

  /**
   * A variable of the environment.
   *
   * @param standard its value where the environment has none
   * @param min smallest value that is taken, {@code max} the largest
   */
  public record Key(String name, long standard, long min, long max, Unit unit, String meaning) {

    public Key(String name, long standard, Unit unit, String meaning) {
      this(name, standard, 1, NUMBER_MAX, unit, meaning);
    }

    /**
     * The same with another value where the environment has none.
     *
     * @throws IllegalArgumentException if it is not one that the key can have
     */
    public Key withStandard(String text) {
      return new Key(name, parse(text), min, max, unit, meaning);
    }

    private long parse(String text) {
      try {
        long number = Long.parseLong(text);
        if (number >= min && number <= max) {
          return number;
        }
      } catch (NumberFormatException e) {
        // Said below.
      }
      throw new IllegalArgumentException(
          "%s must be a number from %d to %d, not '%s'".formatted(name, min, max, text));
    }
  }

  public Settings {
    values = Map.copyOf(values);
  }

  /**
   * Reads what the environment says.
   *
   * @throws IllegalArgumentException with a line that says what to set
   */
  public static Settings of(List<Key> keys, Map<String, String> environment) {
    Map<String, Long> values = new TreeMap<>();
    for (Key key : keys) {
      String text = environment.getOrDefault(key.name, "");
      values.put(key.name, (text.isEmpty() ? key.standard : key.parse(text)) * key.unit.factor);
    }
    return new Settings(values);
  }

  /** The same with another value, of any size, for a key of that name that counts bytes. */
  public Settings with(String name, long bytes) {
    value(name);
    Map<String, Long> changed = new TreeMap<>(values);
    changed.put(name, bytes);
    return new Settings(changed);
  }

  /** The same with another time. */
  public Settings with(String name, Duration time) {
    return with(name, time.toNanos());
  }

  public long bytes(Key key) {
    return value(key.name);
  }

  public Duration time(Key key) {
    return Duration.ofNanos(value(key.name));
  }

  private long value(String name) {
    Long value = values.get(name);
    if (value == null) {
      throw new IllegalStateException(name + " is none of this profile's keys");
    }
    return value;
  }
}
