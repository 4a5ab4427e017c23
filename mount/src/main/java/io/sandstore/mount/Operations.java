package io.sandstore.mount;

import io.sandstore.client.AttributeChange;
import io.sandstore.client.FileStat;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandDirectory;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import io.sandstore.wire.Errno;
import io.sandstore.wire.FileSystemStats;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the kernel asks of a file system, as calls of a cluster. All is asked on behalf of the
 * process that asks; the cluster says whether it may. A node of the kernel is an inode: nothing is
 * remembered of those that are not open.
 */
final class Operations implements FuseSession.Handler {

  private static final int STATFS_BLOCK = 4096;
  private static final int NAME_BYTES_MAX = 255;

  private final SandstoreClient client;
  private final Callers callers;
  private final Replies replies;
  private final FileOperations files;
  private final Map<Long, OpenDirectory> directories = new ConcurrentHashMap<>();
  private final AtomicLong handles = new AtomicLong();

  /**
   * @param cache whether the kernel may keep bytes, names and attributes for a second
   */
  Operations(SandstoreClient client, boolean cache) {
    this.client = client;
    this.callers = new Callers(client);
    this.replies = new Replies(cache ? 1 : 0);
    this.files = new FileOperations(client, callers, replies, cache);
  }

  void start() {
    files.start();
  }

  void closeAll() {
    files.closeAll();
  }

  @Override
  public ByteBuffer handle(FuseRequest request) throws IOException {
    return switch (request.opcode()) {
      case Fuse.LOOKUP -> inDirectory(request, this::lookup);
      case Fuse.GETATTR -> getAttributes(request);
      case Fuse.SETATTR -> setAttributes(request);
      case Fuse.READLINK -> Replies.text(callers.of(request).inode(request.node()).readlink());
      case Fuse.SYMLINK -> inDirectory(request, Operations::symlink);
      case Fuse.MKNOD -> inDirectory(request, this::makeNode);
      case Fuse.MKDIR -> inDirectory(request, Operations::mkdir);
      case Fuse.LINK -> inDirectory(request, this::link);
      case Fuse.UNLINK -> remove(request, false);
      case Fuse.RMDIR -> remove(request, true);
      case Fuse.RENAME -> rename(request, request.nextLong(), 0);
      case Fuse.RENAME2 -> rename2(request);
      case Fuse.STATFS -> statFileSystem();
      case Fuse.OPENDIR -> openDirectory(request);
      case Fuse.READDIR, Fuse.READDIRPLUS -> readDirectory(request);
      case Fuse.RELEASEDIR -> {
        directories.remove(request.nextLong());
        yield Replies.NOTHING;
      }
      case Fuse.ACCESS -> {
        callers.of(request).inode(request.node()).access(request.nextInt());
        yield Replies.NOTHING;
      }
      // Names are durable when a call returns; and what the kernel says at the end changes nothing.
      case Fuse.FSYNCDIR, Fuse.DESTROY -> Replies.NOTHING;
      case Fuse.SETXATTR, Fuse.GETXATTR, Fuse.LISTXATTR, Fuse.REMOVEXATTR ->
          XattrOperations.handle(request, callers.of(request).inode(request.node()).xattrs());
      case Fuse.IOCTL -> throw new KernelException(KernelException.ENOTTY, "no ioctl");
      default -> files.handle(request);
    };
  }

  // --- Names ---

  private interface Named {
    FileStat make(FuseRequest request, SandDirectory directory) throws IOException;
  }

  private ByteBuffer inDirectory(FuseRequest request, Named operation) throws IOException {
    SandDirectory directory = callers.of(request).directory(request.node());
    try {
      return replies.entry(operation.make(request, directory));
    } catch (PosixException e) {
      throw withoutDirectory(e);
    }
  }

  /** In a directory that is gone nothing is, as on Linux. */
  static PosixException withoutDirectory(PosixException e) {
    return e.errno() == Errno.ESTALE
        ? new PosixException(Errno.ENOENT, String.valueOf(e.getMessage()))
        : e;
  }

  private FileStat lookup(FuseRequest request, SandDirectory directory) throws IOException {
    return fresh(directory.lstat(request.nextName()));
  }

  /** With what programs here have written and not flushed. */
  private FileStat fresh(FileStat stat) throws IOException {
    return files.settle(stat.inode()) ? client.inode(stat.inode()).stat() : stat;
  }

  private static FileStat symlink(FuseRequest request, SandDirectory directory) throws IOException {
    String name = request.nextName();
    return directory.symlink(request.nextName(), name);
  }

  private static FileStat mkdir(FuseRequest request, SandDirectory directory) throws IOException {
    int mode = request.nextInt();
    return directory.mkdir(request.skip(4).nextName(), mode & 07777);
  }

