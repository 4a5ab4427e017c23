package io.sandstore.host;

import java.io.IOException;

/**
 * Bytes, inodes, quota or descriptors ran out. The disk is as sound as before, and the same may
 * work later; of a write, a part may have been done. A failed force is never told so: what it left
 * behind is unknown.
 */
public final class NoRoomException extends IOException {

  private static final long serialVersionUID = 1;

  public NoRoomException(String message) {
    super(message);
  }

  public NoRoomException(String message, Throwable cause) {
    super(message, cause);
  }
}
