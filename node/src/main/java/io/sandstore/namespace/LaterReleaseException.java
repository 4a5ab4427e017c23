package io.sandstore.namespace;

/**
 * The log holds what only a later release knows. This member cannot apply it as the others do, and
 * must not go on without.
 */
public final class LaterReleaseException extends RuntimeException {
  private static final long serialVersionUID = 1;

  LaterReleaseException(String message) {
    super(message);
  }
}
