package io.sandstore.replication;

import java.io.IOException;

/**
 * Something that was durable is not there any more: a log record with later ones behind it, or a
 * snapshot. The member must not act as if its log were merely short, for it may have promised what
 * it no longer knows.
 */
public final class CorruptLogException extends IOException {

  private static final long serialVersionUID = 1;

  public CorruptLogException(String message) {
    super(message);
  }
}
