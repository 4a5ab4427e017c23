package io.sandstore.profile;

import io.sandstore.replication.Profile;
import io.sandstore.replication.ProfileSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

/** Profiles as files: those that lie in {@code profiles/} beside this class, and anybody's. */
public final class ProfileFiles implements ProfileSource {

  private static final String FOLDER = "profiles/";

  /** What this class came with is the same while it runs. */
  private static final List<String> NAMES = find();

  private static List<String> find() {
    try {
      Path home =
          Path.of(ProfileFiles.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return Files.isDirectory(home) ? inDirectory(home.resolve(FOLDER)) : inJar(home);
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException("the profiles that come with this class cannot be listed", e);
    }
  }

  private static List<String> inDirectory(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return names(files.map(file -> FOLDER + file.getFileName()));
    }
  }

  private static List<String> inJar(Path jar) throws IOException {
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      return names(zip.stream().map(entry -> entry.getName()));
    }
  }

  private static List<String> names(Stream<String> entries) {
    return entries
        .filter(entry -> entry.startsWith(FOLDER) && entry.endsWith(ProfileFile.SUFFIX))
        .map(entry -> entry.substring(FOLDER.length()))
        .map(file -> file.substring(0, file.length() - ProfileFile.SUFFIX.length()))
        .sorted()
        .toList();
  }

  @Override
  public List<String> names() {
    return NAMES;
  }

  @Override
  public ConfiguredProfile named(String name) {
    String file = FOLDER + name + ProfileFile.SUFFIX;
    try (InputStream in = ProfileFiles.class.getResourceAsStream("/" + file)) {
      if (in == null) {
        throw new IllegalArgumentException("no profile '%s'; there are %s".formatted(name, NAMES));
      }
      return ProfileFile.parse(file, name, in.readNBytes(ProfileFile.BYTES_MAX + 1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Under the name of another profile, it would be taken for that one. */
  @Override
  public Profile read(Path file) {
    return unlessTaken(ProfileFile.read(file), file.toString());
  }

  @Override
  public Profile of(String name, String parts) {
    if (!Profile.isName(name)) {
      throw new IllegalArgumentException("'%s' is no name of a profile".formatted(name));
    }
    return unlessTaken(ConfiguredProfile.of(name, "", Parts.of(parts), Map.of()), parts);
  }

  private ConfiguredProfile unlessTaken(ConfiguredProfile profile, String origin) {
    if (NAMES.contains(profile.name()) && !profile.isAs(named(profile.name()))) {
      throw new IllegalArgumentException(
          "%s: there is another profile '%s': give this one a name of its own"
              .formatted(origin, profile.name()));
    }
    return profile;
  }
}
