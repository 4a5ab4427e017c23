package io.sandstore.profile;

import io.sandstore.replication.Profile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The text of a profile: {@code key = value} lines. A line's comment begins with {@code #} at its
 * begin or after a blank.
 */
final class ProfileFile {

  static final String SUFFIX = ".conf";

  /** Bytes of a file: more of them are no profile. */
  static final int BYTES_MAX = 16 << 10;

  /** Characters of a line. */
  static final int LINE_MAX = 1024;

  private static final String DESCRIPTION = "description";
  private static final String SETTING = "SANDSTORE_";

  private record Entry(String value, int line) {}

  private final String origin;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private ProfileFile(String origin) {
    this.origin = origin;
  }

  /**
   * Reads a file.
   *
   * @throws IllegalArgumentException with the line that is wrong and what to write instead, or why
   *     the file cannot be read
   */
  static ConfiguredProfile read(Path file) {
    String name = String.valueOf(file.getFileName());
    if (!name.endsWith(SUFFIX)) {
      throw new IllegalArgumentException(
          "%s is no profile: its name does not end with %s".formatted(file, SUFFIX));
    }
    if (!Files.isRegularFile(file)) { // a pipe would have us wait
      throw new IllegalArgumentException("there is no profile %s: no such file".formatted(file));
    }
    try (InputStream in = Files.newInputStream(file)) {
      return parse(
          file.toString(),
          name.substring(0, name.length() - SUFFIX.length()),
          in.readNBytes(BYTES_MAX + 1));
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "%s cannot be read: %s".formatted(file, e.getMessage()), e);
    }
  }

  /**
   * Makes a profile of its text.
   *
   * @param origin where it comes from, for words about it
   * @throws IllegalArgumentException with the line that is wrong and what to write instead
   */
  static ConfiguredProfile parse(String origin, String name, byte[] text) {
    ProfileFile file = new ProfileFile(origin);
    if (text.length > BYTES_MAX) {
      throw file.refused("it has more than %d bytes".formatted(BYTES_MAX));
    }
    if (!Profile.isName(name)) {
      throw file.refused("'%s' is no name of a profile: 1 to 32 of a-z, 0-9 and -".formatted(name));
    }
    try {
      String characters =
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
      List<String> lines = characters.lines().toList();
      for (int i = 0; i < lines.size(); i++) {
        file.take(i + 1, lines.get(i));
      }
    } catch (CharacterCodingException e) {
      throw file.refused("it is not UTF-8");
    }
    return file.profile(name);
  }

  private void take(int number, String line) {
    if (line.length() > LINE_MAX) {
      throw refused(number, "more than %d characters".formatted(LINE_MAX));
    }
    String words = line.replaceFirst("(^|\\s)#.*", "").strip();
    if (words.isEmpty()) {
      return;
    }
    if (words.chars().anyMatch(c -> Character.isISOControl(c) && c != '\t')) {
      throw refused(number, "a control character");
    }
    int equals = words.indexOf('=');
    String key = words.substring(0, Math.max(0, equals)).strip();
    if (key.isEmpty()) {
      throw refused(number, "'%s' is not key = value".formatted(words));
    }
    String value = words.substring(equals + 1).strip();
    if (value.isEmpty()) {
      throw refused(number, key + " has no value: leave the line out to have its default");
    }
    Entry before = entries.putIfAbsent(key, new Entry(value, number));
    if (before != null) {
      throw refused(number, "%s a second time: line %d has it".formatted(key, before.line));
    }
  }

  private ConfiguredProfile profile(String name) {
    Map<String, String> chosen = new TreeMap<>();
    Map<String, String> tuning = new TreeMap<>();
    entries.forEach(
        (key, entry) -> {
          if (Parts.KEYS.contains(key)) {
            chosen.put(key, entry.value);
          } else if (key.startsWith(SETTING)) {
            tuning.put(key, entry.value);
          } else if (!key.equals(DESCRIPTION)) {
            throw refused(
                entry.line,
                "unknown key '%s'; there are %s, %s and settings (%s...)"
                    .formatted(key, String.join(", ", Parts.KEYS), DESCRIPTION, SETTING));
          }
        });
    try {
      Entry description = entries.getOrDefault(DESCRIPTION, new Entry("", 0));
      return ConfiguredProfile.of(name, description.value, Parts.of(chosen), tuning);
    } catch (Refused e) {
      Entry entry = entries.get(e.key());
      String why = String.valueOf(e.getMessage());
      throw entry == null ? refused(why) : refused(entry.line, why);
    } catch (IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage())); // of settings that do not go together
    }
  }

  private IllegalArgumentException refused(int line, String why) {
    return new IllegalArgumentException("%s, line %d: %s".formatted(origin, line, why));
  }

  private IllegalArgumentException refused(String why) {
    return new IllegalArgumentException(origin + ": " + why);
  }
}
