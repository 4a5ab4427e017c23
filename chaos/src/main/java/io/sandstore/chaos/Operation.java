package io.sandstore.chaos;

import java.util.Optional;

/**
 * What a client asked for and heard.
 *
 * @param client who asked; has one operation at a time
 * @param path what it was about, relative to the partition's directory
 * @param other the second path of a rename, a link or an exchange; empty otherwise
 * @param value mode of a new file or directory, or what was written; 0 otherwise
 * @param result {@code ok}, {@code ok:} and what was seen, or the name of a refusal; empty while
 *     the outcome is unknown
 * @param calledNanos when it was asked
 * @param returnedNanos when the answer came; without meaning while the outcome is unknown
 */
public record Operation(
    int client,
    Kind kind,
    String path,
    String other,
    int value,
    Optional<String> result,
    long calledNanos,
    long returnedNanos) {

  /** What can be asked for. */
  public enum Kind {
    CREATE,
    MKDIR,
    UNLINK,
    RMDIR,
    RENAME,
    LINK,
    EXCHANGE,
    SET_ATTRIBUTE,
    GET_ATTRIBUTE,
    STAT,
    LIST,
    SET,
    PUNCH,
    APPEND,
    GET;

    /** False if it only looks. */
    public boolean changes() {
      return switch (this) {
        case STAT, LIST, GET, GET_ATTRIBUTE -> false;
        default -> true;
      };
    }
  }

  static final String OK = "ok";

  static String saw(Object what) {
    return OK + ":" + what;
  }
}
