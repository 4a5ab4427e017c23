package io.sandstore.rpc;

import io.sandstore.wire.Errno;
import io.sandstore.wire.Fault;
import java.io.IOException;

/** A definite refusal, with the POSIX code that says why. The operation had no effect. */
public final class PosixException extends IOException {

  private static final long serialVersionUID = 1;

  private final Errno errno;

  public PosixException(Errno errno, String message) {
    super(message);
    this.errno = errno;
  }

  public static PosixException of(Fault fault) {
    return new PosixException(fault.getErrno(), fault.getMessage());
  }

  public Errno errno() {
    return errno;
  }

  public Fault fault() {
    return Fault.newBuilder().setErrno(errno).setMessage(String.valueOf(getMessage())).build();
  }
}
