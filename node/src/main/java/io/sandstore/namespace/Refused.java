package io.sandstore.namespace;

import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;

/** A command or query cannot be done; nothing was changed. An ordinary outcome: no stack trace. */
final class Refused extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final Errno errno;

  Refused(Errno errno, String message) {
    super(message, null, false, false);
    this.errno = errno;
  }

  Fault fault() {
    return Fault.newBuilder().setErrno(errno).setMessage(String.valueOf(getMessage())).build();
  }
}
