package io.sandstore.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.CompletionHandler;
import java.nio.channels.FileLock;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** A channel whose reads and writes are calls of another, on threads of an executor. */
final class SandAsynchronousChannel extends AsynchronousFileChannel {

  private final SandFileChannel channel;
  private final Executor executor;

  SandAsynchronousChannel(SandFileChannel channel, Executor executor) {
    this.channel = channel;
    this.executor = executor;
  }

  private <T, A> void begin(
      Uninterrupted.Action<T> action,
      @Nullable A attachment,
      CompletionHandler<T, ? super A> handler) {
    executor.execute(
        () -> {
          T result;
          try {
            result = action.run();
          } catch (IOException | RuntimeException e) {
            handler.failed(e, attachment);
            return;
          }
          handler.completed(result, attachment);
        });
  }

  private <T> Future<T> begin(Uninterrupted.Action<T> action) {
    CompletableFuture<T> done = new CompletableFuture<>();
    begin(
        action,
        null,
        new CompletionHandler<T, Object>() {
          @Override
          public void completed(T result, @Nullable Object attachment) {
            done.complete(result);
          }

          @Override
          public void failed(Throwable failure, @Nullable Object attachment) {
            done.completeExceptionally(failure);
          }
        });
    return done;
  }

  private void checkRead(ByteBuffer into, long position) {
    if (position < 0) {
      throw new IllegalArgumentException("Negative position");
    }
    if (into.isReadOnly()) {
      throw new IllegalArgumentException("Read-only buffer");
    }
    if (!channel.isReadable()) {
      throw new NonReadableChannelException();
    }
  }

  private void checkWrite(ByteBuffer from, long position) {
    Objects.requireNonNull(from, "a buffer");
    if (position < 0) {
      throw new IllegalArgumentException("Negative position");
    }
    if (!channel.isWritable()) {
      throw new NonWritableChannelException();
    }
  }

  @Override
  public <A> void read(
      ByteBuffer into,
      long position,
      @Nullable A attachment,
      CompletionHandler<Integer, ? super A> handler) {
    Objects.requireNonNull(handler, "a handler");
    checkRead(into, position);
    begin(() -> channel.read(into, position), attachment, handler);
  }

  @Override
  public Future<Integer> read(ByteBuffer into, long position) {
    checkRead(into, position);
    return begin(() -> channel.read(into, position));
  }

  @Override
  public <A> void write(
      ByteBuffer from,
      long position,
      @Nullable A attachment,
      CompletionHandler<Integer, ? super A> handler) {
    Objects.requireNonNull(handler, "a handler");
    checkWrite(from, position);
    begin(() -> channel.write(from, position), attachment, handler);
  }

  @Override
  public Future<Integer> write(ByteBuffer from, long position) {
    checkWrite(from, position);
    return begin(() -> channel.write(from, position));
  }

  @Override
  public long size() throws IOException {
    return channel.size();
  }

  @Override
  public AsynchronousFileChannel truncate(long size) throws IOException {
    channel.truncate(size);
    return this;
  }

  @Override
  public void force(boolean metaData) throws IOException {
    channel.force(metaData);
  }

  @Override
  public <A> void lock(
      long position,
      long size,
      boolean shared,
      @Nullable A attachment,
      CompletionHandler<FileLock, ? super A> handler) {
    Objects.requireNonNull(handler, "a handler");
    begin(locking(position, size, shared), attachment, handler);
  }

  @Override
  public Future<FileLock> lock(long position, long size, boolean shared) {
    return begin(locking(position, size, shared));
  }

  /** What is wrong with the request is thrown at once, as the contract has it; a wait is not. */
  private Uninterrupted.Action<FileLock> locking(long position, long size, boolean shared) {
    try {
      ChannelLocks.Lock claimed = channel.claim(position, size, shared, this);
      return () -> channel.lock(claimed);
    } catch (ClosedChannelException e) {
      return () -> {
        throw e;
      };
    }
  }

  @Override
  public @Nullable FileLock tryLock(long position, long size, boolean shared) throws IOException {
    return channel.tryLock(channel.claim(position, size, shared, this));
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
