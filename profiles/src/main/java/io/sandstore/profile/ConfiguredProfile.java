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
 * @param keys of the log and of the blocks, with this profile's defaults
 */
public record ConfiguredProfile(
    String name,
    String description,
    Parts parts,
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
    return parts.equals(other.parts)
        && keys.equals(other.keys)
        && ofNodes.equals(other.ofNodes);
  }

  /** Who answers reads is no part of it: members need not agree on that. */
  @Override
  public String form() {
    String form = parts.log().form() + "; " + parts.blocks().form();
    return parts.copies() == Parts.Copies.STAR ? form : form + "; copies down a chain";
  }

  @Override
  public boolean survivesRestart() {
    return parts.log().survivesRestart();
  }

  @Override
  public int membersMax() {
    return parts.log().membersMax();
  }

  @Override
  public boolean needsViews() {
    return parts.log().needsViews();
  }

  @Override
  public boolean readsEverywhere() {
    return parts.reads() == Parts.Reads.EVERYONE;
  }

  @Override
  public void check(Settings settings) {
    parts.log().check(settings);
    parts.blocks().check(settings);
  }

  @Override
  public BlockPlane blocks(Site site) throws IOException {
    return parts.blocks().blocks(site, parts.copies());
  }

  @Override
  public CommandLog log(Site site, StateMachine machine) throws IOException {
    return parts.log().log(site, machine, readsEverywhere());
  }

  @Override
  public void setAside(Disk disk) throws IOException {
    parts.log().setAside(disk);
  }

  @Override
  public void dropAside(Disk disk) throws IOException {
    parts.log().dropAside(disk);
  }

  @Override
  public Optional<String> holdings(Disk disk) throws IOException {
    return parts.log().holdings(disk);
  }

  @Override
  public Optional<String> holdingsAside(Disk disk) throws IOException {
    return parts.log().holdingsAside(disk);
  }

  @Override
  public void standAlone(Disk disk, RandomGenerator random, Identity identity) throws IOException {
    parts.log().standAlone(disk, random, identity);
  }
}
