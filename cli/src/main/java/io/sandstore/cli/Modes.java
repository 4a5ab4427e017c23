package io.sandstore.cli;

import java.util.Locale;

/** Modes as chmod takes them: {@code 2755}, or {@code u+x,go-w}. */
final class Modes {

  private static final int SET_UID = 04000;
  private static final int SET_GID = 02000;
  private static final int STICKY = 01000;

  /** What a change that names nobody leaves alone, as under the usual umask. */
  private static final int USUAL_MASK = 022;

  private Modes() {}

  /**
   * A mode after a change.
   *
   * @param mode the 12 bits as they are
   * @throws IllegalArgumentException if the change is not understood
   */
  static int change(String change, int mode, boolean directory) {
    if (change.matches("[0-7]{1,4}")) {
      return Integer.parseInt(change, 8);
    }
    int changed = mode & 07777;
    for (String part : change.split(",", -1)) {
      changed = changePart(part, changed, directory);
    }
    return changed;
  }

  private static int changePart(String part, int mode, boolean directory) {
    if (!part.matches("[ugoa]*([-+=]([rwxXst]*|[ugo]))+")) {
      throw new IllegalArgumentException(
          "mode '" + part + "' is neither octal (0 to 7777) nor like u+rwx,go-w");
    }
    int at = 0;
    int who = 0;
    for (; "ugoa".indexOf(part.charAt(at)) >= 0; at++) {
      who |=
          switch (part.charAt(at)) {
            case 'u' -> 0700 | SET_UID;
            case 'g' -> 0070 | SET_GID;
            case 'o' -> 0007 | STICKY;
            default -> 07777;
          };
    }
    int allowed = who == 0 ? ~USUAL_MASK : ~0;
    int affected = who == 0 ? 07777 : who;
    int changed = mode;
    while (at < part.length()) {
      char operator = part.charAt(at++);
      int bits = 0;
      for (; at < part.length() && "+-=".indexOf(part.charAt(at)) < 0; at++) {
        bits |= bits(part.charAt(at), changed, directory);
      }
      bits &= affected & allowed;
      // As elsewhere, a directory keeps its set-id bits unless they are named.
      int cleared = directory ? affected & ~(SET_UID | SET_GID) : affected;
      changed =
          switch (operator) {
            case '+' -> changed | bits;
            case '-' -> changed & ~bits;
            default -> (changed & ~(cleared & 07777)) | bits;
          };
    }
    return changed;
  }

  /** What a letter stands for, for everybody. */
  private static int bits(char letter, int mode, boolean directory) {
    return switch (letter) {
      case 'r' -> 0444;
      case 'w' -> 0222;
      case 'x' -> 0111;
      case 'X' -> directory || (mode & 0111) != 0 ? 0111 : 0;
      case 's' -> SET_UID | SET_GID;
      case 't' -> STICKY;
      case 'u' -> ((mode >> 6) & 7) * 0111;
      case 'g' -> ((mode >> 3) & 7) * 0111;
      case 'o' -> (mode & 7) * 0111;
      default -> throw new IllegalArgumentException(String.format(Locale.ROOT, "mode %c", letter));
    };
  }
}
