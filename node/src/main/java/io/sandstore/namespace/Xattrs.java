package io.sandstore.namespace;

import io.sandstore.wire.Errno;
import java.nio.charset.StandardCharsets;

/** Extended attributes. */
final class Xattrs {

  static final int VALUE_BYTES_MAX = 64 << 10;
  static final int NAME_BYTES_MAX = 255;

  private Xattrs() {}

  /** A name of 1 to 255 bytes without NUL. */
  static void checkName(String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (bytes == 0 || bytes > NAME_BYTES_MAX) {
      throw new Refused(Errno.ERANGE, "a name of %d bytes".formatted(bytes));
    }
    if (name.indexOf('\0') >= 0) {
      throw new Refused(Errno.EINVAL, "NUL in a name");
    }
  }
}
