package io.sandstore.sim;

import io.sandstore.replication.Views;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Views that all nodes of a simulation share; now and then they cannot be reached. */
final class SimViews implements Views {

  private static final int AWAY_ONE_IN = 8;

  private final World world;
  private final Map<String, View> records = new HashMap<>();

  SimViews(World world) {
    this.world = world;
  }

  @Override
  public View read(String name) throws IOException {
    reach();
    return records.getOrDefault(name, View.NONE);
  }

  @Override
  public View compareAndSet(String name, long version, Map<String, String> fields)
      throws IOException {
    reach();
    View now = records.getOrDefault(name, View.NONE);
    if (now.version() == version) {
      now = new View(version + 1, fields);
      records.put(name, now);
    }
    reach(); // or the answer is lost
    return now;
  }

  private void reach() throws IOException {
    if (world.random.nextInt(AWAY_ONE_IN) == 0) {
      throw new IOException("the records cannot be reached");
    }
  }

  @Override
  public String place(String name) {
    return "record " + name;
  }

  @Override
  public Optional<String> lacks() {
    return Optional.empty();
  }
}
