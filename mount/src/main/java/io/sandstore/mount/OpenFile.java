package io.sandstore.mount;

import io.sandstore.client.SandFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A file that a program has open. What it wrote is part of the file after a flush. */
final class OpenFile {

  /** Opens the file once more, with O_APPEND or without. */
  interface Again {
    SandFile open(boolean append) throws IOException;
  }

  private final SandFile file;
  private final boolean appends;
  private final Again again;

  /** For writes after fcntl(2) changed O_APPEND. */
  private @Nullable SandFile other;

  private volatile boolean dirty;

  OpenFile(SandFile file, boolean appends, Again again) {
    this.file = file;
    this.appends = appends;
    this.again = again;
    file.finishDespiteInterrupts(); // what a program was told to be written must not be lost
  }

  long inode() {
    return file.inode();
  }

  SandFile file() {
    return file;
  }

  boolean isDirty() {
    return dirty;
  }

  int write(ByteBuffer from, long offset, boolean append) throws IOException {
    SandFile to = append == appends ? file : other(append);
    try {
      return to.write(from, offset);
    } finally {
      dirty = true; // afterwards, since a flush at the same time may have missed it
    }
  }

  private synchronized SandFile other(boolean append) throws IOException {
    file.fsync(); // both in the order of writing
    SandFile opened = other;
    if (opened == null) {
      opened = again.open(append);
      opened.finishDespiteInterrupts();
      other = opened;
    }
    return opened;
  }

  /** Reads as much as there is, up to the buffer's end. */
  void read(ByteBuffer into, long offset) throws IOException {
    flushOther();
    long at = offset;
    while (into.hasRemaining()) {
      int count = file.read(into, at);
      if (count <= 0) {
        return;
      }
      at += count;
    }
  }

  private synchronized void flushOther() throws IOException {
    SandFile opened = other;
    if (opened != null) {
      opened.fsync();
    }
  }

  /** Makes what was written durable, and visible to all. */
  void flush() throws IOException {
    dirty = false;
    file.fsync();
    flushOther();
  }

  boolean flock(boolean shared, boolean wait) throws IOException {
    return file.flock(shared, wait ? SandFile.FOREVER : Duration.ZERO);
  }

  void close() throws IOException {
    SandFile opened;
    synchronized (this) {
      opened = other;
    }
    try {
      file.close();
    } finally {
      if (opened != null) {
        opened.close();
      }
    }
  }
}
