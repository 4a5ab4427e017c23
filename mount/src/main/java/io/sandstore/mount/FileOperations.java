package io.sandstore.mount;

import io.sandstore.client.FileStat;
import io.sandstore.client.LockHolder;
import io.sandstore.client.OpenFlag;
import io.sandstore.client.SandDirectory;
import io.sandstore.client.SandFile;
import io.sandstore.client.SandstoreClient;
import io.sandstore.rpc.PosixException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What the kernel asks of open files: to open them, their bytes, their locks. */
final class FileOperations {

  /** Files of which it is known what they were when they were opened last. */
  private static final int SEEN_MAX = 4096;

  /** So old a change is not followed by another one of the same date. */
  private static final long SETTLED_MS = 2_000;

  private final SandstoreClient client;
  private final Callers callers;
  private final Replies replies;
  private final boolean cache;
  private final OpenFiles files = new OpenFiles();
  private final RangeLocks ranges;
  private final Map<Long, FileStat> seen =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, FileStat> eldest) {
          return size() > SEEN_MAX;
        }
      };

  FileOperations(SandstoreClient client, Callers callers, Replies replies, boolean cache) {
    this.client = client;
    this.callers = callers;
    this.replies = replies;
    this.cache = cache;
    this.ranges = new RangeLocks(client);
  }

  void start() {
    files.start();
  }

  void closeAll() {
    ranges.closeAll();
    files.closeAll();
  }

  /** True if programs here had written something that the cluster did not have. */
  boolean settle(long inode) {
    return files.settle(inode, null);
  }

  void checkLocks(long handle) throws IOException {
    files.get(handle).file().checkLocks();
  }

  ByteBuffer handle(FuseRequest request) throws IOException {
    return switch (request.opcode()) {
      case Fuse.OPEN -> open(request);
      case Fuse.CREATE -> create(request);
      case Fuse.TMPFILE -> createUnnamed(request);
      case Fuse.READ -> read(request);
      case Fuse.WRITE -> write(request);
      case Fuse.FLUSH -> flush(request);
      case Fuse.FSYNC -> {
        OpenFile file = files.get(request.nextLong());
        files.settle(file.inode(), file);
        file.flush();
        yield Replies.NOTHING;
      }
      case Fuse.RELEASE -> {
        files.close(request.nextLong());
        yield Replies.NOTHING;
      }
      case Fuse.FALLOCATE -> allocate(request);
      case Fuse.LSEEK -> seek(request);
      case Fuse.COPY_FILE_RANGE -> copyRange(request);
      case Fuse.GETLK -> getLock(request);
      case Fuse.SETLK -> setLock(request, false);
      case Fuse.SETLKW -> setLock(request, true);
      default -> throw new KernelException(KernelException.ENOSYS, "operation " + request.opcode());
    };
  }

  // --- Opening ---

  private static Set<OpenFlag> access(int flags) {
    Set<OpenFlag> access =
        switch (flags & Fuse.O_ACCMODE) {
          case Fuse.O_WRONLY -> EnumSet.of(OpenFlag.O_WRONLY);
          case Fuse.O_RDWR -> EnumSet.of(OpenFlag.O_RDWR);
          default -> EnumSet.of(OpenFlag.O_RDONLY);
        };
    if ((flags & Fuse.O_APPEND) != 0) {
      access.add(OpenFlag.O_APPEND);
    }
    return access;
  }

  private ByteBuffer open(FuseRequest request) throws IOException {
    int flags = request.nextInt();
    SandstoreClient caller = callers.of(request);
    Set<OpenFlag> how = access(flags);
    boolean truncates = (flags & Fuse.O_TRUNC) != 0;
    files.settle(request.node(), null);
    if (truncates && how.contains(OpenFlag.O_RDONLY)) {
      caller.inode(request.node()).access(SandstoreClient.WRITE);
    }
    SandFile file;
    if ((flags & Fuse.FMODE_EXEC) != 0) {
      caller.inode(request.node()).access(SandstoreClient.EXECUTE);
      file = client.open(request.node(), how); // to be run, not to be read by the program's user
    } else {
      if (truncates && !how.contains(OpenFlag.O_RDONLY)) {
        how.add(OpenFlag.O_TRUNC);
      }
      file = caller.open(request.node(), how);
      if (truncates && how.contains(OpenFlag.O_RDONLY)) {
        client.inode(request.node()).setattr(io.sandstore.client.AttributeChange.NONE, 0);
      }
    }
    FileStat stat = file.statWhenOpened();
    long handle = files.add(opened(file, flags));
    return Replies.opened(handle, flagsOf(stat, flags));
  }

  private OpenFile opened(SandFile file, int flags) {
    return new OpenFile(
        file,
        (flags & Fuse.O_APPEND) != 0,
        append ->
            client.open(
                file.inode(),
                append
                    ? EnumSet.of(OpenFlag.O_WRONLY, OpenFlag.O_APPEND)
                    : EnumSet.of(OpenFlag.O_WRONLY)));
  }

  /**
   * Past the kernel's cache, or with what it has of the file if that is the file still. Where an
   * append goes the kernel does not know, so it must not keep one.
   */
  private int flagsOf(FileStat stat, int flags) {
    if (!cache || (flags & Fuse.O_APPEND) != 0) {
      return Fuse.FOPEN_DIRECT_IO | Fuse.FOPEN_PARALLEL_DIRECT_WRITES;
    }
    boolean settled = System.currentTimeMillis() - stat.ctimeMs() > SETTLED_MS;
    synchronized (seen) {
      return stat.equals(seen.put(stat.inode(), stat)) && settled ? Fuse.FOPEN_KEEP_CACHE : 0;
    }
  }

  private ByteBuffer create(FuseRequest request) throws IOException {
    int flags = request.nextInt();
    int mode = request.nextInt();
    String name = request.skip(8).nextName();
    Set<OpenFlag> how = access(flags);
    how.add(OpenFlag.O_CREAT);
    how.add(OpenFlag.O_NOFOLLOW);
    if ((flags & Fuse.O_EXCL) != 0) {
      how.add(OpenFlag.O_EXCL);
    }
    if ((flags & Fuse.O_TRUNC) != 0 && !how.contains(OpenFlag.O_RDONLY)) {
      how.add(OpenFlag.O_TRUNC);
    }
    SandDirectory directory = callers.of(request).directory(request.node());
    try {
      return created(directory.open(name, how, mode & 07777), flags);
    } catch (PosixException e) {
      throw Operations.withoutDirectory(e);
    }
  }

  private ByteBuffer createUnnamed(FuseRequest request) throws IOException {
    int flags = request.nextInt();
    int mode = request.nextInt();
    SandDirectory directory = callers.of(request).directory(request.node());
    return created(directory.createUnnamed(mode & 07777), flags & ~Fuse.O_APPEND);
  }

  private ByteBuffer created(SandFile file, int flags) {
    FileStat stat = file.statWhenOpened();
    long handle = files.add(opened(file, flags));
    return replies.created(stat, handle, flagsOf(stat, flags));
  }

  // --- Bytes ---

  private ByteBuffer read(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long offset = request.nextOffset();
    int size = request.nextInt();
    long process = request.skip(4).nextLong();
    ranges.check(file.inode(), process);
    files.settle(file.inode(), file);
    ByteBuffer room = request.room(size);
    file.read(room, offset);
    return room.flip();
  }

  private ByteBuffer write(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long offset = request.nextOffset();
    int size = request.nextInt();
    int writeFlags = request.nextInt();
    long process = request.nextLong();
    int flags = request.nextInt();
    ByteBuffer data = request.skip(4).next(size);
    if ((writeFlags & Fuse.WRITE_LOCKOWNER) != 0) {
      ranges.check(file.inode(), process);
    }
    files.settle(file.inode(), file);
    int count = file.write(data, offset, (flags & Fuse.O_APPEND) != 0);
    if ((flags & Fuse.O_DSYNC) != 0) {
      file.flush();
    }
    return Replies.count(count);
  }

  /** A program closes the file, or one of its copies of it. */
  private ByteBuffer flush(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long process = request.skip(8).nextLong();
    try {
      if (file.isDirty()) {
        file.flush();
      }
    } finally {
      ranges.release(file.inode(), process);
    }
    return Replies.NOTHING;
  }

  private ByteBuffer allocate(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long offset = request.nextOffset();
    long length = request.nextOffset();
    int mode = request.nextInt();
    boolean keepSize = (mode & Fuse.FALLOC_KEEP_SIZE) != 0;
    files.settle(file.inode(), file);
    switch (mode & ~Fuse.FALLOC_KEEP_SIZE) {
      case 0 -> file.file().allocate(offset, length, keepSize);
      case Fuse.FALLOC_PUNCH_HOLE -> file.file().punchHole(offset, length);
      case Fuse.FALLOC_ZERO_RANGE -> file.file().zeroRange(offset, length, keepSize);
      default -> throw new KernelException(KernelException.EOPNOTSUPP, "fallocate mode " + mode);
    }
    return Replies.NOTHING;
  }

  private ByteBuffer seek(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long offset = request.nextLong();
    int whence = request.nextInt();
    files.settle(file.inode(), file);
    return Replies.number(
        switch (whence) {
          case Fuse.SEEK_DATA -> file.file().seekData(offset);
          case Fuse.SEEK_HOLE -> file.file().seekHole(offset);
          default -> throw new KernelException(KernelException.EINVAL, "whence " + whence);
        });
  }

  private ByteBuffer copyRange(FuseRequest request) throws IOException {
    OpenFile from = files.get(request.nextLong());
    long fromOffset = request.nextOffset();
    OpenFile to = files.get(request.skip(8).nextLong());
    long toOffset = request.nextOffset();
    long length = request.nextOffset();
    files.settle(from.inode(), null);
    files.settle(to.inode(), null);
    // The answer's number has 32 bits.
    long most = Math.min(length, Integer.MAX_VALUE & -4096);
    return Replies.count((int) to.file().copyFrom(from.file(), fromOffset, toOffset, most));
  }

  // --- Locks ---

  private ByteBuffer setLock(FuseRequest request, boolean wait) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long process = request.nextLong();
    long start = request.nextOffset();
    long last = request.nextOffset();
    int type = request.nextInt();
    boolean whole = (request.skip(4).nextInt() & Fuse.LK_FLOCK) != 0;
    if (type == Fuse.LOCK_NONE) {
      files.settle(file.inode(), null);
      if (whole) {
        file.file().funlock();
      } else {
        ranges.unlock(file.inode(), process, start, last);
      }
      return Replies.NOTHING;
    }
    boolean shared = type == Fuse.LOCK_READ;
    boolean locked =
        whole
            ? file.flock(shared, wait)
            : ranges.lock(file.inode(), process, start, last, shared, wait);
    if (!locked) {
      throw new KernelException(KernelException.EAGAIN, "locked by somebody else");
    }
    return Replies.NOTHING;
  }

  private ByteBuffer getLock(FuseRequest request) throws IOException {
    OpenFile file = files.get(request.nextLong());
    long process = request.nextLong();
    long start = request.nextOffset();
    long last = request.nextOffset();
    int type = request.nextInt();
    Optional<LockHolder> holder =
        ranges.inTheWay(file, process, start, last, type == Fuse.LOCK_READ);
    ByteBuffer out = Replies.buffer(24);
    if (holder.isEmpty()) {
      out.putLong(start).putLong(last).putInt(Fuse.LOCK_NONE).putInt(0);
    } else {
      LockHolder lock = holder.get();
      long end = lock.length() == 0 ? Long.MAX_VALUE : lock.start() + lock.length() - 1;
      int held = lock.shared() ? Fuse.LOCK_READ : Fuse.LOCK_WRITE;
      out.putLong(lock.start()).putLong(end).putInt(held).putInt(0); // whose it is nobody knows
    }
    return out.flip();
  }
}
