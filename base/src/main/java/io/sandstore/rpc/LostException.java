package io.sandstore.rpc;

import java.io.IOException;

/** The answer did not come: what was asked may or may not have happened. */
public final class LostException extends IOException {

  private static final long serialVersionUID = 1;

  public LostException(String message) {
    super(message);
  }

  public LostException(String message, Throwable cause) {
    super(message, cause);
  }
}
