package io.sandstore.profile;

import io.sandstore.host.Disk;
import io.sandstore.replication.BlockPlane;
import io.sandstore.replication.CommandLog;
import io.sandstore.replication.Profile;
import io.sandstore.replication.Settings;
import io.sandstore.replication.Site;
import io.sandstore.replication.StateMachine;
import io.sandstore.wire.Identity;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A profile that somebody wrote: a log, blocks, and what their settings are by default.
 *
 * @param description what it is for, in its author's words; may be empty
 * @param made what it is made of
 * @param keys of the log and of the blocks, with this profile's defaults
 */
public record ConfiguredProfile(
    String name,
    String description,
    Parts made,
    List<Settings.Key> keys,
    Map<String, String> ofNodes)
    implements Profile {

  public ConfiguredProfile {
    keys = List.copyOf(keys);
    ofNodes = Map.copyOf(ofNodes);
  }

  /**
   * Makes one.
   *
   * @param tuning defaults of settings, by key; of this profile's parts, or of any node
   * @throws IllegalArgumentException if there is no such setting, or it has no such value, alone or
   *     beside the others
   */
  static ConfiguredProfile of(
      String name, String description, Parts parts, Map<String, String> tuning) {
    Map<String, String> left = new TreeMap<>(tuning);
    List<Settings.Key> keys = new ArrayList<>(parts.log().keys());
    keys.addAll(parts.blocks().keys());
    keys.replaceAll(key -> tuned(key, left.remove(key.name())));
    for (String key : left.keySet()) {
      if (!NODE_KEYS.contains(key)) {
        throw new Refused(
            key,
            "unknown setting %s; log = %s and blocks = %s have %s, and every node has %s"
                .formatted(
                    key,
                    parts.log().name(),
                    parts.blocks().name(),
                    keys.stream().map(Settings.Key::name).toList(),
                    NODE_KEYS));
      }
    }
    ConfiguredProfile profile = new ConfiguredProfile(name, description, parts, keys, left);
    profile.check(Settings.of(keys, Map.of()));
    return profile;
  }

  private static Settings.Key tuned(Settings.Key key, @Nullable String value) {
    if (value == null) {
      return key;
    }
    try {
      return key.withStandard(value);
    } catch (IllegalArgumentException e) {
      throw new Refused(key.name(), String.valueOf(e.getMessage()));
    }
  }

  /** True if both are made of the same, and tuned alike. */
  boolean isAs(ConfiguredProfile other) {
    return made.equals(other.made) && keys.equals(other.keys) && ofNodes.equals(other.ofNodes);
  }

  @Override
  public List<Part> parts() {
    return made.list();
  }

  @Override
  public List<String> promises() {
    List<String> promises = new ArrayList<>();
    promises.add(made.log().promise());
    promises.add(made.blocks().promise());
    promises.add("a read sees every change that was acknowledged before it began");
    promises.add(
        survivesRestart()
            ? "if all nodes stop or lose power at once, nothing acknowledged is lost"
            : "if all nodes stop or lose power at once, everything is lost, and it is said: the"
                + " cluster that is founded then is another one, and whoever knew the former is"
                + " told so (ESTALE)");
    return promises;
  }

  @Override
  public int mayLose(int members) {
    return made.log().mayLose(members);
  }

  /** Who answers reads is no part of it: members need not agree on that. */
  @Override
  public String form() {
    String form = made.log().form() + "; " + made.blocks().form();
    return made.copies() == Parts.Copies.STAR ? form : form + "; copies down a chain";
  }

  @Override
  public boolean survivesRestart() {
    return made.log().survivesRestart();
  }

  @Override
  public int membersMax() {
    return made.log().membersMax();
  }

  @Override
  public boolean needsViews() {
    return made.log().needsViews();
  }

  @Override
  public boolean readsEverywhere() {
    return made.reads() == Parts.Reads.EVERYONE;
  }

  @Override
  public void check(Settings settings) {
    made.log().check(settings);
    made.blocks().check(settings);
  }

  @Override
  public BlockPlane blocks(Site site) throws IOException {
    return made.blocks().blocks(site, made.copies());
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) throws IOException {
    return made.log().log(site, machine, readsEverywhere());
  }

  @Override
  public void setAside(Disk disk) throws IOException {
    made.log().setAside(disk);
  }

  @Override
  public void dropAside(Disk disk) throws IOException {
    made.log().dropAside(disk);
  }

  @Override
  public Optional<String> holdings(Disk disk) throws IOException {
    return made.log().holdings(disk);
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) throws IOException {
    return made.log().holdingsAside(disk);
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    made.log().standAlone(disk, random, identity);
  }
}
