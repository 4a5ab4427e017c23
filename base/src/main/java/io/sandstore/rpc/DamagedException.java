package io.sandstore.rpc;

import java.io.IOException;

/** A payload does not match its checksums: damaged on the way, or where it came from. */
public final class DamagedException extends IOException {

  private static final long serialVersionUID = 1L;

  DamagedException(String message) {
    super(message);
  }
}
