package io.sandstore.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SeekableByteChannel;

/** An open file as a channel. */
record SandChannel(SandFile file, boolean sync) implements SeekableByteChannel {

  @Override
  public int read(ByteBuffer into) throws IOException {
    checkOpen();
    return file.read(into);
  }

  @Override
  public int write(ByteBuffer from) throws IOException {
    checkOpen();
    int count = file.write(from);
    if (sync) {
      file.fsync();
    }
    return count;
  }

  @Override
  public long position() throws IOException {
    checkOpen();
    return file.position();
  }

  @Override
  public SeekableByteChannel position(long newPosition) throws IOException {
    checkOpen();
    file.seek(newPosition);
    return this;
  }

  @Override
  public long size() throws IOException {
    checkOpen();
    return file.stat().size();
  }

  /** Cuts; never extends, as the interface wants it. */
  @Override
  public SeekableByteChannel truncate(long size) throws IOException {
    checkOpen();
    if (size < file.stat().size()) {
      file.truncate(size);
    }
    if (file.position() > size) {
      file.seek(size);
    }
    return this;
  }

  private void checkOpen() throws ClosedChannelException {
    if (!file.isOpen()) {
      throw new ClosedChannelException();
    }
  }

  @Override
  public boolean isOpen() {
    return file.isOpen();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
