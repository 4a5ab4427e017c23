package io.sandstore.mount;

import io.sandstore.client.SandstoreClient;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;

/**
 * A cluster that is mounted by this process. What programs do below the directory goes to the
 * cluster on their behalf; docs/mount.md says what they can rely on.
 */
public final class FuseMount implements Closeable {

  /**
   * @param source what mount(8) and df(1) show, the cluster's addresses for instance
   * @param allowOther others than the user who mounts may use it
   * @param readOnly nothing may be changed
   * @param cache the kernel may keep bytes, names and attributes for a second
   */
  public record Options(String source, boolean allowOther, boolean readOnly, boolean cache) {}

  private static final String DEVICE = "/dev/fuse";

  private final MountPoint point;
  private final Operations operations;
  private final FuseSession session;
  private final long mountId;

  private FuseMount(MountPoint point, Operations operations, FuseSession session)
      throws IOException {
    this.point = point;
    this.operations = operations;
    this.session = session;
    this.mountId = point.mounted().orElse(-1);
  }

  /**
   * Mounts a cluster. Returns when it answers; requests are served until it is unmounted.
   *
   * @param client is the caller's to close, after {@link #awaitEnd}
   * @throws UnsupportedOperationException on a system without FUSE's protocol of Linux
   * @throws IOException if the kernel refuses it, or the cluster does not answer
   */
  public static FuseMount mount(SandstoreClient client, MountPoint point, Options options)
      throws IOException {
    FuseKernel kernel = FuseKernel.linux();
    if (!Files.isDirectory(point.directory())) {
      throw new IOException(
          point.directory()
              + " is not a directory, or a mount whose process is dead: "
              + "'sandstore umount' takes that away");
    }
    client.inode(1).stat(); // no mount of nothing
    int fd = kernel.open(DEVICE, FuseKernel.O_RDWR | FuseKernel.O_CLOEXEC);
    if (fd < 0) {
      throw new IOException(
          "%s cannot be opened (error %d): 'modprobe fuse', and in a container the device"
              .formatted(DEVICE, -fd));
    }
    String data =
        "fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d%s"
            .formatted(fd, FuseSession.IO_BYTES_MAX, options.allowOther ? ",allow_other" : "");
    // What lies in a cluster is not trusted to give anybody rights on this machine.
    long flags = FuseKernel.MS_NOSUID | FuseKernel.MS_NODEV;
    flags |= options.readOnly ? FuseKernel.MS_RDONLY : 0;
    int result =
        kernel.mount(options.source, point.directory().toString(), MountPoint.TYPE, flags, data);
    if (result < 0) {
      kernel.close(fd);
      throw new IOException(
          result == -KernelException.EPERM
              ? "to mount takes root, or CAP_SYS_ADMIN"
              : "mount on %s: error %d".formatted(point.directory(), -result));
    }
    Operations operations = new Operations(client, options.cache);
    FuseSession session = new FuseSession(kernel, fd, wanted(options.cache), operations);
    operations.start();
    session.start();
    return new FuseMount(point, operations, session);
  }

  private static long wanted(boolean cache) {
    long always =
        Fuse.ASYNC_READ
            | Fuse.POSIX_LOCKS
            | Fuse.FLOCK_LOCKS
            | Fuse.ATOMIC_O_TRUNC
            | Fuse.BIG_WRITES
            | Fuse.ASYNC_DIO
            | Fuse.PARALLEL_DIROPS
            | Fuse.MAX_PAGES
            | Fuse.HANDLE_KILLPRIV_V2
            | Fuse.INIT_EXT
            | Fuse.DIRECT_IO_ALLOW_MMAP;
    return cache
        ? always | Fuse.AUTO_INVAL_DATA | Fuse.DO_READDIRPLUS | Fuse.READDIRPLUS_AUTO
        : always;
  }

  /** Waits until somebody unmounts it, and what was written is in the cluster. */
  public void awaitEnd() throws InterruptedException {
    session.awaitEnd();
    operations.closeAll();
  }

  /** The same, for a limited time. */
  public void awaitEnd(Duration limit) throws InterruptedException {
    Thread waiting = Thread.ofVirtual().start(session::awaitEndQuietly);
    if (waiting.join(limit)) {
      operations.closeAll();
    }
  }

  /** Leaves the terminal's session, so that its end is not this process's. */
  public static void leaveSession() {
    FuseKernel.linux().leaveSession();
  }

  /** Unmounts it, also while programs use it; what they wrote is kept. Does not wait for them. */
  @Override
  public void close() throws IOException {
    if (point.mounted().orElse(-1) == mountId) {
      try {
        point.unmount(false, false);
      } catch (IOException e) {
        point.unmount(true, false);
        operations.closeAll(); // programs that have files open still: theirs end here
      }
    }
  }
}