  private FileStat makeNode(FuseRequest request, SandDirectory directory) throws IOException {
    int mode = request.nextInt();
    long device = Integer.toUnsignedLong(request.nextInt());
    String name = request.skip(8).nextName();
    FileStat.Type type =
        switch (mode & Fuse.S_IFMT) {
          case Fuse.S_IFREG, 0 -> FileStat.Type.FILE;
          case Fuse.S_IFIFO -> FileStat.Type.FIFO;
          case Fuse.S_IFSOCK -> FileStat.Type.SOCKET;
          case Fuse.S_IFCHR -> FileStat.Type.CHARACTER_DEVICE;
          case Fuse.S_IFBLK -> FileStat.Type.BLOCK_DEVICE;
          default -> throw new KernelException(KernelException.EINVAL, "mode %o".formatted(mode));
        };
    if (type != FileStat.Type.FILE) {
      return directory.makeNode(name, type, mode & 07777, device);
    }
    Set<OpenFlag> flags = EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_CREAT, OpenFlag.O_EXCL);
    try (SandFile file = directory.open(name, flags, mode & 07777)) {
      return file.statWhenOpened();
    }
  }

  private FileStat link(FuseRequest request, SandDirectory directory) throws IOException {
    long existing = request.nextLong();
    return fresh(callers.of(request).inode(existing).link(directory, request.nextName()));
  }

  private ByteBuffer remove(FuseRequest request, boolean isDirectory) throws IOException {
    SandDirectory directory = callers.of(request).directory(request.node());
    String name = request.nextName();
    try {
      if (isDirectory) {
        directory.rmdir(name);
      } else {
        directory.unlink(name);
      }
      return Replies.NOTHING;
    } catch (PosixException e) {
      throw withoutDirectory(e);
    }
  }

  private ByteBuffer rename2(FuseRequest request) throws IOException {
    long directory = request.nextLong();
    int flags = request.nextInt();
    return rename(request.skip(4), directory, flags);
  }

  private ByteBuffer rename(FuseRequest request, long toDirectory, int flags) throws IOException {
    SandstoreClient caller = callers.of(request);
    SandDirectory from = caller.directory(request.node());
    SandDirectory to = caller.directory(toDirectory);
    String name = request.nextName();
    String newName = request.nextName();
    try {
      switch (flags) {
        case 0, Fuse.RENAME_NOREPLACE -> from.rename(name, to, newName, flags != 0);
        case Fuse.RENAME_EXCHANGE -> from.exchange(name, to, newName);
        default -> throw new KernelException(KernelException.EINVAL, "rename flags " + flags);
      }
      return Replies.NOTHING;
    } catch (PosixException e) {
      throw withoutDirectory(e);
    }
  }

  // --- Attributes ---

  private ByteBuffer getAttributes(FuseRequest request) throws IOException {
    files.settle(request.node());
    return replies.attributes(client.inode(request.node()).stat());
  }

  private ByteBuffer setAttributes(FuseRequest request) throws IOException {
    int valid = request.nextInt();
    long handle = request.skip(4).nextLong();
    long size = request.nextLong();
    long atime = request.skip(8).nextLong();
    long mtime = request.nextLong();
    int atimeNanos = request.skip(8).nextInt();
    int mtimeNanos = request.nextInt();
    int mode = request.skip(4).nextInt();
    int uid = request.skip(4).nextInt();
    int gid = request.nextInt();

    AttributeChange change = AttributeChange.NONE;
    if ((valid & Fuse.FATTR_MODE) != 0) {
      change = change.withMode(mode & 07777);
    }
    if ((valid & Fuse.FATTR_UID) != 0) {
      change = change.withUid(uid);
    }
    if ((valid & Fuse.FATTR_GID) != 0) {
      change = change.withGid(gid);
    }
    boolean sized = (valid & Fuse.FATTR_SIZE) != 0;
    boolean atimeNow = (valid & Fuse.FATTR_ATIME_NOW) != 0;
    boolean mtimeNow = (valid & Fuse.FATTR_MTIME_NOW) != 0;
    if (atimeNow && mtimeNow) {
      change = change.withTimesNow();
    } else if (!(sized && mtimeNow)) { // to cut a file dates it
      if ((valid & Fuse.FATTR_ATIME) != 0) {
        change =
            change.withAtime(atimeNow ? Instant.now() : Instant.ofEpochSecond(atime, atimeNanos));
      }
      if ((valid & Fuse.FATTR_MTIME) != 0) {
        change =
            change.withMtime(mtimeNow ? Instant.now() : Instant.ofEpochSecond(mtime, mtimeNanos));
      }
    }
    files.settle(request.node());
    SandstoreClient caller = callers.of(request);
    if (!sized) {
      return replies.attributes(caller.inode(request.node()).setattr(change));
    }
    if (size < 0) {
      throw new KernelException(KernelException.EINVAL, "a size of " + size);
    }
    if ((valid & Fuse.FATTR_FH) != 0) {
      files.checkLocks(handle);
    } else {
      caller.inode(request.node()).access(SandstoreClient.WRITE);
    }
    return replies.attributes(caller.inode(request.node()).setattr(change, size));
  }

  private ByteBuffer statFileSystem() throws IOException {
    FileSystemStats stats = client.statfs();
    long names = stats.getFiles() + stats.getDirectories();
    ByteBuffer out = Replies.buffer(80);
    out.putLong(stats.getCapacityBytes() / STATFS_BLOCK)
        .putLong(stats.getAvailableBytes() / STATFS_BLOCK)
        .putLong(stats.getAvailableBytes() / STATFS_BLOCK)
        .putLong(names)
        .putLong(0)
        .putInt(STATFS_BLOCK)
        .putInt(NAME_BYTES_MAX)
        .putInt(STATFS_BLOCK);
    return out.position(80).flip();
  }

  // --- Lists ---

  private ByteBuffer openDirectory(FuseRequest request) throws IOException {
    callers.of(request).inode(request.node()).access(SandstoreClient.READ);
    long handle = handles.incrementAndGet();
    directories.put(handle, new OpenDirectory(client.directory(request.node())));
    return Replies.opened(handle, 0);
  }

  private ByteBuffer readDirectory(FuseRequest request) throws IOException {
    OpenDirectory directory = directories.get(request.nextLong());
    if (directory == null) {
      throw new KernelException(KernelException.EBADF, "no open directory");
    }
    long offset = request.nextOffset();
    int bytes = request.nextInt();
    try {
      return directory.read(offset, bytes, request.opcode() == Fuse.READDIRPLUS, replies);
    } catch (PosixException e) {
      throw withoutDirectory(e);
    }
  }
}
