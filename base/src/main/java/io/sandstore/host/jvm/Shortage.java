package io.sandstore.host.jvm;

import io.sandstore.host.NoRoomException;
import java.io.IOException;
import java.util.List;

/** Tells what ran out from what is broken: the JDK keeps errno to itself and passes on its text. */
final class Shortage {

  /** strerror(3) of ENOSPC, EDQUOT, EMFILE and ENFILE, in glibc's words and in musl's. */
  private static final List<String> TEXTS =
      List.of(
          "No space left on device",
          "Disk quota exceeded",
          "Quota exceeded",
          "Too many open files",
          "No file descriptors available");

  private Shortage() {}

  /** The same failure, as a {@link NoRoomException} if it is one. */
  static IOException told(IOException e) {
    String text = String.valueOf(e.getMessage());
    return TEXTS.stream().anyMatch(text::contains) ? new NoRoomException(text, e) : e;
  }
}
