package io.sandstore.client;

import io.sandstore.wire.FileLock;

/**
 * A lock of a file that somebody has or waits for.
 *
 * @param own of the handle that asked
 * @param session of the client
 * @param whole of the file as such (flock); else of a range of it
 * @param length in bytes; 0: to the end of whatever there will be
 */
public record LockHolder(
    boolean own,
    long session,
    boolean whole,
    boolean shared,
    long start,
    long length,
    boolean waiting) {

  static LockHolder of(FileLock lock, boolean own) {
    return new LockHolder(
        own,
        lock.getSession(),
        lock.getWhole(),
        lock.getShared(),
        lock.getStart(),
        lock.getLength(),
        lock.getWaiting());
  }
}
