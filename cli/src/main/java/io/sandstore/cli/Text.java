package io.sandstore.cli;

import java.util.Locale;

/** Numbers for people. */
final class Text {

  private Text() {}

  /** Bytes in binary units, three digits or so. */
  static String bytes(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(
        Locale.ROOT, value >= 100 || unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }

  static String mode(char type, int mode) {
    StringBuilder text = new StringBuilder().append(type);
    String letters = "rwxrwxrwx";
    for (int i = 0; i < 9; i++) {
      text.append((mode >> (8 - i) & 1) == 1 ? letters.charAt(i) : '-');
    }
    setId(text, 3, mode & 04000, 's');
    setId(text, 6, mode & 02000, 's');
    setId(text, 9, mode & 01000, 't');
    return text.toString();
  }

  /** A bit that is shown in the place of an x; a capital where there is none. */
  private static void setId(StringBuilder text, int at, int bit, char letter) {
    if (bit != 0) {
      text.setCharAt(at, text.charAt(at) == 'x' ? letter : Character.toUpperCase(letter));
    }
  }
}
