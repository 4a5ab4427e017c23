package io.sandstore.cli;

import java.nio.file.FileSystemException;

/** Something cannot be copied as it is: a name that would become another, a device, a pipe. */
final class NotCopiedException extends FileSystemException {
  private static final long serialVersionUID = 1;

  NotCopiedException(String what, String why) {
    super(what, null, why);
  }
}
