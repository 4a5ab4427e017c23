package io.sandstore.block;

import java.io.IOException;

/** What is on disk is not what was written. Another member has it. */
public final class CorruptBlockException extends IOException {

  private static final long serialVersionUID = 1;

  public CorruptBlockException(String message) {
    super(message);
  }
}
