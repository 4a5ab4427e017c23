package io.sandstore.namespace;

import io.sandstore.wire.Errno;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.ToIntFunction;

/**
 * Somebody to this machine's kernel: a thread whose user, groups, umask and working directory are
 * its own, as Linux has them for each thread.
 */
final class LinuxPerson implements AutoCloseable {

  private final Linux linux;
  private final ExecutorService thread;

  /**
   * @throws IllegalStateException if this machine does not let a thread be somebody else's
   */
  LinuxPerson(Linux linux, int uid, int gid, List<Integer> groups, Path directory) {
    this.linux = linux;
    this.thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("person " + uid).daemon().factory());
    Errno errno = call(l -> l.become(uid, gid, groups, directory));
    if (errno != Errno.OK) {
      close();
      throw new IllegalStateException("it does not let a thread be user " + uid + ": " + errno);
    }
  }

  /** How something goes that this person does. */
  Errno call(ToIntFunction<Linux> what) {
    try {
      int result = thread.submit(() -> what.applyAsInt(linux)).get();
      Errno errno = result < 0 ? Errno.forNumber(-result) : Errno.OK;
      if (errno == null) {
        throw new IllegalStateException("an errno that the store does not have: " + -result);
      }
      return errno;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
